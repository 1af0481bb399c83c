// What the images that check the cores themselves share.
#pragma once

#include <stdexcept>
#include <string>

namespace ebbrt_test {

inline void Require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

}  // namespace ebbrt_test
