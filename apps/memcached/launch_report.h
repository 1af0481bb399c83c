// LaunchReport: how the front-end learns that its server serves, and how it
// goes. Lives on the front-end; the server calls it.
#pragma once

#include <cstdint>
#include <string>

#include "apps/memcached/launch_report.capnp.h"
#include "common/future.h"
#include "common/home_ebb.h"

namespace ebbrt::memcached {

class LaunchReport : public HomeEbb<LaunchReport> {
 public:
  static constexpr std::string_view kProtocol = "memcached-launch-report";
  static constexpr bool kFrontEndOnly = true;
  explicit LaunchReport(EbbId id) : HomeEbb(id) {}

  /// The server serves on a port, or failed to. Once.
  void Report(NodeId from, LaunchOutcome::Reader in, Seen::Builder out);
  /// What the server's counters say. Again and again, if asked for.
  void Show(NodeId from, LiveStatistics::Reader in, Seen::Builder out);
  using Methods = MethodList<&LaunchReport::Report, &LaunchReport::Show>;

  // --- on the front-end ------------------------------------------------------
  /// The port served, or the server's error. Once.
  Future<uint16_t> Served() { return served_.GetFuture(); }

 private:
  struct Counts {
    uint64_t hits = 0;
    uint64_t misses = 0;
    uint64_t sets = 0;
    Clock::time_point when = Clock::now();
  };

  Promise<uint16_t> served_;
  Counts last_;
};

inline constexpr EbbRef<LaunchReport> launch_report{ApplicationEbbId(13)};

}  // namespace ebbrt::memcached
