// EbbRef<T>: a call on an Ebb, at the price of one load and one branch.
//
// An Ebb is an object whose state is split into representatives, one where each
// core needs it. An EbbRef is its system-wide id and can be a constant. To call
// is to load this core's representative from the translation table and branch
// once: empty means a miss, and the type's fault handler
//
//   static T& T::HandleFault(EbbId id);
//
// finds or makes the representative and caches it with CacheRep. It may block
// its event (asking another node for what it needs), and may throw; then the
// call throws and the next one tries again. Policies for the usual shapes are
// in shared_ebb.h, per_core_ebb.h and home_ebb.h.
//
// Seed paper "Elastic Building Blocks"; OSDI'16 §3.3.
#pragma once

#include "common/types.h"
#include "platform/local_table.h"

namespace ebbrt {

/// Makes `rep` this core's representative of `id`: later calls on this core go
/// straight to it. Null ends the cached reference. Any event on the core.
inline void CacheRep(EbbId id, void* rep) { platform::SetLocalRep(id, rep); }

template <typename T>
class EbbRef {
 public:
  constexpr EbbRef() = default;
  /// T is complete. To name an Ebb that other nodes call (HomeEbb) is to serve
  /// it: the mention makes its protocol known before main.
  constexpr explicit EbbRef(EbbId id) : id_(id) {
    static_assert(sizeof(T) > 0);
    if constexpr (requires { T::kServed; }) (void)&T::kServed;
  }

  constexpr EbbId Id() const { return id_; }
  constexpr explicit operator bool() const { return id_ != kNoEbb; }
  constexpr bool operator==(const EbbRef&) const = default;

  T* operator->() const { return &Rep(); }
  T& operator*() const { return Rep(); }

  /// This core's representative, made by the fault handler if there is none.
  /// Called on cores only: on Linux a thread without event loop has no table.
  T& Rep() const {
    void* rep = platform::LocalRep(id_);
    if (rep == nullptr) [[unlikely]]
      return Miss(id_);
    return *static_cast<T*>(rep);
  }

 private:
  // Out of line and cold, so that the hit path stays a load and a branch.
  [[gnu::noinline, gnu::cold]] static T& Miss(EbbId id) {
    return T::HandleFault(id);
  }

  EbbId id_ = kNoEbb;
};

}  // namespace ebbrt
