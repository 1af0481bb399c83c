// The daemon's log.
#pragma once

#include <string>

namespace ebbrt::iaas {

enum class LogTarget { kStderr, kSyslog };

// Where Log() writes from now on; standard error before.
void SetLogTarget(LogTarget target);
// One line. Never throws.
void Log(const std::string& message) noexcept;

}  // namespace ebbrt::iaas
