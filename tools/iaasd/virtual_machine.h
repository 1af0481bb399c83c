// One QEMU process and what it stands for.
#pragma once

#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <kj/refcount.h>
#include <kj/timer.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "child_process.h"
#include "client.h"
#include "console_log.h"
#include "credentials.h"
#include "monitor_commands.h"
#include "qemu_command.h"
#include "session_network.h"
#include "state_directory.h"

namespace ebbrt::iaas {

// The daemon's event loop, as far as its parts need it.
struct Loop {
  kj::UnixEventPort& port;
  kj::LowLevelAsyncIoProvider& io;
  kj::Timer& timer;
};

// What is known of a machine for as long as anyone asks.
struct MachineFacts {
  uint32_t id = 0;
  uint32_t session = 0;
  Credentials owner;
  std::string label;
  std::string image;
  Machine machine = Machine::kMicrovm;
  uint32_t cores = 0;
  uint32_t memory_mib = 0;
  std::string address;  // "" without a network
  AcceleratorKind accelerator = AcceleratorKind::kTcg;
};

// What a machine is started with.
struct MachineStart {
  MachineFacts facts;
  QemuPlan plan;
  Credentials runs_as;  // the owner, or who stands in for root
  kj::AutoCloseFd image;
  std::unique_ptr<NodeNetwork> network;  // null: none
};

// Starting, running, then ended. Lives on after its QEMU, for its console,
// until the last reference is dropped. All of it belongs to the event loop's
// thread.
class VirtualMachine : public kj::Refcounted {
 public:
  // Starts QEMU. Throws UserError or std::system_error.
  static kj::Own<VirtualMachine> Start(Loop loop, StateDirectory& state,
                                       MachineStart start);

  VirtualMachine(Loop loop, StateDirectory& state, MachineStart start);
  ~VirtualMachine() noexcept;

  const MachineFacts& Facts() const { return facts_; }
  kj::Own<ConsoleLog> Console() { return kj::addRef(*console_); }
  // 0 once QEMU has ended.
  pid_t Pid() const { return exit_ ? 0 : process_->Pid(); }
  std::chrono::milliseconds Uptime() const;
  // "starting", "running" or "ended: <reason>".
  std::string StateText() const;
  bool Ended() const { return exit_.has_value(); }

  // Resolves when QEMU has built the machine and lets it run. Rejected with
  // QEMU's words if it can't. Call it once.
  kj::Promise<void> WhenRunning();
  // Resolves when QEMU is gone and its console complete. Any number of calls.
  kj::Promise<NodeExit> WhenEnded() { return ended_.addBranch(); }
  // Makes QEMU wait for gdb at a socket at `path`, to which the owner alone may
  // connect (and root); gives the path. Any number of calls. Who connects stops
  // the machine until it detaches. Rejected when the machine has ended.
  kj::Promise<std::string> ListenForGdb(const std::string& path);
  // Ends it at once; `why` becomes the reason. No effect once it has ended.
  void Kill(const std::string& why);

 private:
  void Launch(MachineStart start);
  kj::Promise<void> ReadConsole();
  kj::Promise<void> ReadErrors();
  kj::Promise<void> ReadMonitor();
  void HandleMonitor();
  void HandleAnswer(const std::string& line);
  kj::Promise<void> StartGdbServer(kj::AutoCloseFd listening);
  kj::Promise<NodeExit> AwaitEnd();
  NodeExit Finish(int status);
  NodeExit Judge(int status) const;

  Loop loop_;
  StateDirectory& state_;
  MachineFacts facts_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point ended_at_;
  kj::Own<ConsoleLog> console_;
  std::unique_ptr<NodeNetwork> network_;

  kj::Own<ChildProcess> process_;
  kj::Own<kj::AsyncInputStream> console_pipe_;
  kj::Own<kj::AsyncInputStream> error_pipe_;
  kj::Own<kj::AsyncCapabilityStream> monitor_;
  MonitorCommands commands_;
  kj::Array<char> console_buffer_;
  kj::Array<char> error_buffer_;
  kj::Array<char> monitor_buffer_;

  std::string error_text_;    // what QEMU said on its standard error
  std::string monitor_text_;  // the last of what its monitor said
  std::string greeting_;      // what its monitor is told
  size_t answers_due_ = 0;    // to that; the machine runs when all have come
  std::string shutdown_reason_;
  std::string killed_why_;
  std::string gdb_path_;  // of its socket, once somebody asked
  kj::ForkedPromise<void> gdb_ready_ = nullptr;
  bool running_ = false;
  std::optional<NodeExit> exit_;
  kj::PromiseFulfillerPair<void> running_signal_;
  kj::ForkedPromise<NodeExit> ended_ = nullptr;
};

}  // namespace ebbrt::iaas
