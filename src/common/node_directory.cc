#include "common/node_directory.h"

#include <stdexcept>

#include "common/messenger.capnp.h"

namespace ebbrt {

NodeDirectory& NodeDirectory::Get() {
  static auto* directory = new NodeDirectory(messenger.Rep());
  return *directory;
}

void NodeDirectory::Up(NodeId node, Endpoint address) {
  if (address.port != 0) addresses_.try_emplace(node, address);
}

void NodeDirectory::Lost(NodeId node, const std::string& why) {
  addresses_.erase(node);
  for (NodeId other : messenger_.Nodes()) {
    MessageBuilder message;
    message.initRoot<NodeObituary>().setWhy(why.c_str());
    messenger_
        .Call({other, node, Messenger::kProtocol, Messenger::kObituary},
              EncodeMessage(message))
        .Finally([](Future<RawMessage>) {})  // it may be lost as well
        .Detach("telling that a node is lost");
  }
}

std::unique_ptr<IOBuf> NodeDirectory::Where(NodeId node) {
  auto address = addresses_.find(node);
  if (address == addresses_.end()) {
    throw std::runtime_error("it is not connected with the front-end");
  }
  MessageBuilder message;
  auto out = message.initRoot<NodeAddress>();
  out.setHigh(address->second.address.High());
  out.setLow(address->second.address.Low());
  out.setPort(address->second.port);
  return EncodeMessage(message);
}

}  // namespace ebbrt
