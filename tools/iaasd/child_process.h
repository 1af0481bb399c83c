// Child processes that don't outlive the daemon.
#pragma once

#include <kj/async-unix.h>
#include <kj/io.h>
#include <kj/refcount.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "credentials.h"

namespace ebbrt::iaas {

// A process this one forked. Whoever holds it may wait for its end and kill it;
// the process is reaped by the first of OnExit()'s waiters or, at the latest,
// by the destructor, which kills it and waits.
class ChildProcess : public kj::Refcounted {
 public:
  // Takes over the unreaped child `pid`.
  ChildProcess(kj::UnixEventPort& port, pid_t pid);
  ~ChildProcess() noexcept;

  pid_t Pid() const { return pid_; }
  // Sends SIGKILL, unless it has been reaped. Reaches only this very process,
  // even if its number is in use again.
  void Kill();
  // Its wait status, once it has ended. Call it once.
  kj::Promise<int> OnExit();

 private:
  int Reap();

  pid_t pid_;
  kj::AutoCloseFd pidfd_;
  kj::UnixEventPort::FdObserver observer_;
  bool reaped_ = false;
};

// What to execute.
struct SpawnRequest {
  std::vector<std::string> arguments;  // [0] is the program's absolute path
  int stdin_fd = -1;                   // -1: /dev/null
  int stdout_fd = -1;
  int stderr_fd = -1;
  std::vector<int> inherited;  // stay open in the child, under their numbers
  Credentials rights;          // taken on before exec
};

// Starts a program that is killed when this process ends, in whatever way. It
// runs in a session of its own, so that a terminal's signals don't reach it.
// `before_start(pid)` runs while the child waits at a gate, so what it records
// is recorded before the program does anything. Call it from the thread that
// lives as long as the process: the kernel ties the child's life to the thread.
// Throws std::system_error naming the program when it can't be executed.
kj::Own<ChildProcess> Spawn(kj::UnixEventPort& port,
                            const SpawnRequest& request,
                            const std::function<void(pid_t)>& before_start);

// Forks a child, tied to this process's life as above, in which `body` runs
// and then the child ends. The child must not return to the event loop nor run
// destructors of the parent's objects. For use by Spawn and RunHelper.
pid_t ForkTied(const std::function<void()>& body);

}  // namespace ebbrt::iaas
