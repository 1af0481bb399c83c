// Signals: functions that are called when the program itself, or whoever sits at the
// front-end, says so. Never in the middle of something: one of the front-end's is an
// event, one of the program's own is a call.

#include "native/libc/signals.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>

#include "common/runtime.h"
#include "common/spin_lock.h"

namespace {

constexpr int kSignals = 32;

ebbrt::SpinLock actions_lock;  // guards:
std::array<struct sigaction, kSignals> actions{};

bool IsSignal(int signal) { return signal > 0 && signal < kSignals; }

/// What the default leaves alone.
bool IsIgnoredByDefault(int signal) {
  return signal == SIGCHLD || signal == SIGCONT || signal == SIGURG ||
         signal == SIGWINCH;
}

/// What ends a program in an orderly way, with the code that a shell shows.
bool IsRequestToEnd(int signal) {
  switch (signal) {
    case SIGHUP:
    case SIGINT:
    case SIGKILL:
    case SIGPIPE:
    case SIGALRM:
    case SIGTERM:
    case SIGUSR1:
    case SIGUSR2:
      return true;
    default:
      return false;
  }
}

bool Handle(int signal) {
  struct sigaction action;
  {
    std::lock_guard guard(actions_lock);
    action = actions[signal];
    if ((action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) {
      actions[signal] = {};
    }
  }
  if (action.sa_handler == SIG_IGN) return true;
  if (action.sa_handler != SIG_DFL) {
    action.sa_handler(signal);
    return true;
  }
  if (IsIgnoredByDefault(signal)) return true;
  if (IsRequestToEnd(signal)) ebbrt::runtime::Exit(128 + signal);
  return false;
}

}  // namespace

extern "C" {

int sigaction(int signal, const struct sigaction* action,
              struct sigaction* former) {
  bool fixed = signal == SIGKILL || signal == SIGSTOP;
  if (!IsSignal(signal) || (fixed && action != nullptr)) {
    errno = EINVAL;
    return -1;
  }
  std::lock_guard guard(actions_lock);
  if (former != nullptr) *former = actions[signal];
  if (action != nullptr) {
    actions[signal] = *action;
    ebbrt::libc::handle_signal = &Handle;
  }
  return 0;
}

_sig_func_ptr signal(int number, _sig_func_ptr function) {
  struct sigaction action = {};
  action.sa_handler = function;
  struct sigaction former;
  return sigaction(number, &action, &former) == 0 ? former.sa_handler : SIG_ERR;
}

int raise(int signal) { return kill(getpid(), signal); }

/// Nothing comes in the middle of something, so there is nothing to hold off.
int pthread_sigmask(int, const sigset_t*, sigset_t* former) {
  if (former != nullptr) sigemptyset(former);
  return 0;
}

}  // extern "C"
