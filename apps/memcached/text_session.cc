#include "apps/memcached/text_session.h"

#include <cstring>
#include <limits>
#include <utility>

#include "apps/memcached/line.h"
#include "apps/memcached/number.h"
#include "apps/memcached/statistics.h"
#include "apps/memcached/text_protocol.h"

namespace ebbrt::memcached {
namespace {

/// A command whose line has not ended by then is no command, unless it is a get
/// of many keys: of those, more than kLongestGet is too much.
constexpr size_t kLongestLine = 2048;
constexpr size_t kLongestGet = 1 << 20;

constexpr std::string_view kBadExpiration =
    "CLIENT_ERROR invalid exptime argument";

std::string_view Text(Store::Outcome outcome) {
  switch (outcome) {
    case Store::Outcome::kDone:
      return "STORED";
    case Store::Outcome::kNotFound:
      return "NOT_FOUND";
    case Store::Outcome::kExists:
      return "EXISTS";
    case Store::Outcome::kNotStored:
      return "NOT_STORED";
    case Store::Outcome::kOutOfMemory:
      return kNoMemory;
    case Store::Outcome::kNotNumeric:
      return kNotNumeric;
  }
  return "ERROR";
}

}  // namespace

Session::Progress TextSession::Answer(ReplyBatch& replies, size_t limit,
                                      Store::Time now) {
  while (replies.Bytes() < limit) {
    if (input_.Size() < needed_) return Progress::kWaiting;
    needed_ = 0;
    size_t end = input_.FindLineFeed();
    if (end == Input::kNone) return WithoutLine(now);
    GiveBack();
    auto line = input_.Front(end + 1);
    Context context{replies, limit, now, line.substr(0, end), line.size()};
    if (context.line.ends_with('\r')) context.line.remove_suffix(1);
    // As memcached, for which it ends a string.
    context.line = context.line.substr(0, context.line.find('\0'));
    Step step = retrieval_ ? Retrieve(context, context.line) : Execute(context);
    if (step == Step::kNeedMore) return Progress::kWaiting;
    if (step == Step::kEnd) return Progress::kEnded;
    input_.Skip(context.size);
  }
  return Progress::kFull;
}

/// No line has ended yet.
Session::Progress TextSession::WithoutLine(Store::Time now) {
  size_t size = input_.Size();
  if (size <= kLongestLine) return Progress::kWaiting;
  auto start = input_.Front(kLongestLine);
  auto command = Words::TakeWord(start);
  bool get = command == "get" || command == "gets";
  return get && size <= kLongestGet && SetAside(size, now) ? Progress::kWaiting
                                                           : Progress::kEnded;
}

TextSession::Step TextSession::SayError(Context& context,
                                        std::string_view text) {
  std::byte* at = context.replies.Extend(text.size() + kLineEnd.size());
  std::memcpy(at, text.data(), text.size());
  std::memcpy(at + text.size(), kLineEnd.data(), kLineEnd.size());
  return Step::kNext;
}

TextSession::Step TextSession::Say(Context& context, std::string_view text) {
  return context.noreply ? Step::kNext : SayError(context, text);
}

TextSession::Step TextSession::Execute(Context& context) {
  auto rest = context.line;
  auto command = Words::TakeWord(rest);
  if (command == "get" || command == "bget") {
    return Get(context, rest, false, false);
  }
  if (command == "gets") return Get(context, rest, true, false);
  if (command == "gat") return Get(context, rest, false, true);
  if (command == "gats") return Get(context, rest, true, true);
  if (command.size() < 2) return SayError(context, "ERROR");
  Words words(context.line);
  if (command[0] == 'm' && command.size() == 2) {
    return Meta(context, words, command[1]);
  }
  return ExecuteOther(context, words);
}

TextSession::Step TextSession::ExecuteOther(Context& context,
                                            const Words& words) {
  using Mode = Store::Mode;
  using Direction = Store::Delta::Direction;
  auto command = words[0];
  if (command == "set") return StoreValue(context, words, Mode::kSet);
  if (command == "add") return StoreValue(context, words, Mode::kAdd);
  if (command == "replace") return StoreValue(context, words, Mode::kReplace);
  if (command == "append") return StoreValue(context, words, Mode::kAppend);
  if (command == "prepend") return StoreValue(context, words, Mode::kPrepend);
  if (command == "cas") return StoreValue(context, words, Mode::kCas);
  if (command == "delete") return Delete(context, words);
  if (command == "incr") return Arithmetic(context, words, Direction::kUp);
  if (command == "decr") return Arithmetic(context, words, Direction::kDown);
  if (command == "touch") return Touch(context, words);
  if (command == "stats") return Stats(context, words);
  if (command == "flush_all") return FlushAll(context, words);
  if (command == "verbosity") return Verbosity(context, words);
  if (command == "cache_memlimit") return MemoryLimit(context, words);
  if (command == "version") {
    return SayError(context, Line("VERSION ").Add(kVersion).View());
  }
  if (command == "quit") return Step::kEnd;
  if (command == "shutdown") {
    return SayError(context, "ERROR: shutdown not enabled");
  }
  if (command == "watch") {
    return SayError(context, "CLIENT_ERROR watch commands not allowed");
  }
  if (words.Last().starts_with("HTTP/")) return Step::kEnd;
  return SayError(context, "ERROR");
}

// --- retrieval ---------------------------------------------------------------

TextSession::Step TextSession::Get(Context& context, std::string_view keys,
                                   bool with_cas, bool touches) {
  Retrieval retrieval{.with_cas = with_cas};
  if (keys.find_first_not_of(' ') == keys.npos) {
    return SayError(context, "ERROR");
  }
  if (touches) {
    auto expiration = ParseSigned(Words::TakeWord(keys));
    if (!expiration) return SayError(context, kBadExpiration);
    retrieval.deadline = Store::Deadline(*expiration, context.now);
  }
  // Before the first one is answered.
  if (keys.size() > kMaxKeyLength) {
    for (auto rest = keys; !rest.empty();) {
      if (Words::TakeWord(rest).size() > kMaxKeyLength) {
        return SayError(context, kBadFormat);
      }
    }
  }
  retrieval_ = retrieval;
  return Retrieve(context, keys);
}

/// Answers the keys as far as the batch has room; the others, with the end of
/// the line, stay in the input.
TextSession::Step TextSession::Retrieve(Context& context,
                                        std::string_view keys) {
  for (;;) {
    auto key = Words::TakeWord(keys);
    if (key.empty()) break;
    RetrieveOne(context, key);
    if (context.replies.Bytes() >= context.limit) {
      context.size = static_cast<size_t>(keys.data() - context.line.data());
      return Step::kNext;
    }
  }
  retrieval_.reset();
  context.replies.Append("END\r\n");
  return Step::kNext;
}

void TextSession::RetrieveOne(Context& context, std::string_view key) {
  auto answer = [&](const Item& item) {
    Line line("VALUE ");
    line.Add(key).Add(' ').AddNumber(item.flags);
    line.Add(' ').AddNumber(item.ValueLength());
    if (retrieval_->with_cas) line.Add(' ').AddNumber(item.cas);
    line.Add(kLineEnd);
    context.replies.Append(line.View());
    AppendValue(context.replies, item);
    context.replies.Append(kLineEnd);
  };
  const auto& deadline = retrieval_->deadline;
  if (!deadline) {
    store().Visit(key, context.now, Store::kGet, answer);
    return;
  }
  store().Change(key, context.now, Store::kTouch, [&](Item& item) {
    item.deadline = *deadline;
    answer(item);
  });
}

// --- storage -----------------------------------------------------------------

TextSession::Step TextSession::StoreValue(Context& context, const Words& words,
                                          Store::Mode mode) {
  // set KEY FLAGS EXPTIME LENGTH [CAS] [noreply]
  size_t least = mode == Store::Mode::kCas ? 6 : 5;
  if (words.Size() != least && words.Size() != least + 1) {
    return SayError(context, "ERROR");
  }
  context.noreply = words.Last() == "noreply";
  auto flags = ParseUnsigned(words[2], std::numeric_limits<uint32_t>::max());
  auto expiration = ParseSigned(words[3]);
  auto length = ParseLength(words[4]);
  auto cas = least == 6 ? ParseUnsigned(words[5]) : 0;
  if (words[1].size() > kMaxKeyLength || !flags || !expiration || !length ||
      !cas) {
    return Say(context, kBadFormat);
  }
  auto taken =
      TakeItem(context, {.mode = mode,
                         .key = words[1],
                         .flags = static_cast<uint32_t>(*flags),
                         .deadline = Store::Deadline(*expiration, context.now),
                         .length = *length,
                         .refusal_unlinks = mode == Store::Mode::kSet});
  if (taken.item == nullptr) return taken.step;
  auto result = store().Insert(
      {.item = std::move(taken.item), .mode = mode, .cas = *cas}, context.now);
  return Say(context, Text(result.outcome));
}

TextSession::Taken TextSession::TakeItem(Context& context,
                                         const Storage& storage) {
  using Refusal = Store::Refusal;
  size_t line_size = context.size;
  uint64_t value_end = line_size + storage.length;
  uint64_t end = value_end + kLineEnd.size();
  auto refuse = [&](Refusal why) {
    store().Refuse(storage.key, storage.refusal_unlinks, why, context.now);
    Say(context, why == Refusal::kTooLarge ? kTooLarge : kNoMemory);
    return Taken{};
  };
  context.size = end;
  if (storage.length > store().ValueLimit()) return refuse(Refusal::kTooLarge);
  if (input_.Size() < end) {
    if (!SetAside(storage.length, context.now)) {
      return refuse(Refusal::kNoMemory);
    }
    needed_ = end;
    return {.item = nullptr, .step = Step::kNeedMore};
  }
  if (!input_.HasLineEndAt(value_end)) {
    Say(context, "CLIENT_ERROR bad data chunk");
    return {};
  }
  Item::Pointer item;
  try {
    WithMemory(storage.length, context.now, [&] {
      item = Item::Make(storage.key, storage.length);
      input_.MoveValueTo(*item, line_size);
    });
  } catch (const std::bad_alloc&) {
    return refuse(Refusal::kNoMemory);
  }
  context.size = kLineEnd.size();
  item->flags = storage.flags;
  item->deadline = storage.deadline;
  return {.item = std::move(item)};
}

// --- other commands ----------------------------------------------------------

TextSession::Step TextSession::Delete(Context& context, const Words& words) {
  if (words.Size() < 2 || words.Size() > 4) return SayError(context, "ERROR");
  if (words.Size() > 2) {
    // Once there was a time to wait before it; 0 is still taken.
    bool zero = words[2] == "0";
    context.noreply = words.Last() == "noreply";
    bool valid =
        words.Size() == 3 ? zero || context.noreply : zero && context.noreply;
    if (!valid) {
      return Say(context,
                 "CLIENT_ERROR bad command line format.  "
                 "Usage: delete <key> [noreply]");
    }
  }
  if (words[1].size() > kMaxKeyLength) return Say(context, kBadFormat);
  auto outcome = store().Delete(words[1], {}, context.now);
  return Say(context,
             outcome == Store::Outcome::kDone ? "DELETED" : "NOT_FOUND");
}

TextSession::Step TextSession::Arithmetic(Context& context, const Words& words,
                                          Store::Delta::Direction direction) {
  if (words.Size() != 3 && words.Size() != 4) return SayError(context, "ERROR");
  context.noreply = words.Last() == "noreply";
  if (words[1].size() > kMaxKeyLength) return Say(context, kBadFormat);
  auto amount = ParseUnsigned(words[2]);
  if (!amount) {
    return Say(context, "CLIENT_ERROR invalid numeric delta argument");
  }
  Line line;
  auto outcome = store().Add(
      words[1], {.direction = direction, .amount = *amount}, context.now,
      [&](Item&, uint64_t sum) { line.AddNumber(sum); });
  if (outcome == Store::Outcome::kDone) return Say(context, line.View());
  return Say(context, outcome == Store::Outcome::kOutOfMemory ? kNoMemoryToCount
                                                              : Text(outcome));
}

TextSession::Step TextSession::Touch(Context& context, const Words& words) {
  if (words.Size() != 3 && words.Size() != 4) return SayError(context, "ERROR");
  context.noreply = words.Last() == "noreply";
  if (words[1].size() > kMaxKeyLength) return Say(context, kBadFormat);
  auto expiration = ParseSigned(words[2]);
  if (!expiration) return Say(context, kBadExpiration);
  auto deadline = Store::Deadline(*expiration, context.now);
  bool found = store().Change(words[1], context.now, Store::kTouch,
                              [&](Item& item) { item.deadline = deadline; });
  return Say(context, found ? "TOUCHED" : "NOT_FOUND");
}

TextSession::Step TextSession::FlushAll(Context& context, const Words& words) {
  if (words.Size() > 3) return SayError(context, "ERROR");
  context.noreply = words.Last() == "noreply";
  auto when = context.now;
  if (words.Size() != (context.noreply ? 2 : 1)) {
    auto delay = ParseSigned(words[1]);
    if (!delay) return Say(context, kBadExpiration);
    if (*delay > 0) when = Store::FlushTime(*delay, context.now);
  }
  store().Flush(when, context.now);
  return Say(context, "OK");
}

TextSession::Step TextSession::Verbosity(Context& context, const Words& words) {
  if (words.Size() != 2 && words.Size() != 3) return SayError(context, "ERROR");
  context.noreply = words.Last() == "noreply";
  auto level = ParseUnsigned(words[1], std::numeric_limits<uint32_t>::max());
  if (!level) return Say(context, kBadFormat);
  service_.settings.verbosity = static_cast<uint32_t>(*level);
  return Say(context, "OK");
}

TextSession::Step TextSession::MemoryLimit(Context& context,
                                           const Words& words) {
  if (words.Size() != 2 && words.Size() != 3) return SayError(context, "ERROR");
  context.noreply = words.Last() == "noreply";
  auto mebibytes =
      ParseUnsigned(words[1], std::numeric_limits<uint32_t>::max());
  if (!mebibytes) return Say(context, "ERROR");
  if (*mebibytes < 8) {
    return Say(context,
               "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m");
  }
  if (*mebibytes > 1'000'000'000) {
    return Say(context,
               "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes");
  }
  // A machine's memory is what it is.
  const uint64_t bytes = *mebibytes << 20;
  if (bytes > service_.settings.memory_limit || bytes < store().LeastMemory()) {
    return Say(context,
               "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust");
  }
  store().SetMemoryLimit(bytes);
  return Say(context, "OK");
}

TextSession::Step TextSession::Stats(Context& context, const Words& words) {
  std::string_view section = words.Size() > 1 ? words[1] : std::string_view();
  if (section == "reset") {
    ResetStatistics(service_);
    return SayError(context, "RESET");
  }
  if (section == "cachedump") {
    return SayError(context, "CLIENT_ERROR stats cachedump not allowed");
  }
  auto statistics = ReadStatistics(service_, section, context.now);
  if (!statistics) return SayError(context, "ERROR");
  for (const auto& [name, value] : *statistics) {
    SayError(context, "STAT " + name + " " + value);
  }
  return SayError(context, "END");
}

}  // namespace ebbrt::memcached
