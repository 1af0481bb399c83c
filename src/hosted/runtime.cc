#include "hosted/runtime.h"

#include <sys/prctl.h>
#include <sys/random.h>

#include <atomic>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "common/concat.h"
#include "common/event_manager.h"
#include "common/file_system.h"  // every front-end serves it
#include "common/node_counts.h"
#include "common/protocol.h"
#include "common/runtime.h"
#include "hosted/core.h"
#include "hosted/metrics_endpoint.h"
#include "hosted/node_process.h"
#include "hosted/trace_file.h"
#include "platform/log.h"
#include "platform/runtime_port.h"

namespace ebbrt {
namespace {

std::atomic<int> exit_code{0};

/// A secret that nobody can guess. Throws std::system_error.
Secret MakeSecret() {
  Secret secret;
  if (getrandom(secret.data(), secret.size(), 0) !=
      static_cast<ssize_t>(secret.size())) {
    throw std::system_error(errno, std::system_category(), "getrandom");
  }
  return secret;
}

/// What a back-end was told by the front-end that has started it
/// (node_process.h); nothing in a front-end. Throws BadBootArgument.
std::optional<BootArguments> TakeBootWords() {
  const char* words = std::getenv(hosted::kBootVariable);
  if (words == nullptr) return std::nullopt;
  auto boot = BootArguments::Parse(words);
  unsetenv(hosted::kBootVariable);  // not for the children of this process
  // Nobody else ends it if it hangs when the front-end has gone.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  return boot;
}

BootArguments FrontEndsBoot() {
  BootArguments boot;
  boot.node = kFrontEndNode;
  boot.secret = MakeSecret();
  return boot;
}

void ExitOnSignals(boost::asio::signal_set& signals) {
  signals.async_wait([](const boost::system::error_code& error, int signal) {
    if (error) return;
    EventManager::Spawn([signal] { runtime::Exit(128 + signal); });
  });
}

/// What every Linux process tells who asks (common/node_counts.h): the rest is
/// Linux's.
[[maybe_unused]] const bool kCountsServed = [] {
  RegisterProtocol(kNodeCountsProtocol, [](IncomingCall) {
    return CountNode({});
  });
  return true;
}();

/// Runs the loops, each on a thread, with `main` as the first event, until they
/// are stopped.
void RunCores(const hosted::Options& options, MoveFunction<void()> main,
              hosted::TraceFile* trace) {
  auto run = [trace](CoreId core) {
    if (trace != nullptr) trace->Trace(core);
    hosted::RunCore(core);
  };
  std::vector<std::jthread> threads;
  for (CoreId core = 1; core < options.cores; ++core) {
    threads.emplace_back([run, core] { run(core); });
  }
  std::unique_ptr<boost::asio::signal_set> signals;
  EventManager::SpawnRemote(
      [&signals, handle = options.handle_signals,
       main = std::move(main)]() mutable {
        if (handle) {
          signals = std::make_unique<boost::asio::signal_set>(
              hosted::Reactor(), SIGINT, SIGTERM);
          ExitOnSignals(*signals);
        }
        main();
      },
      0);
  run(0);
}

}  // namespace

namespace hosted {

std::string FromEnvironment(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : "";
}

int Run(Options options, MoveFunction<void()> main) {
  std::optional<BootArguments> told;
  try {
    told = TakeBootWords();
  } catch (const BadBootArgument& error) {
    platform::WriteConsole(
        Concat({"ebbrt: ", kBootVariable, ": ", error.what(), "\n"}));
    return runtime::kNodeFailed;
  }
  const bool is_front_end = !told;
  BootArguments boot = is_front_end ? FrontEndsBoot() : *std::move(told);
  boot.arguments = std::move(options.arguments);
  if (options.stall_ms != 0) boot.stall_ms = options.stall_ms;
  runtime::SetBoot(std::move(boot));
  std::signal(SIGPIPE, SIG_IGN);

  std::optional<TraceFile> trace;
  if (is_front_end && !options.trace.empty()) {
    trace.emplace(std::move(options.trace), options.cores);
  }
  MakeCores(options.cores);
  std::optional<MetricsEndpoint> metrics;
  if (is_front_end && !options.metrics.empty()) {
    metrics.emplace(options.metrics);
    platform::WriteConsole(
        Concat({"ebbrt: metrics at ", metrics->Where(), "\n"}));
  }
  RunCores(options, std::move(main), trace ? &*trace : nullptr);
  metrics.reset();
  if (trace) trace->Write(runtime::ThisNode());
  return exit_code;
}

}  // namespace hosted

void platform::Exit(int code) {
  exit_code = code;
  hosted::StopAllCores();
  // Nobody activates this: the loop ends as soon as it runs.
  EventContext forever;
  event_manager->SaveContext(forever);
  __builtin_unreachable();
}

}  // namespace ebbrt
