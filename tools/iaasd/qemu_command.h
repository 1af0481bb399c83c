// The QEMU command line of a node, as an argument vector.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "accelerator.h"
#include "address_pool.h"
#include "client.h"

namespace ebbrt::iaas {

// How the node's network device is connected: file descriptors that QEMU
// inherits, or user networking.
struct QemuNetwork {
  MacAddress mac{};
  std::vector<int> tap_fds;    // one per queue pair; empty: user networking
  std::vector<int> vhost_fds;  // as many, or empty
  std::vector<PortForward> forwards;  // user networking only, ports chosen
};

// Everything the command line depends on.
struct QemuPlan {
  std::string program;
  uint32_t id = 0;
  Machine machine = Machine::kMicrovm;
  AcceleratorKind accelerator = AcceleratorKind::kTcg;
  uint32_t cores = 1;
  uint32_t memory_mib = 128;
  int image_fd = -1;
  int monitor_fd = -1;  // a socket that will speak QMP
  // The kernel command line, which holds secrets and so must not be among
  // QEMU's arguments, where every user's `ps` shows it. It comes in a file, but
  // QEMU takes only so long a line there; a longer one comes through the
  // monitor before the machine is built.
  int config_fd = -1;  // QemuConfig()'s text; -1: through the monitor
  std::string command_line;
  std::optional<QemuNetwork> network;
  NicOptions nic;
};

// The longest command line that QEMU reads from a configuration file.
inline constexpr size_t kMaxConfigCommandLine = 960;

// The port of the isa-debug-exit device: a guest that writes the value v there
// ends QEMU with status 2v+1.
inline constexpr uint16_t kDebugExitPort = 0xf4;

// QEMU's configuration file that sets the kernel command line. It must not hold
// a double quote (BuildCommandLine makes none) nor be longer than
// kMaxConfigCommandLine.
std::string QemuConfig(const std::string& command_line);

// What the monitor is told at first: that there is someone, and, without a
// config_fd, the command line and that the machine be built. Lines of QMP, each
// of which is answered.
std::vector<std::string> QemuGreeting(const QemuPlan& plan);

// The argument vector.
std::vector<std::string> QemuArguments(const QemuPlan& plan);

// "microvm", "pc" or "q35".
const char* Name(Machine machine);

}  // namespace ebbrt::iaas
