// memcached_frontend [IMAGE]: boots the server on a machine of its own and says
// where it serves; ends on Ctrl-C, or with an error when the machine does.
//
//   -m MIB         the machine's memory (512): with the image and all packets
//   -t N           the machine's processors (1), up to 64 of which serve where
//   the
//                  network can have several queues; also --cores N
//   -p PORT        the port to serve (11211); [[ADDRESS:]HOST_PORT:]PORT
//                  publishes it on this host, too
//   --statistics SECONDS  how often a line tells how it goes (0: never; 1 if a
//                         terminal shows it)
//   -U, -c, -I, -M, -v, --patience   as of the server
//   --machine M    microvm, pc or q35; microvm, with more than one processor
//                  q35, unless another is named
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apps/memcached/launch_report.h"
#include "apps/memcached/options.h"
#include "apps/memcached/service.h"
#include "common/digits.h"
#include "common/endpoint.h"
#include "common/node_allocator.h"
#include "common/runtime.h"
#include "common/timer.h"
#include "hosted/port_relay.h"

namespace ebbrt::memcached {
namespace {

/// From a server's start to its report; the machine has booted before that.
constexpr std::chrono::seconds kReportDeadline{10};

/// The image of the build tree whose hosted half this program is in.
std::string ImageBesideThisProgram() {
  auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  auto image = here / "../../../native/apps/memcached/memcached.elf";
  return image.lexically_normal().string();
}

/// What items may take of a machine's memory: the rest is for the image, for
/// packets on their way, each further core's buffers and the allocator's
/// rounding.
unsigned ItemMemory(unsigned machine_mib, unsigned cores) {
  constexpr unsigned kCore = 3;
  const unsigned others = machine_mib / 4 + 4 + kCore * (cores - 1);
  if (others >= machine_mib) {
    throw UsageError("option -m: " + std::to_string(machine_mib) +
                     " MiB leave none for items on " + std::to_string(cores) +
                     " cores");
  }
  return machine_mib - others;
}

/// What -p says.
struct Ports {
  uint16_t served = kDefaultPort;
  std::optional<Endpoint> published;  // on this host
};

std::optional<uint16_t> ParsePort(std::string_view text) {
  auto port = TakeNumber(text, 65535);
  if (!port || *port == 0 || !text.empty()) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

Ports ReadPorts(const Options& options) {
  const std::string text = options.Text("-p", std::to_string(kDefaultPort));
  const std::string_view view = text;
  const size_t colon = view.rfind(':');
  const bool publishes = colon != view.npos;
  const std::string_view here = publishes ? view.substr(0, colon) : "";
  auto served = ParsePort(publishes ? view.substr(colon + 1) : view);
  std::optional<Endpoint> published;
  if (auto port = ParsePort(here)) {
    published = {{}, *port};
  } else {
    published = Endpoint::Parse(here);
  }
  if (!served || publishes != published.has_value()) {
    throw UsageError("option -p: '" + text +
                     "' should be PORT, HOST_PORT:PORT or "
                     "ADDRESS:HOST_PORT:PORT, with ports from 1 to 65535");
  }
  return {*served, published};
}

NodeSpec ReadArguments(const Options& options, uint16_t port) {
  auto memory = static_cast<unsigned>(options.Number("-m", 512, 16, 1 << 20));
  const auto threads = options.Number("-t", 1, 1, 128);
  const auto cores =
      static_cast<unsigned>(options.Number("--cores", threads, 1, 128));
  NodeSpec spec{
      .image = options.Word() ? *options.Word() : ImageBesideThisProgram(),
      .arguments = {"-p", std::to_string(port), "-m",
                    std::to_string(ItemMemory(memory, cores))},
      .boot_words = {},
      .cores = cores,
      .memory_mib = memory,
      // A microvm's network device has one interrupt.
      .machine = options.Text("--machine", cores > 1 ? "q35" : "microvm"),
      .ports = {port},
  };
  if (spec.machine != "microvm")
    spec.queues = std::min(cores, NodeSpec::kMostQueues);
  auto interval =
      options.Number("--statistics", isatty(STDOUT_FILENO), 0, 86400);
  spec.arguments.insert(spec.arguments.end(),
                        {"--statistics", std::to_string(interval)});
  for (const char* option : {"-U", "-c", "-I", "--patience"}) {
    auto value = options.Text(option, "");
    if (!value.empty())
      spec.arguments.insert(spec.arguments.end(), {option, value});
  }
  for (const char* flag : {"-M", "-v"}) {
    for (unsigned i = options.Count(flag); i > 0; --i) {
      spec.arguments.emplace_back(flag);
    }
  }
  return spec;
}

[[noreturn]] void Fail(const std::string& why, int code) {
  std::fprintf(stderr, "memcached: %s\n", why.c_str());
  runtime::Exit(code);
}

void Run() {
  using enum Options::Kind;
  constexpr Options::Known kKnown[] = {
      {"-p"},        {"-m"},         {"-t"},           {"--cores"},
      {"--machine"}, {"--patience"}, {"--statistics"}, {"-U"},
      {"-c"},        {"-I"},         {"-M", kFlag},    {"-v", kFlag}};
  Options options(runtime::Arguments(), kKnown);
  Ports ports = ReadPorts(options);
  auto node =
      node_allocator->Allocate(ReadArguments(options, ports.served)).Get();
  auto ended = node->Ended().Then([](int code) {
    Fail("the machine has ended" +
             (code < 0 ? std::string()
                       : ", with exit code " + std::to_string(code)),
         1);
  });
  Timer deadline;
  deadline.Start(kReportDeadline, [] {
    Fail("the server did not report within " +
             std::to_string(kReportDeadline.count()) + " s",
         1);
  });
  uint16_t port = launch_report->Served().Get();
  deadline.Stop();
  Endpoint there = node->Reach(port);
  std::optional<hosted::PortRelay> relay;
  if (ports.published) relay.emplace(*ports.published, there);
  std::printf("memcached: serving at %s\n", there.ToString().c_str());
  if (relay) {
    std::printf("memcached: published at %s\n",
                relay->Local().ToString().c_str());
  }
  std::fflush(stdout);
  ended.Get();
}

}  // namespace
}  // namespace ebbrt::memcached

void ebbrt::AppMain() {
  try {
    memcached::Run();
  } catch (const memcached::UsageError& error) {
    memcached::Fail(std::string(error.what()) +
                        "\nusage: memcached_frontend [IMAGE] [-p "
                        "[[ADDRESS:]HOST_PORT:]PORT] [-U PORT]"
                        " [-m MIB] [-c N] [-I SIZE] [-t N] [-M] [-v]"
                        " [--machine microvm|pc|q35] [--patience SECONDS]"
                        " [--statistics SECONDS]",
                    2);
  } catch (const std::exception& error) {
    memcached::Fail(error.what(), 1);
  }
}
