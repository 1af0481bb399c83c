#include "common/home_ebb.h"

#include <stdexcept>
#include <utility>

#include "common/concat.h"
#include "common/deadline.h"
#include "common/event_manager.h"
#include "common/local_id_map.h"
#include "common/runtime.h"

namespace ebbrt::detail {

Future<RawMessage> HomeEbbBase::Send(EbbId id, const Protocol& protocol,
                                     uint16_t method,
                                     capnp::MessageBuilder& parameters,
                                     Clock::duration deadline) {
  NodeId home = HomeOf(id);
  if (home != runtime::ThisNode()) {
    return messenger->Call({home, id, ProtocolId(protocol.name), method},
                           EncodeMessage(parameters), deadline);
  }
  // As from afar: an event of its own, whose errors are the future's.
  Promise<std::unique_ptr<IOBuf>> results;
  auto future = results.GetFuture();
  event_manager->SpawnLocal(
      [serve = protocol.serve,
       call =
           IncomingCall{home, id, method, RawMessage::FromBuilder(parameters)},
       results = std::move(results)]() mutable {
        Fulfil(std::move(results), serve, std::move(call));
      });
  return WithDeadline(std::move(future), deadline)
      .Then([](std::unique_ptr<IOBuf> bytes) {
        return RawMessage::FromBytes(std::move(bytes));
      });
}

void HomeEbbBase::CheckCall(const IncomingCall& call, LocalIdMap::Type type,
                            std::string_view protocol, size_t methods) {
  if (HomeOf(call.ebb) != runtime::ThisNode()) {
    throw std::runtime_error(
        Concat({"Ebb ", call.ebb, " is not at home on this node"}));
  }
  if (call.method >= methods) {
    throw std::runtime_error(
        Concat({"protocol ", protocol, " has no method ", call.method}));
  }
  local_id_map->CheckType(call.ebb, type);  // the caller may be wrong
}

void HomeEbbBase::RefuseFrontEndOnly(EbbId id) {
  throw std::runtime_error(
      Concat({"Ebb ", id, " is for front-ends only, and this node is none"}));
}

}  // namespace ebbrt::detail
