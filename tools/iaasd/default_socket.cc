#include <unistd.h>

#include <cstdlib>
#include <string>

#include "client.h"

namespace ebbrt::iaas {

std::string DefaultSocketPath() {
  if (const char* chosen = std::getenv("EBBRT_IAASD_SOCKET");
      chosen != nullptr && chosen[0] != '\0') {
    return chosen;
  }
  if (geteuid() == 0) return "/run/ebbrt/iaasd.sock";
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR");
      runtime != nullptr && runtime[0] == '/') {
    return std::string(runtime) + "/ebbrt/iaasd.sock";
  }
  return "/tmp/ebbrt-" + std::to_string(geteuid()) + "/iaasd.sock";
}

}  // namespace ebbrt::iaas
