#include "native/virtio/net_options.h"

#include <gtest/gtest.h>

#include "native/virtio/net_layout.h"
#include "native/virtio/transport.h"

namespace ebbrt::virtio {
namespace {

TEST(NetOptions, EverythingIsWantedByDefault) {
  uint64_t all = WantedNetFeatures("");
  EXPECT_NE(all & net_feature::kChecksum, 0u);
  EXPECT_NE(all & net_feature::kMergeableBuffers, 0u);
  EXPECT_NE(all & feature::kEventIndex, 0u);
}

TEST(NetOptions, SwitchesTakeAwayAndTheLastWordCounts) {
  uint64_t all = WantedNetFeatures("");
  EXPECT_EQ(WantedNetFeatures("-eventidx"), all & ~feature::kEventIndex);
  EXPECT_EQ(WantedNetFeatures("-eventidx,+eventidx"), all);
  EXPECT_EQ(WantedNetFeatures("-mac,-mtu"),
            all & ~(net_feature::kMac | net_feature::kMtu));
}

TEST(NetOptions, WhatDependsOnAMissingFeatureGoesToo) {
  using namespace net_feature;
  EXPECT_EQ(WantedNetFeatures("-guestcsum") & (kGuestTso4 | kGuestTso6), 0u);
  EXPECT_EQ(WantedNetFeatures("-mrgrxbuf") & (kGuestTso4 | kGuestTso6), 0u);
  EXPECT_EQ(WantedNetFeatures("-csum") & (kHostTso4 | kHostTso6), 0u);
}

TEST(NetOptions, SeveralQueuesNeedTheControlQueueAndAreNamedAlone) {
  using namespace net_feature;
  constexpr uint64_t kBoth = kMultiqueue | kControlQueue;
  EXPECT_EQ(WantedNetFeatures("") & kBoth, kBoth);
  EXPECT_EQ(WantedNetFeatures("-mq") & kBoth, 0u);
  EXPECT_EQ(NetFeatureNames(kBoth), "mq");
  EXPECT_EQ(NetFeatureNames(kControlQueue), "");
}

TEST(NetOptions, AnUnknownWordIsNamedWithTheKnownOnes) {
  for (const char* words : {"csum", "-", "-nosuch", "-csum,,-mac"}) {
    try {
      WantedNetFeatures(words);
      FAIL() << words;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("mrgrxbuf"), std::string::npos);
    }
  }
}

TEST(NetOptions, NamesAreTheSwitches) {
  EXPECT_EQ(NetFeatureNames(0), "");
  EXPECT_EQ(NetFeatureNames(net_feature::kChecksum | net_feature::kMac),
            "csum mac");
}

}  // namespace
}  // namespace ebbrt::virtio
