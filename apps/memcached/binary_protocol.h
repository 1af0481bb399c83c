// The binary protocol's words: headers, opcodes, status codes (memcached's
// protocol_binary.h, "Memcache Binary Protocol").
//
//   request:   header (24) | extras | key | value      body = all but the
//   header response:  header (24) | extras | key | value or error text
#pragma once

#include <string_view>

#include "apps/memcached/big_endian.h"

namespace ebbrt::memcached {

inline constexpr uint8_t kRequestMagic = 0x80;
inline constexpr uint8_t kResponseMagic = 0x81;

/// "Q" is quiet: answered only when there is something to say (a hit of a get,
/// an error of the others). "K" puts the key into the answer. "Gat" is get and
/// touch.
enum class Opcode : uint8_t {
  kGet = 0x00,
  kSet = 0x01,
  kAdd = 0x02,
  kReplace = 0x03,
  kDelete = 0x04,
  kIncrement = 0x05,
  kDecrement = 0x06,
  kQuit = 0x07,
  kFlush = 0x08,
  kGetQ = 0x09,
  kNoop = 0x0a,
  kVersion = 0x0b,
  kGetK = 0x0c,
  kGetKQ = 0x0d,
  kAppend = 0x0e,
  kPrepend = 0x0f,
  kStat = 0x10,
  kSetQ = 0x11,
  kAddQ = 0x12,
  kReplaceQ = 0x13,
  kDeleteQ = 0x14,
  kIncrementQ = 0x15,
  kDecrementQ = 0x16,
  kQuitQ = 0x17,
  kFlushQ = 0x18,
  kAppendQ = 0x19,
  kPrependQ = 0x1a,
  kTouch = 0x1c,
  kGat = 0x1d,
  kGatQ = 0x1e,
  kGatK = 0x23,
  kGatKQ = 0x24,
};

enum class Status : uint16_t {
  kSuccess = 0x0000,
  kNotFound = 0x0001,
  kExists = 0x0002,
  kTooLarge = 0x0003,
  kInvalidArguments = 0x0004,
  kNotStored = 0x0005,
  kNotNumeric = 0x0006,
  kUnknownCommand = 0x0081,
  kOutOfMemory = 0x0082,
};

/// The text that memcached sends with an error.
constexpr std::string_view ErrorText(Status status) {
  switch (status) {
    case Status::kSuccess:
      return "";
    case Status::kNotFound:
      return "Not found";
    case Status::kExists:
      return "Data exists for key.";
    case Status::kTooLarge:
      return "Too large.";
    case Status::kInvalidArguments:
      return "Invalid arguments";
    case Status::kNotStored:
      return "Not stored.";
    case Status::kNotNumeric:
      return "Non-numeric server-side value for incr or decr";
    case Status::kUnknownCommand:
      return "Unknown command";
    case Status::kOutOfMemory:
      return "Out of memory allocating item";
  }
  return "";
}

struct RequestHeader {
  uint8_t magic;
  Opcode opcode;
  BigEndian<uint16_t> key_length;
  uint8_t extras_length;
  uint8_t data_type;
  BigEndian<uint16_t> vbucket;
  BigEndian<uint32_t> body_length;
  BigEndian<uint32_t> opaque;  ///< echoed
  BigEndian<uint64_t> cas;     ///< 0, or what the item's must be
};
static_assert(sizeof(RequestHeader) == 24 && alignof(RequestHeader) == 1);

struct ResponseHeader {
  uint8_t magic = kResponseMagic;
  Opcode opcode;
  BigEndian<uint16_t> key_length;
  uint8_t extras_length = 0;
  uint8_t data_type = 0;
  BigEndian<uint16_t> status;
  BigEndian<uint32_t> body_length;
  BigEndian<uint32_t> opaque;
  BigEndian<uint64_t> cas;  ///< the item's, 0 where there is none
};
static_assert(sizeof(ResponseHeader) == 24 && alignof(ResponseHeader) == 1);

/// Extras of Set, Add, Replace.
struct StoreExtras {
  BigEndian<uint32_t> flags;  ///< the client's own, returned by gets
  BigEndian<uint32_t> expiration;
};
static_assert(sizeof(StoreExtras) == 8 && alignof(StoreExtras) == 1);

/// Extras of Increment and Decrement.
struct DeltaExtras {
  BigEndian<uint64_t> amount;
  BigEndian<uint64_t> initial;
  BigEndian<uint32_t> expiration;  ///< kNoInitial: a missing item stays missing
};
static_assert(sizeof(DeltaExtras) == 20 && alignof(DeltaExtras) == 1);
inline constexpr uint32_t kNoInitial = 0xffffffff;

/// Extras of Touch and Gat, and the optional ones of Flush.
struct ExpirationExtras {
  BigEndian<uint32_t> expiration;
};
static_assert(sizeof(ExpirationExtras) == 4 && alignof(ExpirationExtras) == 1);

/// Extras of an answered Get.
struct GetExtras {
  BigEndian<uint32_t> flags;
};
static_assert(sizeof(GetExtras) == 4 && alignof(GetExtras) == 1);

}  // namespace ebbrt::memcached
