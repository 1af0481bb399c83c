#include "virtual_machine.h"

#include <fcntl.h>
#include <kj/debug.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include "socket_lock.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr size_t kConsoleCapacity = 1024 * 1024;
constexpr size_t kPipeBuffer = 64 * 1024;
constexpr size_t kMaxErrorText = 8 * 1024;
constexpr size_t kMaxMonitorText = 8 * 1024;
constexpr size_t kTailLines = 20;
// After QEMU's end its pipes hold only what is buffered in them.
constexpr auto kDrainTime = 2 * kj::SECONDS;
constexpr int kQemuFailure = 1;

[[noreturn]] void ThrowErrno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct FdPair {
  kj::AutoCloseFd first;
  kj::AutoCloseFd second;
};

FdPair MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) ThrowErrno("pipe");
  return {kj::AutoCloseFd(ends[0]), kj::AutoCloseFd(ends[1])};
}

FdPair MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    ThrowErrno("socketpair");
  }
  return {kj::AutoCloseFd(ends[0]), kj::AutoCloseFd(ends[1])};
}

// A file without a name that holds `text`.
kj::AutoCloseFd MakeMemoryFile(const std::string& text,
                               const Credentials& reader) {
  kj::AutoCloseFd fd(memfd_create("ebbrt-node", MFD_CLOEXEC));
  if (fd.get() < 0) ThrowErrno("memfd");
  if (write(fd.get(), text.data(), text.size()) !=
      static_cast<ssize_t>(text.size())) {
    ThrowErrno("memfd");
  }
  // QEMU opens it anew under the reader's rights.
  fchmod(fd.get(), 0600);
  if (geteuid() == 0 && reader.uid != 0 &&
      fchown(fd.get(), reader.uid, reader.gid) != 0) {
    ThrowErrno("memfd");
  }
  return fd;
}

void KeepEnd(std::string& text, size_t size) {
  if (text.size() > size) text.erase(0, text.size() - size);
}

std::string Trimmed(std::string text) {
  while (!text.empty() &&
         std::isspace(static_cast<unsigned char>(text.back()))) {
    text.pop_back();
  }
  return text;
}

// What QMP's SHUTDOWN event says, for people; QEMU's qapi/run-state.json.
std::string ShutdownText(const std::string& reason) {
  if (reason == "guest-shutdown") return "the guest powered off";
  if (reason == "guest-reset") {
    return "the guest reset itself (which is how a microvm powers off; an "
           "unhandled triple fault looks the same)";
  }
  if (reason == "guest-panic") return "the guest panicked";
  if (reason.empty()) return "QEMU ended";
  return "QEMU ended: " + reason;
}

}  // namespace

kj::Own<VirtualMachine> VirtualMachine::Start(Loop loop, StateDirectory& state,
                                              MachineStart start) {
  return kj::refcounted<VirtualMachine>(loop, state, std::move(start));
}

VirtualMachine::VirtualMachine(Loop loop, StateDirectory& state,
                               MachineStart start)
    : loop_(loop),
      state_(state),
      facts_(start.facts),
      started_(std::chrono::steady_clock::now()),
      console_(kj::refcounted<ConsoleLog>(kConsoleCapacity)),
      console_buffer_(kj::heapArray<char>(kPipeBuffer)),
      error_buffer_(kj::heapArray<char>(kMaxErrorText)),
      monitor_buffer_(kj::heapArray<char>(kMaxMonitorText)),
      running_signal_(kj::newPromiseAndFulfiller<void>()) {
  Launch(std::move(start));
  ended_ = AwaitEnd().fork();
}

VirtualMachine::~VirtualMachine() noexcept {
  if (!Ended()) state_.ForgetProcess(process_->Pid());
}

void VirtualMachine::Launch(MachineStart start) {
  network_ = std::move(start.network);
  FdPair console = MakePipe();
  FdPair errors = MakePipe();
  FdPair monitor = MakeSocketPair();
  QemuPlan& plan = start.plan;
  plan.image_fd = start.image.get();
  plan.monitor_fd = monitor.second.get();
  kj::AutoCloseFd config;
  if (plan.command_line.size() <= kMaxConfigCommandLine) {
    config = MakeMemoryFile(QemuConfig(plan.command_line), start.runs_as);
    plan.config_fd = config.get();
  }
  for (const auto& line : QemuGreeting(plan)) {
    greeting_ += line;
    ++answers_due_;
  }
  SpawnRequest request{.arguments = {},
                       .stdin_fd = -1,
                       .stdout_fd = console.second.get(),
                       .stderr_fd = errors.second.get(),
                       .inherited = {plan.image_fd, plan.monitor_fd},
                       .rights = start.runs_as};
  if (plan.config_fd >= 0) request.inherited.push_back(plan.config_fd);
  if (network_) {
    plan.network = network_->plan;
    for (const int fd : network_->Fds()) request.inherited.push_back(fd);
  }
  request.arguments = QemuArguments(plan);
  pid_t recorded = 0;
  try {
    process_ = Spawn(loop_.port, request, [&](pid_t pid) {
      state_.RememberProcess(pid);
      recorded = pid;
    });
  } catch (...) {
    if (recorded != 0) state_.ForgetProcess(recorded);
    throw;
  }
  // From here on the taps last as long as QEMU does.
  if (network_) network_->CloseFds();
  console_pipe_ = loop_.io.wrapInputFd(kj::mv(console.first));
  error_pipe_ = loop_.io.wrapInputFd(kj::mv(errors.first));
  monitor_ = loop_.io.wrapUnixSocketFd(kj::mv(monitor.first));
}

std::chrono::milliseconds VirtualMachine::Uptime() const {
  const auto until = exit_ ? ended_at_ : std::chrono::steady_clock::now();
  return std::chrono::duration_cast<std::chrono::milliseconds>(until -
                                                               started_);
}

std::string VirtualMachine::StateText() const {
  if (exit_) return "ended: " + exit_->reason;
  return running_ ? "running" : "starting";
}

kj::Promise<void> VirtualMachine::WhenRunning() {
  return kj::mv(running_signal_.promise);
}

void VirtualMachine::Kill(const std::string& why) {
  if (exit_) return;
  if (killed_why_.empty()) killed_why_ = why;
  process_->Kill();
}

kj::Promise<void> VirtualMachine::ReadConsole() {
  return console_pipe_
      ->tryRead(console_buffer_.begin(), 1, console_buffer_.size())
      .then([this](size_t size) -> kj::Promise<void> {
        if (size == 0) return kj::READY_NOW;
        console_->Append(console_buffer_.slice(0, size));
        return ReadConsole();
      });
}

kj::Promise<void> VirtualMachine::ReadErrors() {
  return error_pipe_->tryRead(error_buffer_.begin(), 1, error_buffer_.size())
      .then([this](size_t size) -> kj::Promise<void> {
        if (size == 0) return kj::READY_NOW;
        error_text_.append(error_buffer_.begin(), size);
        KeepEnd(error_text_, kMaxErrorText);
        return ReadErrors();
      });
}

kj::Promise<void> VirtualMachine::ReadMonitor() {
  return monitor_->tryRead(monitor_buffer_.begin(), 1, monitor_buffer_.size())
      .then([this](size_t size) -> kj::Promise<void> {
        if (size == 0) return kj::READY_NOW;
        monitor_text_.append(monitor_buffer_.begin(), size);
        HandleMonitor();
        return ReadMonitor();
      });
}

void VirtualMachine::HandleAnswer(const std::string& line) {
  if (answers_due_ == 0) return;
  if (line.starts_with("{\"error\"")) {
    error_text_ += line;
    Kill("QEMU does not take its command line: " + line);
  } else if (line.starts_with("{\"return\"") && --answers_due_ == 0) {
    running_ = true;
    running_signal_.fulfiller->fulfill();
  }
}

// Looks for the messages that matter, each on a line of its own; the text
// is QEMU's, a guest has no way to write any of it.
void VirtualMachine::HandleMonitor() {
  constexpr std::string_view kReason = "\"reason\": \"";
  for (size_t end; (end = monitor_text_.find('\n')) != std::string::npos;) {
    const std::string line = monitor_text_.substr(0, end);
    monitor_text_.erase(0, end + 1);
    if (commands_.TakeLine(line)) continue;
    HandleAnswer(line);
    if (line.find("\"event\": \"SHUTDOWN\"") == std::string::npos) continue;
    const size_t at = line.find(kReason);
    if (at == std::string::npos) continue;
    const size_t from = at + kReason.size();
    shutdown_reason_ = line.substr(from, line.find('"', from) - from);
  }
  KeepEnd(monitor_text_, kMaxMonitorText);
}

kj::Promise<std::string> VirtualMachine::ListenForGdb(const std::string& path) {
  if (Ended() || !running_) {
    throw UserError("node " + std::to_string(facts_.id) + " is " + StateText() +
                    "; gdb needs one that runs");
  }
  if (gdb_path_.empty()) {
    auto listening = ListenAt(path, &facts_.owner);
    gdb_path_ = path;
    gdb_ready_ = StartGdbServer(kj::mv(listening)).fork();
  }
  return gdb_ready_.addBranch()
      .then([this]() { return gdb_path_; })
      .attach(kj::addRef(*this));
}

// The socket is made by the daemon and handed over: so QEMU needs no right to
// make files.
kj::Promise<void> VirtualMachine::StartGdbServer(kj::AutoCloseFd listening) {
  static constexpr char kChardev[] =
      R"({"id": "gdb", "backend": {"type": "socket", "data": {)"
      R"("addr": {"type": "fd", "data": {"str": "gdb"}}, )"
      R"("server": true, "wait": false}}})";
  static constexpr char kServe[] =
      R"({"command-line": "gdbserver chardev:gdb"})";
  const int fd = listening.get();
  return commands_.Execute(*monitor_, "getfd", R"({"fdname": "gdb"})", fd)
      .attach(kj::mv(listening))
      .then([this](std::string) {
        return commands_.Execute(*monitor_, "chardev-add", kChardev);
      })
      .then([this](std::string) {
        return commands_.Execute(*monitor_, "human-monitor-command", kServe);
      })
      .then([](std::string answer) {
        // It returns what the command has said, failures too.
        if (answer.find("Waiting for gdb") == std::string::npos) {
          throw UserError("QEMU does not wait for gdb: " + answer);
        }
      });
}

kj::Promise<NodeExit> VirtualMachine::AwaitEnd() {
  // What fails here, at once or later, fails because QEMU has ended.
  const auto start = [](auto&& operation) {
    return kj::evalNow(operation).eagerlyEvaluate([](kj::Exception&&) {});
  };
  // QEMU answers, and reports events, once it has been greeted.
  auto output = kj::heapArrayBuilder<kj::Promise<void>>(4);
  output.add(start([this]() { return ReadConsole(); }));
  output.add(start([this]() { return ReadErrors(); }));
  output.add(start([this]() { return ReadMonitor(); }));
  output.add(start([this]() {
    return monitor_->write(greeting_.data(), greeting_.size());
  }));
  return process_->OnExit().then(
      [this, all = kj::joinPromises(output.finish())](int status) mutable {
        return all.exclusiveJoin(loop_.timer.afterDelay(kDrainTime))
            .then([this, status]() { return Finish(status); });
      });
}

NodeExit VirtualMachine::Finish(int status) {
  state_.ForgetProcess(process_->Pid());
  network_ = nullptr;
  console_pipe_ = nullptr;
  error_pipe_ = nullptr;
  commands_.End();
  monitor_ = nullptr;
  if (!gdb_path_.empty()) unlink(gdb_path_.c_str());
  console_->End();
  NodeExit exit = Judge(status);
  exit.console_tail = console_->Tail(kTailLines);
  ended_at_ = std::chrono::steady_clock::now();
  exit_ = exit;
  if (!running_) {
    if (exit.kind == ExitKind::kGuestExit) {
      // So short-lived that its end overtook the word of its start.
      running_signal_.fulfiller->fulfill();
    } else {
      running_signal_.fulfiller->reject(kj::Exception(
          kj::Exception::Type::FAILED, __FILE__, __LINE__,
          kj::str("the node could not be started: ", exit.reason)));
    }
  }
  return exit;
}

NodeExit VirtualMachine::Judge(int status) const {
  const std::string said = Trimmed(error_text_);
  if (WIFSIGNALED(status)) {
    if (!killed_why_.empty()) {
      return {.kind = ExitKind::kKilled, .reason = killed_why_};
    }
    const int signal = WTERMSIG(status);
    return {
        .kind = ExitKind::kCrashed,
        .reason = "QEMU was ended by signal " + std::to_string(signal) + " (" +
                  strsignal(signal) + "), which the daemon did not send" +
                  (signal == SIGKILL ? "; was the host out of memory?" : "") +
                  (said.empty() ? "" : ". QEMU said: " + said)};
  }
  const int code = WEXITSTATUS(status);
  if (code == 0) {
    return {.kind = ExitKind::kGuestExit,
            .code = 0,
            .reason = ShutdownText(shutdown_reason_)};
  }
  if (code != kQemuFailure && code % 2 == 1) {
    return {.kind = ExitKind::kGuestExit,
            .code = code / 2,
            .reason = "the guest exited with code " + std::to_string(code / 2)};
  }
  return {.kind = ExitKind::kCrashed,
          .reason = "QEMU failed with status " + std::to_string(code) + ": " +
                    (said.empty() ? "it gave no reason" : said)};
}

}  // namespace ebbrt::iaas
