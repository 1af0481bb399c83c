// The binary protocol's words: headers, opcodes, status codes (memcached's
// protocol_binary.h, "Memcache Binary Protocol").
//
//   request:   header (24) | extras | key | value      body = all but the
//   header response:  header (24) | extras | key | value or error text
#pragma once

#include <string_view>

#include "apps/memcached/big_endian.h"

namespace ebbrt::memcached {

/// Longer keys are refused, as memcached does.
inline constexpr size_t kMaxKeyLength = 250;
/// Longer values are refused and not kept: memcached's default `-I 1m`.
inline constexpr size_t kMaxValueLength = 1 << 20;
/// What Version answers: the memcached whose behaviour this server follows.
/// Clients parse it as three numbers.
inline constexpr std::string_view kVersion = "1.6.18-ebbrt";

inline constexpr uint8_t kRequestMagic = 0x80;
inline constexpr uint8_t kResponseMagic = 0x81;

/// "Q" is quiet: answered only when there is something to say (a hit of a get,
/// an error of the others). "K" puts the key into the answer.
enum class Opcode : uint8_t {
  kGet = 0x00,
  kSet = 0x01,
  kAdd = 0x02,
  kReplace = 0x03,
  kDelete = 0x04,
  kQuit = 0x07,
  kGetQ = 0x09,
  kNoop = 0x0a,
  kVersion = 0x0b,
  kGetK = 0x0c,
  kGetKQ = 0x0d,
  kSetQ = 0x11,
  kAddQ = 0x12,
  kReplaceQ = 0x13,
  kDeleteQ = 0x14,
  kQuitQ = 0x17,
};

enum class Status : uint16_t {
  kSuccess = 0x0000,
  kNotFound = 0x0001,
  kExists = 0x0002,
  kTooLarge = 0x0003,
  kInvalidArguments = 0x0004,
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

/// Extras of an answered Get.
struct GetExtras {
  BigEndian<uint32_t> flags;
};
static_assert(sizeof(GetExtras) == 4 && alignof(GetExtras) == 1);

}  // namespace ebbrt::memcached
