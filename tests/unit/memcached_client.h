// What the tests of the memcached server share: requests as bytes, and answers
// taken apart.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "apps/memcached/binary_protocol.h"

namespace ebbrt::memcached {

inline std::string Bytes(const auto& structure) {
  return {reinterpret_cast<const char*>(&structure), sizeof structure};
}

struct RequestWords {
  Opcode opcode;
  std::string key = {};
  std::string extras = {};
  std::string value = {};
  uint32_t opaque = 0;
  uint64_t cas = 0;
};

inline std::string Encode(const RequestWords& words) {
  RequestHeader header{
      .magic = kRequestMagic,
      .opcode = words.opcode,
      .key_length = static_cast<uint16_t>(words.key.size()),
      .extras_length = static_cast<uint8_t>(words.extras.size()),
      .data_type = 0,
      .vbucket = {},
      .body_length = static_cast<uint32_t>(
          words.extras.size() + words.key.size() + words.value.size()),
      .opaque = words.opaque,
      .cas = words.cas,
  };
  return Bytes(header) + words.extras + words.key + words.value;
}

inline std::string EncodeStore(Opcode opcode, std::string key,
                               std::string value, uint32_t flags = 0,
                               uint32_t expiration = 0, uint32_t opaque = 0,
                               uint64_t cas = 0) {
  StoreExtras extras{.flags = flags, .expiration = expiration};
  return Encode({.opcode = opcode,
                 .key = std::move(key),
                 .extras = Bytes(extras),
                 .value = std::move(value),
                 .opaque = opaque,
                 .cas = cas});
}

struct Answer {
  Opcode opcode;
  Status status;
  uint32_t opaque;
  uint64_t cas;
  std::string extras;
  std::string key;
  std::string value;  ///< or the error's text
};

/// Takes a stream of whole answers apart; a broken one becomes an answer with
/// the text "broken".
inline std::vector<Answer> Decode(std::string_view stream) {
  std::vector<Answer> answers;
  while (!stream.empty()) {
    ResponseHeader header;
    if (stream.size() >= sizeof header) {
      std::memcpy(&header, stream.data(), sizeof header);
    }
    size_t extras = header.extras_length;
    size_t key = header.key_length.Get();
    size_t body = header.body_length.Get();
    if (stream.size() < sizeof header || header.magic != kResponseMagic ||
        stream.size() < sizeof header + body || extras + key > body) {
      answers.push_back({{}, {}, 0, 0, {}, {}, "broken"});
      return answers;
    }
    auto text = [&](size_t from, size_t n) {
      return std::string(stream.substr(sizeof header + from, n));
    };
    answers.push_back({header.opcode, Status{header.status.Get()},
                       header.opaque.Get(), header.cas.Get(), text(0, extras),
                       text(extras, key),
                       text(extras + key, body - extras - key)});
    stream.remove_prefix(sizeof header + body);
  }
  return answers;
}

}  // namespace ebbrt::memcached
