#include "common/protocol.h"

#include <unordered_map>

#include "common/check.h"

namespace ebbrt {
namespace {

struct Entry {
  std::string_view name;
  ProtocolServer server;
};

/// Filled by constructors of globals, so it must make itself on first use.
std::unordered_map<uint64_t, Entry>& Protocols() {
  static std::unordered_map<uint64_t, Entry> protocols;
  return protocols;
}

}  // namespace

void RegisterProtocol(std::string_view name, ProtocolServer server) {
  bool is_new =
      Protocols().try_emplace(ProtocolId(name), Entry{name, server}).second;
  EBBRT_CHECK(is_new, "two types of Ebb have one protocol name or hash");
}

ProtocolServer FindProtocol(uint64_t id) {
  auto place = Protocols().find(id);
  return place == Protocols().end() ? nullptr : place->second.server;
}

}  // namespace ebbrt
