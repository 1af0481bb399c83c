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
  if (!store().SetAside(memory - set_aside_, now)) return false;
  set_aside_ = memory;
  return true;
}

void Session::GiveBack() {
  if (set_aside_ > 0) store().GiveBack(std::exchange(set_aside_, 0));
}

Store::Result Session::Vivify(std::string_view key, std::string_view value,
                              Store::Time deadline, Store::Time now) {
  Item::Pointer item;
  try {
    item = WithMemory(sizeof(Item), now,
                      [&] { return Item::Make(key, value.size()); });
  } catch (const std::bad_alloc&) {
    return {Store::Outcome::kOutOfMemory};
  }
  value.copy(item->InlineValue().data(), value.size());
  item->deadline = deadline;
  return store().Insert(
      {.item = std::move(item), .mode = Store::Mode::kAdd, .vivifies = true},
      now);
}

}  // namespace ebbrt::memcached
