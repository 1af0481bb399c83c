#include "common/ebb_end.h"

#include <atomic>
#include <memory>
#include <new>
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
#include "common/run_on.h"
#include "common/runtime.h"
#include "platform/core.h"

namespace ebbrt::detail {
namespace {

/// A node tells the others that an Ebb of its own has ended. No parameters: the
/// call names the Ebb.
constexpr std::string_view kProtocol = "ebbrt.EbbEnd";

/// Ends the retired `id` on this node; blocks until all cores know. Throws
/// std::bad_alloc when a core could not be told: then the root stays, retired,
/// since that core may still refer to it.
void EndHere(EbbId id, LocalIdMap::Root root, EndOnCore end_on_core) {
  event_manager->ReserveStack();
  EventContext context;
  const size_t cores = platform::CoreCount();
  std::atomic<size_t> left = cores + 1;  // and we, who tell them
  size_t told = 0;
  try {
    for (; told < cores; ++told) {
      EventManager::SpawnRemote(
          [&context, &left, id, root, end_on_core]() mutable {
            CacheRep(id, nullptr);
            if (end_on_core != nullptr) end_on_core(root.get());
            root.reset();  // before anybody is told that it has gone
            if (left.fetch_sub(1) == 1) EventManager::ActivateContext(context);
          },
          static_cast<CoreId>(told));
    }
  } catch (const std::bad_alloc&) {
  }
  root.reset();
  const size_t ours = 1 + cores - told;
  if (left.fetch_sub(ours) != ours) event_manager->SaveContext(context);
  if (told < cores) throw std::bad_alloc();
  local_id_map->Erase(id);
}

void FreeIfOurs(EbbId id) {
  if (id < kApplicationRange && HomeOf(id) == runtime::ThisNode()) {
    ebb_allocator->Free(id);
  }
}

void (*ended_everywhere)(EbbId id) = nullptr;

/// Ends `id`, whose root is `root` if this node has one, here and on other
/// nodes but `teller`. A back-end tells the front-end, which tells the rest. On
/// core 0; blocks.
void EndHereAndTell(EbbId id, LocalIdMap::Root root, NodeId teller) {
  std::vector<Future<RawMessage>> calls;
  bool tells_all = runtime::ThisNode() == kFrontEndNode;
  for (NodeId node : messenger->Nodes()) {
    if (node == teller || !(tells_all || node == kFrontEndNode)) continue;
    calls.push_back(
        messenger->Call({node, id, ProtocolId(kProtocol), 0}, nullptr));
  }
  if (root != nullptr) EndHere(id, std::move(root), nullptr);
  for (auto& call : calls) {
    try {
      call.Get();
    } catch (const NodeLost&) {  // with all that it had cached
    }
  }
  if (tells_all && ended_everywhere != nullptr) ended_everywhere(id);
}

/// In an event of its own, as every server.
Future<std::unique_ptr<IOBuf>> Serve(IncomingCall call) {
  bool at_front_end = runtime::ThisNode() == kFrontEndNode;
  if (HomeOf(call.ebb) != call.from &&
      (at_front_end || call.from != kFrontEndNode)) {
    throw std::runtime_error(
        Concat({"node ", call.from, " is not the home of Ebb ", call.ebb}));
  }
  auto root = local_id_map->Retire(call.ebb);
  if (at_front_end) {
    EndHereAndTell(call.ebb, std::move(root), call.from);
  } else if (root != nullptr) {
    EndHere(call.ebb, std::move(root), nullptr);
  }
  return MakeReadyFuture(std::unique_ptr<IOBuf>());
}

}  // namespace

void OnEndedEverywhere(void (*hook)(EbbId id)) { ended_everywhere = hook; }

void ServeEnds() { RegisterProtocol(kProtocol, &Serve); }

EbbId MakeEbb(LocalIdMap::Type type,
              MoveFunction<LocalIdMap::Root(EbbId)> make) {
  EbbId id = ebb_allocator->Allocate();
  try {
    local_id_map->Insert(id, type, make(id));
  } catch (...) {
    ebb_allocator->Free(id);
    throw;
  }
  return id;
}

Future<> EndOnThisNode(EbbId id, EndOnCore end_on_core) {
  auto root = local_id_map->Retire(id);
  if (root == nullptr) return MakeReadyFuture();
  return RunOn(platform::CurrentCore(),
               [id, end_on_core, root = std::move(root)]() mutable {
                 EndHere(id, std::move(root), end_on_core);
                 FreeIfOurs(id);
               });
}

Future<> EndOnAllNodes(EbbId id) {
  if (id >= kApplicationRange || HomeOf(id) != runtime::ThisNode()) {
    throw std::logic_error(
        Concat({"Ebb ", id,
                " can't be destroyed here: its id is fixed, or its "
                "home another node"}));
  }
  auto root = local_id_map->Retire(id);
  if (root == nullptr) throw EbbDestroyed(id);
  return RunOn(0, [id, root = std::move(root)]() mutable {
    EndHereAndTell(id, std::move(root), kNoNode);
    FreeIfOurs(id);
  });
}

}  // namespace ebbrt::detail
