#include "node_host.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "command_line.h"
#include "log.h"
#include "qemu_program.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr uint32_t kMaxSessionsPerUser = 32;
constexpr size_t kMaxLabel = 256;
// Machines that have ended, whose consoles are kept for a client that holds
// them, per user.
constexpr size_t kMaxEndedPerUser = 128;
// Keeps tap names within the 15 characters of a link's name.
constexpr uint32_t kMaxNodeId = 999999;
constexpr uint64_t kMib = 1024 * 1024;

// A figure of /proc/meminfo, in MiB.
uint64_t MeminfoMib(const std::string& key) {
  std::ifstream meminfo("/proc/meminfo");
  std::string word;
  while (meminfo >> word) {
    uint64_t kib = 0;
    if (word == key + ":" && meminfo >> kib) return kib / 1024;
  }
  return 0;
}

std::vector<std::string> DaemonWords(const NodeSpec& spec,
                                     const NodeNetwork* network,
                                     const Accelerator& accelerator,
                                     AcceleratorKind kind) {
  std::vector<std::string> words;
  if (network != nullptr && !spec.dhcp) {
    words.push_back("ebbrt.ip=" + ToString(network->address) + "/" +
                    std::to_string(network->prefix));
    words.push_back("ebbrt.gateway=" + ToString(network->gateway));
  }
  if (kind == AcceleratorKind::kTcg && accelerator.tsc_khz != 0) {
    words.push_back("ebbrt.tsc_khz=" + std::to_string(accelerator.tsc_khz));
  }
  return words;
}

// What the limits are when the options leave them to the machine.
HostLimits Completed(HostLimits limits) {
  if (limits.user.memory_mib == 0) {
    limits.user.memory_mib = MeminfoMib("MemTotal") / 2;
  }
  return limits;
}

// Root's QEMU may open /dev/kvm if its group may.
Credentials WithKvm(Credentials user) {
  struct stat kvm;
  if (stat("/dev/kvm", &kvm) == 0 && kvm.st_gid != 0 &&
      (kvm.st_mode & S_IRGRP) != 0 && (kvm.st_mode & S_IWGRP) != 0) {
    user.groups.push_back(kvm.st_gid);
  }
  return user;
}

// Whether /dev/kvm opens for `user`, who isn't the one who asks.
bool OpensKvm(const Credentials& user) {
  struct stat kvm;
  if (user.uid == 0) return true;
  if (stat("/dev/kvm", &kvm) != 0) return false;
  return !user.groups.empty() ||
         ((kvm.st_mode & S_IROTH) != 0 && (kvm.st_mode & S_IWOTH) != 0);
}

// Those that a killed daemon has left; the socket's lock says that it is gone.
void RemoveGdbSockets(const std::string& prefix) {
  const std::filesystem::path pattern(prefix);
  std::error_code error;
  std::vector<std::filesystem::path> left;
  for (const auto& entry :
       std::filesystem::directory_iterator(pattern.parent_path(), error)) {
    const bool ours =
        entry.path().string().starts_with(prefix) && entry.is_socket(error);
    if (ours) left.push_back(entry.path());
  }
  for (const auto& path : left) std::filesystem::remove(path, error);
}

// KVM only for those who may open it; the others get TCG, and a note.
AcceleratorKind AcceleratorFor(const Credentials& runs_as,
                               const OpenedImage& image,
                               const Accelerator& accelerator, NodeInfo& info) {
  if (accelerator.kind == AcceleratorKind::kTcg || image.may_use_kvm) {
    return accelerator.kind;
  }
  info.notes += "user " + std::to_string(runs_as.uid) +
                " may not open /dev/kvm, so the node runs under TCG, slowly; "
                "add the user to the group that owns /dev/kvm. ";
  return AcceleratorKind::kTcg;
}

// The node's place in its session's network, which goes into `info`; null for
// a node without a network.
std::unique_ptr<NodeNetwork> Attach(HostSession& session, const NodeSpec& spec,
                                    AcceleratorKind accelerator,
                                    NodeInfo& info) {
  if (spec.network == NetworkKind::kNone) {
    if (spec.forwards.empty()) return nullptr;
    throw UserError("a node without a network can't have port forwards");
  }
  if (spec.network != NetworkKind::kAutomatic &&
      spec.network != session.network->Info().kind) {
    throw UserError(
        "the node asks for another kind of network than its session has; "
        "open the session with that kind");
  }
  auto network = session.network->Attach(info.id, spec, accelerator);
  info.address = ToString(network->address);
  info.prefix = network->prefix;
  info.gateway = ToString(network->gateway);
  info.mac = ToString(network->plan.mac);
  info.forwards = network->plan.forwards;
  return network;
}

}  // namespace

MachineLease::~MachineLease() noexcept { host_.Release(*machine_); }

NodeHost::NodeHost(Loop loop, StateDirectory& state, const std::string& socket,
                   HostLimits limits, AcceleratorChoice choice)
    : loop_(loop),
      state_(state),
      gdb_prefix_(socket + ".gdb-"),
      limits_(Completed(std::move(limits))),
      qemu_user_(geteuid() == 0 ? WithKvm(CredentialsOf(limits_.qemu_user))
                                : OwnCredentials()),
      shares_(limits_.user, geteuid()),
      accelerator_(ChooseAccelerator(loop.port, loop.timer, choice).fork()),
      tasks_(*this) {
  RemoveGdbSockets(gdb_prefix_);
  tasks_.add(accelerator_.addBranch().then([](Accelerator accelerator) {
    Log(std::string("accelerator ") + Name(accelerator.kind) + ": " +
        accelerator.reason);
  }));
}

std::shared_ptr<HostSession> NodeHost::OpenSession(const Credentials& owner,
                                                   const std::string& label,
                                                   NetworkKind network) {
  if (sessions_of_[owner.uid] >= kMaxSessionsPerUser) {
    throw UserError("user " + std::to_string(owner.uid) + " has " +
                    std::to_string(kMaxSessionsPerUser) +
                    " sessions open, which is the limit; close one");
  }
  if (label.size() > kMaxLabel) {
    throw UserError("the session's label is longer than " +
                    std::to_string(kMaxLabel) + " bytes");
  }
  auto session = std::make_shared<HostSession>();
  session->network = MakeNetwork(network, state_);
  session->id = ++last_session_;
  session->owner = owner;
  session->label = label;
  ++sessions_of_[owner.uid];
  const auto& info = session->network->Info();
  Log("session " + std::to_string(session->id) + " of user " +
      std::to_string(owner.uid) + ", host at " + info.host_address +
      (info.limits.empty() ? "" : ". " + info.limits));
  return session;
}

void NodeHost::EndSession(HostSession& session) {
  if (!session.network) return;
  for (auto& [id, entry] : machines_) {
    if (entry.machine->Facts().session == session.id) {
      entry.machine->Kill("its session ended");
    }
  }
  session.network = nullptr;
  --sessions_of_[session.owner.uid];
  Log("session " + std::to_string(session.id) + " ended");
}

void NodeHost::CheckSpec(const NodeSpec& spec) const {
  if (shares_.Nodes() >= limits_.max_nodes) {
    throw UserError("the daemon runs " + std::to_string(limits_.max_nodes) +
                    " nodes, which is its limit; end some, or start it with a "
                    "larger --max-nodes");
  }
  if (spec.cores == 0 || spec.cores > limits_.max_cores) {
    throw UserError("a node can have 1 to " +
                    std::to_string(limits_.max_cores) + " cores, not " +
                    std::to_string(spec.cores));
  }
  if (spec.memory_mib < limits_.min_memory_mib) {
    throw UserError("a node needs at least " +
                    std::to_string(limits_.min_memory_mib) +
                    " MiB of memory, " + std::to_string(spec.memory_mib) +
                    " MiB were asked for");
  }
  const uint64_t total = MeminfoMib("MemTotal");
  const uint64_t available = MeminfoMib("MemAvailable");
  const uint64_t promised = shares_.MemoryMib();
  if (spec.memory_mib > available || promised + spec.memory_mib > total) {
    throw UserError(
        std::to_string(spec.memory_mib) +
        " MiB of memory were asked for, but the machine has " +
        std::to_string(available) + " of " + std::to_string(total) +
        " MiB available and " + std::to_string(promised) +
        " MiB promised to other nodes; ask for less, or end other nodes");
  }
}

void NodeHost::CheckHeld(uid_t uid) const {
  const auto held = std::ranges::count_if(machines_, [uid](const auto& item) {
    return item.second.ended && item.second.machine->Facts().owner.uid == uid;
  });
  if (static_cast<size_t>(held) >= kMaxEndedPerUser) {
    throw UserError("clients of user " + std::to_string(uid) + " still hold " +
                    std::to_string(kMaxEndedPerUser) +
                    " nodes that have ended, which is the limit; let go of "
                    "them");
  }
}

// As whom the QEMU of a machine of `owner` runs.
Credentials NodeHost::RunsAs(const Credentials& owner) const {
  return owner.uid == 0 && geteuid() == 0 ? qemu_user_ : owner;
}

void NodeHost::CheckMemory(const NodeSpec& spec,
                           const ImageFacts& image) const {
  if (image.load_end > spec.memory_mib * kMib) {
    throw UserError("image " + spec.image + " reaches up to " +
                    std::to_string((image.load_end + kMib - 1) / kMib) +
                    " MiB, but only " + std::to_string(spec.memory_mib) +
                    " MiB of memory were asked for; ask for more");
  }
}

kj::Promise<kj::Own<MachineLease>> NodeHost::Boot(
    std::shared_ptr<HostSession> session, NodeSpec spec) {
  const uid_t uid = session->owner.uid;
  CheckSpec(spec);
  CheckHeld(uid);
  auto share = shares_.Take(uid, spec.cores, spec.memory_mib);
  auto image = OpenImage(loop_.port, loop_.timer, session->owner,
                         RunsAs(session->owner), spec.image);
  return image.then([this, session, spec = std::move(spec),
                     share = std::move(share)](OpenedImage opened) mutable {
    shares_.CheckImage(session->owner.uid, spec.image, opened.size);
    return accelerator_.addBranch().then(
        [this, session, spec = std::move(spec), opened = kj::mv(opened),
         share = std::move(share)](Accelerator accelerator) mutable {
          return Launch(*session, spec, kj::mv(opened), std::move(share),
                        accelerator);
        });
  });
}

kj::Own<MachineLease> NodeHost::Launch(HostSession& session,
                                       const NodeSpec& spec, OpenedImage image,
                                       UserShares::Share share,
                                       const Accelerator& accelerator) {
  if (!session.network) throw UserError("the session has ended");
  CheckMemory(spec, image.facts);
  NodeInfo info;
  info.id = NextId();
  const Credentials runs_as = RunsAs(session.owner);
  if (runs_as.uid != session.owner.uid) image.may_use_kvm = OpensKvm(runs_as);
  const AcceleratorKind kind =
      AcceleratorFor(runs_as, image, accelerator, info);
  info.accelerator = Name(kind);
  MachineStart start;
  start.network = Attach(session, spec, kind, info);
  start.image = kj::mv(image.file);
  start.runs_as = runs_as;
  start.facts = {.id = info.id,
                 .session = session.id,
                 .owner = session.owner,
                 .label = session.label,
                 .image = spec.image,
                 .machine = spec.machine,
                 .cores = spec.cores,
                 .memory_mib = spec.memory_mib,
                 .address = info.address,
                 .accelerator = kind};
  start.plan = {
      .program = FindQemu(),
      .id = info.id,
      .machine = spec.machine,
      .accelerator = kind,
      .cores = spec.cores,
      .memory_mib = spec.memory_mib,
      .command_line = BuildCommandLine(
          spec.words, DaemonWords(spec, start.network.get(), accelerator, kind),
          spec.arguments),
      .network = std::nullopt,
      .nic = spec.nic};
  return Register(VirtualMachine::Start(loop_, state_, std::move(start)),
                  std::move(info), std::move(share));
}

// Lists the machine, and watches for its end.
kj::Own<MachineLease> NodeHost::Register(kj::Own<VirtualMachine> machine,
                                         NodeInfo info,
                                         UserShares::Share share) {
  const MachineFacts& facts = machine->Facts();
  const uint32_t id = facts.id;
  Log("node " + std::to_string(id) + " of session " +
      std::to_string(facts.session) + " started: " + facts.image);
  ++counts_.started;
  tasks_.add(machine->WhenEnded().then([this, id](NodeExit exit) {
    CountEnd(exit.kind);
    Log("node " + std::to_string(id) + " ended: " + exit.reason);
    machines_.at(id).ended = true;
    machines_.at(id).share.Release();
    Tidy(id);
  }));
  auto lease = kj::heap<MachineLease>(*this, kj::addRef(*machine));
  machines_.emplace(id, Entry{.machine = kj::mv(machine),
                              .info = std::move(info),
                              .share = std::move(share)});
  return lease;
}

NodeInfo NodeHost::Describe(const VirtualMachine& machine) const {
  return machines_.at(machine.Facts().id).info;
}

void NodeHost::Release(VirtualMachine& machine) {
  machine.Kill("its owner let go of it");
  const auto found = machines_.find(machine.Facts().id);
  if (found == machines_.end()) return;
  found->second.released = true;
  Tidy(found->first);
}

// Drops a machine that has both ended and been released.
void NodeHost::Tidy(uint32_t id) {
  const auto found = machines_.find(id);
  if (found->second.released && found->second.ended) machines_.erase(found);
  if (!AllEnded()) return;
  for (auto& waiting : waiting_for_empty_) waiting->fulfill();
  waiting_for_empty_.clear();
}

kj::Promise<void> NodeHost::WhenEmpty() {
  if (AllEnded()) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  waiting_for_empty_.push_back(kj::mv(paf.fulfiller));
  return kj::mv(paf.promise);
}

std::vector<VirtualMachine*> NodeHost::VisibleTo(const Credentials& who) {
  std::vector<VirtualMachine*> visible;
  for (auto& [id, entry] : machines_) {
    if (who.uid == 0 || who.uid == entry.machine->Facts().owner.uid) {
      visible.push_back(entry.machine.get());
    }
  }
  return visible;
}

VirtualMachine& NodeHost::Find(uint32_t id, const Credentials& who) {
  for (VirtualMachine* machine : VisibleTo(who)) {
    if (machine->Facts().id == id) return *machine;
  }
  throw UserError("there is no node " + std::to_string(id) +
                  " of yours; `iaasctl list` shows those there are");
}

kj::Promise<DaemonInfo> NodeHost::Info() {
  return accelerator_.addBranch().then([this](Accelerator accelerator) {
    const NetworkAbility ability = ProbeNetworkAbility();
    DaemonInfo info{.pid = getpid(),
                    .version = kVersion,
                    .accelerator = Name(accelerator.kind),
                    .accelerator_reason = accelerator.reason,
                    .tsc_khz = accelerator.tsc_khz,
                    .network = ability.kind,
                    .network_reason = ability.reason,
                    .max_cores = limits_.max_cores,
                    .max_nodes = limits_.max_nodes};
    info.notes.push_back(shares_.Text());
    if (accelerator.kind == AcceleratorKind::kTcg) {
      info.notes.push_back(
          "TCG translates guest code: times are not those of hardware");
    }
    if (ability.kind == NetworkKind::kUserNetworking) {
      info.notes.push_back(MakeNetwork(ability.kind, state_)->Info().limits);
    }
    try {
      info.qemu = FindQemu();
    } catch (const UserError& error) {
      info.notes.push_back(error.what());
    }
    return info;
  });
}

void NodeHost::CountEnd(ExitKind kind) {
  if (kind == ExitKind::kGuestExit) ++counts_.ended_by_guest;
  if (kind == ExitKind::kKilled) ++counts_.ended_by_request;
  if (kind == ExitKind::kCrashed) ++counts_.ended_by_crash;
}

std::vector<const VirtualMachine*> NodeHost::Running() const {
  std::vector<const VirtualMachine*> running;
  for (const auto& [id, entry] : machines_) {
    if (!entry.machine->Ended()) running.push_back(entry.machine.get());
  }
  return running;
}

HostCounts NodeHost::Count() const {
  HostCounts counts = counts_;
  counts.running = Running().size();
  counts.starting = shares_.Nodes() - counts.running;
  for (const auto& [uid, sessions] : sessions_of_) counts.sessions += sessions;
  counts.promised_memory = shares_.MemoryMib() << 20;
  return counts;
}

kj::Promise<std::string> NodeHost::ListenForGdb(VirtualMachine& machine) {
  return machine.ListenForGdb(gdb_prefix_ + std::to_string(machine.Facts().id));
}

bool NodeHost::AllEnded() const {
  return std::ranges::all_of(
      machines_, [](const auto& item) { return item.second.ended; });
}

uint32_t NodeHost::NextId() {
  do {
    last_id_ = last_id_ % kMaxNodeId + 1;
  } while (machines_.contains(last_id_));
  return last_id_;
}

void NodeHost::taskFailed(kj::Exception&& exception) {
  Log(std::string("internal: ") + exception.getDescription().cStr());
}

}  // namespace ebbrt::iaas
