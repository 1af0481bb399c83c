#include "apps/memcached/storable.h"

#include <cstring>
#include <utility>

namespace ebbrt::memcached {
namespace {

bool IsWasteful(size_t length, size_t capacity) {
  return length * kPinFactor < capacity;
}

/// Moves the bytes to a buffer of their size.
std::unique_ptr<IOBuf> MoveOut(std::unique_ptr<IOBuf>& chain, size_t offset,
                               size_t n) {
  auto moved = IOBuf::Create(n);
  chain->CopyOut({moved->WritableTail(), n}, offset);
  moved->Append(n);
  DropFront(chain, offset + n);
  return moved;
}

}  // namespace

std::unique_ptr<IOBuf> TakeStorable(std::unique_ptr<IOBuf>& chain,
                                    size_t offset, size_t n) {
  IOBuf* i = chain.get();
  size_t start = offset;  // within i
  while (start >= i->Length()) {
    start -= i->Length();
    i = i->Next();
  }
  size_t length = 0;
  size_t capacity = 0;
  size_t whole = 0;  // elements taken to their end
  for (; length + i->Length() - start <= n; i = i->Next()) {
    length += i->Length() - std::exchange(start, 0);
    capacity += i->Capacity();
    ++whole;
    if (length == n) break;
  }
  size_t cut = n - length;  // bytes of `i`, the element behind them
  if (cut > 0) capacity += i->Capacity();
  if (IsWasteful(n, capacity)) return MoveOut(chain, offset, n);

  // The one step that can fail comes first.
  auto part = cut > 0 ? i->CloneOne() : nullptr;
  if (part != nullptr) {
    part->Advance(start);
    part->TrimEnd(part->Length() - cut);
  }
  DropFront(chain, offset);
  std::unique_ptr<IOBuf> taken;
  for (; whole > 0; --whole) {
    auto rest = chain->Pop();
    taken = JoinChains(std::move(taken), std::move(chain));
    chain = std::move(rest);
  }
  if (cut > 0) chain->Advance(cut);
  return JoinChains(std::move(taken), std::move(part));
}

void DropFront(std::unique_ptr<IOBuf>& chain, size_t n) {
  while (chain != nullptr && chain->Length() <= n) {
    n -= chain->Length();
    chain = chain->Pop();
  }
  if (chain != nullptr) chain->Advance(n);
}

}  // namespace ebbrt::memcached
