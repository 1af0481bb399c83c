// NodeDirectory: what the front-end knows of its nodes and back-ends ask for.
//
// A back-end that has a call for another asks here where that is. When a node
// is lost, all others are told.
#pragma once

#include <string>
#include <unordered_map>

#include "common/messenger.h"

namespace ebbrt {

/// The front-end's. Core 0.
class NodeDirectory : public Messenger::Directory {
 public:
  /// Of `messenger`, which calls it from now on; both live as long as the node.
  explicit NodeDirectory(Messenger& messenger) : messenger_(messenger) {
    messenger.SetDirectory(this);
  }
  /// That of this node's messenger.
  static NodeDirectory& Get();

  /// Others reach `node` at `address`, whatever itself tells: it lies behind a
  /// forwarded port.
  void SetAddress(NodeId node, Endpoint address) {
    addresses_.insert_or_assign(node, address);
  }

  void Up(NodeId node, Endpoint address) override;
  void Lost(NodeId node, const std::string& why) override;
  std::unique_ptr<IOBuf> Where(NodeId node) override;

 private:
  Messenger& messenger_;
  std::unordered_map<NodeId, Endpoint> addresses_;
};

}  // namespace ebbrt
