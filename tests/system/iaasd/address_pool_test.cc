#include "address_pool.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr Ipv4 Address(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24 | b << 16 | c << 8 | d;
}

TEST(AddressPool, PrintsAddresses) {
  EXPECT_EQ(ToString(Address(10, 0, 255, 1)), "10.0.255.1");
  EXPECT_EQ(ToString(MacAddress{0x52, 0x54, 0, 0xab, 1, 2}),
            "52:54:00:ab:01:02");
}

TEST(AddressPool, DerivesHardwareAddressesFromAddresses) {
  EXPECT_EQ(ToString(NodeMac(Address(10, 64, 3, 2))), "52:54:00:40:03:02");
}

TEST(Subnet, OverlapsWhatItHoldsAndWhatHoldsIt) {
  const Subnet small{Address(10, 64, 0, 0), 24};
  EXPECT_TRUE(small.Overlaps({Address(10, 0, 0, 0), 8}));
  EXPECT_TRUE(small.Overlaps({Address(10, 64, 0, 7), 32}));
  EXPECT_TRUE(small.Overlaps({0, 0}));
  EXPECT_FALSE(small.Overlaps({Address(10, 64, 1, 0), 24}));
  EXPECT_FALSE(small.Overlaps({Address(10, 65, 0, 0), 16}));
}

TEST(ChooseSubnet, AvoidsWhatIsUsed) {
  EXPECT_EQ(ChooseSubnet(3, {}), (Subnet{Address(10, 64, 3, 0), 24}));
  const std::vector<Subnet> one = {{Address(10, 64, 0, 0), 15}};
  EXPECT_EQ(ChooseSubnet(3, one), (Subnet{Address(10, 66, 3, 0), 24}));
  const std::vector<Subnet> ten = {{Address(10, 0, 0, 0), 8}};
  EXPECT_EQ(ChooseSubnet(3, ten), (Subnet{Address(172, 16, 3, 0), 24}));
  const std::vector<Subnet> most = {{Address(10, 0, 0, 0), 8},
                                    {Address(172, 16, 0, 0), 12}};
  EXPECT_EQ(ChooseSubnet(3, most), (Subnet{Address(192, 168, 3, 0), 24}));
  const std::vector<Subnet> all = {{Address(10, 0, 0, 0), 8},
                                   {Address(172, 16, 0, 0), 12},
                                   {Address(192, 168, 0, 0), 16}};
  EXPECT_EQ(ChooseSubnet(3, all), std::nullopt);
}

TEST(ChooseSubnet, GivesBridgesOfDifferentNumbersDifferentNetworks) {
  std::set<Ipv4> bases;
  for (unsigned number = 0; number < 256; ++number) {
    bases.insert(ChooseSubnet(static_cast<uint8_t>(number), {})->base);
  }
  EXPECT_EQ(bases.size(), 256u);
}

TEST(AddressPool, HandsOutEveryAddressOnceAndThenSaysSo) {
  AddressPool pool({Address(10, 64, 3, 0), 24});
  EXPECT_EQ(pool.Host(), Address(10, 64, 3, 1));
  std::set<Ipv4> taken;
  for (int i = 0; i < 253; ++i) taken.insert(pool.Take());
  EXPECT_EQ(taken.size(), 253u);
  EXPECT_EQ(*taken.begin(), Address(10, 64, 3, 2));
  EXPECT_EQ(*taken.rbegin(), Address(10, 64, 3, 254));
  EXPECT_THROW(pool.Take(), UserError);
  pool.GiveBack(Address(10, 64, 3, 77));
  EXPECT_EQ(pool.Take(), Address(10, 64, 3, 77));
}

TEST(AddressPool, TakesAnAddressGivenBackAgainAsLateAsPossible) {
  AddressPool pool({Address(10, 64, 3, 0), 24});
  const Ipv4 first = pool.Take();
  pool.GiveBack(first);
  for (int i = 0; i < 252; ++i) EXPECT_NE(pool.Take(), first);
  EXPECT_EQ(pool.Take(), first);
}

}  // namespace
}  // namespace ebbrt::iaas
