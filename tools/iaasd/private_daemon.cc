#include "private_daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "exit_status.h"

namespace ebbrt::iaas {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kEndWait = std::chrono::seconds(3);
constexpr auto kRetryPause = std::chrono::milliseconds(5);
constexpr int kParentLevels = 4;

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<PrivateDaemon>> daemons;
};

Registry& TheRegistry() {
  // Never destroyed: clients may be, at process exit, after any static object.
  static Registry& registry = *new Registry;
  return registry;
}

Error Failed(const std::string& what) {
  return Error(what + ": " + std::strerror(errno));
}

std::string OnPath(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string left = path != nullptr ? path : "";
  while (!left.empty()) {
    const size_t colon = left.find(':');
    const std::string candidate = left.substr(0, colon) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    left = colon == std::string::npos ? "" : left.substr(colon + 1);
  }
  return {};
}

std::string FindDaemon(const DaemonOptions& options) {
  if (!options.executable.empty()) return options.executable;
  if (const char* chosen = std::getenv("EBBRT_IAASD")) return chosen;
  std::error_code error;
  auto directory =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (int level = 0; level <= kParentLevels; ++level) {
    for (const char* place :
         {"iaasd", "tools/iaasd/iaasd", "libexec/ebbrt/iaasd"}) {
      const auto candidate = directory / place;
      if (std::filesystem::is_regular_file(candidate, error) &&
          access(candidate.c_str(), X_OK) == 0) {
        return candidate;
      }
    }
    directory = directory.parent_path();
  }
  std::string found = OnPath("iaasd");
  if (found.empty()) {
    throw Error(
        "no IaaS daemon runs, and none is found to start; build the target "
        "iaasd, or name the program in $EBBRT_IAASD");
  }
  return found;
}

// The two ends of a connection: ours is closed by exec, theirs is inherited.
struct Ends {
  kj::AutoCloseFd ours;
  kj::AutoCloseFd theirs;
};

Ends MakeEnds() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Failed("socketpair");
  }
  return {kj::AutoCloseFd(ends[0]), kj::AutoCloseFd(ends[1])};
}

// posix_spawn's two argument objects, set up for a daemon.
class SpawnSetup {
 public:
  SpawnSetup(int notify, int lifetime) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, 1, "/dev/null", O_WRONLY, 0);
    const char* log = std::getenv("EBBRT_IAASD_LOG");
    posix_spawn_file_actions_addopen(&actions_, 2,
                                     log != nullptr ? log : "/dev/null",
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    // Onto itself: that takes the close-on-exec mark off.
    posix_spawn_file_actions_adddup2(&actions_, notify, notify);
    posix_spawn_file_actions_adddup2(&actions_, lifetime, lifetime);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    // A session of its own: the terminal's Ctrl-C is not for the daemon.
    posix_spawnattr_setflags(
        &attributes_,
        static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                           POSIX_SPAWN_SETSIGDEF));
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  pid_t Spawn(const std::vector<std::string>& words) const {
    std::vector<char*> argv;
    for (const auto& word : words) {
      argv.push_back(const_cast<char*>(word.c_str()));
    }
    argv.push_back(nullptr);
    pid_t pid = 0;
    errno = posix_spawn(&pid, argv[0], &actions_, &attributes_, argv.data(),
                        environ);
    if (errno != 0) throw Failed("can't start the IaaS daemon " + words[0]);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

int WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::chrono::milliseconds Left(Clock::time_point deadline) {
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::duration_cast<std::chrono::milliseconds>(
                      deadline - Clock::now()));
}

// Everything that comes until the other end closes or the time is over.
std::string ReadAll(int fd, Clock::time_point deadline) {
  std::string text;
  std::array<char, 1024> buffer;
  while (true) {
    pollfd readable{fd, POLLIN, 0};
    const int ready =
        poll(&readable, 1, static_cast<int>(Left(deadline).count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return text;
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
}

void CheckPeer(int fd, const std::string& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    throw Failed("can't tell who serves " + socket);
  }
  // Root may look after anyone's daemon.
  if (peer.uid != 0 && peer.uid != geteuid() && geteuid() != 0) {
    throw Error("the socket " + socket + " is served by user " +
                std::to_string(peer.uid) +
                ", who is neither root nor you; name your own daemon's socket "
                "in $EBBRT_IAASD_SOCKET");
  }
}

}  // namespace

std::shared_ptr<PrivateDaemon> PrivateDaemon::Find(const std::string& socket) {
  const std::lock_guard lock(TheRegistry().mutex);
  const auto found = TheRegistry().daemons.find(socket);
  return found == TheRegistry().daemons.end() ? nullptr : found->second.lock();
}

std::shared_ptr<PrivateDaemon> PrivateDaemon::Start(
    const DaemonOptions& options) {
  const auto deadline = Clock::now() + options.timeout;
  Ends notify = MakeEnds();
  Ends lifetime = MakeEnds();
  std::vector<std::string> words = {
      FindDaemon(options),  "--socket",
      options.socket,       "--foreground",
      "--notify-fd",        std::to_string(notify.theirs.get()),
      "--exit-with-client", std::to_string(lifetime.theirs.get())};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  const pid_t pid =
      SpawnSetup(notify.theirs.get(), lifetime.theirs.get()).Spawn(words);
  notify.theirs = nullptr;
  lifetime.theirs = nullptr;
  const std::string said = ReadAll(notify.ours.get(), deadline);
  if (said == "ready") {
    auto daemon = std::make_shared<PrivateDaemon>(pid, kj::mv(lifetime.ours));
    const std::lock_guard lock(TheRegistry().mutex);
    TheRegistry().daemons[options.socket] = daemon;
    return daemon;
  }
  if (Left(deadline).count() == 0) {
    kill(pid, SIGKILL);
    WaitFor(pid);
    throw Error("the IaaS daemon " + words[0] + " did not get ready in time");
  }
  if (WaitFor(pid) == kExitAlreadyServed) return nullptr;
  throw Error("the IaaS daemon " + words[0] + " could not start: " +
              (said.empty() ? "it gave no reason" : said));
}

PrivateDaemon::~PrivateDaemon() {
  shutdown(lifetime_.get(), SHUT_WR);
  // The daemon answers that it stays for other clients, or ends.
  pollfd answer{lifetime_.get(), POLLIN, 0};
  const auto wait =
      std::chrono::duration_cast<std::chrono::milliseconds>(kEndWait);
  char stays;
  if (poll(&answer, 1, static_cast<int>(wait.count())) <= 0 ||
      read(lifetime_.get(), &stays, 1) != 0) {
    return;
  }
  WaitFor(pid_);
}

std::optional<kj::AutoCloseFd> ConnectTo(const std::string& socket,
                                         std::chrono::milliseconds timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) {
    throw Error("the socket's path " + socket + " is too long for a socket");
  }
  socket.copy(address.sun_path, socket.size());
  const auto deadline = Clock::now() + timeout;
  while (true) {
    kj::AutoCloseFd fd(
        ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0) throw Failed("can't make a socket");
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                sizeof address) == 0) {
      CheckPeer(fd.get(), socket);
      return fd;
    }
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) {
      return std::nullopt;
    }
    // A full backlog says EAGAIN: the daemon is busy.
    if (errno != EAGAIN || Left(deadline).count() == 0) {
      throw Failed("can't connect to the daemon at " + socket);
    }
    std::this_thread::sleep_for(kRetryPause);
  }
}

}  // namespace ebbrt::iaas
