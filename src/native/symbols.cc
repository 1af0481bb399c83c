#include "native/symbols.h"

#include <cstring>

#include "native/image.h"

namespace ebbrt {

/// As image_symbols.py writes it: a dictionary of kTokens zero-terminated
/// strings, then for each function, by address: the distance from the one before
/// (ULEB128), the count of tokens in its name (a byte) and the tokens (a byte
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
  const uint8_t* at = image_symbol_table.dictionary;
  for (unsigned i = 0; i < SymbolTable::kTokens; ++i) at = Skip(at);

  uint64_t function = image::Address(image_begin);
  const uint8_t* name = nullptr;
  for (uint32_t i = 0; i < image_symbol_table.functions; ++i) {
    uint64_t next = function + ReadUleb128(at);
    if (next > address) break;
    function = next;
    name = at;
    at += 1 + *at;
  }
  if (name == nullptr) return result;
  result.offset_ = address - function;
  for (unsigned i = 0; i < *name; ++i) {
    const uint8_t* token = image_symbol_table.dictionary;
    for (unsigned t = name[1 + i]; t > 0; --t) token = Skip(token);
    result.Append(token);
  }
  return result;
}

void FunctionName::Append(const uint8_t* token) {
  for (; *token != 0 && size_ < kCapacity; ++token) {
    name_[size_++] = static_cast<char>(*token);
  }
}

}  // namespace ebbrt
