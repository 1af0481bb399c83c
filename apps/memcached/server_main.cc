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
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <string>

#include "apps/memcached/launch_report.h"
#include "apps/memcached/options.h"
#include "apps/memcached/server.h"
#include "common/network_manager.h"
#include "common/runtime.h"
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
  auto mebibytes = options.Number("-m", 0, 1, 1 << 20);
  settings.memory_limit =
      mebibytes != 0 ? mebibytes << 20 : DefaultMemoryLimit();
  return settings;
}

Endpoint Start() {
  using enum Options::Kind;
  constexpr Options::Known kKnown[] = {
      {"-p"}, {"-U"}, {"-m"}, {"-c"}, {"-I"}, {"-M", kFlag}, {"-v", kFlag}};
  Options options(runtime::Arguments(), kKnown);
  if (options.Word()) {
    throw UsageError("'" + *options.Word() +
                     "': expected -p, -U, -m, -c, -I, -M or -v");
  }
  Settings settings = ReadSettings(options);
  store->SetMemoryLimit(settings.memory_limit);
  store->SetValueLimit(
      options.Size("-I", kDefaultValueLimit, 1 << 10, 1 << 30));
  if (options.Count("-M") > 0) store->RefuseWhenFull();
  network_manager->Up().Get();
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
