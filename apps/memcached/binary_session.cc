#include "apps/memcached/binary_session.h"

#include <cstring>
#include <new>
#include <utility>

#include "apps/memcached/storable.h"

namespace ebbrt::memcached {
namespace {

/// Values up to this length are copied behind their header. A window costs two
/// allocations, an atomic count and a descriptor of the device; that is more
/// work than moving a few cache lines.
constexpr size_t kCopyBelow = 512;

enum class Action { kUnknown, kGet, kPut, kDelete, kNoop, kVersion, kQuit };

Status ToStatus(Store::Outcome outcome) {
  switch (outcome) {
    case Store::Outcome::kDone:
      return Status::kSuccess;
    case Store::Outcome::kNotFound:
      return Status::kNotFound;
    case Store::Outcome::kExists:
      return Status::kExists;
    case Store::Outcome::kOutOfMemory:
      return Status::kOutOfMemory;
  }
  return Status::kOutOfMemory;
}

/// Writes `bytes` at `at`; the place behind them.
std::byte* Write(std::byte* at, const void* bytes, size_t n) {
  if (n > 0) std::memcpy(at, bytes, n);
  return at + n;
}

/// Puts an answer with one part behind its header into the batch.
void WriteAnswer(ReplyBatch& replies, ResponseHeader header,
                 std::string_view body) {
  header.body_length.Set(static_cast<uint32_t>(body.size()));
  std::byte* at = replies.Extend(sizeof header + body.size());
  Write(Write(at, &header, sizeof header), body.data(), body.size());
}

}  // namespace

/// What an opcode asks for.
struct BinarySession::Command {
  enum class Loudness { kLoud, kQuiet };

  Action action = Action::kUnknown;
  Loudness loudness = Loudness::kLoud;
  Store::Mode mode = Store::Mode::kSet;
  bool answers_key = false;  ///< the answer to a get holds the key

  bool Quiet() const { return loudness == Loudness::kQuiet; }
};

BinarySession::Command BinarySession::Decode(Opcode opcode) {
  constexpr auto kLoud = Command::Loudness::kLoud;
  constexpr auto kQuiet = Command::Loudness::kQuiet;
  using Mode = Store::Mode;
  switch (opcode) {
    case Opcode::kGet:
      return {Action::kGet, kLoud};
    case Opcode::kGetQ:
      return {Action::kGet, kQuiet};
    case Opcode::kGetK:
      return {Action::kGet, kLoud, {}, true};
    case Opcode::kGetKQ:
      return {Action::kGet, kQuiet, {}, true};
    case Opcode::kSet:
      return {Action::kPut, kLoud, Mode::kSet};
    case Opcode::kSetQ:
      return {Action::kPut, kQuiet, Mode::kSet};
    case Opcode::kAdd:
      return {Action::kPut, kLoud, Mode::kAdd};
    case Opcode::kAddQ:
      return {Action::kPut, kQuiet, Mode::kAdd};
    case Opcode::kReplace:
      return {Action::kPut, kLoud, Mode::kReplace};
    case Opcode::kReplaceQ:
      return {Action::kPut, kQuiet, Mode::kReplace};
    case Opcode::kDelete:
      return {Action::kDelete, kLoud};
    case Opcode::kDeleteQ:
      return {Action::kDelete, kQuiet};
    case Opcode::kNoop:
      return {Action::kNoop, kLoud};
    case Opcode::kVersion:
      return {Action::kVersion, kLoud};
    case Opcode::kQuit:
      return {Action::kQuit, kLoud};
    case Opcode::kQuitQ:
      return {Action::kQuit, kQuiet};
  }
  return {};
}

/// Whether the request has the parts its command asks for, and no others.
bool BinarySession::HasRightLengths(const Command& command) const {
  const auto& request = parser_.Current();
  switch (command.action) {
    case Action::kPut:
      return request.extras.size() == sizeof(StoreExtras) &&
             !request.key.empty();
    case Action::kGet:
    case Action::kDelete:
      return request.extras.empty() && !request.key.empty() &&
             request.value_length == 0;
    case Action::kNoop:
    case Action::kVersion:
    case Action::kQuit:
      return request.header.body_length.Get() == 0;
    case Action::kUnknown:
      return true;
  }
  return false;
}

BinarySession::Progress BinarySession::Answer(ReplyBatch& replies, size_t limit,
                                              Store::Time now) {
  using Result = RequestParser::Result;
  while (replies.Bytes() < limit) {
    switch (parser_.Next()) {
      case Result::kRequest:
        if (Execute(replies, now) == Progress::kEnded) return Progress::kEnded;
        break;
      case Result::kTooLarge:
        RefuseTooLarge(replies, now);
        break;
      case Result::kNeedMore:
        return Progress::kWaiting;
      case Result::kBadMagic:
        return Progress::kEnded;
      case Result::kBadLength:
        Refuse(replies, Status::kUnknownCommand);
        return Progress::kEnded;
      case Result::kBadKey:
        Refuse(replies, Status::kInvalidArguments);
        return Progress::kEnded;
    }
  }
  return Progress::kFull;
}

BinarySession::Progress BinarySession::Execute(ReplyBatch& replies,
                                               Store::Time now) {
  Command command = Decode(parser_.Current().header.opcode);
  if (!HasRightLengths(command)) {
    Refuse(replies, Status::kInvalidArguments);
    return Progress::kEnded;
  }
  switch (command.action) {
    case Action::kGet:
      Get(command, replies, now);
      break;
    case Action::kPut:
      Put(command, replies, now);
      break;
    case Action::kDelete:
      Delete(command, replies, now);
      break;
    case Action::kNoop:
      Reply(replies);
      break;
    case Action::kVersion:
      Reply(replies, kVersion);
      break;
    case Action::kQuit:
      if (!command.Quiet()) Reply(replies);
      return Progress::kEnded;
    case Action::kUnknown:
      Refuse(replies, Status::kUnknownCommand);
      break;
  }
  return Progress::kWaiting;
}

void BinarySession::Get(const Command& command, ReplyBatch& replies,
                        Store::Time now) {
  std::string_view key = parser_.Current().key;
  auto answered_key = key.substr(0, command.answers_key ? key.size() : 0);
  bool hit = store_.Get(key, now, [&](const Item& item) {
    size_t value = item.value_length;
    ResponseHeader header = HeaderFor(Status::kSuccess);
    GetExtras extras{.flags = item.flags};
    header.extras_length = sizeof extras;
    header.key_length.Set(static_cast<uint16_t>(answered_key.size()));
    header.body_length.Set(
        static_cast<uint32_t>(sizeof extras + answered_key.size() + value));
    header.cas.Set(item.cas);
    bool copied = value <= kCopyBelow;
    std::byte* at = replies.Extend(sizeof header + sizeof extras +
                                   answered_key.size() + (copied ? value : 0));
    at = Write(at, &header, sizeof header);
    at = Write(at, &extras, sizeof extras);
    at = Write(at, answered_key.data(), answered_key.size());
    if (copied) {
      item.bytes->CopyOut({at, value}, item.key_length);
    } else {
      auto windows = item.bytes->Clone();
      DropFront(windows, item.key_length);
      replies.AppendShared(std::move(windows));
    }
  });
  if (hit || command.Quiet()) return;
  if (!command.answers_key) return Refuse(replies, Status::kNotFound);
  // memcached puts the key where the other errors have their text.
  ResponseHeader header = HeaderFor(Status::kNotFound);
  header.key_length.Set(static_cast<uint16_t>(key.size()));
  WriteAnswer(replies, header, key);
}

void BinarySession::Put(const Command& command, ReplyBatch& replies,
                        Store::Time now) {
  Store::Stored stored = Insert(command, now);
  if (stored.outcome != Store::Outcome::kDone) {
    Refuse(replies, ToStatus(stored.outcome));
  } else if (!command.Quiet()) {
    Reply(replies, {}, stored.cas);
  }
}

Store::Stored BinarySession::Insert(const Command& command, Store::Time now) {
  const auto& request = parser_.Current();
  StoreExtras extras;
  std::memcpy(&extras, request.extras.data(), sizeof extras);
  Store::Put put{
      .mode = command.mode,
      .bytes = nullptr,
      .key_length = static_cast<uint16_t>(request.key.size()),
      .flags = extras.flags.Get(),
      .deadline = Store::Deadline(extras.expiration.Get(), now),
      .cas = request.header.cas.Get(),
  };
  try {
    put.bytes = parser_.TakeKeyAndValue();
  } catch (const std::bad_alloc&) {
    // As for a value that is too large: better no item than the old one.
    if (put.mode == Store::Mode::kSet) store_.Delete(request.key, 0, now);
    return {Store::Outcome::kOutOfMemory, 0};
  }
  return store_.Insert(std::move(put), now);
}

void BinarySession::Delete(const Command& command, ReplyBatch& replies,
                           Store::Time now) {
  const auto& request = parser_.Current();
  auto outcome = store_.Delete(request.key, request.header.cas.Get(), now);
  if (outcome != Store::Outcome::kDone) {
    Refuse(replies, ToStatus(outcome));
  } else if (!command.Quiet()) {
    Reply(replies);
  }
}

/// The value is being swallowed. A Set also ends what the key held, so that
/// nobody reads what its owner meant to replace; so does memcached.
void BinarySession::RefuseTooLarge(ReplyBatch& replies, Store::Time now) {
  const auto& request = parser_.Current();
  Command command = Decode(request.header.opcode);
  if (command.action != Action::kPut) {
    return Refuse(replies, command.action == Action::kUnknown
                               ? Status::kUnknownCommand
                               : Status::kInvalidArguments);
  }
  if (command.mode == Store::Mode::kSet) store_.Delete(request.key, 0, now);
  Refuse(replies, Status::kTooLarge);
}

ResponseHeader BinarySession::HeaderFor(Status status) const {
  const RequestHeader& request = parser_.Current().header;
  return {.opcode = request.opcode,
          .key_length = {},
          .status = static_cast<uint16_t>(status),
          .body_length = {},
          .opaque = request.opaque,
          .cas = {}};
}

void BinarySession::Reply(ReplyBatch& replies, std::string_view text,
                          uint64_t cas) {
  ResponseHeader header = HeaderFor(Status::kSuccess);
  header.cas.Set(cas);
  WriteAnswer(replies, header, text);
}

void BinarySession::Refuse(ReplyBatch& replies, Status status) {
  WriteAnswer(replies, HeaderFor(status), ErrorText(status));
}

}  // namespace ebbrt::memcached
