// The terminals that are this process's standard streams.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <map>
#include <mutex>
#include <unordered_set>

#include "common/file_system.h"
#include "common/types.h"

namespace ebbrt::hosted {

/// What standard stream 0, 1 or 2 is. Throws std::system_error; EBADF for
/// another number or a closed stream.
StreamState StatusOfStream(int stream);

/// Their modes. Any thread.
class Terminals {
 public:
  /// The process's one; never destroyed. The first call has the terminals
  /// restored when the process exits.
  static Terminals& Get();

  /// FileSystem::SetTerminalMode for `node`. Waits until the terminal has put
  /// out what was written before. Throws std::system_error: EBADF, ENOTTY,
  /// EINVAL for an unknown mode, ESTALE if the node is gone.
  void SetMode(NodeId node, int stream, TerminalMode mode);
  /// Restores the terminals that only this node, which is gone, has changed.
  void Forget(NodeId node);
  /// Restores all.
  void Restore();

 private:
  /// A terminal in another mode than its own.
  struct Changed {
    int stream;  // one that is this terminal
    termios former;
    std::unordered_set<NodeId> nodes{};
  };

  std::mutex mutex_;                  // guards:
  std::map<dev_t, Changed> changed_;  // by the number of the terminal's device
  std::unordered_set<NodeId> gone_;
};

}  // namespace ebbrt::hosted
