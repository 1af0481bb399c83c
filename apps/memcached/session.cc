#include "apps/memcached/session.h"

#include <utility>

#include "apps/memcached/binary_session.h"
#include "apps/memcached/text_session.h"

namespace ebbrt::memcached {

std::unique_ptr<Session> Session::For(const IOBuf& data, Service& service) {
  if (static_cast<uint8_t>(*data.Data()) == kRequestMagic) {
    return std::make_unique<BinarySession>(service);
  }
  return std::make_unique<TextSession>(service);
}

bool Session::SetAside(size_t bytes, Store::Time now) {
  // As much as a connection may hold anyway.
  constexpr size_t kUncounted = 2 << 10;
  // Segments do not fill their buffers.
  size_t memory = bytes + bytes / 2;
  if (bytes <= kUncounted || memory <= set_aside_) return true;
  GiveBack();
  auto place = store().SetAside(memory, now);
  if (!place) return false;
  set_aside_ = memory;
  set_aside_in_ = *place;
  return true;
}

void Session::GiveBack() {
  if (set_aside_ == 0) return;
  store().GiveBack(set_aside_in_, std::exchange(set_aside_, 0));
}

Item::Pointer Session::MakeFirst(std::string_view key, std::string_view value,
                                 Store::Time deadline, Store::Time now) {
  Item::Pointer item;
  try {
    item = WithMemory(sizeof(Item), now,
                      [&] { return Item::Make(key, value.size()); });
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  value.copy(item->InlineValue().data(), value.size());
  item->deadline = deadline;
  return item;
}

}  // namespace ebbrt::memcached
