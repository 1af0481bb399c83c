// The server: an image of a back-end, an image that nobody booted, or a Linux
// process; the same source.
//
//   -p PORT   the TCP port to serve (11211; 0: a free one)
//   -U PORT   the UDP port to serve (0: none)
//   -m MIB    what items may take of memory (64, or less on a small machine)
//   -c N      the most connections at once (1024)
//   -I SIZE   the largest value, with k or m for KiB or MiB (1m)
//   -M        an error when memory is full, instead of evicting
//   -v        says what goes wrong at connections; -vv also who comes
//   --patience SECONDS     after which a client that doesn't read goes (60)
//   --statistics SECONDS   how often the front-end is told how it goes (0:
//   never)
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>

#include "apps/memcached/launch_report.h"
#include "apps/memcached/options.h"
#include "apps/memcached/server.h"
#include "common/listen_on_all_cores.h"
#include "common/network_manager.h"
#include "common/runtime.h"
#include "common/timer.h"
#include "platform/log.h"

namespace ebbrt::memcached {
namespace {

/// memcached's own default, unless the machine has less: then a part of what is
/// free, because packets need memory too.
uint64_t DefaultMemoryLimit() {
  constexpr uint64_t kDefault = 64 << 20;
  auto free = static_cast<uint64_t>(sysconf(_SC_AVPHYS_PAGES)) *
              static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::min(kDefault, free / 4 * 3);
}

Settings ReadSettings(const Options& options) {
  Settings settings;
  settings.port =
      static_cast<uint16_t>(options.Number("-p", kDefaultPort, 0, 65535));
  settings.udp_port = static_cast<uint16_t>(options.Number("-U", 0, 0, 65535));
  settings.max_connections =
      static_cast<uint32_t>(options.Number("-c", 1024, 1, 1 << 20));
  settings.verbosity = options.Count("-v");
  settings.patience =
      std::chrono::seconds(options.Number("--patience", 60, 1, 86400));
  settings.report_interval =
      std::chrono::seconds(options.Number("--statistics", 0, 0, 86400));
  auto mebibytes = options.Number("-m", 0, 1, 1 << 20);
  settings.memory_limit =
      mebibytes != 0 ? mebibytes << 20 : DefaultMemoryLimit();
  return settings;
}

/// Tells the front-end how it goes, now and after each `interval`.
void ShowStatistics(std::chrono::seconds interval) {
  const Service& service = server->GetService();
  auto report = service.store.Read(Clock::now());
  auto fill = [&](LiveStatistics::Builder out) {
    out.setConnections(service.counters.Total().current);
    out.setItems(report.Items());
    out.setBytes(report.bytes);
    out.setLimit(report.memory_limit);
    out.setHits(report.accesses.get_hits);
    out.setMisses(report.accesses.get_misses);
    out.setSets(report.counters.cmd_set);
    out.setEvictions(report.counters.evictions);
  };
  // If it doesn't arrive, the front-end is gone and so will this node be.
  (void)launch_report->Call<&LaunchReport::Show>(fill);
  static Timer timer;
  timer.Start(interval, [interval] { ShowStatistics(interval); });
}

Endpoint Start() {
  using enum Options::Kind;
  constexpr Options::Known kKnown[] = {
      {"-p"},        {"-U"},        {"-m"},         {"-c"},          {"-I"},
      {"-M", kFlag}, {"-v", kFlag}, {"--patience"}, {"--statistics"}};
  Options options(runtime::Arguments(), kKnown);
  if (options.Word()) {
    throw UsageError("'" + *options.Word() +
                     "': expected -p, -U, -m, -c, -I, -M, -v, "
                     "--patience or --statistics");
  }
  Settings settings = ReadSettings(options);
  store->SetMemoryLimit(settings.memory_limit);
  store->SetValueLimit(
      options.Size("-I", kDefaultValueLimit, 1 << 10, 1 << 30));
  if (options.Count("-M") > 0) store->RefuseWhenFull();
  network_manager->Up().Get();
  settings.cores = ListeningCores();
  store->DivideFor(settings.cores);
  return server->Listen(settings);
}

/// Tells whoever booted this node; fills the report with `fill`.
template <typename Fill>
void TellFrontEnd(Fill fill) {
  if (!runtime::Boot().front_end) return;
  launch_report->Call<&LaunchReport::Report>(fill).Get();
}

void Run() {
  try {
    Endpoint served = Start();
    platform::WriteConsole("memcached: serving at " + served.ToString() + "\n");
    TellFrontEnd([&](LaunchOutcome::Builder out) { out.setPort(served.port); });
    auto interval = server->GetService().settings.report_interval;
    if (runtime::Boot().front_end && interval.count() > 0) {
      ShowStatistics(interval);
    }
  } catch (const std::exception& error) {
    platform::WriteConsole(std::string("memcached: ") + error.what() + "\n");
    TellFrontEnd(
        [&](LaunchOutcome::Builder out) { out.setError(error.what()); });
    runtime::Exit(1);
  }
}

}  // namespace
}  // namespace ebbrt::memcached

void ebbrt::AppMain() { memcached::Run(); }
