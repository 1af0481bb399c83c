#include "log.h"

#include <syslog.h>

#include <cstdio>

namespace ebbrt::iaas {
namespace {

LogTarget g_target = LogTarget::kStderr;

}  // namespace

void SetLogTarget(LogTarget target) {
  g_target = target;
  if (target == LogTarget::kSyslog) openlog("iaasd", LOG_PID, LOG_DAEMON);
}

void Log(const std::string& message) noexcept {
  if (g_target == LogTarget::kSyslog) {
    syslog(LOG_INFO, "%s", message.c_str());
  } else {
    std::fprintf(stderr, "iaasd: %s\n", message.c_str());
  }
}

}  // namespace ebbrt::iaas
