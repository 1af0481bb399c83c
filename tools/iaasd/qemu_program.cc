#include "qemu_program.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr char kProgram[] = "qemu-system-x86_64";

}  // namespace

std::string FindQemu() {
  if (const char* chosen = std::getenv("EBBRT_QEMU")) {
    if (chosen[0] == '/' && access(chosen, X_OK) == 0) return chosen;
    throw UserError(std::string("$EBBRT_QEMU of the daemon is '") + chosen +
                    "', which is not the absolute path of a program");
  }
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    if (!directory.starts_with('/')) continue;
    const std::string candidate = directory + "/" + kProgram;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  throw UserError(std::string("the daemon finds no ") + kProgram +
                  "; install the package qemu-system-x86");
}

}  // namespace ebbrt::iaas
