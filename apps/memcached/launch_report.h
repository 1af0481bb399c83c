// LaunchReport: how the front-end learns that its server serves. Lives on the
// front-end; the server calls it once.
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
  explicit LaunchReport(EbbId id) : HomeEbb(id) {}

  /// The server serves on a port, or failed to.
  void Report(NodeId from, LaunchOutcome::Reader in, LaunchSeen::Builder out);
  using Methods = MethodList<&LaunchReport::Report>;

  // --- on the front-end ------------------------------------------------------
  /// The port served, or the server's error. Once.
  Future<uint16_t> Served() { return served_.GetFuture(); }

 private:
  Promise<uint16_t> served_;
};

inline constexpr EbbRef<LaunchReport> launch_report{ApplicationEbbId(13)};

}  // namespace ebbrt::memcached
