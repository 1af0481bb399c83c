#include "apps/memcached/item.h"

#include <cstring>
#include <new>

namespace ebbrt::memcached {

void Item::Free::operator()(Item* item) const {
  item->~Item();
  ::operator delete(item);
}

Item::Pointer Item::Make(std::string_view key, size_t value_length) {
  size_t room = key.size() + (value_length <= kInlineValue ? value_length : 0);
  void* memory = ::operator new(sizeof(Item) + room);
  Pointer item(new (memory) Item(key.size(), value_length));
  std::memcpy(item->Room(), key.data(), key.size());
  return item;
}

void Item::CopyValue(std::span<char> to) const {
  if (IsInline()) {
    std::memcpy(to.data(), InlineValue().data(), to.size());
  } else {
    bytes_->CopyOut(std::as_writable_bytes(to));
  }
}

size_t Item::Footprint() const {
  size_t sum = sizeof(Item) + key_length_;
  if (IsInline()) return sum + value_length_;
  const IOBuf* i = bytes_.get();
  do {
    sum += sizeof(IOBuf) + i->Capacity();
    i = i->Next();
  } while (i != bytes_.get());
  return sum;
}

}  // namespace ebbrt::memcached
