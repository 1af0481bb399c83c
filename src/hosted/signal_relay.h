// SignalRelay: this process's signals, for the nodes that catch them.
//
// A signal that a node catches has a handler, which only notes it; a thread
// gives it to every node that catches it. When the last of them doesn't any
// more, the signal does again what it did before: for SIGINT and SIGTERM that
// is usually to end the front-end (hosted/runtime.h).
#pragma once

#include <signal.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "common/future.h"
#include "common/types.h"

namespace ebbrt::hosted {

/// All members from any thread. Errors are std::system_error.
class SignalRelay {
 public:
  /// The process's one; made by the first call, and never destroyed.
  static SignalRelay& Get();

  /// Whether `node` catches `signal`; of one that it doesn't, none waits.
  /// Throws EINVAL for a signal that nodes can't catch, ESTALE if the node is
  /// gone.
  void Catch(NodeId node, int signal, bool on);
  /// The next one that `node` catches; fails with EBUSY if it waits already,
  /// ESTALE if it is gone.
  Future<int> Next(NodeId node);
  /// A node that is gone catches nothing.
  void Forget(NodeId node);

 private:
  /// Bit n is signal n.
  using Set = uint64_t;
  struct Node {
    Set caught = 0;
    Set pending = 0;  // have come, and are not told yet
    std::optional<Promise<int>> waiting{};
  };

  SignalRelay() = default;
  void Start();
  [[noreturn]] void Run();
  void Deliver(int signal);
  void Install(int signal);
  void RestoreUncaught();

  std::mutex mutex_;  // guards:
  bool started_ = false;
  std::unordered_map<NodeId, Node> nodes_;
  std::unordered_set<NodeId> gone_;
  std::map<int, struct sigaction> former_;  // of those with our handler
};

}  // namespace ebbrt::hosted
