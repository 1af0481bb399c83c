// BinarySession: the binary protocol as one connection speaks it, between
// received bytes, the store and the batch of answers.
//
// What is answered, and when the connection ends, follows memcached 1.6.
#pragma once

#include <memory>

#include "apps/memcached/reply_batch.h"
#include "apps/memcached/request_parser.h"
#include "apps/memcached/store.h"

namespace ebbrt::memcached {

class BinarySession {
 public:
  enum class Progress {
    kWaiting,  ///< all whole requests are answered
    kFull,     ///< the batch has reached its limit, more requests are there
    kEnded,    ///< send the batch, then close the connection
  };

  /// `store` outlives the session.
  explicit BinarySession(Store& store) : store_(store) {}

  /// Adds what was received.
  void Feed(std::unique_ptr<IOBuf> data) { parser_.Feed(std::move(data)); }

  /// Answers requests into `replies` until that holds `limit` bytes (the last
  /// answer may pass it). Throws std::bad_alloc when there is no memory for the
  /// answers; the session is then to be dropped.
  Progress Answer(ReplyBatch& replies, size_t limit, Store::Time now);

 private:
  struct Command;

  static Command Decode(Opcode opcode);
  bool HasRightLengths(const Command& command) const;
  Progress Execute(ReplyBatch& replies, Store::Time now);
  void Get(const Command& command, ReplyBatch& replies, Store::Time now);
  void Put(const Command& command, ReplyBatch& replies, Store::Time now);
  void Delete(const Command& command, ReplyBatch& replies, Store::Time now);
  Store::Stored Insert(const Command& command, Store::Time now);
  void RefuseTooLarge(ReplyBatch& replies, Store::Time now);
  void Reply(ReplyBatch& replies, std::string_view text = {}, uint64_t cas = 0);
  void Refuse(ReplyBatch& replies, Status status);
  ResponseHeader HeaderFor(Status status) const;

  Store& store_;
  RequestParser parser_;
};

}  // namespace ebbrt::memcached
