// What iaasd's exit status tells its starter.
#pragma once

namespace ebbrt::iaas {

inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
// Another daemon has the socket.
inline constexpr int kExitAlreadyServed = 3;

}  // namespace ebbrt::iaas
