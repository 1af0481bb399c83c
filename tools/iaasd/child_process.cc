#include "child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "signals_blocked.h"

namespace ebbrt::iaas {
namespace {

constexpr int kExecFailed = 127;

[[noreturn]] void ThrowErrno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct Pipe {
  kj::AutoCloseFd read;
  kj::AutoCloseFd write;
};

Pipe MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) ThrowErrno("pipe");
  return {kj::AutoCloseFd(ends[0]), kj::AutoCloseFd(ends[1])};
}

// Ties this child's life to the parent's. The signal is only sent for a parent
// that ends after the call, hence the look at the parent afterwards.
void DieWithParent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kExecFailed);
}

void ResetSignals() {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) {
    sigaction(signal, &by_default, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

size_t ReadFully(int fd, void* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = read(fd, static_cast<char*>(data) + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

// Lets only stdio and the inherited descriptors through exec.
void ArrangeDescriptors(const SpawnRequest& request) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(request.stdin_fd >= 0 ? request.stdin_fd : null, STDIN_FILENO);
  dup2(request.stdout_fd >= 0 ? request.stdout_fd : null, STDOUT_FILENO);
  dup2(request.stderr_fd >= 0 ? request.stderr_fd : null, STDERR_FILENO);
  syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  for (const int fd : request.inherited) fcntl(fd, F_SETFD, 0);
}

// In the child: waits at the gate, then becomes the program. Returns errno.
int BecomeProgram(const SpawnRequest& request, char* const* argv, int gate,
                  pid_t parent) {
  char go;
  if (ReadFully(gate, &go, 1) != 1) _exit(kExecFailed);
  setsid();
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  ForbidCapabilities();
  if (!TakeOnCredentials(request.rights) || !DropCapabilities()) return errno;
  // Taking on other credentials has cleared the parent-death signal.
  DieWithParent(parent);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ArrangeDescriptors(request);
  static const char* const kEnvironment[] = {
      "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", nullptr};
  execve(argv[0], argv, const_cast<char* const*>(kEnvironment));
  return errno;
}

}  // namespace

ChildProcess::ChildProcess(kj::UnixEventPort& port, pid_t pid)
    : pid_(pid),
      pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))),
      observer_(port, pidfd_.get(),
                kj::UnixEventPort::FdObserver::OBSERVE_READ) {}

ChildProcess::~ChildProcess() noexcept {
  if (reaped_) return;
  Kill();
  Reap();
}

void ChildProcess::Kill() {
  if (reaped_) return;
  syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

kj::Promise<int> ChildProcess::OnExit() {
  return observer_.whenBecomesReadable().then([this]() { return Reap(); });
}

int ChildProcess::Reap() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
  return status;
}

pid_t ForkTied(const std::function<void()>& body) {
  const pid_t parent = getpid();
  // Signals stay blocked over the fork, so that none of the parent's handlers
  // runs in the child before they are reset.
  const SignalsBlocked blocked;
  const pid_t pid = fork();
  if (pid == 0) {
    DieWithParent(parent);
    ResetSignals();
    body();
    _exit(0);
  }
  if (pid < 0) ThrowErrno("can't start a process");
  return pid;
}

kj::Own<ChildProcess> Spawn(kj::UnixEventPort& port,
                            const SpawnRequest& request,
                            const std::function<void(pid_t)>& before_start) {
  std::vector<char*> argv;
  for (const auto& argument : request.arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  Pipe gate = MakePipe();
  Pipe failure = MakePipe();
  const pid_t parent = getpid();
  const pid_t pid = ForkTied([&] {
    // Holding the gate's other end would keep the child from seeing it close.
    gate.write = nullptr;
    const int error =
        BecomeProgram(request, argv.data(), gate.read.get(), parent);
    [[maybe_unused]] const ssize_t sent =
        write(failure.write.get(), &error, sizeof error);
    _exit(kExecFailed);
  });
  gate.read = nullptr;
  failure.write = nullptr;
  auto child = kj::refcounted<ChildProcess>(port, pid);
  before_start(pid);
  if (write(gate.write.get(), "g", 1) != 1) ThrowErrno("gate");
  int error = 0;
  if (ReadFully(failure.read.get(), &error, sizeof error) == sizeof error) {
    throw std::system_error(error, std::generic_category(),
                            "can't execute " + request.arguments[0] +
                                " as user " +
                                std::to_string(request.rights.uid));
  }
  return child;
}

}  // namespace ebbrt::iaas
