// What is the stack's own about UDP; the rest is in network_test.cc.
#include "native/network/udp_port.h"

#include <gtest/gtest.h>

#include <memory>

#include "common/event_manager.h"
#include "common/future.h"

namespace ebbrt::network {
namespace {

using namespace std::chrono_literals;

TEST(UdpPort, WhatWaitsForAHandlerThatBlocksIsBounded) {
  constexpr size_t kSize = 60'000;
  constexpr size_t kFit = UdpPort::kQueueBytes / kSize;
  Promise<> unblock;
  auto blocked = unblock.GetFuture();
  size_t calls = 0;
  auto receiver =
      network_manager->BindUdp(0, [&](Endpoint, std::unique_ptr<IOBuf>) {
        if (++calls == 1) blocked.Get();
      });
  auto sender =
      network_manager->BindUdp(0, [](Endpoint, std::unique_ptr<IOBuf>) {});
  Endpoint to{Ipv4Address{0x7F000001}, receiver->Local().port};
  for (size_t i = 0; i < 2 * kFit; ++i) {
    auto data = IOBuf::Create(kSize);
    data->Append(kSize);
    sender->SendTo(to, std::move(data));
    SleepFor(0ms).Get();
  }
  SleepFor(5ms).Get();
  EXPECT_EQ(calls, 1u);
  unblock.SetValue();
  SleepFor(5ms).Get();
  EXPECT_EQ(calls, 1 + kFit);
  sender->SendTo(to, nullptr);  // there is room again
  SleepFor(5ms).Get();
  EXPECT_EQ(calls, 2 + kFit);
}

}  // namespace
}  // namespace ebbrt::network
