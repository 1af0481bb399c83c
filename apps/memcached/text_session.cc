#include "apps/memcached/text_session.h"

#include <limits>
#include <utility>

#include "apps/memcached/line.h"
#include "apps/memcached/number.h"
#include "apps/memcached/statistics.h"

namespace ebbrt::memcached {
namespace {

/// A command whose line has not ended by then is no command, unless it is a get
/// of many keys: of those, more than kLongestGet is too much.
constexpr size_t kLongestLine = 2048;
constexpr size_t kLongestGet = 1 << 20;

constexpr std::string_view kBadFormat = "CLIENT_ERROR bad command line format";
constexpr std::string_view kBadExpiration =
    "CLIENT_ERROR invalid exptime argument";
constexpr std::string_view kTooLarge =
    "SERVER_ERROR object too large for cache";
constexpr std::string_view kNoMemory =
    "SERVER_ERROR out of memory storing object";

/// memcached reads lengths as int and adds the line's end.
constexpr int64_t kLongestValue = std::numeric_limits<int32_t>::max() - 2;
constexpr size_t kLineEnd = 2;

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
      return "CLIENT_ERROR cannot increment or decrement non-numeric value";
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
    if (end == Input::kNone) return WithoutLine();
    auto line = input_.Front(end + 1);
    Context context{replies, limit, now, line.substr(0, end), line.size()};
    if (context.line.ends_with('\r')) context.line.remove_suffix(1);
    // As memcached, for which it ends a string.
    context.line = context.line.substr(0, context.line.find('\0'));
    Step step = retrieval_ ? Retrieve(context, context.line) : Execute(context);
    switch (step) {
      case Step::kNext:
      case Step::kFull:
        break;
      case Step::kNeedMore:
        return Progress::kWaiting;
      case Step::kEnd:
        return Progress::kEnded;
    }
  }
  return Progress::kFull;
}

/// No line has ended yet.
Session::Progress TextSession::WithoutLine() const {
  size_t size = input_.Size();
  if (size <= kLongestLine) return Progress::kWaiting;
  auto start = input_.Peek(kLongestLine);
  auto command = Words::TakeWord(start);
  bool get = command == "get" || command == "gets";
  return get && size <= kLongestGet ? Progress::kWaiting : Progress::kEnded;
}

TextSession::Step TextSession::SayError(Context& context,
                                        std::string_view text) {
  std::byte* at = context.replies.Extend(text.size() + kLineEnd);
  std::memcpy(at, text.data(), text.size());
  std::memcpy(at + text.size(), "\r\n", kLineEnd);
  return Step::kNext;
}

TextSession::Step TextSession::Say(Context& context, std::string_view text) {
  return context.noreply ? Step::kNext : SayError(context, text);
}

TextSession::Step TextSession::Execute(Context& context) {
  context.words = Words(context.line);
  const Words& words = context.words;
  Step step = Step::kNext;
  if (words.Size() == 0 || words[0].size() < 2) {
    step = SayError(context, "ERROR");
  } else if (words[0][0] == 'm' && words[0].size() == 2) {
    step = Meta(context, words[0][1]);
  } else if (words[0] == "get" || words[0] == "bget") {
    return Get(context, false, false);
  } else if (words[0] == "gets") {
    return Get(context, true, false);
  } else if (words[0] == "set") {
    step = StoreValue(context, Store::Mode::kSet);
  } else {
    step = ExecuteOther(context);
  }
  // What reads a value has consumed the line with it.
  if (step == Step::kNext) input_.Skip(std::exchange(context.line_size, 0));
  return step;
}

TextSession::Step TextSession::ExecuteOther(Context& context) {
  using Mode = Store::Mode;
  using Direction = Store::Delta::Direction;
  std::string_view command = context.words[0];
  if (command == "add") return StoreValue(context, Mode::kAdd);
  if (command == "replace") return StoreValue(context, Mode::kReplace);
  if (command == "append") return StoreValue(context, Mode::kAppend);
  if (command == "prepend") return StoreValue(context, Mode::kPrepend);
  if (command == "cas") return StoreValue(context, Mode::kCas);
  if (command == "gat") return Get(context, false, true);
  if (command == "gats") return Get(context, true, true);
  if (command == "delete") return Delete(context);
  if (command == "incr") return Arithmetic(context, Direction::kUp);
  if (command == "decr") return Arithmetic(context, Direction::kDown);
  if (command == "touch") return Touch(context);
  if (command == "stats") return Stats(context);
  if (command == "flush_all") return FlushAll(context);
  if (command == "verbosity") return Verbosity(context);
  if (command == "cache_memlimit") return MemoryLimit(context);
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
  if (context.words.Last().starts_with("HTTP/")) return Step::kEnd;
  return SayError(context, "ERROR");
}

// --- retrieval ---------------------------------------------------------------

TextSession::Step TextSession::Get(Context& context, bool with_cas,
                                   bool touches) {
  const Words& words = context.words;
  auto refuse = [&](std::string_view text) {
    SayError(context, text);
    input_.Skip(std::exchange(context.line_size, 0));
    return Step::kNext;
  };
  if (words.Size() < 2) return refuse("ERROR");
  Retrieval retrieval{.with_cas = with_cas};
  auto keys = context.line;
  Words::TakeWord(keys);
  if (touches) {
    auto expiration = ParseSigned(Words::TakeWord(keys));
    if (!expiration) return refuse(kBadExpiration);
    retrieval.deadline = Store::Deadline(*expiration, context.now);
  }
  // Before the first one is answered.
  if (keys.size() > kMaxKeyLength) {
    for (auto rest = keys; !rest.empty();) {
      if (Words::TakeWord(rest).size() > kMaxKeyLength) {
        return refuse(kBadFormat);
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
      input_.Skip(static_cast<size_t>(keys.data() - context.line.data()));
      return Step::kFull;
    }
  }
  retrieval_.reset();
  context.replies.Append("END\r\n");
  input_.Skip(std::exchange(context.line_size, 0));
  return Step::kNext;
}

void TextSession::RetrieveOne(Context& context, std::string_view key) {
  const auto& deadline = retrieval_->deadline;
  auto access = deadline ? Store::Access::kTouch : Store::Access::kGet;
  store().Visit(key, context.now, access, [&](Item& item) {
    if (deadline) item.deadline = *deadline;
    Line line("VALUE ");
    line.Add(key).Add(' ').AddNumber(item.flags);
    line.Add(' ').AddNumber(item.ValueLength());
    if (retrieval_->with_cas) line.Add(' ').AddNumber(item.cas);
    line.Add("\r\n");
    context.replies.Append(line.View());
    AppendValue(context.replies, item);
    context.replies.Append("\r\n");
  });
}

// --- storage -----------------------------------------------------------------

TextSession::Step TextSession::StoreValue(Context& context, Store::Mode mode) {
  const Words& words = context.words;
  // set KEY FLAGS EXPTIME LENGTH [CAS] [noreply]
  size_t least = mode == Store::Mode::kCas ? 6 : 5;
  if (words.Size() != least && words.Size() != least + 1) {
    return SayError(context, "ERROR");
  }
  context.noreply = words.Last() == "noreply";
  auto flags = ParseUnsigned(words[2], std::numeric_limits<uint32_t>::max());
  auto expiration = ParseSigned(words[3]);
  auto length = ParseSigned(words[4]);
  auto cas = least == 6 ? ParseUnsigned(words[5]) : 0;
  if (words[1].size() > kMaxKeyLength || !flags || !expiration || !length ||
      !cas || *length < 0 || *length > kLongestValue) {
    return Say(context, kBadFormat);
  }
  Item::Pointer item;
  Step step = TakeItem(context,
                       {.mode = mode,
                        .key = words[1],
                        .flags = static_cast<uint32_t>(*flags),
                        .deadline = Store::Deadline(*expiration, context.now),
                        .length = static_cast<uint64_t>(*length)},
                       item);
  if (item == nullptr) return step;
  auto result = store().Insert(
      {.item = std::move(item), .mode = mode, .cas = *cas}, context.now);
  return Say(context, Text(result.outcome));
}

TextSession::Step TextSession::TakeItem(Context& context,
                                        const Storage& storage,
                                        Item::Pointer& item) {
  uint64_t value_end = context.line_size + storage.length;
  uint64_t end = value_end + kLineEnd;
  auto refuse = [&](std::string_view text) {
    // Better no item than one that its owner meant to replace.
    if (storage.mode == Store::Mode::kSet) {
      store().Delete(storage.key, 0, context.now);
    }
    Say(context, text);
    context.line_size = 0;
    input_.Skip(end);
    return Step::kNext;
  };
  if (storage.length > store().ValueLimit()) {
    store().CountTooLarge();
    return refuse(kTooLarge);
  }
  if (input_.Size() < end) {
    needed_ = end;
    return Step::kNeedMore;
  }
  if (!input_.HasLineEndAt(value_end)) {
    Say(context, "CLIENT_ERROR bad data chunk");
    context.line_size = 0;
    input_.Skip(end);
    return Step::kNext;
  }
  Item::Pointer made;
  try {
    WithMemory(storage.length, context.now, [&] {
      made = Item::Make(storage.key, storage.length);
      input_.MoveValueTo(*made, context.line_size);
    });
  } catch (const std::bad_alloc&) {
    store().CountNoMemory();
    return refuse(kNoMemory);
  }
  context.line_size = 0;
  input_.Skip(kLineEnd);
  made->flags = storage.flags;
  made->deadline = storage.deadline;
  item = std::move(made);
  return Step::kNext;
}

// --- other commands ----------------------------------------------------------

TextSession::Step TextSession::Delete(Context& context) {
  const Words& words = context.words;
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
  auto outcome = store().Delete(words[1], 0, context.now);
  return Say(context,
             outcome == Store::Outcome::kDone ? "DELETED" : "NOT_FOUND");
}

TextSession::Step TextSession::Arithmetic(Context& context,
                                          Store::Delta::Direction direction) {
  const Words& words = context.words;
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
  return Say(context, outcome == Store::Outcome::kOutOfMemory
                          ? "SERVER_ERROR out of memory"
                          : Text(outcome));
}

TextSession::Step TextSession::Touch(Context& context) {
  const Words& words = context.words;
  if (words.Size() != 3 && words.Size() != 4) return SayError(context, "ERROR");
  context.noreply = words.Last() == "noreply";
  if (words[1].size() > kMaxKeyLength) return Say(context, kBadFormat);
  auto expiration = ParseSigned(words[2]);
  if (!expiration) return Say(context, kBadExpiration);
  auto deadline = Store::Deadline(*expiration, context.now);
  bool found = store().Visit(words[1], context.now, Store::Access::kTouch,
                             [&](Item& item) { item.deadline = deadline; });
  return Say(context, found ? "TOUCHED" : "NOT_FOUND");
}

TextSession::Step TextSession::FlushAll(Context& context) {
  const Words& words = context.words;
  if (words.Size() > 3) return SayError(context, "ERROR");
  context.noreply = words.Last() == "noreply";
  auto when = context.now;
  if (words.Size() != (context.noreply ? 2 : 1)) {
    auto delay = ParseSigned(words[1]);
    if (!delay) return Say(context, kBadExpiration);
    if (*delay > 0) when = Store::Deadline(*delay, context.now);
  }
  store().Flush(when, context.now);
  return Say(context, "OK");
}

TextSession::Step TextSession::Verbosity(Context& context) {
  const Words& words = context.words;
  if (words.Size() != 2 && words.Size() != 3) return SayError(context, "ERROR");
  context.noreply = words.Last() == "noreply";
  auto level = ParseUnsigned(words[1], std::numeric_limits<uint32_t>::max());
  if (!level) return Say(context, kBadFormat);
  service_.settings.verbosity = static_cast<uint32_t>(*level);
  return Say(context, "OK");
}

TextSession::Step TextSession::MemoryLimit(Context& context) {
  const Words& words = context.words;
  if (words.Size() != 2 && words.Size() != 3) return SayError(context, "ERROR");
  context.noreply = words.Last() == "noreply";
  auto mebibytes =
      ParseUnsigned(words[1], std::numeric_limits<uint32_t>::max());
  if (!mebibytes) return Say(context, "ERROR");
  if (*mebibytes < 8) {
    return Say(context,
               "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m");
  }
  // A machine's memory is what it is.
  if (*mebibytes << 20 > service_.settings.memory_limit) {
    return Say(context,
               "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust");
  }
  store().SetMemoryLimit(*mebibytes << 20);
  return Say(context, "OK");
}

TextSession::Step TextSession::Stats(Context& context) {
  const Words& words = context.words;
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
