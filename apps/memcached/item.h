// Item: one key and what is stored under it, in one allocation.
//
//   | Item | key | value, up to kInlineValue bytes |     or   bytes -> chain
//
// A small value lies behind the key: an answer copies it anyway, and a window
// on a buffer would be larger than what it shows. A large one stays in the
// buffers in which it came (storable.h) and is sent from there.
//
// Once it is stored, other cores may be reading it at any time: key and value
// stay as they are, what can change is Relaxed, and it is given back by Retire.
#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/list_hook.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "common/iobuf.h"
#include "common/rcu.h"
#include "common/relaxed.h"
#include "platform/clock.h"

namespace ebbrt::memcached {

/// Longer keys are refused.
inline constexpr size_t kMaxKeyLength = 250;
/// Values up to this length lie in their item. A window costs two allocations,
/// an atomic count and a descriptor of the device; that is more work than
/// moving a few cache lines.
inline constexpr size_t kInlineValue = 512;

/// A part of the segmented LRU: new items are hot, items that were read again
/// when their turn came are warm, what is cold is evicted.
enum class Segment : uint8_t { kHot, kWarm, kCold };
inline constexpr size_t kSegments = 3;

class Item {
 public:
  struct Free {
    void operator()(Item* item) const;
  };
  using Pointer = std::unique_ptr<Item, Free>;
  using Time = Clock::time_point;

  /// A moment as `accessed` has it.
  static uint32_t Seconds(Time time) {
    return static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(
            time.time_since_epoch())
            .count());
  }

  /// One whose value of `value_length` bytes is still to be filled in. Throws
  /// std::bad_alloc. key.size() <= kMaxKeyLength.
  static Pointer Make(std::string_view key, size_t value_length);

  /// Gives back one that was stored and that nobody can find any more.
  static void Retire(Item& item);

  std::string_view Key() const { return {Room(), key_length_}; }
  size_t ValueLength() const { return value_length_; }
  bool IsInline() const { return value_length_ <= kInlineValue; }

  /// The value of an inline item; for its maker and, linked, for the store.
  std::span<char> InlineValue() {
    return {Room() + key_length_, value_length_};
  }
  std::string_view InlineValue() const {
    return {Room() + key_length_, value_length_};
  }
  /// The value of any other: a chain of ValueLength() bytes.
  const IOBuf& Bytes() const { return *bytes_; }
  void SetBytes(std::unique_ptr<IOBuf> bytes) { bytes_ = std::move(bytes); }

  /// Room for the value of an item that has none yet. Throws std::bad_alloc.
  std::span<char> MakeValue();

  /// Copies the value's first bytes, at most to.size(); gives how many.
  size_t CopyValue(std::span<char> to) const;

  /// Since it was last accessed, or stored; 0 if `now` was read before that.
  uint32_t SecondsAlone(Time now) const {
    const auto seconds = static_cast<int32_t>(Seconds(now) - accessed);
    return seconds < 0 ? 0 : static_cast<uint32_t>(seconds);
  }

  /// Memory that it holds, bytes. A buffer that several items show is counted
  /// for each of them.
  size_t Footprint() const;

  Relaxed<Time> deadline = Time::max();  ///< when it ends
  Relaxed<uint64_t> cas = 0;  ///< unique for each change of the value
  uint32_t flags = 0;         ///< the client's own
  mutable Relaxed<uint32_t> accessed = 0;  ///< when, in Seconds()
  // Readers' marks: one that two set at once is set.
  mutable Relaxed<bool> fetched = false;  ///< was read since it was stored
  mutable Relaxed<bool> active = false;   ///< was read again since then
  // Of the meta commands.
  Relaxed<bool> stale = false;       ///< its owner said so
  Relaxed<bool> token_sent = false;  ///< some client is to renew it
  bool binary_key = false;           ///< the key came in base64
  Segment segment = Segment::kHot;   ///< for the store

 private:
  Item(size_t key_length, size_t value_length)
      : place_(),
        value_length_(static_cast<uint32_t>(value_length)),
        key_length_(static_cast<uint8_t>(key_length)) {}
  ~Item() {}

  friend class ItemTable;
  friend class ItemQueue;

  char* Room() { return reinterpret_cast<char*>(this + 1); }
  const char* Room() const { return reinterpret_cast<const char*>(this + 1); }

  using Place = boost::intrusive::list_member_hook<
      boost::intrusive::link_mode<boost::intrusive::normal_link>>;

  // The next one in the bucket; which of the two is used, the table says.
  std::array<std::atomic<Item*>, 2> next_{};
  union {
    Place place_;  // in its segment's queue, while it is stored
    Rcu::Retired retired_;
  };
  std::unique_ptr<IOBuf> bytes_;
  uint32_t hash_ = 0;
  uint32_t value_length_;
  uint8_t key_length_;
};

}  // namespace ebbrt::memcached
