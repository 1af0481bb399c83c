#include "hosted/node_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <utility>

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 declares them for C only
}

extern char** environ;

namespace ebbrt::hosted {
namespace {

constexpr size_t kBlock = 64 * 1024;

/// The environment of this process, with `more`.
std::vector<std::string> Environment(std::vector<std::string> more) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    if (!text.starts_with("EBBRT_CORES=")) more.emplace_back(text);
  }
  return more;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (auto& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// How the process ended, as the daemon tells it of a machine.
iaas::NodeExit ToExit(const siginfo_t& info, const std::string& console_tail) {
  iaas::NodeExit exit;
  exit.console_tail = console_tail;
  exit.code = info.si_status;
  if (info.si_code == CLD_EXITED) {
    exit.reason =
        "its process ended with exit code " + std::to_string(info.si_status);
  } else {
    exit.kind = iaas::ExitKind::kCrashed;
    exit.reason = std::string("its process was ended by a signal, ") +
                  strsignal(info.si_status);
  }
  return exit;
}

}  // namespace

struct NodeProcess::Shared {
  Spec spec;
  iaas::NodeCallbacks callbacks;

  std::mutex lock;  // guards:
  bool released = false;
  int process = -1;  // a descriptor of it

  /// Calls `function` unless nobody wants to hear of it any more.
  template <typename F>
  void Tell(F function) {
    std::lock_guard guard(lock);
    if (!released) function(callbacks);
  }

  /// All of a process's life, by the watcher's thread: it is the one that the
  /// process asks the kernel to end with.
  void Run() {
    int console = -1;
    try {
      console = Start();
    } catch (const std::exception&) {
      Tell([](auto& to) { to.failed(std::current_exception()); });
      return;
    }
    Tell([](auto& to) { to.started(iaas::NodeInfo{}); });
    std::string tail = ReadConsole(console);
    close(console);
    siginfo_t info{};
    waitid(P_PIDFD, static_cast<id_t>(process), &info, WEXITED);
    Tell([&](auto& to) { to.died(ToExit(info, tail)); });
    std::lock_guard guard(lock);
    close(std::exchange(process, -1));
  }

  /// Gives the end of its console.
  int Start() {
    std::vector<std::string> arguments = spec.arguments;
    arguments.insert(arguments.begin(), spec.program);
    auto environment =
        Environment({std::string(kBootVariable) + "=" + spec.boot_words,
                     "EBBRT_CORES=" + std::to_string(spec.cores)});
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
      throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    // A terminal's Ctrl-C is the front-end's affair.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    pid_t pid;
    int error =
        posix_spawn(&pid, spec.program.c_str(), &actions, &attributes,
                    Pointers(arguments).data(), Pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    if (error != 0) {
      close(ends[0]);
      throw std::runtime_error("can't start " + spec.program + ": " +
                               std::strerror(error));
    }
    std::lock_guard guard(lock);
    process = pidfd_open(pid, 0);  // not reaped yet, so it is this one
    if (released) Kill();
    return ends[0];
  }

  /// Until the process has ended; the last line of it.
  std::string ReadConsole(int console) {
    std::string tail;
    std::vector<char> block(kBlock);
    fcntl(console, F_SETFL, O_NONBLOCK);
    pollfd polled[2] = {{console, POLLIN, 0}, {process, POLLIN, 0}};
    for (bool ended = false; !ended;) {
      poll(polled, 2, -1);
      ended = polled[1].revents != 0;
      ssize_t got;
      while ((got = read(console, block.data(), block.size())) > 0) {
        std::string_view text(block.data(), static_cast<size_t>(got));
        Tell([&](auto& to) { to.console(text); });
        tail += text;
        size_t last = tail.find_last_of('\n', tail.size() - 2);
        if (last != tail.npos) tail.erase(0, last + 1);
      }
      if (got == 0) polled[0].fd = -1;  // it has closed it, and lives
    }
    return tail;
  }

  /// Under the lock.
  void Kill() {
    if (process >= 0) pidfd_send_signal(process, SIGKILL, nullptr, 0);
  }
};

NodeProcess::NodeProcess(Spec spec, iaas::NodeCallbacks callbacks)
    : shared_(std::make_shared<Shared>()) {
  shared_->spec = std::move(spec);
  shared_->callbacks = std::move(callbacks);
  watcher_ = std::jthread([shared = shared_] { shared->Run(); });
}

NodeProcess::~NodeProcess() {
  {
    std::lock_guard guard(shared_->lock);
    shared_->released = true;
    shared_->Kill();
  }
  watcher_.join();
}

}  // namespace ebbrt::hosted
