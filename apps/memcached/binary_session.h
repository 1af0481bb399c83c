// BinarySession: memcached's binary protocol.
#pragma once

#include <string_view>

#include "apps/memcached/request_parser.h"
#include "apps/memcached/session.h"

namespace ebbrt::memcached {

class BinarySession : public Session {
 public:
  explicit BinarySession(Service& service) : Session(service) {}

  Progress Answer(ReplyBatch& replies, size_t limit, Store::Time now) override;

 private:
  struct Command;

  static Command Decode(Opcode opcode);
  bool HasRightLengths(const Command& command) const;
  Progress Execute(ReplyBatch& replies, Store::Time now);
  void Get(const Command& command, ReplyBatch& replies, Store::Time now);
  void Put(const Command& command, ReplyBatch& replies, Store::Time now);
  Store::Result Insert(const Command& command, Store::Time now);
  void Delete(const Command& command, ReplyBatch& replies, Store::Time now);
  void Add(const Command& command, ReplyBatch& replies, Store::Time now);
  void Flush(const Command& command, ReplyBatch& replies, Store::Time now);
  void Stat(ReplyBatch& replies, Store::Time now);
  void RefuseValue(Store::Refusal why, ReplyBatch& replies, Store::Time now);

  /// The request's extras; all zero if it has none.
  template <typename T>
  T Extras() const;

  void Reply(ReplyBatch& replies, std::string_view text = {}, uint64_t cas = 0);
  void Refuse(ReplyBatch& replies, Status status);
  void Refuse(ReplyBatch& replies, Status status, std::string_view text);
  ResponseHeader HeaderFor(Status status) const;

  RequestParser parser_{input_};
};

}  // namespace ebbrt::memcached
