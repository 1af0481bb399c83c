// The meta commands: mg, ms, md, ma, mn, me.
#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include "apps/memcached/base64.h"
#include "apps/memcached/line.h"
#include "apps/memcached/number.h"
#include "apps/memcached/text_protocol.h"
#include "apps/memcached/text_session.h"

namespace ebbrt::memcached {
namespace {

using Outcome = Store::Outcome;

constexpr std::string_view kBadToken =
    "CLIENT_ERROR bad token in command line format";
constexpr std::string_view kLongOpaque = "CLIENT_ERROR opaque token too long";
constexpr size_t kMostWords = 19;  // command, key and flags
constexpr size_t kLongestOpaque = 32;
/// The deadline of an item until its first answer, in which N sets it.
constexpr Store::Time kByFlags = Store::Time::max();

}  // namespace

/// The words behind the key: each is a letter, some with an argument.
struct MetaFlags {
  static constexpr size_t kLetters = 128;

  /// Reads `words` from `first` on. What is wrong with them; empty if nothing
  /// is.
  std::string_view Read(const Words& words, size_t first, Store::Time now);
  std::string_view ReadOne(std::string_view word, Store::Time now);

  bool Has(char letter) const { return seen[static_cast<uint8_t>(letter)]; }

  bool seen[kLetters] = {};
  std::string key;                                   ///< decoded
  char mode = 0;                                     ///< M
  Store::Time deadline = Store::Time::max();         ///< T
  Store::Time vivify_deadline = Store::Time::max();  ///< N
  Store::Time recache = Store::Time::min();  ///< R: win if it ends before
  uint32_t client_flags = 0;                 ///< F
  uint64_t cas = 0;                          ///< C
  uint64_t delta = 1;                        ///< D
  uint64_t initial = 0;                      ///< J
};

std::string_view MetaFlags::Read(const Words& words, size_t first,
                                 Store::Time now) {
  key = words[1];
  std::string_view wrong;
  for (size_t i = first; i < words.Size(); ++i) {
    auto letter = static_cast<uint8_t>(words[i][0]);
    if (letter >= kLetters - 1 || seen[letter]) {
      return "CLIENT_ERROR duplicate flag";
    }
    seen[letter] = true;
    auto error = ReadOne(words[i], now);
    if (error == "CLIENT_ERROR invalid flag") return error;
    if (!error.empty()) wrong = error;
  }
  return wrong;
}

std::string_view MetaFlags::ReadOne(std::string_view word, Store::Time now) {
  auto argument = word.substr(1);
  auto read_deadline = [&](Store::Time& into) -> std::string_view {
    auto expiration = ParseSigned(argument);
    if (!expiration) return kBadToken;
    into = Store::Deadline(*expiration, now);
    return {};
  };
  auto read_number = [&](uint64_t& into,
                         std::string_view error) -> std::string_view {
    auto number = ParseUnsigned(argument);
    if (!number) return error;
    into = *number;
    return {};
  };
  switch (word[0]) {
    case 'b': {
      auto decoded = DecodeBase64(key);
      if (!decoded || decoded->empty()) {
        return "CLIENT_ERROR error decoding key";
      }
      key = *decoded;
      return {};
    }
    case 'N':
      return read_deadline(vivify_deadline);
    case 'T':
      return read_deadline(deadline);
    case 'R': {
      auto wrong = read_deadline(recache);
      // "Never" is no time before which an item could end.
      if (recache == Store::Time::max()) recache = Store::Time::min();
      return wrong;
    }
    case 'F': {
      auto number =
          ParseUnsigned(argument, std::numeric_limits<uint32_t>::max());
      if (!number) return kBadFormat;
      client_flags = static_cast<uint32_t>(*number);
      return {};
    }
    case 'C':
      return read_number(cas, kBadToken);
    case 'M':
      if (argument.size() != 1) {
        return "CLIENT_ERROR incorrect length for M token";
      }
      mode = argument[0];
      return {};
    case 'J':
      return read_number(initial, "CLIENT_ERROR invalid numeric initial value");
    case 'D':
      return read_number(delta, "CLIENT_ERROR invalid numeric delta value");
    case 'O':
      return argument.size() >= kLongestOpaque ? kLongOpaque
                                               : std::string_view();
    case 'P':  // for proxies
    case 'L':
    case 'k':
    case 's':
    case 't':
    case 'c':
    case 'f':
    case 'v':
    case 'h':
    case 'l':
    case 'u':
    case 'q':
    case 'I':
      return {};
    default:
      return "CLIENT_ERROR invalid flag";
  }
}

namespace {

void AddKey(Line& line, const std::string& key, bool binary) {
  line.Add(" k").Add(binary ? EncodeBase64(key) : key);
  if (binary) line.Add(" b");
}

/// What a flag asks to be told of the request itself.
void AddEcho(Line& line, std::string_view word, const MetaFlags& flags) {
  if (word[0] == 'O') line.Add(' ').Add(word);
  if (word[0] == 'k') AddKey(line, flags.key, flags.Has('b'));
}

void AddEchoes(Line& line, const Words& words, size_t first,
               const MetaFlags& flags) {
  for (size_t i = first; i < words.Size(); ++i) AddEcho(line, words[i], flags);
}

/// The seconds that are left, begun ones counting.
void AddRemaining(Line& line, Store::Time deadline, Store::Time now) {
  if (deadline == Store::Time::max()) {
    line.Add("-1");
  } else {
    auto left = std::chrono::ceil<std::chrono::seconds>(deadline - now).count();
    line.AddNumber(left < 0 ? 0 : static_cast<uint64_t>(left));
  }
}

/// What a flag asks to be told of the item.
void AddOfItem(Line& line, char letter, const Item& item, Store::Time now) {
  switch (letter) {
    case 's':
      line.Add(" s").AddNumber(item.ValueLength());
      break;
    case 't':
      line.Add(" t");
      AddRemaining(line, item.deadline, now);
      break;
    case 'c':
      line.Add(" c").AddNumber(item.cas);
      break;
    case 'f':
      line.Add(" f").AddNumber(item.flags);
      break;
    case 'l':
      line.Add(" l").AddNumber(item.SecondsAlone(now));
      break;
    case 'h':
      line.Add(" h").Add(item.fetched ? '1' : '0');
      break;
    default:
      break;
  }
}

std::string_view Status(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "HD";
    case Outcome::kNotFound:
      return "NF";
    case Outcome::kExists:
      return "EX";
    case Outcome::kNotStored:
      return "NS";
    case Outcome::kOutOfMemory:
      return kNoMemory;
    case Outcome::kNotNumeric:
      return kNotNumeric;
  }
  return "ERROR";
}

/// What md and ma say of what is wrong with their flags.
std::string_view InFewWords(std::string_view wrong) {
  return wrong == kLongOpaque ? wrong
                              : "CLIENT_ERROR invalid or duplicate flag";
}

std::optional<Store::Mode> SetMode(const MetaFlags& flags) {
  using Mode = Store::Mode;
  bool cas = flags.Has('C');
  switch (flags.mode) {
    case 0:
    case 'S':
      return cas ? Mode::kCas : Mode::kSet;
    case 'R':
      return cas ? Mode::kCas : Mode::kReplace;
    case 'E':
      return Mode::kAdd;
    case 'A':
      return Mode::kAppend;
    case 'P':
      return Mode::kPrepend;
    default:
      return std::nullopt;
  }
}

}  // namespace

TextSession::Step TextSession::Meta(Context& context, const Words& words,
                                    char command) {
  if (command == 'n') return SayError(context, "MN");
  if (std::string_view("gsdae").find(command) == std::string_view::npos) {
    return SayError(context, "ERROR");
  }
  ++service_.counters.Mine().meta_commands;
  if (words.Size() < 2) {
    return SayError(context, command == 'e' ? kBadFormat : "ERROR");
  }
  if (words[1].size() > kMaxKeyLength) return SayError(context, kBadFormat);
  if (words.Size() > kMostWords && command != 'e') {
    return SayError(context, command == 'g'
                                 ? "CLIENT_ERROR options flags are too long"
                                 : "CLIENT_ERROR options flags too long");
  }
  switch (command) {
    case 'g':
      return MetaGet(context, words);
    case 's':
      return MetaSet(context, words);
    case 'd':
      return MetaDelete(context, words);
    case 'a':
      return MetaArithmetic(context, words);
    default:
      return MetaDebug(context, words);
  }
}

TextSession::Step TextSession::MetaGet(Context& context, const Words& words) {
  MetaFlags flags;
  if (auto wrong = flags.Read(words, 2, context.now); !wrong.empty()) {
    return SayError(context, wrong);
  }
  // Counted as memcached does: only a hit is a touch, and who makes the item
  // has hit it.
  using Kind = Store::Access::Kind;
  Store::Access access{.hit = flags.Has('T') ? Kind::kTouch : Kind::kGet,
                       .miss = flags.Has('N') ? Kind::kNone : Kind::kGet,
                       .marks = !flags.Has('u')};
  bool made = false;
  // Others may change the marks of an item that isn't locked: as they were when
  // it was chosen not to be.
  auto answer = [&]<typename I>(I& item, bool stale, bool token_sent) {
    constexpr bool kMayChange = !std::is_const_v<I>;
    bool won = made;
    bool value = flags.Has('v');
    Line line(value ? "VA " : "HD");
    if (value) line.AddNumber(item.ValueLength());
    for (size_t i = 2; i < words.Size(); ++i) {
      char letter = words[i][0];
      if constexpr (kMayChange) {
        if (letter == 'T') item.deadline = flags.deadline;
        if (letter == 'N' && made) item.deadline = flags.vivify_deadline;
        if (letter == 'R' && !token_sent && !made &&
            item.deadline.Load() < flags.recache) {
          won = true;
        }
      }
      AddOfItem(line, letter, item, context.now);
      if (letter == 'k') {
        AddKey(line, flags.key, item.binary_key);
      } else {
        AddEcho(line, words[i], flags);
      }
    }
    if (token_sent) line.Add(" Z");
    if (stale) {
      line.Add(" X");
      won = won || !token_sent;
    }
    if (won) {
      line.Add(" W");
      if constexpr (kMayChange) item.token_sent = true;
    }
    line.Add(kLineEnd);
    context.replies.Append(line.View());
    if (!value) return;
    AppendValue(context.replies, item);
    context.replies.Append(kLineEnd);
  };
  auto change = [&](Item& item) { answer(item, item.stale, item.token_sent); };
  // One client alone is told to renew an item.
  bool changes = flags.Has('T') || flags.Has('N') || flags.Has('R');
  bool hit = false;
  if (!changes) {
    hit = store().Visit(flags.key, context.now, access, [&](const Item& item) {
      const bool stale = item.stale;
      const bool token_sent = item.token_sent;
      changes = stale && !token_sent;
      if (!changes) answer(item, stale, token_sent);
      return !changes;
    });
  }
  if (changes) {
    hit = store().Change(flags.key, context.now, access, change);
  }
  while (!hit && flags.Has('N')) {
    auto outcome =
        Vivify(flags.key, {}, kByFlags, context.now, access, [&](Item& item) {
          made = true;
          change(item);
        }).outcome;
    if (outcome != Outcome::kNotStored) {
      hit = outcome == Outcome::kDone;
      break;
    }
    hit = store().Change(flags.key, context.now, access, change);
  }
  if (hit) return Step::kNext;
  context.noreply = flags.Has('q');
  Line line("EN");
  AddEchoes(line, words, 2, flags);
  return Say(context, line.View());
}

TextSession::Step TextSession::MetaSet(Context& context, const Words& words) {
  auto length = words.Size() > 2 ? ParseLength(words[2]) : std::nullopt;
  if (!length) return SayError(context, kBadFormat);
  MetaFlags flags;
  auto wrong = flags.Read(words, 3, context.now);
  auto mode = SetMode(flags);
  if (wrong.empty() && !mode) {
    wrong = "CLIENT_ERROR invalid mode for ms M token";
  }
  if (!wrong.empty()) {
    context.size += *length + kLineEnd.size();
    return SayError(context, wrong);
  }
  // Before the line that it lies in goes.
  Line echoes;
  bool tells_cas = false;
  size_t before_cas = 0;
  for (size_t i = 3; i < words.Size(); ++i) {
    AddEcho(echoes, words[i], flags);
    if (words[i][0] != 'c') continue;
    tells_cas = true;
    before_cas = echoes.View().size();
  }
  auto taken = TakeItem(context, {.mode = *mode,
                                  .key = flags.key,
                                  .flags = flags.client_flags,
                                  .deadline = flags.deadline,
                                  .length = *length,
                                  .refusal_unlinks = true});
  if (taken.item == nullptr) return taken.step;
  taken.item->binary_key = flags.Has('b');
  auto result = store().Insert({.item = std::move(taken.item),
                                .mode = *mode,
                                .cas = flags.cas,
                                .may_be_stale = flags.Has('I')},
                               context.now);
  auto status = Status(result.outcome);
  if (result.outcome == Outcome::kOutOfMemory) return SayError(context, status);
  Line line(status);
  line.Add(echoes.View().substr(0, before_cas));
  if (tells_cas) line.Add(" c").AddNumber(result.cas);
  line.Add(echoes.View().substr(before_cas));
  context.noreply = flags.Has('q') && result.outcome == Outcome::kDone;
  return Say(context, line.View());
}

TextSession::Step TextSession::MetaDelete(Context& context,
                                          const Words& words) {
  MetaFlags flags;
  if (auto wrong = flags.Read(words, 2, context.now); !wrong.empty()) {
    return SayError(context, InFewWords(wrong));
  }
  std::optional<Store::Time> deadline;
  if (flags.Has('T')) deadline = flags.deadline;
  Store::Cas cas;
  if (flags.Has('C')) cas = flags.cas;
  auto outcome = flags.Has('I')
                     ? store().MarkStale(flags.key, cas, deadline, context.now)
                     : store().Delete(flags.key, cas, context.now);
  Line line(Status(outcome));
  AddEchoes(line, words, 2, flags);
  context.noreply = flags.Has('q') && outcome == Outcome::kDone;
  return Say(context, line.View());
}

TextSession::Step TextSession::MetaArithmetic(Context& context,
                                              const Words& words) {
  MetaFlags flags;
  if (auto wrong = flags.Read(words, 2, context.now); !wrong.empty()) {
    return SayError(context, InFewWords(wrong));
  }
  Store::Delta delta{
      .amount = flags.delta, .cas = flags.cas, .vivifies = flags.Has('N')};
  if (flags.mode == 'D' || flags.mode == '-') {
    delta.direction = Store::Delta::Direction::kDown;
  } else if (flags.mode != 0 && flags.mode != 'I' && flags.mode != '+') {
    return SayError(context, "CLIENT_ERROR invalid mode for ma M token");
  }
  Line line;
  bool made = false;
  auto answer = [&](Item& item, uint64_t number) {
    Line digits;
    digits.AddNumber(number);
    bool value = flags.Has('v');
    line.Add(value ? "VA " : "HD");
    if (value) line.AddNumber(digits.View().size());
    for (size_t i = 2; i < words.Size(); ++i) {
      char letter = words[i][0];
      if (letter == 'T') item.deadline = flags.deadline;
      if (letter == 'N' && made) item.deadline = flags.vivify_deadline;
      if (letter == 't' || letter == 'c') {
        AddOfItem(line, letter, item, context.now);
      }
      AddEcho(line, words[i], flags);
    }
    if (value) line.Add(kLineEnd).Add(digits.View());
  };
  auto outcome = store().Add(flags.key, delta, context.now, answer);
  auto no_memory = kNoMemoryToCount;
  while (outcome == Outcome::kNotFound && flags.Has('N')) {
    Line digits;
    outcome = Vivify(flags.key, digits.AddNumber(flags.initial).View(),
                     kByFlags, context.now, Store::kPeek,
                     [&](Item& item) {
                       made = true;
                       answer(item, flags.initial);
                     })
                  .outcome;
    if (outcome == Outcome::kOutOfMemory) {
      no_memory = "SERVER_ERROR Out of memory allocating new item";
    } else if (outcome == Outcome::kNotStored) {
      outcome = store().Add(flags.key, delta, context.now, answer);
    }
  }
  if (outcome == Outcome::kNotNumeric || outcome == Outcome::kOutOfMemory) {
    return SayError(
        context, outcome == Outcome::kNotNumeric ? Status(outcome) : no_memory);
  }
  if (outcome != Outcome::kDone) {
    line.Add(Status(outcome));
    AddEchoes(line, words, 2, flags);
  }
  context.noreply = flags.Has('q') && outcome == Outcome::kDone && !made;
  return Say(context, line.View());
}

TextSession::Step TextSession::MetaDebug(Context& context, const Words& words) {
  std::string key(words[1]);
  bool binary = words.Size() > 2 && words[2] == "b";
  if (binary) {
    auto decoded = DecodeBase64(key);
    if (!decoded || decoded->empty()) return SayError(context, kBadFormat);
    key = *decoded;
  }
  Line line;
  bool found =
      store().Visit(key, context.now, Store::kPeek, [&](const Item& item) {
        line.Add("ME ").Add(item.binary_key ? EncodeBase64(key) : key);
        line.Add(" exp=");
        if (item.deadline.Load() != Store::Time::max()) line.Add('-');
        AddRemaining(line, item.deadline, context.now);
        line.Add(" la=").AddNumber(item.SecondsAlone(context.now));
        line.Add(" cas=").AddNumber(item.cas);
        line.Add(" fetch=").Add(item.fetched ? "yes" : "no");
        line.Add(" cls=1 size=").AddNumber(item.Footprint());
      });
  return SayError(context, found ? line.View() : "EN");
}

}  // namespace ebbrt::memcached
