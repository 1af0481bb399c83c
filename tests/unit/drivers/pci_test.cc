#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "native/pci/config_space.h"
#include "native/pci/device.h"
#include "native/virtio/pci_transport.h"

namespace ebbrt::pci {
namespace {

/// Configuration space kept in memory, a function at a time.
class FakeConfig : public ConfigSpace {
 public:
  using Registers = std::array<uint8_t, 256>;

  Registers& At(Address a) { return functions_[Key(a)]; }

  void Put(Address a, uint16_t offset, uint32_t value, size_t bytes) {
    std::memcpy(&At(a)[offset], &value, bytes);
  }
  /// A capability of `size` bytes at `offset`, whose next is `next`.
  void PutCapability(Address a, uint8_t offset, uint8_t id, uint8_t next) {
    Put(a, offset, id | next << 8, 2);
  }

  uint32_t Read32(Address a, uint16_t offset) override {
    auto found = functions_.find(Key(a));
    if (found == functions_.end()) return ~0u;
    uint32_t value;
    std::memcpy(&value, &found->second[offset], 4);
    return value;
  }
  void Write32(Address a, uint16_t offset, uint32_t value) override {
    if (offset == reg::kCommand) {
      // Status bits are cleared by writing ones (PCI 3.0 §6.2.3).
      value = (value & 0xFFFF) | (Read32(a, offset) & ~value & 0xFFFF0000);
    }
    Put(a, offset, value, 4);
  }

 private:
  static uint32_t Key(Address a) {
    return a.bus << 8 | a.device << 3 | a.function;
  }
  std::map<uint32_t, Registers> functions_;
};

constexpr Address kDevice{0, 3, 0};

class PciTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.Put(kDevice, reg::kVendor, 0x1AF4, 2);
    config_.Put(kDevice, reg::kDevice, 0x1041, 2);
    config_.Put(kDevice, reg::kStatus, kStatusCapabilities, 2);
  }
  std::vector<uint8_t> Capabilities() {
    std::vector<uint8_t> ids;
    FindCapability(config_, kDevice, [&](uint8_t id, uint8_t) {
      ids.push_back(id);
      return false;
    });
    return ids;
  }

  FakeConfig config_;
};

TEST_F(PciTest, NarrowAccessesTakeTheirPart) {
  config_.Put(kDevice, 0x50, 0x44332211, 4);
  EXPECT_EQ(config_.Read16(kDevice, 0x52), 0x4433);
  EXPECT_EQ(config_.Read8(kDevice, 0x51), 0x22);
  config_.Write16(kDevice, 0x52, 0xAABB);
  EXPECT_EQ(config_.Read32(kDevice, 0x50), 0xAABB2211u);
}

TEST_F(PciTest, CapabilitiesComeInTheirOrder) {
  config_.Put(kDevice, reg::kCapabilities, 0x43, 1);  // low bits are reserved
  config_.PutCapability(kDevice, 0x40, 5, 0x60);
  config_.PutCapability(kDevice, 0x60, 9, 0x50);
  config_.PutCapability(kDevice, 0x50, 0x11, 0);
  EXPECT_EQ(Capabilities(), (std::vector<uint8_t>{5, 9, 0x11}));
  EXPECT_EQ(FindCapability(config_, kDevice,
                           [](uint8_t id, uint8_t) { return id == 9; }),
            0x60);
}

TEST_F(PciTest, ACircleOfCapabilitiesEnds) {
  config_.Put(kDevice, reg::kCapabilities, 0x40, 1);
  config_.PutCapability(kDevice, 0x40, 5, 0x60);
  config_.PutCapability(kDevice, 0x60, 6, 0x40);
  EXPECT_EQ(Capabilities(), (std::vector<uint8_t>{5, 6}));
}

TEST_F(PciTest, CapabilitiesInsideTheHeaderAreNone) {
  config_.Put(kDevice, reg::kCapabilities, 0x20, 1);
  EXPECT_TRUE(Capabilities().empty());
}

TEST_F(PciTest, WithoutTheStatusBitThereAreNone) {
  config_.Put(kDevice, reg::kStatus, 0, 2);
  config_.Put(kDevice, reg::kCapabilities, 0x40, 1);
  config_.PutCapability(kDevice, 0x40, 5, 0);
  EXPECT_TRUE(Capabilities().empty());
}

TEST_F(PciTest, BarsOfEachKind) {
  config_.Put(kDevice, 0x10, 0xFEB01000, 4);  // 0: 32 bits
  config_.Put(kDevice, 0x14, 0xC001, 4);      // 1: I/O ports
  config_.Put(kDevice, 0x18, 0xE000000C, 4);  // 2: 64 bits, prefetchable
  config_.Put(kDevice, 0x1C, 0x80, 4);        // 3: its upper half
  config_.Put(kDevice, 0x24, 0xE0000004, 4);  // 5: 64 bits without room
  EXPECT_EQ(ReadBar(config_, kDevice, 0)->address, 0xFEB01000u);
  EXPECT_FALSE(ReadBar(config_, kDevice, 1));
  EXPECT_EQ(ReadBar(config_, kDevice, 2)->address, 0x80E0000000u);
  EXPECT_FALSE(ReadBar(config_, kDevice, 4)) << "firmware gave it none";
  EXPECT_FALSE(ReadBar(config_, kDevice, 5));
  EXPECT_FALSE(ReadBar(config_, kDevice, 6));
}

TEST_F(PciTest, EnumerationGoesBehindBridgesAndEnds) {
  Address bridge{0, 4, 0}, behind{2, 1, 0}, back{2, 2, 0}, second{2, 1, 3};
  for (Address a : {bridge, behind, back, second}) {
    config_.Put(a, reg::kVendor, 0x8086, 2);
  }
  config_.Put(bridge, reg::kHeaderType, kHeaderBridge, 1);
  config_.Put(bridge, reg::kSecondaryBus, 2, 1);
  config_.Put(behind, reg::kHeaderType, kHeaderMultiFunction, 1);
  // A bridge that nobody numbered leads to where we are.
  config_.Put(back, reg::kHeaderType, kHeaderBridge, 1);
  std::vector<std::string> found;
  Enumerate(config_, [&](Address a) { found.push_back(a.ToString()); });
  EXPECT_EQ(found, (std::vector<std::string>{"00:03.0", "02:01.0", "02:01.3"}));
}

TEST_F(PciTest, EnablingKeepsWritesOfStatusAway) {
  config_.Put(kDevice, reg::kStatus, 0xF900 | kStatusCapabilities, 2);
  Device device(config_, kDevice, [](uint64_t, size_t) { return nullptr; });
  uint32_t both = config_.Read32(kDevice, reg::kCommand);
  EXPECT_EQ(both & 0xFFFF,
            uint32_t{kCommandMemory | kCommandBusMaster | kCommandNoIntx});
  EXPECT_EQ(both >> 16, 0xF900u | kStatusCapabilities) << "none was cleared";
}

TEST_F(PciTest, MsixEntriesAreMaskedUntilRouted) {
  std::array<MsixEntry, 4> table{};
  config_.Put(kDevice, 0x10, 0xFEB00000, 4);
  config_.Put(kDevice, reg::kCapabilities, 0x40, 1);
  config_.PutCapability(kDevice, 0x40, kCapabilityMsix, 0);
  config_.Put(kDevice, 0x42, 4 - 1, 2);
  config_.Put(kDevice, 0x44, 0x2000, 4);  // in BAR 0
  uint64_t mapped = 0;
  Device device(config_, kDevice, [&](uint64_t physical, size_t size) {
    mapped = physical;
    EXPECT_EQ(size, sizeof table);
    return table.data();
  });
  EXPECT_EQ(device.EnableMsix(), 4);
  EXPECT_EQ(mapped, 0xFEB02000u);
  EXPECT_EQ(config_.Read16(kDevice, 0x42) & 0xC000, 0x8000) << "on, unmasked";
  for (const MsixEntry& entry : table) EXPECT_EQ(entry.control, kMsixMasked);
  device.RouteMsix(2, 0xFEE00000, 0x41);
  EXPECT_EQ(table[2].address_low, 0xFEE00000u);
  EXPECT_EQ(table[2].data, 0x41u);
  EXPECT_EQ(table[2].control, 0u);
  EXPECT_EQ(table[1].control, kMsixMasked);
}

TEST_F(PciTest, AVirtioDeviceIsKnownByEitherNumber) {
  using virtio::DeviceType;
  EXPECT_EQ(virtio::PciDeviceType(config_, kDevice), DeviceType::kNetwork);
  config_.Put(kDevice, reg::kDevice, 0x1000, 2);  // transitional
  config_.Put(kDevice, 0x2E, 1, 2);
  EXPECT_EQ(virtio::PciDeviceType(config_, kDevice), DeviceType::kNetwork);
  config_.Put(kDevice, reg::kVendor, 0x8086, 2);
  EXPECT_EQ(virtio::PciDeviceType(config_, kDevice), DeviceType::kNone);
}

TEST_F(PciTest, VirtioRegionsAreFoundAndUnusableOnesPassedOver) {
  config_.Put(kDevice, 0x10, 0xFEB00000, 4);
  auto put = [this](uint8_t at, uint8_t next, uint8_t type, uint8_t bar,
                    uint32_t offset, uint32_t length) {
    config_.PutCapability(kDevice, at, kCapabilityVendor, next);
    config_.Put(kDevice, at + 3, type, 1);
    config_.Put(kDevice, at + 4, bar, 1);
    config_.Put(kDevice, at + 8, offset, 4);
    config_.Put(kDevice, at + 12, length, 4);
  };
  config_.Put(kDevice, reg::kCapabilities, 0x40, 1);
  put(0x40, 0x50, 1, 3, 0, 56);  // in a BAR that isn't there
  put(0x50, 0x60, 1, 0, 0x1000, 56);
  put(0x60, 0x78, 2, 0, 0x3000, 0x1000);
  config_.Put(kDevice, 0x70, 4, 4);  // the doorbells' distance
  put(0x78, 0, 4, 0, 0x2000, 0x100);
  auto regions = virtio::FindPciRegions(config_, kDevice);
  EXPECT_EQ(regions.common.offset, 0x1000u);
  EXPECT_EQ(regions.notify.offset, 0x3000u);
  EXPECT_EQ(regions.notify_multiplier, 4u);
  EXPECT_EQ(regions.device->offset, 0x2000u);
  put(0x50, 0x60, 1, 0, 0x1000, 20);  // too short for its registers
  EXPECT_THROW(virtio::FindPciRegions(config_, kDevice), std::runtime_error);
}

}  // namespace
}  // namespace ebbrt::pci
