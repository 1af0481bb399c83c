// What an interface was leased is told when any of it changes.
#include "native/network/all_cores/lease_watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "common/future.h"
#include "tests/unit/native/fake_interface.h"

namespace ebbrt::network {
namespace {

using namespace std::chrono_literals;

constexpr auto kPeriod = 5ms;

ip4_addr_t Address(uint8_t last) {
  return {lwip_htonl(LWIP_MAKEU32(10, 98, 0, last))};
}

class LeaseWatchTest : public FakeInterfaceTest {
 protected:
  LeaseWatchTest() : FakeInterfaceTest(16), link_(*interface_->Netif()) {
    Set(Address(1), Address(254));
  }

  void Set(ip4_addr_t address, ip4_addr_t gateway) {
    const ip4_addr_t mask{PP_HTONL(LWIP_MAKEU32(255, 255, 255, 0))};
    netif_set_addr(&link_, &address, &mask, &gateway);
  }
  LeaseWatch::Tell Tell() {
    return [this](const Lease& lease) {
      told_.push_back(lease);
      return hears_;
    };
  }
  bool ToldInTime(size_t count) const {
    for (int waits = 0; told_.size() < count && waits < 1000; ++waits) {
      SleepFor(kPeriod).Get();
    }
    return told_.size() >= count;
  }

  netif& link_;
  std::vector<Lease> told_;
  bool hears_ = true;
};

TEST_F(LeaseWatchTest, WhatThereIsIsToldOnce) {
  LeaseWatch watch(link_, kPeriod, Tell());
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_TRUE(told_[0] == (Lease{Address(1), *netif_ip4_netmask(&link_),
                                 Address(254)}));
  SleepFor(10 * kPeriod).Get();
  watch.Look();
  EXPECT_EQ(told_.size(), 1u);
}

TEST_F(LeaseWatchTest, AnotherGatewayIsFoundThoughLwipSaysNothing) {
  LeaseWatch watch(link_, kPeriod, Tell());
  Set(Address(1), Address(253));
  ASSERT_TRUE(ToldInTime(2));
  EXPECT_TRUE(told_[1].gateway.addr == Address(253).addr);
  const ip4_addr_t wider{PP_HTONL(LWIP_MAKEU32(255, 255, 0, 0))};
  netif_set_netmask(&link_, &wider);
  ASSERT_TRUE(ToldInTime(3));
  EXPECT_TRUE(told_[2].mask.addr == wider.addr);
}

TEST_F(LeaseWatchTest, WhatCouldNotBeToldIsToldAgain) {
  hears_ = false;
  LeaseWatch watch(link_, kPeriod, Tell());
  ASSERT_TRUE(ToldInTime(3));
  EXPECT_TRUE(told_[2] == told_[0]);
}

}  // namespace
}  // namespace ebbrt::network
