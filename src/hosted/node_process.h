// NodeProcess: a back-end as a Linux process, in place of a virtual machine.
//
// The program is the back-end's application linked with the hosted library. It
// finds its boot words in the environment (EBBRT_BOOT; hosted/runtime.cc) and
// its arguments on its command line. What it writes to its output and error is
// the node's console. It ends when its front-end does.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tools/iaasd/client.h"

namespace ebbrt::hosted {

/// The environment variable with a back-end process's boot words.
inline constexpr char kBootVariable[] = "EBBRT_BOOT";

/// Destroying it kills the process; no callback follows.
class NodeProcess {
 public:
  struct Spec {
    std::string program;
    std::string boot_words;
    std::vector<std::string> arguments;
    unsigned cores = 1;
  };

  /// Starts the program. The callbacks are called as the daemon's client calls
  /// them, by a thread: `started` (with no address) or `failed`, `console`,
  /// `died`.
  NodeProcess(Spec spec, iaas::NodeCallbacks callbacks);
  ~NodeProcess();
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;

 private:
  struct Shared;

  std::shared_ptr<Shared> shared_;
  std::jthread watcher_;
};

}  // namespace ebbrt::hosted
