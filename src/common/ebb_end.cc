#include "common/ebb_end.h"

#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/base_ebbs.h"
#include "common/concat.h"
#include "common/ebb_allocator.h"
#include "common/event_manager.h"
#include "common/local_id_map.h"
#include "common/messenger.h"
#include "common/protocol.h"
#include "common/runtime.h"
#include "common/when_all.h"
#include "platform/core.h"

namespace ebbrt::detail {
namespace {

/// A node tells the others that an Ebb of its own has ended. No parameters: the
/// call names the Ebb.
constexpr std::string_view kProtocol = "ebbrt.EbbEnd";

Future<> DropOnAllCores(EbbId id, LocalIdMap::Root root,
                        EndOnCore end_on_core) {
  std::vector<Future<>> cores;
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    Promise<> done;
    cores.push_back(done.GetFuture());
    EventManager::SpawnRemote(
        [id, root, end_on_core, done = std::move(done)]() mutable {
          CacheRep(id, nullptr);
          if (end_on_core != nullptr) end_on_core(root.get());
          root.reset();  // before anybody is told that it has gone
          done.SetValue();
        },
        core);
  }
  return WhenAll(std::move(cores));
}

/// Ends `id` on this node and keeps the id.
Future<> EndHere(EbbId id, EndOnCore end_on_core) {
  try {
    auto root = local_id_map->Retire(id);
    if (root == nullptr) return MakeReadyFuture();
    return DropOnAllCores(id, std::move(root), end_on_core).Then([id] {
      local_id_map->Erase(id);
    });
  } catch (...) {
    return MakeFailedFuture<void>(std::current_exception());
  }
}

void FreeIfOurs(EbbId id) {
  if (id < kApplicationRange && HomeOf(id) == runtime::ThisNode()) {
    ebb_allocator->Free(id);
  }
}

/// Ready when every connected node has ended `id`. On core 0.
Future<> TellNodes(EbbId id) {
  std::vector<Future<>> told;
  for (NodeId node : messenger->Nodes()) {
    told.push_back(
        messenger->Call({node, id, ProtocolId(kProtocol), 0}, nullptr)
            .Finally([](Future<RawMessage> ended) {
              try {
                ended.Get();
              } catch (const NodeLost&) {  // with all that it had cached
              }
            }));
  }
  return WhenAll(std::move(told));
}

Future<std::unique_ptr<IOBuf>> Serve(IncomingCall call) {
  if (HomeOf(call.ebb) != call.from) {
    throw std::runtime_error(
        Concat({"node ", call.from, " is not the home of Ebb ", call.ebb}));
  }
  return EndHere(call.ebb, nullptr).Then([] {
    return std::unique_ptr<IOBuf>();
  });
}

const bool kServed = [] {
  RegisterProtocol(kProtocol, &Serve);
  return true;
}();

}  // namespace

Future<> EndOnThisNode(EbbId id, EndOnCore end_on_core) {
  return EndHere(id, end_on_core).Then([id] { FreeIfOurs(id); });
}

Future<> EndOnAllNodes(EbbId id) {
  (void)kServed;
  if (id >= kApplicationRange || HomeOf(id) != runtime::ThisNode()) {
    return MakeFailedFuture<void>(std::logic_error(
        Concat({"Ebb ", id,
                " can't be destroyed here: its id is fixed, or its "
                "home another node"})));
  }
  std::vector<Future<>> ends;
  ends.push_back(EndHere(id, nullptr));
  Promise<> told;
  ends.push_back(told.GetFuture());
  EventManager::SpawnRemote(
      [id, told = std::move(told)]() mutable {
        TellNodes(id).Forward(std::move(told));
      },
      0);
  return WhenAll(std::move(ends)).Then([id] { FreeIfOurs(id); });
}

}  // namespace ebbrt::detail
