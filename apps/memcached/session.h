// Session: a protocol as one client speaks it, between received bytes, the
// store and the batch of answers.
//
// What is answered, and when the connection ends, follows memcached 1.6.
#pragma once

#include <algorithm>
#include <memory>
#include <new>

#include "apps/memcached/input.h"
#include "apps/memcached/reply_batch.h"
#include "apps/memcached/service.h"

namespace ebbrt::memcached {

/// On lines of its own: of the memory beside it, another core may have got
/// some.
class alignas(64) Session {
 public:
  enum class Progress {
    kWaiting,  ///< all whole requests are answered
    kFull,     ///< the batch has reached its limit, more requests are there
    kEnded,    ///< send the batch, then close the connection
  };

  /// Speaks the protocol whose requests begin with the byte that `data`, of at
  /// least one, begins with. `service` outlives the session.
  static std::unique_ptr<Session> For(const IOBuf& data, Service& service);

  virtual ~Session() { GiveBack(); }

  /// Adds what was received.
  void Feed(std::unique_ptr<IOBuf> data) { input_.Feed(std::move(data)); }

  /// Bytes that wait for the rest of their request.
  size_t Waiting() const { return input_.Size(); }

  /// Answers requests into `replies` until that holds `limit` bytes (the last
  /// answer may pass it). Throws std::bad_alloc when there is no memory for the
  /// answers; the session is then to be dropped.
  virtual Progress Answer(ReplyBatch& replies, size_t limit,
                          Store::Time now) = 0;

 protected:
  explicit Session(Service& service) : service_(service) {}

  Store& store() { return service_.store; }

  /// Counts the memory that a request of `bytes`, of which not all has come,
  /// will take: many clients with large ones under way would else take all of
  /// the machine's. False if there is no room for it. Until GiveBack; again for
  /// more.
  bool SetAside(size_t bytes, Store::Time now);
  void GiveBack();

  /// f(), which allocates about `bytes`; where the machine has no more memory,
  /// items are evicted for it. Throws std::bad_alloc when that doesn't help.
  template <typename F>
  auto WithMemory(size_t bytes, Store::Time now, F f) {
    constexpr int kTries = 8;
    for (int i = 0; i < kTries; ++i) {
      try {
        return f();
      } catch (const std::bad_alloc&) {
        // More than asked for: what is free need not be in one piece.
        if (!store().Evict(std::max<size_t>(4 * bytes, 64 << 10), now)) break;
      }
    }
    return f();
  }

  /// Puts the item's value on the end: a copy of an inline one, windows on any
  /// other.
  static void AppendValue(ReplyBatch& replies, const Item& item) {
    if (item.IsInline()) {
      replies.Append(item.InlineValue());
    } else {
      replies.AppendShared(item.Bytes().Clone());
    }
  }

  /// Stores the item with which a key that another command has missed begins,
  /// value.size() <= kInlineValue, and does a Store::Change of it. kNotStored
  /// if there is one by now: the command is then to be tried again.
  template <typename F>
  Store::Result Vivify(std::string_view key, std::string_view value,
                       Store::Time deadline, Store::Time now,
                       Store::Access access, F visit) {
    auto item = MakeFirst(key, value, deadline, now);
    if (item == nullptr) return {Store::Outcome::kOutOfMemory};
    return store().Insert(
        {.item = std::move(item), .mode = Store::Mode::kAdd, .vivifies = true},
        now, access, visit);
  }

  Service& service_;
  Input input_;

 private:
  Item::Pointer MakeFirst(std::string_view key, std::string_view value,
                          Store::Time deadline, Store::Time now);

  size_t set_aside_ = 0;
  Store::Place set_aside_in_ = 0;
};

}  // namespace ebbrt::memcached
