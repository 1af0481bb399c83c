// RequestParser: from received bytes to binary requests.
//
// The bytes are a stranger's: nothing about them is believed, and what is kept
// of an unfinished request is bounded by the longest one that is answered.
// Bytes come in chains cut anywhere; requests are read where they lie. Only a
// header, extras and key that a cut runs through are put together in a copy.
//
// Pure: no Ebb, no connection, no clock. Fuzzed by memcached_parser_fuzz.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "apps/memcached/binary_protocol.h"
#include "common/iobuf.h"

namespace ebbrt::memcached {

class RequestParser {
 public:
  enum class Result {
    kRequest,    ///< Request() is one, whole
    kTooLarge,   ///< Request() is one whose value is above kMaxValueLength; the
                 ///< value is being swallowed
    kNeedMore,   ///< no whole request has come
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

  /// Adds what was received.
  void Feed(std::unique_ptr<IOBuf> data);

  /// Goes on to the next request; the one before is dropped. After one of the
  /// kBad... only destruction is useful (Current()'s header can be read).
  /// Throws std::bad_alloc; may then be called again.
  Result Next();

  const Request& Current() const { return current_; }

  /// After kRequest, once: the request's key with the value behind it, to be
  /// stored. The key lies within the first element; Current()'s views end.
  /// Throws std::bad_alloc; the request is then still there.
  std::unique_ptr<IOBuf> TakeKeyAndValue();

  /// Bytes that wait for the rest of their request.
  size_t Pending() const { return pending_bytes_; }

 private:
  void Swallow();
  void MakeContiguous(size_t n);

  std::unique_ptr<IOBuf> pending_;  // null or begins with a byte
  size_t pending_bytes_ = 0;
  uint64_t swallow_ = 0;  // bytes of the stream that nobody wants any more
  Request current_;
};

}  // namespace ebbrt::memcached
