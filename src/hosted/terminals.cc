#include "hosted/terminals.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "hosted/system_call.h"

namespace ebbrt::hosted {
namespace {

struct stat Look(int stream) {
  if (stream < STDIN_FILENO || stream > STDERR_FILENO) ThrowErrno(EBADF);
  struct stat status;
  OrThrow(fstat(stream, &status));
  return status;
}

/// `former`, a terminal's own settings, in another mode.
termios InMode(termios former, TerminalMode mode) {
  switch (mode) {
    case TerminalMode::kNormal:
      return former;
    case TerminalMode::kRaw:
      former.c_iflag &= ~(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
      former.c_oflag |= ONLCR;
      former.c_cflag |= CS8;
      former.c_lflag &= ~(ECHO | ICANON | IEXTEN | ISIG);
      former.c_cc[VMIN] = 1;
      former.c_cc[VTIME] = 0;
      return former;
    case TerminalMode::kIo:
      cfmakeraw(&former);
      return former;
  }
  ThrowErrno(EINVAL);
}

/// Sets the terminal when what was written to it has come out.
void SetDrained(int stream, const termios& settings) {
  while (tcsetattr(stream, TCSADRAIN, &settings) != 0) {
    if (errno != EINTR) ThrowErrno(errno);
  }
}

/// Sets the terminal at once, and also from the background, where this process
/// would else be stopped for it.
void SetNow(int stream, const termios& settings) {
  sigset_t stopping, former;
  sigemptyset(&stopping);
  sigaddset(&stopping, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &stopping, &former);
  tcsetattr(stream, TCSANOW, &settings);
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
}

}  // namespace

StreamState StatusOfStream(int stream) {
  StreamState state{.mode = Look(stream).st_mode};
  state.terminal = isatty(stream) == 1;
  winsize size;
  if (state.terminal && ioctl(stream, TIOCGWINSZ, &size) == 0) {
    state.columns = size.ws_col;
    state.rows = size.ws_row;
  }
  return state;
}

Terminals& Terminals::Get() {
  static auto* terminals = [] {
    std::atexit([] { Get().Restore(); });
    return new Terminals;
  }();
  return *terminals;
}

void Terminals::SetMode(NodeId node, int stream, TerminalMode mode) {
  dev_t device = Look(stream).st_rdev;
  termios former;
  OrThrow(tcgetattr(stream, &former));
  termios settings;
  {
    std::lock_guard guard(mutex_);
    if (gone_.contains(node)) ThrowErrno(ESTALE);
    auto found = changed_.find(device);
    if (found != changed_.end()) former = found->second.former;
    settings = InMode(former, mode);
    if (mode != TerminalMode::kNormal) {
      auto changed = changed_.try_emplace(device, Changed{stream, former});
      changed.first->second.nodes.insert(node);
    } else if (found == changed_.end()) {
      return;  // nobody has changed it
    } else {
      found->second.nodes.erase(node);
      if (found->second.nodes.empty()) changed_.erase(found);
    }
  }
  // Not under the lock: it may take as long as nobody reads the terminal.
  SetDrained(stream, settings);
  std::lock_guard guard(mutex_);
  // The node may have gone meanwhile, and its change have come after that.
  if (gone_.contains(node) && !changed_.contains(device)) {
    SetNow(stream, former);
  }
}

void Terminals::Forget(NodeId node) {
  std::lock_guard guard(mutex_);
  gone_.insert(node);
  for (auto at = changed_.begin(); at != changed_.end();) {
    Changed& changed = at->second;
    if (changed.nodes.erase(node) == 0 || !changed.nodes.empty()) {
      ++at;
      continue;
    }
    SetNow(changed.stream, changed.former);
    at = changed_.erase(at);
  }
}

void Terminals::Restore() {
  std::lock_guard guard(mutex_);
  for (auto& [device, changed] : changed_) {
    SetNow(changed.stream, changed.former);
  }
  changed_.clear();
}

}  // namespace ebbrt::hosted
