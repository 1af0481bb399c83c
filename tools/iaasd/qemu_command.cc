#include "qemu_command.h"

#include <initializer_list>

namespace ebbrt::iaas {
namespace {

std::string FdPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

const char* OnOff(bool on) { return on ? "on" : "off"; }

std::string JoinFds(const std::vector<int>& fds) {
  std::string out;
  for (const int fd : fds) {
    if (!out.empty()) out += ':';
    out += std::to_string(fd);
  }
  return out;
}

std::string MachineOption(Machine machine) {
  switch (machine) {
    case Machine::kMicrovm:
      // What is left: local and I/O APIC, MP table, serial port and virtio-mmio
      // devices, which QEMU names on the kernel command line. The older timers
      // and interrupt controller would only have to be silenced.
      return "microvm,acpi=off,pit=off,pic=off,rtc=on,isa-serial=on";
    case Machine::kPc:
      return "pc,usb=off,vmport=off";
    case Machine::kQ35:
      return "q35,usb=off,vmport=off,sata=off";
  }
  return {};
}

/// With one processor at most, QEMU's translator leaves out the guest's memory
/// barriers although devices run on a thread of their own, so that guest and
/// device can miss each other's notification and a queue stands still for good
/// (seen in the code that QEMU 7.2 makes, `-d op`; not yet in a run). QEMU 8.1
/// keeps fences, but not the locked instructions that serve as such. Room for a
/// second processor keeps both.
std::string ProcessorsOption(const QemuPlan& plan) {
  const bool alone =
      plan.accelerator == AcceleratorKind::kTcg && plan.cores == 1;
  return alone ? "1,maxcpus=2" : std::to_string(plan.cores);
}

std::string NetdevOption(const QemuNetwork& network) {
  if (network.tap_fds.empty()) {
    std::string option =
        "user,id=net0,net=10.0.2.0/24,host=10.0.2.2,dhcpstart=10.0.2.15,"
        "ipv6=off";
    for (const auto& forward : network.forwards) {
      option += forward.protocol == Protocol::kTcp ? ",hostfwd=tcp:127.0.0.1:"
                                                   : ",hostfwd=udp:127.0.0.1:";
      option += std::to_string(forward.host_port) +
                "-:" + std::to_string(forward.guest_port);
    }
    return option;
  }
  const bool one = network.tap_fds.size() == 1;
  std::string option = "tap,id=net0,";
  option += one ? "fd=" : "fds=";
  option += JoinFds(network.tap_fds);
  if (network.vhost_fds.empty()) return option + ",vhost=off";
  option += one ? ",vhost=on,vhostfd=" : ",vhost=on,vhostfds=";
  return option + JoinFds(network.vhost_fds);
}

std::string DeviceOption(Machine machine, const NicOptions& nic,
                         const MacAddress& mac) {
  std::string option = machine == Machine::kMicrovm
                           ? "virtio-net-device"
                           // No option ROM: nobody boots from the network here,
                           // and SeaBIOS takes time to run it.
                           : "virtio-net-pci,disable-legacy=on,romfile=";
  option += ",netdev=net0,mac=" + ToString(mac);
  const auto set = [&](const char* name, bool on) {
    option += std::string(",") + name + "=" + OnOff(on);
  };
  if (nic.queues > 1) {
    set("mq", true);
    if (machine != Machine::kMicrovm) {
      // Two per pair, one for configuration changes, one for the control queue.
      option += ",vectors=" + std::to_string(2 * nic.queues + 2);
    }
  }
  // A guest can't segment without checksums (VirtIO 1.2 §5.1.3.1).
  const bool segment = nic.checksum_offload && nic.segmentation_offload;
  set("csum", nic.checksum_offload);
  set("guest_csum", nic.checksum_offload);
  for (const char* feature :
       {"gso", "host_tso4", "host_tso6", "host_ecn", "host_ufo", "guest_tso4",
        "guest_tso6", "guest_ecn", "guest_ufo"}) {
    set(feature, segment);
  }
  set("mrg_rxbuf", nic.mergeable_buffers);
  set("event_idx", nic.event_index);
  set("indirect_desc", nic.indirect_descriptors);
  set("packed", nic.packed_ring);
  return option;
}

}  // namespace

const char* Name(Machine machine) {
  switch (machine) {
    case Machine::kMicrovm:
      return "microvm";
    case Machine::kPc:
      return "pc";
    case Machine::kQ35:
      return "q35";
  }
  return "?";
}

std::string QemuConfig(const std::string& command_line) {
  return "[machine]\n  append = \"" + command_line + "\"\n";
}

std::vector<std::string> QemuGreeting(const QemuPlan& plan) {
  std::vector<std::string> lines = {"{\"execute\":\"qmp_capabilities\"}\n"};
  if (plan.config_fd >= 0) return lines;
  std::string text;
  for (const char c : plan.command_line) {
    if (c == '\\') text += '\\';
    text += c;
  }
  lines.push_back(
      "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"/machine\","
      "\"property\":\"append\",\"value\":\"" +
      text + "\"}}\n");
  lines.push_back("{\"execute\":\"x-exit-preconfig\"}\n");
  return lines;
}

std::vector<std::string> QemuArguments(const QemuPlan& plan) {
  std::vector<std::string> out = {
      plan.program,
      "-name",
      "ebbrt-node-" + std::to_string(plan.id),
      "-M",
      MachineOption(plan.machine),
      "-accel",
      Name(plan.accelerator),
      "-cpu",
      plan.accelerator == AcceleratorKind::kKvm ? "host" : "max",
      "-nodefaults",
      "-no-user-config",
      "-no-reboot",
      "-display",
      "none",
      "-vga",
      "none",
      "-m",
      std::to_string(plan.memory_mib) + "M",
      "-smp",
      ProcessorsOption(plan),
      "-kernel",
      FdPath(plan.image_fd),
      "-device",
      "isa-debug-exit,iobase=" + std::to_string(kDebugExitPort) + ",iosize=4",
      // QEMU's standard output is the pipe of the console: writes to it are
      // done, not pending, when the guest ends QEMU.
      "-chardev",
      "stdio,id=console,signal=off",
      "-serial",
      "chardev:console",
      "-chardev",
      "socket,id=monitor,fd=" + std::to_string(plan.monitor_fd),
      "-mon",
      "chardev=monitor,mode=control",
      "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
      "resourcecontrol=deny",
  };
  const auto add = [&](std::initializer_list<std::string> more) {
    out.insert(out.end(), more);
  };
  if (plan.config_fd >= 0) {
    add({"-readconfig", FdPath(plan.config_fd)});
  } else {
    add({"-preconfig"});
  }
  if (plan.machine == Machine::kMicrovm) {
    // Modern virtio, as over PCI.
    add({"-global", "virtio-mmio.force-legacy=off"});
  }
  if (plan.network) {
    add({"-netdev", NetdevOption(*plan.network), "-device",
         DeviceOption(plan.machine, plan.nic, plan.network->mac)});
  }
  return out;
}

}  // namespace ebbrt::iaas
