// iaasd's command line.

#include <fcntl.h>
#include <kj/async-io.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "client.h"
#include "daemon.h"
#include "exit_status.h"
#include "log.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr char kUsage[] =
    "usage: iaasd [options]\n"
    "Boots virtual machines for EbbRT front-ends.\n"
    "  --socket PATH        where to listen (default: $EBBRT_IAASD_SOCKET,\n"
    "                       /run/ebbrt/iaasd.sock for root,\n"
    "                       $XDG_RUNTIME_DIR/ebbrt/iaasd.sock for others)\n"
    "  --state DIR          where to note what it makes (default: PATH.state)\n"
    "  --accel auto|kvm|tcg which accelerator QEMU uses (default: auto)\n"
    "  --max-cores N        most cores of a node (default: 64)\n"
    "  --max-nodes N        most nodes at a time (default: 64)\n"
    "  --user-nodes N       most nodes of one user at a time (default: 32)\n"
    "  --user-cores N       most cores of one user's nodes (default: 64)\n"
    "  --user-memory MIB    most memory of one user's nodes (default: half of\n"
    "                       the machine's)\n"
    "  --user-image MIB     largest image file of a user (default: 512)\n"
    "                       These four bind neither root nor the daemon's "
    "user.\n"
    "  --qemu-user USER     as whom QEMU runs for root (default: nobody); for\n"
    "                       others it runs as they do\n"
    "  --metrics [ADDR:]PORT  serve metrics in Prometheus' text format, to\n"
    "                       whoever reaches it (default: not; ADDR: "
    "127.0.0.1)\n"
    "  --foreground         stay in the foreground, log to standard error\n"
    "Used by the client library:\n"
    "  --notify-fd N        say there \"ready\" or what failed\n"
    "  --exit-with-client N end when this pipe and all clients' sessions end\n"
    "The environment variable EBBRT_QEMU names another QEMU to run.\n";

enum class Ground { kFore, kBack };

struct Options {
  DaemonConfig config;
  Ground ground = Ground::kBack;
  std::optional<int> notify_fd;
};

uint32_t ParseNumber(std::string_view option, std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw UserError(std::string(option) + " needs a number, not '" +
                    std::string(text) + "'");
  }
  return number;
}

AcceleratorChoice ParseAccelerator(std::string_view text) {
  if (text == "auto") return AcceleratorChoice::kAutomatic;
  if (text == "kvm") return AcceleratorChoice::kKvm;
  if (text == "tcg") return AcceleratorChoice::kTcg;
  throw UserError("--accel is auto, kvm or tcg, not '" + std::string(text) +
                  "'");
}

// Applies one option that has a value. False if there is no such option.
bool Apply(std::string_view option, std::string_view value, Options& options) {
  if (option == "--socket") {
    options.config.socket = value;
  } else if (option == "--state") {
    options.config.state_directory = value;
  } else if (option == "--accel") {
    options.config.accelerator = ParseAccelerator(value);
  } else if (option == "--max-cores") {
    options.config.limits.max_cores = ParseNumber(option, value);
  } else if (option == "--max-nodes") {
    options.config.limits.max_nodes = ParseNumber(option, value);
  } else if (option == "--user-nodes") {
    options.config.limits.user.nodes = ParseNumber(option, value);
  } else if (option == "--user-cores") {
    options.config.limits.user.cores = ParseNumber(option, value);
  } else if (option == "--user-memory") {
    options.config.limits.user.memory_mib = ParseNumber(option, value);
  } else if (option == "--user-image") {
    options.config.limits.user.image_mib = ParseNumber(option, value);
  } else if (option == "--qemu-user") {
    options.config.limits.qemu_user = value;
    CredentialsOf(options.config.limits.qemu_user);  // throws if there is none
  } else if (option == "--metrics") {
    options.config.metrics = value;
  } else if (option == "--notify-fd") {
    options.notify_fd = static_cast<int>(ParseNumber(option, value));
  } else if (option == "--exit-with-client") {
    options.config.lifetime_fd = static_cast<int>(ParseNumber(option, value));
  } else {
    return false;
  }
  return true;
}

Options Parse(const std::vector<std::string_view>& words) {
  Options options;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--foreground") {
      options.ground = Ground::kFore;
      continue;
    }
    const std::string_view value = i + 1 < words.size() ? words[i + 1] : "";
    if (i + 1 == words.size() || !Apply(words[i], value, options)) {
      throw UserError("unknown option, or one without its value: " +
                      std::string(words[i]) + "\n" + kUsage);
    }
    ++i;
  }
  if (options.config.socket.empty()) {
    options.config.socket = DefaultSocketPath();
  }
  if (options.config.state_directory.empty()) {
    options.config.state_directory = options.config.socket + ".state";
  }
  return options;
}

// Goes to the background. Returns in the background process, with the
// descriptor that tells the foreground one, which ends, how the start went.
int GoToBackground() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw UserError("can't make a pipe");
  const pid_t pid = fork();
  if (pid < 0) throw UserError("can't start a process");
  if (pid == 0) {
    close(ends[0]);
    setsid();
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd) dup2(null, fd);
    SetLogTarget(LogTarget::kSyslog);
    return ends[1];
  }
  close(ends[1]);
  std::string said;
  std::array<char, 1024> buffer;
  for (ssize_t got; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    said.append(buffer.data(), static_cast<size_t>(got));
  }
  if (said == "ready") _exit(0);
  std::fprintf(stderr, "iaasd: %s\n",
               said.empty() ? "died at its start" : said.c_str());
  int status = 0;
  waitpid(pid, &status, 0);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : kExitFailure);
}

void Notify(const std::optional<int>& fd, std::string_view text) {
  if (!fd) return;
  [[maybe_unused]] const ssize_t sent = write(*fd, text.data(), text.size());
  close(*fd);
}

// Whatever else the starter had open is not for the daemon to keep open.
void CloseInherited(const Options& options) {
  std::set<unsigned> kept;
  for (const auto& fd : {options.notify_fd, options.config.lifetime_fd}) {
    if (!fd) continue;
    if (*fd < 3 || fcntl(*fd, F_SETFD, FD_CLOEXEC) != 0) {
      throw UserError("no usable descriptor " + std::to_string(*fd));
    }
    kept.insert(static_cast<unsigned>(*fd));
  }
  unsigned next = 3;
  for (const unsigned fd : kept) {
    if (fd > next) syscall(SYS_close_range, next, fd - 1, 0u);
    next = fd + 1;
  }
  syscall(SYS_close_range, next, ~0u, 0u);
}

int Serve(Options& options) {
  try {
    CloseInherited(options);
    if (options.ground == Ground::kBack) options.notify_fd = GoToBackground();
    // Before anything that could start a thread or a process.
    kj::UnixEventPort::captureSignal(SIGTERM);
    kj::UnixEventPort::captureSignal(SIGINT);
    signal(SIGHUP, SIG_IGN);
    if (chdir("/") != 0) throw UserError("can't change to /");
    umask(022);
    auto io = kj::setupAsyncIo();
    Daemon daemon(io, options.config);
    Notify(options.notify_fd, "ready");
    daemon.Run(io.waitScope);
    return 0;
  } catch (const std::exception& error) {
    Notify(options.notify_fd, error.what());
    Log(error.what());
    const bool served = dynamic_cast<const AlreadyServed*>(&error) != nullptr;
    return served ? kExitAlreadyServed : kExitFailure;
  }
}

int Main(const std::vector<std::string_view>& words) {
  if (words.size() == 1 && (words[0] == "--help" || words[0] == "-h")) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  Options options;
  try {
    options = Parse(words);
  } catch (const UserError& error) {
    std::fprintf(stderr, "iaasd: %s\n", error.what());
    return kExitUsage;
  }
  return Serve(options);
}

}  // namespace
}  // namespace ebbrt::iaas

int main(int argc, char** argv) {
  return ebbrt::iaas::Main({argv + 1, argv + argc});
}
