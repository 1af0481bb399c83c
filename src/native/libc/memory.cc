// memcmp for short keys, of which servers compare millions: the C library's
// compares byte by byte unless both lie on words.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

static_assert(std::endian::native == std::endian::little);

namespace {

template <typename T>
T Load(const char* at) {
  T word;
  __builtin_memcpy(&word, at, sizeof word);
  return word;
}

/// The order of two words' bytes, which are not equal.
int Order(uint64_t a, uint64_t b) {
  return __builtin_bswap64(a) < __builtin_bswap64(b) ? -1 : 1;
}

}  // namespace

extern "C" int memcmp(const void* first, const void* second, size_t n) {
  const auto* a = static_cast<const char*>(first);
  const auto* b = static_cast<const char*>(second);
  if (n >= 8) {
    const char* last = a + n - 8;
    for (; a < last; a += 8, b += 8) {
      auto x = Load<uint64_t>(a), y = Load<uint64_t>(b);
      if (x != y) return Order(x, y);
    }
    // The last eight, of which some may have been seen already.
    b += last - a;
    auto x = Load<uint64_t>(last), y = Load<uint64_t>(b);
    return x == y ? 0 : Order(x, y);
  }
  if (n >= 4) {
    uint64_t x = Load<uint32_t>(a) | uint64_t{Load<uint32_t>(a + n - 4)} << 32;
    uint64_t y = Load<uint32_t>(b) | uint64_t{Load<uint32_t>(b + n - 4)} << 32;
    return x == y ? 0 : Order(x, y);
  }
  for (size_t i = 0; i < n; ++i) {
    if (a[i] != b[i]) {
      return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[i])
                 ? -1
                 : 1;
    }
  }
  return 0;
}
