#include "common/endpoint.h"

#include <gtest/gtest.h>

#include <utility>

namespace ebbrt {
namespace {

TEST(Endpoint, ParsesAndPrints) {
  EXPECT_EQ(Endpoint::Parse("1.2.3.4:65535")->ToString(), "1.2.3.4:65535");
  EXPECT_EQ(Ipv4Address::Parse("255.0.0.1")->value, 0xFF000001u);
  for (const char* bad :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", "1.2.3.-4", "256.1.1.1", "a"}) {
    EXPECT_FALSE(Ipv4Address::Parse(bad)) << bad;
  }
  for (const char* bad : {"1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:0",
                          ":1", "1.2.3.4:1x"}) {
    EXPECT_FALSE(Endpoint::Parse(bad)) << bad;
  }
  EXPECT_EQ(Ipv4Network::Parse("10.0.0.1/24")->Mask().ToString(),
            "255.255.255.0");
  EXPECT_EQ(Ipv4Network::Parse("10.0.0.1/0")->Mask().value, 0u);
}

/// A form that is read, and how it is written (RFC 5952).
TEST(IpAddress, ReadsEveryFormAndWritesOne) {
  const std::pair<const char*, const char*> kForms[] = {
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8::1", "2001:db8::1"},
      {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
      // A single group of zeros is written; of two runs the first, if not the
      // longer, is left out (§4.2).
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"::ffff:192.0.2.33", "192.0.2.33"},
      {"10.0.0.1", "10.0.0.1"},
      {"fe80::1%2", "fe80::1%2"},
      {"fe80::1", "fe80::1"},
  };
  for (const auto& [text, written] : kForms) {
    auto address = IpAddress::Parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->ToString(), written) << text;
    EXPECT_EQ(IpAddress::Parse(written), address) << text;
  }
  EXPECT_EQ(IpAddress::Parse("fe80::1%7")->zone, 7u);
}

TEST(IpAddress, RefusesWhatIsNone) {
  for (const char* bad :
       {"", ":", ":::", "1", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1::2::3", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "01234::",
        "1::06554", "::1:00002",
        "::1 ", " ::1", "1:::2", "::1.2.3", "::1.2.3.4.5", "::256.1.1.1",
        "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1%2", "fe80::1%",
        "fe80::1%eth0", "[::1]", "::-1", "::+1", "::0x1"}) {
    EXPECT_FALSE(IpAddress::Parse(bad)) << bad;
  }
}

TEST(IpAddress, IsOneOfIpv4OrAnother) {
  IpAddress v4 = Ipv4Address{0x0A000001};
  EXPECT_TRUE(v4.IsV4());
  EXPECT_EQ(v4.V4().ToString(), "10.0.0.1");
  EXPECT_EQ(IpAddress(v4.High(), v4.Low()), v4);
  for (const char* text : {"::", "::1", "::10.0.0.1", "::fffe:0:1", "1::"}) {
    EXPECT_FALSE(IpAddress::Parse(text)->IsV4()) << text;
  }
  EXPECT_TRUE(IpAddress::Parse("febf::1")->IsLinkLocal());
  EXPECT_FALSE(IpAddress::Parse("fec0::1")->IsLinkLocal());
}

TEST(Endpoint, OfIpv6StandsInBrackets) {
  EXPECT_EQ(Endpoint::Parse("[2001:db8::1]:80")->ToString(),
            "[2001:db8::1]:80");
  EXPECT_EQ(Endpoint::Parse("[fe80::1%3]:80")->ToString(), "[fe80::1%3]:80");
  for (const char* bad : {"[::1]", "[::1]:", "[::1]:0", "::1:80", "[::1:80",
                          "[10.0.0.1]:80", "[]:80", "[::1]80"}) {
    EXPECT_FALSE(Endpoint::Parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace ebbrt
