#include "rpc_convert.h"

#include "user_error.h"

namespace ebbrt::iaas {
namespace {

// Both sides number their enumerators alike; here is what keeps it so.
static_assert(static_cast<int>(NetworkKind::kBridge) ==
              static_cast<int>(rpc::NetworkKind::BRIDGE));
static_assert(static_cast<int>(NetworkKind::kUserNetworking) ==
              static_cast<int>(rpc::NetworkKind::USER_NET));
static_assert(static_cast<int>(NetworkKind::kNone) ==
              static_cast<int>(rpc::NetworkKind::NONE));
static_assert(static_cast<int>(Machine::kPc) ==
              static_cast<int>(rpc::Machine::PC));
static_assert(static_cast<int>(Machine::kQ35) ==
              static_cast<int>(rpc::Machine::Q35));
static_assert(static_cast<int>(Protocol::kUdp) ==
              static_cast<int>(rpc::Protocol::UDP));
static_assert(static_cast<int>(ExitKind::kKilled) ==
              static_cast<int>(rpc::NodeExit::Kind::KILLED));
static_assert(static_cast<int>(ExitKind::kCrashed) ==
              static_cast<int>(rpc::NodeExit::Kind::CRASHED));

template <typename To, typename From>
To CheckedCast(From value, To last, const char* what) {
  if (static_cast<unsigned>(value) > static_cast<unsigned>(last)) {
    throw UserError(std::string("unknown ") + what + " number " +
                    std::to_string(static_cast<unsigned>(value)) +
                    "; client and daemon are of different versions");
  }
  return static_cast<To>(value);
}

std::string String(capnp::Text::Reader text) {
  return std::string(text.begin(), text.size());
}

kj::StringPtr Text(const std::string& text) {
  return kj::StringPtr(text.c_str(), text.size());
}

std::vector<std::string> Strings(capnp::List<capnp::Text>::Reader in) {
  std::vector<std::string> out;
  out.reserve(in.size());
  for (const auto text : in) out.push_back(String(text));
  return out;
}

void ToRpcForwards(const std::vector<PortForward>& in,
                   capnp::List<rpc::PortForward>::Builder out) {
  for (unsigned i = 0; i < in.size(); ++i) {
    out[i].setProtocol(static_cast<rpc::Protocol>(in[i].protocol));
    out[i].setHostPort(in[i].host_port);
    out[i].setGuestPort(in[i].guest_port);
  }
}

std::vector<PortForward> FromRpcForwards(
    capnp::List<rpc::PortForward>::Reader in) {
  std::vector<PortForward> out;
  for (const auto forward : in) {
    out.push_back({.protocol = CheckedCast(forward.getProtocol(),
                                           Protocol::kUdp, "protocol"),
                   .host_port = forward.getHostPort(),
                   .guest_port = forward.getGuestPort()});
  }
  return out;
}

void ToRpcNic(const NicOptions& in, rpc::NicOptions::Builder out) {
  out.setQueues(in.queues);
  out.setChecksumOffload(in.checksum_offload);
  out.setSegmentationOffload(in.segmentation_offload);
  out.setMergeableBuffers(in.mergeable_buffers);
  out.setEventIndex(in.event_index);
  out.setIndirectDescriptors(in.indirect_descriptors);
  out.setPackedRing(in.packed_ring);
}

NicOptions FromRpcNic(rpc::NicOptions::Reader in) {
  return {.queues = in.getQueues(),
          .checksum_offload = in.getChecksumOffload(),
          .segmentation_offload = in.getSegmentationOffload(),
          .mergeable_buffers = in.getMergeableBuffers(),
          .event_index = in.getEventIndex(),
          .indirect_descriptors = in.getIndirectDescriptors(),
          .packed_ring = in.getPackedRing()};
}

}  // namespace

rpc::NetworkKind ToRpc(NetworkKind kind) {
  return static_cast<rpc::NetworkKind>(kind);
}
NetworkKind FromRpc(rpc::NetworkKind kind) {
  return CheckedCast(kind, NetworkKind::kNone, "network kind");
}
rpc::Machine ToRpc(Machine machine) {
  return static_cast<rpc::Machine>(machine);
}
Machine FromRpc(rpc::Machine machine) {
  return CheckedCast(machine, Machine::kQ35, "machine");
}

void ToRpc(const SessionNetwork& in, rpc::SessionNetwork::Builder out) {
  out.setKind(ToRpc(in.kind));
  out.setHostAddress(Text(in.host_address));
  out.setListenAddress(Text(in.listen_address));
  out.setPrefix(in.prefix);
  out.setLimits(Text(in.limits));
}

SessionNetwork FromRpc(rpc::SessionNetwork::Reader in) {
  return {.kind = FromRpc(in.getKind()),
          .host_address = String(in.getHostAddress()),
          .listen_address = String(in.getListenAddress()),
          .prefix = in.getPrefix(),
          .limits = String(in.getLimits())};
}

void ToRpc(const NodeSpec& in, rpc::NodeSpec::Builder out) {
  out.setImage(Text(in.image));
  auto words = out.initWords(static_cast<unsigned>(in.words.size()));
  for (unsigned i = 0; i < in.words.size(); ++i) {
    words.set(i, Text(in.words[i]));
  }
  auto arguments =
      out.initArguments(static_cast<unsigned>(in.arguments.size()));
  for (unsigned i = 0; i < in.arguments.size(); ++i) {
    arguments.set(i, Text(in.arguments[i]));
  }
  out.setCores(in.cores);
  out.setMemoryMib(in.memory_mib);
  out.setMachine(ToRpc(in.machine));
  out.setNetwork(ToRpc(in.network));
  out.setDhcp(in.dhcp);
  ToRpcNic(in.nic, out.initNic());
  ToRpcForwards(in.forwards,
                out.initForwards(static_cast<unsigned>(in.forwards.size())));
}

NodeSpec FromRpc(rpc::NodeSpec::Reader in) {
  return {.image = String(in.getImage()),
          .words = Strings(in.getWords()),
          .arguments = Strings(in.getArguments()),
          .cores = in.getCores(),
          .memory_mib = in.getMemoryMib(),
          .machine = FromRpc(in.getMachine()),
          .network = FromRpc(in.getNetwork()),
          .dhcp = in.getDhcp(),
          .nic = FromRpcNic(in.getNic()),
          .forwards = FromRpcForwards(in.getForwards())};
}

void ToRpc(const NodeInfo& in, rpc::NodeInfo::Builder out) {
  out.setId(in.id);
  out.setAddress(Text(in.address));
  out.setPrefix(in.prefix);
  out.setGateway(Text(in.gateway));
  out.setMac(Text(in.mac));
  out.setAccelerator(Text(in.accelerator));
  ToRpcForwards(in.forwards,
                out.initForwards(static_cast<unsigned>(in.forwards.size())));
  out.setNotes(Text(in.notes));
}

NodeInfo FromRpc(rpc::NodeInfo::Reader in) {
  return {.id = in.getId(),
          .address = String(in.getAddress()),
          .prefix = in.getPrefix(),
          .gateway = String(in.getGateway()),
          .mac = String(in.getMac()),
          .accelerator = String(in.getAccelerator()),
          .forwards = FromRpcForwards(in.getForwards()),
          .notes = String(in.getNotes())};
}

void ToRpc(const NodeExit& in, rpc::NodeExit::Builder out) {
  out.setKind(static_cast<rpc::NodeExit::Kind>(in.kind));
  out.setCode(in.code);
  out.setReason(Text(in.reason));
  out.setConsoleTail(Text(in.console_tail));
}

NodeExit FromRpc(rpc::NodeExit::Reader in) {
  return {.kind = CheckedCast(in.getKind(), ExitKind::kCrashed, "exit kind"),
          .code = in.getCode(),
          .reason = String(in.getReason()),
          .console_tail = String(in.getConsoleTail())};
}

void ToRpc(const NodeStatus& in, rpc::NodeStatus::Builder out) {
  out.setId(in.id);
  out.setUid(in.uid);
  out.setLabel(Text(in.label));
  out.setImage(Text(in.image));
  out.setState(Text(in.state));
  out.setUptimeMs(static_cast<uint64_t>(in.uptime.count()));
  out.setAddress(Text(in.address));
  out.setAccelerator(Text(in.accelerator));
  out.setMachine(ToRpc(in.machine));
  out.setCores(in.cores);
  out.setMemoryMib(in.memory_mib);
  out.setPid(in.pid);
  out.setCpuMs(static_cast<uint64_t>(in.cpu.count()));
  out.setResidentBytes(in.resident_bytes);
}

NodeStatus FromRpc(rpc::NodeStatus::Reader in) {
  return {.id = in.getId(),
          .uid = in.getUid(),
          .label = String(in.getLabel()),
          .image = String(in.getImage()),
          .state = String(in.getState()),
          .uptime = std::chrono::milliseconds(in.getUptimeMs()),
          .address = String(in.getAddress()),
          .accelerator = String(in.getAccelerator()),
          .machine = FromRpc(in.getMachine()),
          .cores = in.getCores(),
          .memory_mib = in.getMemoryMib(),
          .pid = in.getPid(),
          .cpu = std::chrono::milliseconds(in.getCpuMs()),
          .resident_bytes = in.getResidentBytes()};
}

void ToRpc(const DaemonInfo& in, rpc::DaemonInfo::Builder out) {
  out.setPid(in.pid);
  out.setVersion(Text(in.version));
  out.setAccelerator(Text(in.accelerator));
  out.setAcceleratorReason(Text(in.accelerator_reason));
  out.setTscKhz(in.tsc_khz);
  out.setNetwork(ToRpc(in.network));
  out.setNetworkReason(Text(in.network_reason));
  out.setQemu(Text(in.qemu));
  out.setMaxCores(in.max_cores);
  out.setMaxNodes(in.max_nodes);
  auto notes = out.initNotes(static_cast<unsigned>(in.notes.size()));
  for (unsigned i = 0; i < in.notes.size(); ++i) {
    notes.set(i, Text(in.notes[i]));
  }
}

DaemonInfo FromRpc(rpc::DaemonInfo::Reader in) {
  return {.pid = in.getPid(),
          .version = String(in.getVersion()),
          .accelerator = String(in.getAccelerator()),
          .accelerator_reason = String(in.getAcceleratorReason()),
          .tsc_khz = in.getTscKhz(),
          .network = FromRpc(in.getNetwork()),
          .network_reason = String(in.getNetworkReason()),
          .qemu = String(in.getQemu()),
          .max_cores = in.getMaxCores(),
          .max_nodes = in.getMaxNodes(),
          .notes = Strings(in.getNotes())};
}

}  // namespace ebbrt::iaas
