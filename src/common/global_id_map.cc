#include "common/global_id_map.h"

#include <cstring>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "common/concat.h"
#include "common/ebb_end.h"

namespace ebbrt {

GlobalIdMap::GlobalIdMap(EbbId id) : HomeEbb(id) {
  detail::OnEndedEverywhere([](EbbId ended) { global_id_map->Forget(ended); });
}

Future<std::string> GlobalIdMap::Get(EbbId id) {
  return Call<&GlobalIdMap::ServeGet>(
             [id](IdMapKey::Builder in) { in.setEbb(id); })
      .Then([](Message<IdMapEntry> entry) {
        auto value = entry.Read().getValue().asChars();
        return std::string(value.begin(), value.size());
      });
}

Future<> GlobalIdMap::Set(EbbId id, std::string value) {
  return Call<&GlobalIdMap::ServeSet>([&](IdMapEntry::Builder in) {
           in.setEbb(id);
           std::memcpy(in.initValue(value.size()).begin(), value.data(),
                       value.size());
         })
      .Then([](Message<IdMapDone>) {});
}

Future<> GlobalIdMap::Erase(EbbId id) {
  return Call<&GlobalIdMap::ServeErase>(
             [id](IdMapKey::Builder in) { in.setEbb(id); })
      .Then([](Message<IdMapDone>) {});
}

void GlobalIdMap::ServeGet(NodeId, IdMapKey::Reader in,
                           IdMapEntry::Builder out) {
  std::string value;
  {
    std::lock_guard guard(lock_);
    auto place = values_.find(in.getEbb());
    if (place == values_.end()) {
      throw std::out_of_range(
          Concat({"Ebb ", in.getEbb(), " has no value in the GlobalIdMap"}));
    }
    value = place->second;
  }
  out.setEbb(in.getEbb());
  std::memcpy(out.initValue(value.size()).begin(), value.data(), value.size());
}

void GlobalIdMap::ServeSet(NodeId, IdMapEntry::Reader in, IdMapDone::Builder) {
  auto bytes = in.getValue().asChars();
  std::lock_guard guard(lock_);
  values_.insert_or_assign(in.getEbb(),
                           std::string(bytes.begin(), bytes.size()));
}

void GlobalIdMap::ServeErase(NodeId, IdMapKey::Reader in, IdMapDone::Builder) {
  Forget(in.getEbb());
}

void GlobalIdMap::Forget(EbbId id) {
  std::lock_guard guard(lock_);
  values_.erase(id);
}

}  // namespace ebbrt
