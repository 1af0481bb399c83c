// The interface between lwIP and a device that the test plays.
#include "native/network/interface.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "lwip/pbuf.h"
#include "tests/unit/native/fake_interface.h"

namespace ebbrt::network {
namespace {

constexpr uint16_t kRing = 64;
/// More than one turn of the interface takes.
constexpr int kManyFrames = 40;

class InterfaceTest : public FakeInterfaceTest {
 protected:
  InterfaceTest() : FakeInterfaceTest(kRing) {}

  /// Sends `count` frames of one piece each, as lwIP does.
  void Send(int count) {
    netif* link = interface_->Netif();
    for (int i = 0; i < count; ++i) {
      pbuf* frame = pbuf_alloc(PBUF_RAW_TX, 60, PBUF_RAM);
      ASSERT_NE(frame, nullptr);
      std::memset(frame->payload, i, frame->len);
      EXPECT_EQ(link->linkoutput(link, frame), ERR_OK);
      pbuf_free(frame);
    }
    Flush();
  }

  /// What the stack does at the end of an event.
  void Flush() {
    if (std::exchange(frames_queued_, false)) interface_->Kick();
  }

  /// The device sends all that it has been shown; how many frames.
  int Transmit() {
    int frames = 0;
    while (auto chain = fake_.queues[1].Next()) {
      fake_.queues[1].Use(chain->id, 0);
      ++frames;
    }
    return frames;
  }

  /// Frames come that are for nobody.
  void Arrive(int count) {
    for (int i = 0; i < count; ++i) {
      auto chain = fake_.queues[0].Next();
      ASSERT_TRUE(chain);
      virtio::NetHeader header{.buffer_count = 1};
      std::memset(chain->writable[0].first, 0, 100);
      std::memcpy(chain->writable[0].first, &header, sizeof header);
      fake_.queues[0].Use(chain->id, 100);
    }
  }

 private:
  void OnFramesQueued() override { frames_queued_ = true; }

  bool frames_queued_ = false;
};

TEST_F(InterfaceTest, FramesBeyondTheRingWait) {
  Send(kRing + 10);
  EXPECT_EQ(interface_->Count().queued, 10u);
  EXPECT_EQ(Transmit(), kRing);
}

TEST_F(InterfaceTest, WhatWaitedIsShownToTheDeviceThoughNobodySends) {
  Send(kRing + 10);
  EXPECT_EQ(Transmit(), kRing);
  // A timer's tick, or frames that lwIP has no answer to.
  interface_->Reclaim();
  Flush();
  EXPECT_EQ(Transmit(), 10);
}

TEST_F(InterfaceTest, RoomIsUsedAlsoWhilePolling) {
  Arrive(kManyFrames);
  fake_.interrupts[0]();  // leaves frames behind, so polling begins
  Send(kRing + 10);
  EXPECT_EQ(Transmit(), kRing);
  EXPECT_TRUE(fake_.queues[1].InterruptWanted());
  fake_.interrupts[1]();  // comes once
  Flush();
  EXPECT_EQ(Transmit(), 10);
}

}  // namespace
}  // namespace ebbrt::network
