#include "common/home_ebb.h"

#include <exception>
#include <stdexcept>
#include <utility>

#include "common/concat.h"
#include "common/deadline.h"
#include "common/local_id_map.h"
#include "common/runtime.h"
#include "platform/local_table.h"

namespace ebbrt::detail {

Future<RawMessage> HomeEbbBase::Send(const Protocol& protocol, uint16_t method,
                                     capnp::MessageBuilder& parameters,
                                     Clock::duration deadline) {
  NodeId home = HomeOf(id_);
  if (home != runtime::ThisNode()) {
    return messenger->Call({home, id_, ProtocolId(protocol.name), method},
                           EncodeMessage(parameters), deadline);
  }
  try {
    auto results = protocol.serve(
        {home, id_, method, RawMessage::FromBuilder(parameters)});
    return WithDeadline(std::move(results), deadline)
        .Then([](std::unique_ptr<IOBuf> bytes) {
          return RawMessage::FromBytes(std::move(bytes));
        });
  } catch (...) {  // of the method: the caller's future has it, as from afar
    return MakeFailedFuture<RawMessage>(std::current_exception());
  }
}

void HomeEbbBase::CheckCall(const IncomingCall& call, std::string_view protocol,
                            size_t methods) {
  if (HomeOf(call.ebb) != runtime::ThisNode()) {
    throw std::runtime_error(
        Concat({"Ebb ", call.ebb, " is not at home on this node"}));
  }
  // What isn't fixed was made by Create, and must not come back by a late call.
  if (call.ebb < kApplicationRange && platform::LocalRep(call.ebb) == nullptr &&
      local_id_map->Find(call.ebb) == nullptr) {
    throw EbbDestroyed(call.ebb);
  }
  if (call.method >= methods) {
    throw std::runtime_error(
        Concat({"protocol ", protocol, " has no method ", call.method}));
  }
}

}  // namespace ebbrt::detail
