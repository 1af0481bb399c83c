// Input: what one client has sent and nobody has used yet.
//
// Bytes come in chains cut anywhere. They are read where they lie; only a piece
// that a cut runs through is put together in a copy. What is kept of an
// unfinished request is the protocol's to bound.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "apps/memcached/item.h"
#include "common/iobuf.h"

namespace ebbrt::memcached {

class Input {
 public:
  static constexpr size_t kNone = SIZE_MAX;

  /// Adds what was received.
  void Feed(std::unique_ptr<IOBuf> data);

  /// How many bytes are there.
  size_t Size() const { return size_; }

  /// The first `n` <= Size() bytes in one piece, until the next call that isn't
  /// const. Throws std::bad_alloc; nothing has then changed.
  std::string_view Front(size_t n) {
    if (n == 0) return {};
    if (pending_->Length() < n) [[unlikely]]
      Gather(n);
    return pending_->View().substr(0, n);
  }

  /// Whether "\r\n" stands at `offset` <= Size() - 2.
  bool HasLineEndAt(size_t offset) const;

  /// Where the first line feed is, kNone if there is none. What was searched
  /// once is not searched again.
  size_t FindLineFeed();

  /// Drops the next `n` bytes, also those that have not come yet.
  void Skip(uint64_t n);

  /// Drops `offset` bytes and moves the item.ValueLength() ones behind them
  /// into the item; so many are there. Throws std::bad_alloc; nothing has then
  /// changed.
  void MoveValueTo(Item& item, size_t offset);

 private:
  void Gather(size_t n);
  void Swallow();

  std::unique_ptr<IOBuf> pending_;  // null or begins with a byte
  size_t size_ = 0;
  size_t searched_ = 0;   // bytes without a line feed
  uint64_t swallow_ = 0;  // bytes that nobody wants and that have not come
};

}  // namespace ebbrt::memcached
