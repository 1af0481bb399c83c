// RequestParser: from received bytes to binary requests.
//
// The bytes are a stranger's: nothing about them is believed, and what is kept
// of an unfinished request is bounded by the longest one that is answered.
//
// Pure: no Ebb, no connection, no clock. Fuzzed by memcached_fuzz.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "apps/memcached/binary_protocol.h"
#include "apps/memcached/input.h"

namespace ebbrt::memcached {

class RequestParser {
 public:
  enum class Result {
    kRequest,    ///< Request() is one, whole
    kTooLarge,   ///< Request() is one whose value is above the limit; the value
                 ///< is being swallowed
    kNeedValue,  ///< Request() is one of whose value a part has not come
    kNeedMore,   ///< less than that has come
    kBadMagic,   ///< this is another protocol: the stream can't be followed
    kBadLength,  ///< a header whose lengths contradict each other; likewise
    kBadKey,     ///< a key above kMaxKeyLength, likewise (as memcached does)
  };

  /// What a request says; views end with the next call to the parser.
  struct Request {
    RequestHeader header;
    std::span<const std::byte> extras;
    std::string_view key;
    size_t value_length = 0;
  };

  /// Reads from `input`, which outlives the parser.
  explicit RequestParser(Input& input) : input_(input) {}

  /// Goes on to the next request; the one before is dropped. After one of the
  /// kBad... only destruction is useful (Current()'s header can be read).
  /// A request whose value is above `value_limit` is kTooLarge. Throws
  /// std::bad_alloc; may then be called again.
  Result Next(size_t value_limit);

  /// After kNeedValue: the rest of the request is not wanted.
  void Drop() { rest_ = size_; }

  const Request& Current() const { return current_; }

  /// After kRequest, once: an item with the request's key and value.
  /// Current()'s views end. Throws std::bad_alloc; the request is then still
  /// there.
  Item::Pointer TakeItem();

 private:
  Input& input_;
  uint64_t size_ = 0;  // of the current request, bytes
  uint64_t rest_ = 0;  // what of it is still to be skipped in the input
  Request current_;
};

}  // namespace ebbrt::memcached
