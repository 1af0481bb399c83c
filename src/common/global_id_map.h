// GlobalIdMap: from an Ebb's id to what the whole application knows of it.
//
// The front-end keeps it; a fault handler on another node asks it for what it
// needs to make a representative (an address, a size, another Ebb's id), and
// blocks until the answer is there.
#pragma once

#include <string>
#include <unordered_map>

#include "common/base_ebbs.h"
#include "common/global_id_map.capnp.h"
#include "common/home_ebb.h"

namespace ebbrt {

/// At home on the front-end. Get and Set in events on any core of any node.
class GlobalIdMap : public HomeEbb<GlobalIdMap> {
 public:
  static constexpr std::string_view kProtocol = "ebbrt.GlobalIdMap";

  explicit GlobalIdMap(EbbId id);

  /// The value of `id`. Fails (RemoteError, at home std::out_of_range) when
  /// none was set.
  Future<std::string> Get(EbbId id);
  /// Sets or replaces the value of `id`; ready when the front-end has it.
  Future<> Set(EbbId id, std::string value);
  /// `id` has no value any more; ready when the front-end knows. Nothing
  /// happens if it had none. The value of an Ebb that is destroyed goes by
  /// itself.
  Future<> Erase(EbbId id);

  // At home.
  void ServeGet(NodeId from, IdMapKey::Reader in, IdMapEntry::Builder out);
  void ServeSet(NodeId from, IdMapEntry::Reader in, IdMapDone::Builder out);
  void ServeErase(NodeId from, IdMapKey::Reader in, IdMapDone::Builder out);
  using Methods = MethodList<&GlobalIdMap::ServeGet, &GlobalIdMap::ServeSet,
                             &GlobalIdMap::ServeErase>;

 private:
  void Forget(EbbId id);

  SpinLock lock_;
  std::unordered_map<EbbId, std::string> values_;  // guarded by lock_
};

inline constexpr EbbRef<GlobalIdMap> global_id_map{kGlobalIdMapId};

}  // namespace ebbrt
