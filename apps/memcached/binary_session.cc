#include "apps/memcached/binary_session.h"

#include <cstring>
#include <new>
#include <utility>

#include "apps/memcached/line.h"
#include "apps/memcached/statistics.h"

namespace ebbrt::memcached {
namespace {

using Mode = Store::Mode;
using Outcome = Store::Outcome;

enum class Action {
  kUnknown,
  kGet,
  kTouch,  ///< and get
  kPut,
  kExtend,  ///< append or prepend
  kDelete,
  kAdd,
  kFlush,
  kStat,
  kNoop,
  kVersion,
  kQuit,
};

/// Writes `bytes` at `at`; the place behind them.
std::byte* Write(std::byte* at, const void* bytes, size_t n) {
  if (n > 0) std::memcpy(at, bytes, n);
  return at + n;
}

/// Puts an answer with one or two parts behind its header into the batch.
void WriteAnswer(ReplyBatch& replies, ResponseHeader header,
                 std::string_view first, std::string_view second = {}) {
  header.body_length.Set(static_cast<uint32_t>(first.size() + second.size()));
  std::byte* at = replies.Extend(sizeof header + first.size() + second.size());
  at = Write(at, &header, sizeof header);
  Write(Write(at, first.data(), first.size()), second.data(), second.size());
}

}  // namespace

/// What an opcode asks for.
struct BinarySession::Command {
  enum class Loudness { kLoud, kQuiet };

  Action action = Action::kUnknown;
  Loudness loudness = Loudness::kLoud;
  Mode mode = Mode::kSet;
  bool answers_key = false;  ///< the answer holds the key
  bool answers_value = true;
  Store::Delta::Direction direction = Store::Delta::Direction::kUp;

  bool Quiet() const { return loudness == Loudness::kQuiet; }

  Status ToStatus(Outcome outcome) const {
    switch (outcome) {
      case Outcome::kDone:
        return Status::kSuccess;
      case Outcome::kNotFound:
        return Status::kNotFound;
      case Outcome::kExists:
        return Status::kExists;
      case Outcome::kNotStored:
        return mode == Mode::kAdd       ? Status::kExists
               : mode == Mode::kReplace ? Status::kNotFound
                                        : Status::kNotStored;
      case Outcome::kOutOfMemory:
        return Status::kOutOfMemory;
      case Outcome::kNotNumeric:
        return Status::kNotNumeric;
    }
    return Status::kOutOfMemory;
  }
};

BinarySession::Command BinarySession::Decode(Opcode opcode) {
  constexpr auto kLoud = Command::Loudness::kLoud;
  constexpr auto kQuiet = Command::Loudness::kQuiet;
  constexpr auto kUp = Store::Delta::Direction::kUp;
  constexpr auto kDown = Store::Delta::Direction::kDown;
  auto delta = [](Command::Loudness loudness,
                  Store::Delta::Direction direction) {
    return Command{
        .action = Action::kAdd, .loudness = loudness, .direction = direction};
  };
  switch (opcode) {
    case Opcode::kGet:
      return {Action::kGet, kLoud};
    case Opcode::kGetQ:
      return {Action::kGet, kQuiet};
    case Opcode::kGetK:
      return {Action::kGet, kLoud, {}, true};
    case Opcode::kGetKQ:
      return {Action::kGet, kQuiet, {}, true};
    case Opcode::kGat:
      return {Action::kTouch, kLoud};
    case Opcode::kGatQ:
      return {Action::kTouch, kQuiet};
    case Opcode::kGatK:
      return {Action::kTouch, kLoud, {}, true};
    case Opcode::kGatKQ:
      return {Action::kTouch, kQuiet, {}, true};
    case Opcode::kTouch:
      return {Action::kTouch, kLoud, {}, false, false};
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
    case Opcode::kAppend:
      return {Action::kExtend, kLoud, Mode::kAppend};
    case Opcode::kAppendQ:
      return {Action::kExtend, kQuiet, Mode::kAppend};
    case Opcode::kPrepend:
      return {Action::kExtend, kLoud, Mode::kPrepend};
    case Opcode::kPrependQ:
      return {Action::kExtend, kQuiet, Mode::kPrepend};
    case Opcode::kDelete:
      return {Action::kDelete, kLoud};
    case Opcode::kDeleteQ:
      return {Action::kDelete, kQuiet};
    case Opcode::kIncrement:
      return delta(kLoud, kUp);
    case Opcode::kIncrementQ:
      return delta(kQuiet, kUp);
    case Opcode::kDecrement:
      return delta(kLoud, kDown);
    case Opcode::kDecrementQ:
      return delta(kQuiet, kDown);
    case Opcode::kFlush:
      return {Action::kFlush, kLoud};
    case Opcode::kFlushQ:
      return {Action::kFlush, kQuiet};
    case Opcode::kStat:
      return {Action::kStat, kLoud};
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
  size_t extras = request.extras.size();
  bool key = !request.key.empty();
  bool value = request.value_length > 0;
  switch (command.action) {
    case Action::kPut:
      return extras == sizeof(StoreExtras) && key;
    case Action::kExtend:
      return extras == 0 && key;
    case Action::kGet:
    case Action::kDelete:
      return extras == 0 && key && !value;
    case Action::kTouch:
      return extras == sizeof(ExpirationExtras) && key;
    case Action::kAdd:
      return extras == sizeof(DeltaExtras) && key && !value;
    case Action::kFlush:
      return (extras == 0 || extras == sizeof(ExpirationExtras)) && !key &&
             !value;
    case Action::kStat:
      return extras == 0;
    case Action::kNoop:
    case Action::kVersion:
    case Action::kQuit:
      return request.header.body_length.Get() == 0;
    case Action::kUnknown:
      return true;
  }
  return false;
}

Session::Progress BinarySession::Answer(ReplyBatch& replies, size_t limit,
                                        Store::Time now) {
  using Result = RequestParser::Result;
  while (replies.Bytes() < limit) {
    auto result = parser_.Next(store().ValueLimit());
    // Before its value comes, and whatever that is.
    bool headed = result == Result::kRequest || result == Result::kTooLarge ||
                  result == Result::kNeedValue;
    if (headed && !HasRightLengths(Decode(parser_.Current().header.opcode))) {
      Refuse(replies, Status::kInvalidArguments);
      return Progress::kEnded;
    }
    switch (result) {
      case Result::kRequest:
        GiveBack();
        if (Execute(replies, now) == Progress::kEnded) return Progress::kEnded;
        break;
      case Result::kTooLarge:
        RefuseValue(Store::Refusal::kTooLarge, replies, now);
        break;
      case Result::kNeedMore:
        return Progress::kWaiting;
      case Result::kNeedValue:
        if (SetAside(parser_.Current().value_length, now)) {
          return Progress::kWaiting;
        }
        RefuseValue(Store::Refusal::kNoMemory, replies, now);
        parser_.Drop();
        break;
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

Session::Progress BinarySession::Execute(ReplyBatch& replies, Store::Time now) {
  Command command = Decode(parser_.Current().header.opcode);
  switch (command.action) {
    case Action::kGet:
    case Action::kTouch:
      Get(command, replies, now);
      break;
    case Action::kPut:
    case Action::kExtend:
      Put(command, replies, now);
      break;
    case Action::kDelete:
      Delete(command, replies, now);
      break;
    case Action::kAdd:
      Add(command, replies, now);
      break;
    case Action::kFlush:
      Flush(command, replies, now);
      break;
    case Action::kStat:
      Stat(replies, now);
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

template <typename T>
T BinarySession::Extras() const {
  T extras{};
  auto bytes = parser_.Current().extras;
  std::memcpy(&extras, bytes.data(), std::min(bytes.size(), sizeof extras));
  return extras;
}

void BinarySession::Get(const Command& command, ReplyBatch& replies,
                        Store::Time now) {
  std::string_view key = parser_.Current().key;
  auto answered_key = key.substr(0, command.answers_key ? key.size() : 0);
  bool touches = command.action == Action::kTouch;
  auto answer = [&](const Item& item) {
    size_t value = command.answers_value ? item.ValueLength() : 0;
    ResponseHeader header = HeaderFor(Status::kSuccess);
    GetExtras extras{.flags = item.flags};
    header.extras_length = sizeof extras;
    header.key_length.Set(static_cast<uint16_t>(answered_key.size()));
    header.body_length.Set(
        static_cast<uint32_t>(sizeof extras + answered_key.size() + value));
    header.cas.Set(item.cas);
    bool copied = value > 0 && item.IsInline();
    std::byte* at = replies.Extend(sizeof header + sizeof extras +
                                   answered_key.size() + (copied ? value : 0));
    at = Write(at, &header, sizeof header);
    at = Write(at, &extras, sizeof extras);
    at = Write(at, answered_key.data(), answered_key.size());
    if (copied) {
      Write(at, item.InlineValue().data(), value);
    } else if (value > 0) {
      replies.AppendShared(item.Bytes().Clone());
    }
  };
  bool hit;
  if (touches) {
    auto expiration = Extras<ExpirationExtras>().expiration.Get();
    hit = store().Change(key, now, Store::kTouch, [&](Item& item) {
      item.deadline = Store::Deadline(expiration, now);
      answer(item);
    });
  } else {
    hit = store().Visit(key, now, Store::kGet, answer);
  }
  if (hit || command.Quiet()) return;
  if (!command.answers_key) return Refuse(replies, Status::kNotFound);
  // memcached puts the key where the other errors have their text.
  ResponseHeader header = HeaderFor(Status::kNotFound);
  header.key_length.Set(static_cast<uint16_t>(key.size()));
  WriteAnswer(replies, header, key);
}

void BinarySession::Put(const Command& command, ReplyBatch& replies,
                        Store::Time now) {
  Store::Result stored = Insert(command, now);
  if (stored.outcome != Outcome::kDone) {
    Refuse(replies, command.ToStatus(stored.outcome));
  } else if (!command.Quiet()) {
    Reply(replies, {}, stored.cas);
  }
}

Store::Result BinarySession::Insert(const Command& command, Store::Time now) {
  const auto& request = parser_.Current();
  Store::Put put{
      .item = nullptr, .mode = command.mode, .cas = request.header.cas.Get()};
  // With one, all of them are the text protocol's "cas".
  if (command.action == Action::kPut && put.cas != 0) put.mode = Mode::kCas;
  auto extras = Extras<StoreExtras>();
  try {
    put.item = WithMemory(request.value_length, now,
                          [&] { return parser_.TakeItem(); });
  } catch (const std::bad_alloc&) {
    store().Refuse(request.key, command.mode == Mode::kSet,
                   Store::Refusal::kNoMemory, now);
    return {Outcome::kOutOfMemory};
  }
  put.item->flags = extras.flags.Get();
  put.item->deadline = Store::Deadline(extras.expiration.Get(), now);
  return store().Insert(std::move(put), now);
}

void BinarySession::Delete(const Command& command, ReplyBatch& replies,
                           Store::Time now) {
  const auto& request = parser_.Current();
  uint64_t cas = request.header.cas.Get();
  auto outcome = store().Delete(request.key,
                                cas != 0 ? Store::Cas(cas) : std::nullopt, now);
  if (outcome != Outcome::kDone) {
    Refuse(replies, command.ToStatus(outcome));
  } else if (!command.Quiet()) {
    Reply(replies);
  }
}

void BinarySession::Add(const Command& command, ReplyBatch& replies,
                        Store::Time now) {
  const auto& request = parser_.Current();
  auto extras = Extras<DeltaExtras>();
  bool vivifies = extras.expiration.Get() != kNoInitial;
  Store::Delta delta{.direction = command.direction,
                     .amount = extras.amount.Get(),
                     .cas = request.header.cas.Get(),
                     .vivifies = vivifies};
  uint64_t sum = 0;
  Store::Result result{};
  bool made = false;
  do {
    result.outcome =
        store().Add(request.key, delta, now, [&](Item& item, uint64_t number) {
          sum = number;
          result.cas = item.cas;
        });
    made = result.outcome == Outcome::kNotFound && vivifies;
    if (made) {
      sum = extras.initial.Get();
      auto deadline = Store::Deadline(extras.expiration.Get(), now);
      Line digits;
      auto text = digits.AddNumber(sum).View();
      result =
          Vivify(request.key, text, deadline, now, Store::kPeek, [](Item&) {});
    }
    // Another core's command was between the two.
  } while (made && result.outcome == Outcome::kNotStored);
  if (result.outcome == Outcome::kOutOfMemory) {
    return Refuse(replies, Status::kOutOfMemory,
                  made ? "Out of memory allocating new item"
                       : "Out of memory incrementing value");
  }
  if (result.outcome != Outcome::kDone) {
    return Refuse(replies, result.outcome == Outcome::kNotStored
                               ? Status::kNotStored
                               : command.ToStatus(result.outcome));
  }
  if (command.Quiet()) return;
  BigEndian<uint64_t> number(sum);
  Reply(replies, {reinterpret_cast<const char*>(&number), sizeof number},
        result.cas);
}

void BinarySession::Flush(const Command& command, ReplyBatch& replies,
                          Store::Time now) {
  auto delay = Extras<ExpirationExtras>().expiration.Get();
  store().Flush(delay == 0 ? now : Store::FlushTime(delay, now), now);
  if (!command.Quiet()) Reply(replies);
}

/// An answer for each name and value, then an empty one.
void BinarySession::Stat(ReplyBatch& replies, Store::Time now) {
  std::string_view section = parser_.Current().key;
  if (section == "reset") {
    ResetStatistics(service_);
    return Reply(replies);
  }
  auto statistics = ReadStatistics(service_, section, now);
  if (!statistics) return Refuse(replies, Status::kNotFound);
  for (const auto& [name, value] : *statistics) {
    ResponseHeader header = HeaderFor(Status::kSuccess);
    header.key_length.Set(static_cast<uint16_t>(name.size()));
    WriteAnswer(replies, header, name, value);
  }
  Reply(replies);
}

/// The value is being swallowed.
void BinarySession::RefuseValue(Store::Refusal why, ReplyBatch& replies,
                                Store::Time now) {
  const auto& request = parser_.Current();
  Command command = Decode(request.header.opcode);
  bool stores =
      command.action == Action::kPut || command.action == Action::kExtend;
  if (!stores) return Refuse(replies, Status::kUnknownCommand);
  store().Refuse(request.key, command.mode == Mode::kSet, why, now);
  Refuse(replies, why == Store::Refusal::kTooLarge ? Status::kTooLarge
                                                   : Status::kOutOfMemory);
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
  Refuse(replies, status, ErrorText(status));
}

void BinarySession::Refuse(ReplyBatch& replies, Status status,
                           std::string_view text) {
  WriteAnswer(replies, HeaderFor(status), text);
}

}  // namespace ebbrt::memcached
