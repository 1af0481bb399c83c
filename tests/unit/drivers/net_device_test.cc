#include "native/virtio/net_device.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "common/run_on.h"
#include "native/virtio/mmio_transport.h"
#include "native/virtio/net_options.h"
#include "native/virtio/pair_control.h"
#include "tests/unit/drivers/fake_transport.h"

namespace ebbrt::virtio {
namespace {

class NetDeviceTest : public testing::Test, public NetDevice::Client {
 protected:
  void Open(const char* switches = "") {
    device_ =
        std::make_unique<NetDevice>(std::make_unique<FakeTransport>(fake_),
                                    WantedNetFeatures(switches), pool_, *this);
    device_->Start();
  }

  void OnFrame(std::unique_ptr<IOBuf> frame, ReceivedChecksum sum) override {
    frames_.push_back(std::move(frame));
    sums_.push_back(sum);
  }
  void OnTransmitted(void* token) override { transmitted_.push_back(token); }
  void OnInterrupt() override { ++interrupts_; }
  void OnFailed(const std::string& why) override { failures_.push_back(why); }

  /// The device receives: `text` with a header in front, into as many buffers
  /// as it takes, of which `buffers` are said to be used.
  void Arrive(const std::string& text, NetHeader header = {},
              int buffers = -1) {
    std::string bytes(sizeof header, '\0');
    bytes += text;
    std::vector<DeviceQueue::Chain> chains;
    size_t room = 0;
    while (room < bytes.size()) {
      auto chain = fake_.queues[0].Next();
      ASSERT_TRUE(chain) << "the receive ring is dry";
      room += chain->writable[0].second;
      chains.push_back(*chain);
    }
    header.buffer_count = buffers >= 0 ? buffers : chains.size();
    std::memcpy(bytes.data(), &header, sizeof header);
    size_t offset = 0;
    for (auto& chain : chains) {
      auto [to, size] = chain.writable[0];
      size = std::min<size_t>(size, bytes.size() - offset);
      std::memcpy(to, bytes.data() + offset, size);
      offset += size;
      last_buffer_ = to;
      fake_.queues[0].Use(chain.id, size);
    }
  }

  bool Send(const std::string& text, void* token = nullptr,
            NetDevice::Offload offload = {}) {
    sent_.push_back(std::make_unique<std::string>(sizeof(NetHeader), '?'));
    *sent_.back() += text;
    Piece piece{reinterpret_cast<uint64_t>(sent_.back()->data()),
                static_cast<uint32_t>(sent_.back()->size())};
    return device_->Transmit({&piece, 1},
                             reinterpret_cast<NetHeader*>(sent_.back()->data()),
                             offload, token);
  }

  FakeTransport::Device fake_;
  BufferPool pool_;
  std::vector<std::unique_ptr<std::string>> sent_;
  std::vector<std::unique_ptr<IOBuf>> frames_;
  std::vector<ReceivedChecksum> sums_;
  std::vector<void*> transmitted_;
  std::vector<std::string> failures_;
  std::byte* last_buffer_ = nullptr;
  int interrupts_ = 0;
  std::unique_ptr<NetDevice> device_;
};

TEST(BufferPool, WhatEndsOnAnotherCoreIsFree) {
  BufferPool pool;
  auto here = BufferPool::Show(pool.Get(), 0, 100);
  auto there = BufferPool::Show(pool.Get(), 0, 100);
  EXPECT_EQ(pool.Outstanding(), 2u);
  here.reset();
  const auto last = static_cast<CoreId>(platform::CoreCount() - 1);
  RunOn(last, [&there] { there.reset(); }).Get();
  EXPECT_EQ(pool.Outstanding(), 0u);
}

TEST_F(NetDeviceTest, NegotiatesAndReadsItsConfiguration) {
  const uint8_t mac[] = {2, 3, 4, 5, 6, 7};
  std::memcpy(fake_.config.data(), mac, sizeof mac);
  fake_.config[10] = std::byte{0x14};  // an MTU of 1300
  fake_.config[11] = std::byte{0x05};
  Open();
  EXPECT_TRUE(fake_.Has(feature::kVersion1));
  EXPECT_EQ(fake_.accepted, feature::kVersion1 | WantedNetFeatures(""));
  EXPECT_TRUE(std::equal(mac, mac + 6, device_->Mac().begin()));
  EXPECT_EQ(device_->Mtu(), 1300);
  EXPECT_EQ(fake_.status, status::kAcknowledge | status::kDriver |
                              status::kFeaturesOk | status::kDriverOk);
}

TEST_F(NetDeviceTest, AsksForNothingThatIsNotOffered) {
  fake_.offered = feature::kVersion1;
  Open();
  EXPECT_EQ(fake_.accepted, feature::kVersion1);
  EXPECT_EQ(device_->Mac()[0] & 3, 2) << "made up: local, not a group";
  EXPECT_EQ(device_->Mtu(), 1500);
}

TEST_F(NetDeviceTest, RefusesADeviceFromBeforeVersionOne) {
  fake_.offered = ~feature::kVersion1;
  EXPECT_THROW(Open(), std::runtime_error);
  EXPECT_EQ(fake_.status, status::kFailed);
}

TEST_F(NetDeviceTest, AFrameIsTheDevicesOwnBuffer) {
  Open();
  Arrive("a frame");
  EXPECT_TRUE(device_->HasReceived());
  EXPECT_EQ(device_->Receive(8), 1u);
  ASSERT_EQ(frames_.size(), 1u);
  EXPECT_EQ(frames_[0]->View(), "a frame");
  EXPECT_EQ(frames_[0]->Data(), last_buffer_ + sizeof(NetHeader));
  EXPECT_EQ(sums_[0], ReceivedChecksum::kUnverified);
  // The last window gives the buffer back.
  size_t outstanding = pool_.Outstanding();
  frames_.clear();
  EXPECT_EQ(pool_.Outstanding(), outstanding - 1);
}

TEST_F(NetDeviceTest, ALargeFrameIsAChainOfBuffers) {
  Open();
  std::string text(5000, 'x');
  text[4999] = 'y';
  Arrive(text);
  EXPECT_EQ(device_->Receive(8), 1u);
  ASSERT_EQ(frames_.size(), 1u);
  EXPECT_EQ(frames_[0]->CountChain(), 3u);
  EXPECT_EQ(frames_[0]->ToString(), text);
}

TEST_F(NetDeviceTest, ChecksumsAreBelievedOnlyWhenNegotiated) {
  Open();
  Arrive("x", {.flags = kNeedsChecksum});
  Arrive("x", {.flags = kDataValid});
  device_->Receive(8);
  EXPECT_EQ(sums_[0], ReceivedChecksum::kVerified);
  EXPECT_EQ(sums_[1], ReceivedChecksum::kVerified);
  frames_.clear();
  device_.reset();
  Open("-guestcsum");
  Arrive("x", {.flags = kDataValid});
  device_->Receive(8);
  EXPECT_EQ(sums_[2], ReceivedChecksum::kUnverified);
}

TEST_F(NetDeviceTest, TheRingIsFullAgainAfterEveryRefill) {
  Open();
  uint16_t before = fake_.queues[0].Available();
  EXPECT_EQ(before, fake_.queue_size);
  for (uint16_t round = 1; round <= 100; ++round) {
    for (int i = 0; i < 5; ++i) Arrive("x");
    EXPECT_EQ(device_->Receive(64), 5u);
    EXPECT_TRUE(device_->Refill());
    EXPECT_EQ(fake_.queues[0].Available(),
              static_cast<uint16_t>(before + 5 * round));
    if (round % 2 == 0) frames_.clear();  // somebody keeps some for a while
  }
}

TEST_F(NetDeviceTest, ReceivesNoMoreThanAsked) {
  Open();
  for (int i = 0; i < 5; ++i) Arrive("x");
  EXPECT_EQ(device_->Receive(3), 3u);
  EXPECT_EQ(device_->Receive(3), 2u);
}

// --- transmit
// ------------------------------------------------------------------

TEST_F(NetDeviceTest, AFrameLeavesWithItsHeader) {
  Open();
  ASSERT_TRUE(Send("out", nullptr,
                   {.flags = kNeedsChecksum,
                    .checksum_start = 34,
                    .checksum_offset = 16,
                    .segmentation = kSegmentTcp4,
                    .segment_size = 1460,
                    .header_length = 54}));
  EXPECT_FALSE(fake_.queues[1].Next()) << "not before Kick";
  device_->Kick();
  EXPECT_EQ(fake_.notified[1], 1);
  auto chain = fake_.queues[1].Next();
  ASSERT_TRUE(chain);
  NetHeader header;
  std::memcpy(&header, chain->readable[0].first, sizeof header);
  EXPECT_EQ(header.flags, kNeedsChecksum);
  EXPECT_EQ(header.checksum_start, 34);
  EXPECT_EQ(header.checksum_offset, 16);
  EXPECT_EQ(header.segmentation, kSegmentTcp4);
  EXPECT_EQ(header.segment_size, 1460);
  EXPECT_EQ(header.header_length, 54);
  EXPECT_EQ(header.buffer_count, 0);
  EXPECT_EQ(chain->readable[0].second, sizeof header + 3);
}

TEST_F(NetDeviceTest, AFullRingSaysSoAndGoesOnWhenReclaimed) {
  Open();
  for (int i = 0; i < fake_.queue_size; ++i) EXPECT_TRUE(Send("x"));
  EXPECT_FALSE(Send("one too many"));
  device_->Kick();
  EXPECT_TRUE(device_->WantTransmitRoom());
  for (int i = 0; i < fake_.queue_size; ++i) {
    fake_.queues[1].Use(fake_.queues[1].Next()->id, 0);
  }
  EXPECT_TRUE(fake_.queues[1].InterruptWanted());
  EXPECT_TRUE(Send("room again"));
  EXPECT_EQ(transmitted_.size(), fake_.queue_size);
}

TEST_F(NetDeviceTest, SentFramesDoNotInterrupt) {
  Open();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Send("x"));
    device_->Kick();
    fake_.queues[1].Use(fake_.queues[1].Next()->id, 0);
    EXPECT_FALSE(fake_.queues[1].InterruptWanted());
  }
}

TEST_F(NetDeviceTest, TheOldestInFlightIsKnownWhateverTheOrder) {
  Open();
  int token[4];
  for (int& t : token) ASSERT_TRUE(Send("x", &t));
  device_->Kick();
  std::vector<uint16_t> ids;
  while (auto chain = fake_.queues[1].Next()) ids.push_back(chain->id);
  EXPECT_EQ(device_->NextSequence(), 4u);
  fake_.queues[1].Use(ids[1], 0);
  fake_.queues[1].Use(ids[3], 0);
  device_->Reclaim();
  EXPECT_EQ(transmitted_, (std::vector<void*>{&token[1], &token[3]}));
  EXPECT_EQ(device_->OldestInFlight(), 0u);
  fake_.queues[1].Use(ids[0], 0);
  device_->Reclaim();
  EXPECT_EQ(device_->OldestInFlight(), 2u);
  fake_.queues[1].Use(ids[2], 0);
  device_->Reclaim();
  EXPECT_EQ(device_->OldestInFlight(), 4u);
}

// --- devices that must not be believed
// --------------------------------------------

TEST_F(NetDeviceTest, AFailedDeviceIsResetAndEverythingGivenBack) {
  Open();
  int token;
  ASSERT_TRUE(Send("in flight", &token));
  int resets = fake_.resets;
  fake_.queues[0].Use(0xFFFF, 0);
  EXPECT_EQ(device_->Receive(8), 0u);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_NE(failures_[0].find("fake was stopped"), std::string::npos);
  EXPECT_TRUE(device_->Failed());
  EXPECT_EQ(fake_.resets, resets + 1);
  EXPECT_EQ(transmitted_, std::vector<void*>{&token});
  EXPECT_EQ(pool_.Outstanding(), 0u);
  // Nothing reaches the device any more.
  EXPECT_FALSE(Send("x"));
  device_->Kick();
  EXPECT_TRUE(device_->Refill());
  EXPECT_EQ(failures_.size(), 1u);
}

TEST_F(NetDeviceTest, LessThanAHeaderIsAFailure) {
  Open();
  fake_.queues[0].Use(fake_.queues[0].Next()->id, 11);
  device_->Receive(8);
  EXPECT_EQ(failures_.size(), 1u);
  EXPECT_EQ(pool_.Outstanding(), 0u);
}

TEST_F(NetDeviceTest, ImpossibleBufferCountsAreFailures) {
  for (int buffers : {0, 2, 17, 65535}) {
    failures_.clear();
    Open();
    Arrive("x", {}, buffers);
    device_->Receive(8);
    EXPECT_EQ(failures_.size(), 1u) << buffers;
    EXPECT_TRUE(frames_.empty());
    EXPECT_EQ(pool_.Outstanding(), 0u);
  }
}

TEST_F(NetDeviceTest, ATransmitThatWasNeverGivenIsAFailure) {
  Open();
  fake_.queues[1].Use(3, 0);
  device_->Reclaim();
  EXPECT_EQ(failures_.size(), 1u);
}

TEST_F(NetDeviceTest, AFailureThatIsFoundWhileMakingRoomRefusesTheFrame) {
  Open();
  while (Send("fill")) {
  }
  device_->Kick();
  auto chain = fake_.queues[1].Next();
  fake_.queues[1].Use(chain->id, 0);
  fake_.queues[1].Use(999, 0);
  EXPECT_FALSE(Send("x"));  // looks for room and finds the one and the other
  EXPECT_TRUE(device_->Failed());
  // Whoever waited may have been told, and its header be gone.
  EXPECT_EQ(sent_.back()->front(), '?');
}

TEST_F(NetDeviceTest, TooLongAFrameIsDroppedAndCounted) {
  fake_.queue_size = 64;
  Open();
  Arrive(std::string(NetDevice::kLargestFrame + 1, 'x'));
  EXPECT_EQ(device_->Receive(8), 1u);
  EXPECT_TRUE(frames_.empty());
  EXPECT_EQ(device_->Count().dropped, 1u);
  Arrive("the next one");
  device_->Receive(8);
  EXPECT_EQ(frames_.size(), 1u);
}

// --- several pairs of queues
// ------------------------------------------------------------

/// Whoever has a further pair.
struct PairClient : NetDevice::Client {
  void OnFrame(std::unique_ptr<IOBuf> frame, ReceivedChecksum) override {
    frames.push_back(frame->ToString());
  }
  void OnTransmitted(void* token) override { transmitted.push_back(token); }
  void OnInterrupt() override { ++interrupts; }
  void OnFailed(const std::string& why) override { failures.push_back(why); }

  std::vector<std::string> frames;
  std::vector<void*> transmitted;
  std::vector<std::string> failures;
  int interrupts = 0;
};

class PairsTest : public NetDeviceTest {
 protected:
  /// A device with `count` pairs, not started.
  void Make(uint16_t count, const char* switches = "") {
    device_.reset();
    fake_.SetPairs(count);
    device_ =
        std::make_unique<NetDevice>(std::make_unique<FakeTransport>(fake_),
                                    WantedNetFeatures(switches), pool_, *this);
  }

  /// The pair number 1.
  std::unique_ptr<NetDevice> MakeSecond() {
    return std::make_unique<NetDevice>(*device_, 1, pool_, client_);
  }

  PairClient client_;
};

TEST_F(PairsTest, ThereIsOneUnlessMoreAreAgreedOn) {
  Make(4);
  EXPECT_EQ(device_->PairLimit(), 4);
  Make(4, "-mq");
  EXPECT_EQ(device_->PairLimit(), 1);
  Make(4);
  fake_.config[net_config::kMaxPairsOffset] = std::byte{0};
  EXPECT_EQ(device_->PairLimit(), 1) << "a device that says what can't be";
  fake_.offered &= ~net_feature::kControlQueue;
  Make(4);
  EXPECT_EQ(device_->PairLimit(), 1);
}

TEST_F(PairsTest, EachHasQueuesOfItsOwn) {
  Make(2);
  auto second = MakeSecond();
  EXPECT_EQ(fake_.status & status::kDriverOk, 0);
  device_->Start();
  second->Start();
  EXPECT_EQ(fake_.status & status::kDriverOk, status::kDriverOk);
  EXPECT_EQ(second->Mac(), device_->Mac());

  auto chain = *fake_.queues[2].Next();
  NetHeader header{.buffer_count = 1};
  std::memcpy(chain.writable[0].first, &header, sizeof header);
  std::memcpy(chain.writable[0].first + sizeof header, "second", 6);
  fake_.queues[2].Use(chain.id, sizeof header + 6);
  fake_.interrupts[2]();
  EXPECT_EQ(client_.interrupts, 1);
  EXPECT_EQ(interrupts_, 0);
  EXPECT_EQ(device_->Receive(8), 0u);
  EXPECT_EQ(second->Receive(8), 1u);
  EXPECT_EQ(client_.frames, std::vector<std::string>{"second"});
  EXPECT_TRUE(frames_.empty());

  std::string out(sizeof(NetHeader), '?');
  Piece piece{reinterpret_cast<uint64_t>(out.data()),
              static_cast<uint32_t>(out.size())};
  int token;
  ASSERT_TRUE(second->Transmit(
      {&piece, 1}, reinterpret_cast<NetHeader*>(out.data()), {}, &token));
  second->Kick();
  EXPECT_EQ(fake_.notified[3], 1);
  EXPECT_EQ(fake_.notified[1], 0);
  fake_.queues[3].Use(fake_.queues[3].Next()->id, 0);
  second->Reclaim();
  EXPECT_EQ(client_.transmitted, std::vector<void*>{&token});
  EXPECT_TRUE(transmitted_.empty());
}

TEST_F(PairsTest, OneThatTheDeviceLacksIsRefusedAndTheFirstGoesOn) {
  Make(1);
  fake_.config[net_config::kMaxPairsOffset] = std::byte{2};  // a lie
  fake_.queues.resize(2);
  EXPECT_THROW(MakeSecond(), std::runtime_error);
  Make(2);
  fake_.vectors = 1;
  EXPECT_THROW(MakeSecond(), std::runtime_error);
  device_->Start();
  Arrive("x");
  EXPECT_EQ(device_->Receive(8), 1u);
  EXPECT_TRUE(failures_.empty());
}

TEST_F(PairsTest, AFailureOfOneEndsTheDeviceOnceAndEachWhenTold) {
  Make(2);
  auto second = MakeSecond();
  device_->Start();
  second->Start();
  int token;
  ASSERT_TRUE(Send("in flight", &token));
  int resets = fake_.resets;
  fake_.queues[2].Use(0xFFFF, 0);
  second->Receive(8);
  EXPECT_EQ(client_.failures.size(), 1u);
  EXPECT_EQ(fake_.resets, resets + 1);
  EXPECT_EQ(fake_.status, status::kFailed);
  EXPECT_FALSE(device_->Failed());
  device_->Fail("another pair");
  EXPECT_TRUE(device_->Failed());
  EXPECT_EQ(failures_.size(), 1u);
  EXPECT_EQ(transmitted_, std::vector<void*>{&token});
  EXPECT_EQ(pool_.Outstanding(), 0u);
  EXPECT_EQ(fake_.resets, resets + 1);
}

TEST_F(PairsTest, HowManyAreUsedIsSaidOnTheControlQueue) {
  for (uint8_t answer : {0, 1, 0xFF}) {
    Make(2);
    auto control = std::make_unique<PairControl>(*device_);
    device_->Start();
    control->Use(2);
    EXPECT_EQ(fake_.notified[4], 1);
    EXPECT_EQ(control->Answered(), PairControl::Answer::kNone);
    auto chain = fake_.queues[4].Next();
    ASSERT_TRUE(chain);
    ASSERT_EQ(chain->readable[0].second, 4u);
    const std::byte expected[] = {std::byte{4}, std::byte{0}, std::byte{2},
                                  std::byte{0}};
    EXPECT_EQ(std::memcmp(chain->readable[0].first, expected, 4), 0);
    ASSERT_EQ(chain->writable[0].second, 1u);
    *chain->writable[0].first = std::byte{answer};
    fake_.queues[4].Use(chain->id, 1);
    EXPECT_EQ(control->Answered(), answer == 0 ? PairControl::Answer::kDone
                                               : PairControl::Answer::kRefused);
    fake_.notified[4] = 0;
    device_.reset();
  }
}

TEST_F(PairsTest, AnAnswerThatIsNotWrittenIsARefusal) {
  Make(2);
  auto control = std::make_unique<PairControl>(*device_);
  device_->Start();
  control->Use(2);
  auto chain = fake_.queues[4].Next();
  *chain->writable[0].first = std::byte{0};
  fake_.queues[4].Use(chain->id, 0);
  EXPECT_EQ(control->Answered(), PairControl::Answer::kRefused);
  EXPECT_TRUE(failures_.empty());
}

TEST_F(PairsTest, AControlQueueThatBreaksTheRulesEndsTheDevice) {
  Make(2);
  auto control = std::make_unique<PairControl>(*device_);
  device_->Start();
  control->Use(2);
  fake_.queues[4].Use(0xFFFF, 1);
  EXPECT_EQ(control->Answered(), PairControl::Answer::kRefused);
  EXPECT_EQ(failures_.size(), 1u);
  EXPECT_TRUE(device_->Failed());
}

TEST_F(PairsTest, WithoutControlQueueThereIsNoControl) {
  Make(2);
  fake_.queues.resize(4);
  EXPECT_THROW(std::make_unique<PairControl>(*device_), std::runtime_error);
}

// --- MMIO
// ------------------------------------------------------------------------

TEST(MmioTransport, TellsWhatItRefuses) {
  auto message = [](MmioRegisters registers) -> std::string {
    try {
      MmioTransport transport(&registers, 0xFEB00000, [](auto) {});
      return "";
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  };
  MmioRegisters registers{};
  EXPECT_NE(message(registers), "");
  registers.magic = 0x74726976;
  registers.version = 1;
  EXPECT_EQ(message(registers), "") << "an empty place is no error";
  registers.device_id = 1;
  EXPECT_NE(message(registers).find("force-legacy=false"), std::string::npos);
  registers.version = 2;
  EXPECT_EQ(message(registers), "");
  registers.version = 3;
  EXPECT_NE(message(registers).find("version 3"), std::string::npos);
}

}  // namespace
}  // namespace ebbrt::virtio
