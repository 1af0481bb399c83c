// TextSession: memcached's text protocol, with the meta commands.
//
// A command is a line; a storage command's value follows it. Nothing of it is
// used before all has come, so a session waiting for more has no state but how
// much that is.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "apps/memcached/session.h"
#include "apps/memcached/words.h"

namespace ebbrt::memcached {

struct MetaFlags;

class TextSession : public Session {
 public:
  explicit TextSession(Service& service) : Session(service) {}

  Progress Answer(ReplyBatch& replies, size_t limit, Store::Time now) override;

 private:
  enum class Step { kNext, kNeedMore, kEnd };

  /// A command that is being executed.
  struct Context {
    ReplyBatch& replies;
    size_t limit;  ///< as in Answer
    Store::Time now;
    std::string_view line;  ///< without its end
    /// Bytes of the input that are the command's, to be skipped after it: at
    /// first the line with its end.
    uint64_t size;
    bool noreply = false;
  };

  /// What a retrieval command asks for beside its keys.
  struct Retrieval {
    bool with_cas = false;
    std::optional<Store::Time> deadline = {};  ///< it touches
  };

  /// A storage command's line.
  struct Storage {
    Store::Mode mode;
    std::string_view key;
    uint32_t flags = 0;
    Store::Time deadline = Store::Time::max();
    uint64_t length = 0;
    /// A value that is refused takes what is stored with it.
    bool refusal_unlinks = false;
  };
  /// What came of its value.
  struct Taken {
    Item::Pointer item;       ///< null: there is none to store
    Step step = Step::kNext;  ///< kNeedMore: the value has not come yet
  };

  Progress WithoutLine(Store::Time now);
  Step Execute(Context& context);
  Step ExecuteOther(Context& context, const Words& words);

  // --- retrieval -------------------------------------------------------------
  Step Get(Context& context, std::string_view keys, bool with_cas,
           bool touches);
  Step Retrieve(Context& context, std::string_view keys);
  void RetrieveOne(Context& context, std::string_view key);

  // --- storage ---------------------------------------------------------------
  Step StoreValue(Context& context, const Words& words, Store::Mode mode);
  /// The item with its value, which is the command's from now on; the line may
  /// be gone then. What is wrong with it is answered.
  Taken TakeItem(Context& context, const Storage& storage);

  // --- other commands --------------------------------------------------------
  Step Delete(Context& context, const Words& words);
  Step Arithmetic(Context& context, const Words& words,
                  Store::Delta::Direction direction);
  Step Touch(Context& context, const Words& words);
  Step FlushAll(Context& context, const Words& words);
  Step Verbosity(Context& context, const Words& words);
  Step MemoryLimit(Context& context, const Words& words);
  Step Stats(Context& context, const Words& words);

  // --- meta commands (text_meta.cc) ------------------------------------------
  Step Meta(Context& context, const Words& words, char command);
  Step MetaGet(Context& context, const Words& words);
  Step MetaSet(Context& context, const Words& words);
  Step MetaDelete(Context& context, const Words& words);
  Step MetaArithmetic(Context& context, const Words& words);
  Step MetaDebug(Context& context, const Words& words);

  /// Answers with a line, unless the client wants none; done with the command.
  Step Say(Context& context, std::string_view text);
  /// Answers in any case.
  Step SayError(Context& context, std::string_view text);

  size_t needed_ = 0;  // bytes of which fewer are no whole command
  std::optional<Retrieval> retrieval_;  // whose remaining keys come next
};

}  // namespace ebbrt::memcached
