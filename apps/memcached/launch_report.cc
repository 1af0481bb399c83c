#include "apps/memcached/launch_report.h"

#include <stdexcept>

namespace ebbrt::memcached {

void LaunchReport::Report(NodeId, LaunchOutcome::Reader in,
                          LaunchSeen::Builder) {
  if (!served_.Valid()) throw std::runtime_error("a second launch report");
  if (in.isError()) {
    served_.SetException(
        std::make_exception_ptr(std::runtime_error(in.getError().cStr())));
  } else {
    served_.SetValue(in.getPort());
  }
}

}  // namespace ebbrt::memcached
