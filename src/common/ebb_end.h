// How an Ebb begins and ends. Applications call Create and Destroy of its shape
// (shared_ebb.h, per_core_ebb.h, home_ebb.h); this is what the shapes have in
// common.
//
// A core that calls an Ebb goes to a representative without asking anybody, so
// the end is told to every core, as an event. When that event runs, no other
// event of the core is in the middle of a call, except those that block; a
// method that blocks therefore holds its representative (Alive()). Calls that
// begin later find no representative and throw EbbDestroyed. In this order:
//
//   retired: nobody finds the root any more      LocalIdMap::Retire
//   every core drops its cached reference        an event on each
//   the root goes, and with its last holder the representatives
//   the id may be another Ebb's                  EbbAllocator::Free
//
// A reference that is used after that is a mistake. Misses and calls from other
// nodes find out when the id is free or an Ebb's of another type.
#pragma once

#include "common/future.h"
#include "common/local_id_map.h"
#include "common/move_function.h"
#include "common/types.h"

namespace ebbrt::detail {

/// A new Ebb of this node whose root is make(id); its id. What `make` throws
/// costs no id.
EbbId MakeEbb(LocalIdMap::Type type,
              MoveFunction<LocalIdMap::Root(EbbId)> make);

/// What a shape does on each core, in an event, with the root it had made; the
/// core's cached reference has gone.
using EndOnCore = void (*)(void* root);

/// Ends `id` on this node; ready when all of its cores know and the root has
/// been dropped (nothing happens if this node has none). The id is given back
/// if it is of this node's range. In an event, on any core; blocks while the
/// root is being made. Throws EbbDestroyed when the end has begun before.
Future<> EndOnThisNode(EbbId id, EndOnCore end_on_core = nullptr);

/// The same on all nodes of the application; this one is the Ebb's home. Throws
/// std::logic_error elsewhere and for fixed ids, EbbDestroyed when there is no
/// such Ebb (any more). Fails with what kept a node from ending it; the id is
/// then not used again.
Future<> EndOnAllNodes(EbbId id);

/// Has `hook` called on the front-end for every Ebb that has ended on all
/// nodes, before its id is free. In events on core 0; one hook.
void OnEndedEverywhere(void (*hook)(EbbId id));

/// Makes this node hear when Ebbs of other nodes end. Once, before there are
/// connections.
void ServeEnds();

}  // namespace ebbrt::detail
