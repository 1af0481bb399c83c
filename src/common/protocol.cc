#include "common/protocol.h"

#include <vector>

#include "common/check.h"

namespace ebbrt {
namespace {

struct Entry {
  uint64_t id;
  ProtocolServer server;
};

/// A few, as many as a program has types of Ebb that are called across nodes.
/// Filled by constructors of globals, so it must make itself on first use.
std::vector<Entry>& Protocols() {
  static std::vector<Entry> protocols;
  return protocols;
}

}  // namespace

void RegisterProtocol(std::string_view name, ProtocolServer server) {
  const uint64_t id = ProtocolId(name);
  EBBRT_CHECK(FindProtocol(id) == nullptr,
              "two types of Ebb have one protocol name or hash");
  Protocols().push_back({id, server});
}

ProtocolServer FindProtocol(uint64_t id) {
  for (const Entry& entry : Protocols()) {
    if (entry.id == id) return entry.server;
  }
  return nullptr;
}

}  // namespace ebbrt
