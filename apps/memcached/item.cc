#include "apps/memcached/item.h"

#include <boost/intrusive/parent_from_member.hpp>
#include <cstring>
#include <memory>
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

void Item::Retire(Item& item) {
  const size_t bytes = item.Footprint();
  std::construct_at(&item.retired_);
  rcu->Retire(
      item.retired_,
      [](Rcu::Retired& retired) {
        Free()(boost::intrusive::get_parent_from_member(&retired,
                                                        &Item::retired_));
      },
      bytes);
}

std::span<char> Item::MakeValue() {
  if (IsInline()) return InlineValue();
  bytes_ = IOBuf::Create(value_length_);
  bytes_->Append(value_length_);
  return {reinterpret_cast<char*>(bytes_->WritableData()), value_length_};
}

size_t Item::CopyValue(std::span<char> to) const {
  if (!IsInline()) return bytes_->CopyOut(std::as_writable_bytes(to));
  return InlineValue().copy(to.data(), to.size());
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
