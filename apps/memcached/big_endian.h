// BigEndian<T>: an unsigned integer as it lies on the wire.
//
// Has alignment 1, so that structures of them have no padding and may be read
// at any address; on x86 a read is a load and a byte swap.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace ebbrt::memcached {

template <std::unsigned_integral T>
class BigEndian {
 public:
  constexpr BigEndian() = default;
  BigEndian(T value) { Set(value); }  // NOLINT: stands for the number

  T Get() const {
    T raw;
    std::memcpy(&raw, bytes_, sizeof raw);
    return Swap(raw);
  }
  void Set(T value) {
    T raw = Swap(value);
    std::memcpy(bytes_, &raw, sizeof raw);
  }

 private:
  static T Swap(T value) {
    if constexpr (std::endian::native == std::endian::big) return value;
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
    if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
  }

  unsigned char bytes_[sizeof(T)] = {};
};

}  // namespace ebbrt::memcached
