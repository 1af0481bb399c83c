#include "qemu_command.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ebbrt::iaas {
namespace {

using Words = std::vector<std::string>;

QemuPlan Plan() {
  QemuPlan plan;
  plan.program = "/usr/bin/qemu";
  plan.id = 7;
  plan.image_fd = 10;
  plan.monitor_fd = 11;
  plan.command_line = "-append -kernel /etc/passwd";
  plan.network = QemuNetwork{.mac = {0x52, 0x54, 0, 1, 2, 3}, .tap_fds = {12}};
  return plan;
}

// The word behind an option; "" if there is no such option.
std::string Value(const Words& words, const std::string& option) {
  const auto found = std::ranges::find(words, option);
  return found == words.end() || found + 1 == words.end() ? "" : *(found + 1);
}

bool Has(const Words& words, const std::string& option) {
  return std::ranges::find(words, option) != words.end();
}

// The word of `option` that starts with `start`.
std::string Value(const Words& words, const std::string& option,
                  const std::string& start) {
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == option && words[i + 1].starts_with(start)) {
      return words[i + 1];
    }
  }
  return "";
}

TEST(QemuArguments, OfAMicrovm) {
  const auto words = QemuArguments(Plan());
  EXPECT_EQ(words[0], "/usr/bin/qemu");
  EXPECT_TRUE(Value(words, "-M").starts_with("microvm,acpi=off"));
  EXPECT_EQ(Value(words, "-global"), "virtio-mmio.force-legacy=off");
  EXPECT_EQ(Value(words, "-netdev"), "tap,id=net0,fd=12,vhost=off");
  EXPECT_TRUE(Value(words, "-device", "virtio-net-device")
                  .starts_with("virtio-net-device,netdev=net0,"
                               "mac=52:54:00:01:02:03"));
  EXPECT_EQ(Value(words, "-device", "isa-debug-exit"),
            "isa-debug-exit,iobase=244,iosize=4");
  EXPECT_EQ(Value(words, "-kernel"), "/proc/self/fd/10");
}

TEST(QemuArguments, ALoneProcessorKeepsItsBarriersUnderTranslation) {
  QemuPlan plan = Plan();
  plan.cores = 1;
  plan.accelerator = AcceleratorKind::kTcg;
  EXPECT_EQ(Value(QemuArguments(plan), "-smp"), "1,maxcpus=2");
  plan.accelerator = AcceleratorKind::kKvm;
  EXPECT_EQ(Value(QemuArguments(plan), "-smp"), "1");
  plan.accelerator = AcceleratorKind::kTcg;
  plan.cores = 4;
  EXPECT_EQ(Value(QemuArguments(plan), "-smp"), "4");
}

TEST(QemuArguments, TheCommandLineIsInNone) {
  for (const int config_fd : {-1, 13}) {
    auto plan = Plan();
    plan.config_fd = config_fd;
    const auto words = QemuArguments(plan);
    EXPECT_EQ(std::ranges::count(words, "-kernel"), 1);
    EXPECT_TRUE(std::ranges::none_of(words, [](const std::string& word) {
      return word.find("/etc/passwd") != std::string::npos;
    }));
  }
}

TEST(QemuArguments, AConfigFileHasTheCommandLine) {
  auto plan = Plan();
  plan.config_fd = 13;
  const auto words = QemuArguments(plan);
  EXPECT_EQ(Value(words, "-readconfig"), "/proc/self/fd/13");
  EXPECT_FALSE(Has(words, "-preconfig"));
  EXPECT_EQ(QemuConfig("a b"), "[machine]\n  append = \"a b\"\n");
  EXPECT_EQ(QemuGreeting(plan).size(), 1u);
}

TEST(QemuArguments, OrTheMonitorIsToldIt) {
  auto plan = Plan();
  plan.command_line = "a\\b c";
  EXPECT_TRUE(Has(QemuArguments(plan), "-preconfig"));
  const auto lines = QemuGreeting(plan);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1], R"({"execute":"qom-set","arguments":{"path":"/machine",)"
                      R"("property":"append","value":"a\\b c"}})"
                      "\n");
}

TEST(QemuArguments, OfAPcWithSeveralQueues) {
  auto plan = Plan();
  plan.machine = Machine::kQ35;
  plan.nic.queues = 3;
  plan.network->tap_fds = {12, 13, 14};
  plan.network->vhost_fds = {15, 16, 17};
  const auto words = QemuArguments(plan);
  EXPECT_FALSE(Has(words, "-global"));
  EXPECT_EQ(Value(words, "-netdev"),
            "tap,id=net0,fds=12:13:14,vhost=on,vhostfds=15:16:17");
  const std::string device = Value(words, "-device", "virtio-net-pci");
  EXPECT_NE(device.find(",disable-legacy=on"), std::string::npos);
  EXPECT_NE(device.find(",mq=on,vectors=8"), std::string::npos);
}

TEST(QemuArguments, UserNetworkingWithForwards) {
  auto plan = Plan();
  plan.network->tap_fds.clear();
  plan.network->forwards = {{Protocol::kTcp, 4000, 80},
                            {Protocol::kUdp, 4001, 53}};
  EXPECT_TRUE(Value(QemuArguments(plan), "-netdev")
                  .ends_with(",hostfwd=tcp:127.0.0.1:4000-:80"
                             ",hostfwd=udp:127.0.0.1:4001-:53"));
}

TEST(QemuArguments, WithoutChecksumsThereIsNoSegmentation) {
  auto plan = Plan();
  plan.nic.checksum_offload = false;
  plan.nic.mergeable_buffers = false;
  const auto device =
      Value(QemuArguments(plan), "-device", "virtio-net-device");
  for (const char* off : {",csum=off", ",guest_csum=off", ",host_tso4=off",
                          ",guest_tso6=off", ",mrg_rxbuf=off"}) {
    EXPECT_NE(device.find(off), std::string::npos) << off;
  }
  EXPECT_NE(device.find(",event_idx=on"), std::string::npos);
}

TEST(QemuArguments, WithoutANetworkThereIsNoDevice) {
  auto plan = Plan();
  plan.network.reset();
  const auto words = QemuArguments(plan);
  EXPECT_FALSE(Has(words, "-netdev"));
  EXPECT_EQ(Value(words, "-device", "virtio-net"), "");
}

TEST(QemuArguments, TheProcessorModelGoesWithTheAccelerator) {
  auto plan = Plan();
  EXPECT_EQ(Value(QemuArguments(plan), "-cpu"), "max");
  plan.accelerator = AcceleratorKind::kKvm;
  EXPECT_EQ(Value(QemuArguments(plan), "-cpu"), "host");
}

}  // namespace
}  // namespace ebbrt::iaas
