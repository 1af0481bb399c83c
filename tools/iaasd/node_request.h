// The client library's handling of one node, on the loop's thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "client.h"
#include "client_loop.h"

namespace ebbrt::iaas {

// A node's callbacks, called on the loop's thread until silenced.
class NodeListener {
 public:
  explicit NodeListener(NodeCallbacks callbacks)
      : callbacks_(std::move(callbacks)) {}

  // No callback runs any more once this has returned, save the one it was
  // called from. Any thread.
  void Silence();

  void Started(const NodeInfo& info) noexcept;
  void Failed(const Error& error) noexcept;
  void Died(const NodeExit& exit) noexcept;
  void Console(std::string_view data) noexcept;
  bool WantsConsole() const { return static_cast<bool>(callbacks_.console); }

 private:
  // Held while a callback runs; recursive, since that may end its own node.
  std::recursive_mutex mutex_;
  bool silent_ = false;
  const NodeCallbacks callbacks_;
};

// Asks the session for a node, under the number `id` in `state.nodes`, and
// tells the listener what becomes of it.
void RequestNode(LoopState& state, uint64_t session, uint64_t id,
                 const NodeSpec& spec,
                 const std::shared_ptr<NodeListener>& listener,
                 const std::string& socket_path);

// Ends the node, or gives up the request for it.
void KillNode(LoopState& state, uint64_t id, NodeListener& listener);

}  // namespace ebbrt::iaas
