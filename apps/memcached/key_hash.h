// KeyHash: the hash of a key, under a secret of the process, so that clients
// can't choose keys that all fall into one bucket.
#pragma once

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>

namespace ebbrt::memcached {

class KeyHash {
 public:
  /// With a secret of its own. Throws std::system_error (the machine has no
  /// randomness).
  KeyHash() {
    if (getentropy(secret_.data(), sizeof secret_) != 0) {
      throw std::system_error(errno, std::generic_category(), "getentropy");
    }
  }

  /// Folded multiplication, as in wyhash: 16 bytes a step.
  size_t operator()(std::string_view key) const {
    const char* at = key.data();
    size_t left = key.size();
    uint64_t hash = secret_[0] ^ left;
    for (; left > 16; left -= 16, at += 16) {
      hash =
          Fold(Read<uint64_t>(at) ^ secret_[1], Read<uint64_t>(at + 8) ^ hash);
    }
    // The last step's two words may overlap; the length tells them apart.
    uint64_t first = 0;
    uint64_t last = 0;
    if (left >= 8) {
      first = Read<uint64_t>(at);
      last = Read<uint64_t>(at + left - 8);
    } else if (left >= 4) {
      first = Read<uint32_t>(at);
      last = Read<uint32_t>(at + left - 4);
    } else if (left > 0) {
      first = Read<uint8_t>(at);
      last = Read<uint8_t>(at + left / 2) << 8 | Read<uint8_t>(at + left - 1);
    }
    return Fold(first ^ secret_[1], last ^ hash);
  }

 private:
  template <typename T>
  static T Read(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  static uint64_t Fold(uint64_t a, uint64_t b) {
    auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^
           static_cast<uint64_t>(product >> 64);
  }

  std::array<uint64_t, 2> secret_;
};

}  // namespace ebbrt::memcached
