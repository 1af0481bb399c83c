// What lwIP's configuration (network/lwip/lwipopts.h) has to hold to.
#include <gtest/gtest.h>

#include "lwip/opt.h"

namespace ebbrt::network {
namespace {

TEST(LwipOptions, NoFirstPortHasNoNext) {
  // tcp_new_port adds one, and only then asks whether it has come to the end.
  for (uint32_t random = 0; random < 0x20000; ++random) {
    uint16_t first = TCP_ENSURE_LOCAL_PORT_RANGE(random);
    ASSERT_GE(first, TCP_LOCAL_PORT_RANGE_START) << random;
    ASSERT_LT(first, TCP_LOCAL_PORT_RANGE_END) << random;
  }
}

}  // namespace
}  // namespace ebbrt::network
