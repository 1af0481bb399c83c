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
#include "common/runtime.h"
#include "hosted/core.h"
#include "hosted/node_process.h"
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

}  // namespace

namespace hosted {

int Run(Options options, MoveFunction<void()> main) {
  BootArguments boot;
  try {
    auto told = TakeBootWords();
    boot = told ? *std::move(told) : FrontEndsBoot();
  } catch (const BadBootArgument& error) {
    platform::WriteConsole(
        Concat({"ebbrt: ", kBootVariable, ": ", error.what(), "\n"}));
    return runtime::kNodeFailed;
  }
  boot.arguments = std::move(options.arguments);
  if (options.stall_ms != 0) boot.stall_ms = options.stall_ms;
  runtime::SetBoot(std::move(boot));
  std::signal(SIGPIPE, SIG_IGN);

  MakeCores(options.cores);
  std::vector<std::jthread> threads;
  for (CoreId core = 1; core < options.cores; ++core) {
    threads.emplace_back([core] { RunCore(core); });
  }
  std::unique_ptr<boost::asio::signal_set> signals;
  EventManager::SpawnRemote(
      [&signals, handle = options.handle_signals,
       main = std::move(main)]() mutable {
        if (handle) {
          signals = std::make_unique<boost::asio::signal_set>(
              Reactor(), SIGINT, SIGTERM);
          ExitOnSignals(*signals);
        }
        main();
      },
      0);
  RunCore(0);
  threads.clear();  // joins
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
