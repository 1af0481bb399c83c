// The machines of this daemon: what may be booted, what runs, who sees it.
#pragma once

#include <kj/async.h>
#include <kj/refcount.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "accelerator.h"
#include "client.h"
#include "image_opener.h"
#include "session_network.h"
#include "state_directory.h"
#include "user_shares.h"
#include "virtual_machine.h"

namespace ebbrt::iaas {

inline constexpr char kVersion[] = "1";

struct HostLimits {
  uint32_t max_cores = 64;
  uint32_t max_nodes = 64;
  uint32_t min_memory_mib = 16;
  UserLimits user;  // memory_mib 0: half of what the machine has
  // As whom QEMU runs for root; others' runs as they do.
  std::string qemu_user = "nobody";
};

// A group of machines with one owner and one network. Ending it is the
// owner's to do, see NodeHost::EndSession.
struct HostSession {
  uint32_t id = 0;
  Credentials owner;
  std::string label;
  std::unique_ptr<Network> network;  // null once ended
};

// What the daemon's metrics tell of all nodes together.
struct HostCounts {
  size_t running = 0;
  size_t starting = 0;
  uint64_t started = 0;  // ever, as the next three
  uint64_t ended_by_guest = 0;
  uint64_t ended_by_request = 0;
  uint64_t ended_by_crash = 0;
  size_t sessions = 0;
  uint64_t promised_memory = 0;  // bytes, to those that run
};

class NodeHost;

// The right to a machine. Destroying it ends the machine if it runs, and takes
// it off the list.
class MachineLease {
 public:
  MachineLease(NodeHost& host, kj::Own<VirtualMachine> machine)
      : host_(host), machine_(kj::mv(machine)) {}
  ~MachineLease() noexcept;
  MachineLease(const MachineLease&) = delete;
  MachineLease& operator=(const MachineLease&) = delete;

  VirtualMachine& Machine() { return *machine_; }

 private:
  NodeHost& host_;
  kj::Own<VirtualMachine> machine_;
};

// Lives on the event loop's thread. Errors come as UserError or as rejected
// promises whose text is for the user.
class NodeHost : private kj::TaskSet::ErrorHandler {
 public:
  // `socket` is the daemon's; the sockets for gdb lie next to it.
  NodeHost(Loop loop, StateDirectory& state, const std::string& socket,
           HostLimits limits, AcceleratorChoice choice);

  std::shared_ptr<HostSession> OpenSession(const Credentials& owner,
                                           const std::string& label,
                                           NetworkKind network);
  // Ends the session's machines and removes its network. Idempotent.
  void EndSession(HostSession& session);

  // Checks the request, opens the image and starts the machine.
  kj::Promise<kj::Own<MachineLease>> Boot(std::shared_ptr<HostSession> session,
                                          NodeSpec spec);
  // What to tell the owner of a machine that has been started.
  NodeInfo Describe(const VirtualMachine& machine) const;

  // Machines that `who` may see and kill: its own; all for root.
  std::vector<VirtualMachine*> VisibleTo(const Credentials& who);
  // Throws UserError if there is none of that number that `who` may see.
  VirtualMachine& Find(uint32_t id, const Credentials& who);
  kj::Promise<DaemonInfo> Info();
  // VirtualMachine::ListenForGdb, at a socket next to the daemon's.
  kj::Promise<std::string> ListenForGdb(VirtualMachine& machine);

  // For the daemon's own metrics.
  HostCounts Count() const;
  std::vector<const VirtualMachine*> Running() const;

  // Resolves when no QEMU is left; end the sessions first.
  kj::Promise<void> WhenEmpty();

 private:
  friend class MachineLease;

  struct Entry {
    kj::Own<VirtualMachine> machine;
    NodeInfo info;
    UserShares::Share share;  // until its end
    bool released = false;    // by its owner
    bool ended = false;
  };
  void taskFailed(kj::Exception&& exception) override;
  void CheckSpec(const NodeSpec& spec) const;
  void CheckHeld(uid_t uid) const;
  Credentials RunsAs(const Credentials& owner) const;
  void CheckMemory(const NodeSpec& spec, const ImageFacts& image) const;
  void Release(VirtualMachine& machine);
  kj::Own<MachineLease> Register(kj::Own<VirtualMachine> machine, NodeInfo info,
                                 UserShares::Share share);
  void CountEnd(ExitKind kind);
  bool AllEnded() const;
  kj::Own<MachineLease> Launch(HostSession& session, const NodeSpec& spec,
                               OpenedImage image, UserShares::Share share,
                               const Accelerator& accelerator);
  uint32_t NextId();
  void Tidy(uint32_t id);

  Loop loop_;
  StateDirectory& state_;
  std::string gdb_prefix_;
  const HostLimits limits_;
  const Credentials qemu_user_;
  UserShares shares_;
  kj::ForkedPromise<Accelerator> accelerator_;
  std::map<uint32_t, Entry> machines_;
  std::map<uid_t, uint32_t> sessions_of_;
  HostCounts counts_;  // but for what can be counted when asked
  uint32_t last_id_ = 0;
  uint32_t last_session_ = 0;
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> waiting_for_empty_;
  kj::TaskSet tasks_;
};

}  // namespace ebbrt::iaas
