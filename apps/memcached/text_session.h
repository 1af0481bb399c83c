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
  enum class Step { kNext, kNeedMore, kFull, kEnd };

  /// A command that is being executed.
  struct Context {
    ReplyBatch& replies;
    size_t limit;  ///< as in Answer
    Store::Time now;
    std::string_view line;  ///< without its end
    size_t line_size;       ///< with it
    Words words = {};
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
    uint64_t cas = 0;
  };

  Progress WithoutLine() const;
  Step Execute(Context& context);
  Step ExecuteOther(Context& context);

  // --- retrieval -------------------------------------------------------------
  Step Get(Context& context, bool with_cas, bool touches);
  Step Retrieve(Context& context, std::string_view keys);
  void RetrieveOne(Context& context, std::string_view key);

  // --- storage ---------------------------------------------------------------
  Step StoreValue(Context& context, Store::Mode mode);
  /// The item with its value, whose size has been checked; null while it has
  /// not come. Consumes command and value. What is wrong with it is answered.
  Step TakeItem(Context& context, const Storage& storage, Item::Pointer& item);

  // --- other commands --------------------------------------------------------
  Step Delete(Context& context);
  Step Arithmetic(Context& context, Store::Delta::Direction direction);
  Step Touch(Context& context);
  Step FlushAll(Context& context);
  Step Verbosity(Context& context);
  Step MemoryLimit(Context& context);
  Step Stats(Context& context);

  // --- meta commands (text_meta.cc)
  // --------------------------------------------
  Step Meta(Context& context, char command);
  Step MetaGet(Context& context);
  Step MetaSet(Context& context);
  Step MetaDelete(Context& context);
  Step MetaArithmetic(Context& context);
  Step MetaDebug(Context& context);
  /// Stores the number with which a missing counter begins.
  Store::Outcome MakeNumber(Context& context, const MetaFlags& flags);

  /// Answers with a line, unless the client wants none; done with the command.
  Step Say(Context& context, std::string_view text);
  /// Answers in any case.
  Step SayError(Context& context, std::string_view text);

  size_t needed_ = 0;  // bytes of which fewer are no whole command
  std::optional<Retrieval> retrieval_;  // whose remaining keys come next
};

}  // namespace ebbrt::memcached
