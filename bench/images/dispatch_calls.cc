// Calls: plain, virtual, on an Ebb; and an Ebb's first call.
//
// The loops have C names so that bench/dispatch can show their code. Each
// callee is empty, is called through the same convention, and is hidden from
// the optimizer (noipa), which otherwise would see that nothing changes between
// two calls and load the representative once.
#include <vector>

#include "bench/images/dispatch.h"
#include "common/ebb_allocator.h"
#include "common/per_core_ebb.h"
#include "common/shared_ebb.h"

namespace ebbrt::bench {

class Plain {
 public:
  void Add();
};
[[gnu::noipa]] void Plain::Add() { asm volatile(""); }

class Base {
 public:
  virtual ~Base() = default;
  virtual void Add() = 0;
};
class Derived : public Base {
 public:
  void Add() override;
};
[[gnu::noipa]] void Derived::Add() { asm volatile(""); }

class Shared : public SharedEbb<Shared> {
 public:
  void Add();
};
[[gnu::noipa]] void Shared::Add() { asm volatile(""); }

struct Nothing {};
class PerCore : public PerCoreEbb<PerCore, Nothing> {
 public:
  explicit PerCore(Nothing&) {}
  void Add();
};
[[gnu::noipa]] void PerCore::Add() { asm volatile(""); }

// Not in the unnamed namespace: anybody might change them during a call.
Plain* bench_plain;
Base* bench_virtual;
EbbRef<Shared> bench_ebb;

namespace {

constexpr EbbRef<Shared> fixed{ApplicationEbbId(100)};

std::vector<EbbId> fresh;  // ids for first calls

template <typename Ebb>
void MakeEbbs(uint64_t n) {
  fresh.clear();
  for (uint64_t i = 0; i < n; ++i) fresh.push_back(Ebb::Create().Id());
}

void MakeIds(uint64_t n) {
  fresh.clear();
  for (uint64_t i = 0; i < n; ++i) fresh.push_back(ebb_allocator->Allocate());
}

template <typename Ebb>
void CallFresh(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) EbbRef<Ebb>(fresh[i])->Add();
}

void EndReferences(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) CacheRep(fixed.Id(), nullptr);
}

void MakeCallees(uint64_t) {
  static Plain plain;
  static Derived derived;
  bench_plain = &plain;
  bench_virtual = &derived;
  if (!bench_ebb) bench_ebb = Shared::Create();
}

}  // namespace

// The names by which bench/dispatch finds them.
extern "C" {

[[gnu::noipa]] void BenchEmptyLoop(uint64_t n) {
  for (uint64_t i = n; i != 0; --i) asm volatile("");
}

[[gnu::noipa]] void BenchPlainCalls(uint64_t n) {
  for (uint64_t i = n; i != 0; --i) bench_plain->Add();
}

[[gnu::noipa]] void BenchVirtualCalls(uint64_t n) {
  for (uint64_t i = n; i != 0; --i) bench_virtual->Add();
}

[[gnu::noipa]] void BenchFixedEbbCalls(uint64_t n) {
  for (uint64_t i = n; i != 0; --i) fixed->Add();
}

[[gnu::noipa]] void BenchEbbCalls(uint64_t n) {
  for (uint64_t i = n; i != 0; --i) bench_ebb->Add();
}
}

std::span<const Operation> CallOperations() {
  // First calls in multiples of a page of the translation table.
  static constexpr uint64_t kMany = 10'000;
  static constexpr uint64_t kFirst = 512;
  static constexpr Operation kOperations[] = {
      {"empty loop", kMany, &BenchEmptyLoop},
      {"plain call", kMany, &BenchPlainCalls, &MakeCallees},
      {"virtual call", kMany, &BenchVirtualCalls, &MakeCallees},
      {"Ebb call, fixed id", kMany, &BenchFixedEbbCalls},
      {"Ebb call, id in memory", kMany, &BenchEbbCalls, &MakeCallees},
      {"Ebb first call, shared, rep is there", kFirst, &CallFresh<Shared>,
       &MakeEbbs<Shared>},
      {"Ebb first call, shared, makes it", kFirst, &CallFresh<Shared>,
       &MakeIds},
      {"Ebb first call, per core, root is there", kFirst, &CallFresh<PerCore>,
       &MakeEbbs<PerCore>},
      {"Ebb first call, per core, makes it", kFirst, &CallFresh<PerCore>,
       &MakeIds},
      {"CacheRep", kMany, &EndReferences},
  };
  return kOperations;
}

}  // namespace ebbrt::bench
