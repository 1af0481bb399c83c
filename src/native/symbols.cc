#include "native/symbols.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "native/image.h"

namespace ebbrt {

/// As link_image writes it: a dictionary of kTokens zero-terminated strings,
/// then for each function, by address: the distance from the one before
/// (ULEB128), how many characters its name has in common with that one's (a
/// byte), the count of tokens that follow those (a byte) and the tokens (a byte
/// each).
struct SymbolTable {
  static constexpr unsigned kTokens = 256;
  uint32_t functions;
  uint8_t dictionary[];
};

extern "C" {
// Absent in the first link.
extern const SymbolTable image_symbol_table __attribute__((weak));
}

namespace {

const uint8_t* Skip(const uint8_t* string) {
  return string + std::strlen(reinterpret_cast<const char*>(string)) + 1;
}

uint64_t ReadUleb128(const uint8_t*& at) {
  uint64_t value = 0;
  unsigned shift = 0;
  do {
    value |= uint64_t{*at & 0x7Fu} << shift;
    shift += 7;
  } while ((*at++ & 0x80) != 0);
  return value;
}

}  // namespace

FunctionName FunctionName::Of(uint64_t address) {
  FunctionName result;
  if (&image_symbol_table == nullptr || !image::IsText(address)) return result;
  const uint8_t* tokens[SymbolTable::kTokens];
  const uint8_t* at = image_symbol_table.dictionary;
  for (auto& token : tokens) token = std::exchange(at, Skip(at));

  uint64_t function = image::Address(image_begin);
  for (uint32_t i = 0; i < image_symbol_table.functions; ++i) {
    uint64_t next = function + ReadUleb128(at);
    if (next > address) break;
    function = next;
    result.size_ = std::min<size_t>(*at++, result.size_);
    for (unsigned left = *at++; left > 0; --left) result.Append(tokens[*at++]);
  }
  result.offset_ = address - function;
  return result;
}

void FunctionName::Append(const uint8_t* token) {
  for (; *token != 0 && size_ < kCapacity; ++token) {
    name_[size_++] = static_cast<char>(*token);
  }
}

}  // namespace ebbrt
