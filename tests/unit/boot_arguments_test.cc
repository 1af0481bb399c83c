#include "common/boot_arguments.h"

#include <gtest/gtest.h>

#include <string>

namespace ebbrt {
namespace {

TEST(BootArguments, ReadsWhatTheFrontEndWrites) {
  BootArguments written;
  written.node = 7;
  written.front_end = Endpoint::Parse("10.1.2.3:4711");
  for (size_t i = 0; i < written.secret.size(); ++i) {
    written.secret[i] = static_cast<uint8_t>(i * 16);
  }
  written.port = 4712;
  written.stall_ms = 250;
  written.network = Ipv4Network::Parse("10.1.2.9/24");
  written.gateway = Ipv4Address::Parse("10.1.2.3");
  written.protocol = 1;
  written.tsc_khz = 2'400'000;
  written.net_features = "-csum";
  written.quiet = true;
  written.arguments = {"-p", "a b%c\n", "", "virtio_mmio.device=1", "\xFF"};
  auto read = BootArguments::Parse(written.ToCommandLine());
  EXPECT_EQ(read.node, written.node);
  EXPECT_EQ(read.front_end, written.front_end);
  EXPECT_EQ(read.secret, written.secret);
  EXPECT_EQ(read.network, written.network);
  EXPECT_EQ(read.gateway, written.gateway);
  EXPECT_EQ(read.protocol, written.protocol);
  EXPECT_EQ(read.tsc_khz, written.tsc_khz);
  EXPECT_EQ(read.net_features, written.net_features);
  EXPECT_TRUE(read.quiet);
  EXPECT_FALSE(read.boot_chart);
  EXPECT_EQ(read.arguments, written.arguments);
}

TEST(BootArguments, EmptyLineIsAnImageThatNobodyBooted) {
  auto read = BootArguments::Parse("");
  EXPECT_EQ(read.node, kNoNode);
  EXPECT_FALSE(read.front_end);
  EXPECT_TRUE(read.arguments.empty());
}

TEST(BootArguments, WordsOfOthersAreLeftAlone) {
  auto read = BootArguments::Parse(
      "console=ttyS0  ebbrt.node=2 -- arg "
      "virtio_mmio.device=512@0xfeb00e00:12");
  EXPECT_EQ(read.node, 2);
  EXPECT_EQ(read.arguments, std::vector<std::string>{"arg"});
}

std::string ErrorOf(std::string_view line) {
  try {
    BootArguments::Parse(line);
  } catch (const BadBootArgument& error) {
    return error.what();
  }
  return "";
}

TEST(BootArguments, MistakesAreNamed) {
  EXPECT_EQ(ErrorOf("ebbrt.node=0"),
            "boot argument ebbrt.node=0: expected a number from 1 to 65533");
  EXPECT_NE(ErrorOf("ebbrt.node=70000"), "");
  EXPECT_NE(ErrorOf("ebbrt.node=2x"), "");
  EXPECT_NE(ErrorOf("ebbrt.ip=10.0.0.1"), "");
  EXPECT_NE(ErrorOf("ebbrt.ip=10.0.0.1/33"), "");
  EXPECT_NE(ErrorOf("ebbrt.frontend=10.0.0.256:1"), "");
  EXPECT_NE(ErrorOf("ebbrt.frontend=10.0.0.2:0"), "");
  EXPECT_NE(ErrorOf("ebbrt.gateway="), "");
  EXPECT_NE(ErrorOf("ebbrt.gateway6=10.0.0.1"), "");
  EXPECT_NE(ErrorOf("ebbrt.ip6=2001:db8::1"), "");
  EXPECT_NE(ErrorOf("ebbrt.ip6=2001:db8::1/48"), "");
  EXPECT_NE(ErrorOf("ebbrt.ip6=10.0.0.1/64"), "");
  EXPECT_NE(ErrorOf("ebbrt.nonsense").find("ebbrt.nonsense"),
            std::string::npos);
  EXPECT_NE(ErrorOf("-- bad%2").find("hex"), std::string::npos);
  EXPECT_NE(ErrorOf("-- bad%zz").find("hex"), std::string::npos);
}

TEST(BootArguments, ASecretNeverShowsInAnError) {
  std::string error = ErrorOf("ebbrt.secret=0123456789abcdef");
  EXPECT_NE(error, "");
  EXPECT_EQ(error.find("0123"), std::string::npos);
}

}  // namespace
}  // namespace ebbrt
