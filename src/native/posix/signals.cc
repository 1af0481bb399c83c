// Signals: functions that are called when the program itself, or whoever sits at the
// front-end, says so. Never in the middle of something: one of the front-end's is an
// event, one of the program's own is a call.

#include "native/libc/signals.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <utility>

#include "common/file_system.h"
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

/// What FileSystem::CatchSignal takes.
bool ComesFromFrontEnd(int signal) {
  switch (signal) {
    case SIGHUP:
    case SIGINT:
    case SIGQUIT:
    case SIGTERM:
    case SIGUSR1:
    case SIGUSR2:
    case SIGCONT:
    case SIGWINCH:
      return true;
    default:
      return false;
  }
}

/// Takes the front-end's signals as they come, until it is gone.
void TakeNext() {
  (void)ebbrt::file_system->NextSignal().Finally([](ebbrt::Future<int> next) {
    if (next.Failed()) return;
    int signal = next.Get();
    TakeNext();
    kill(getpid(), signal);
  });
}

/// Has the front-end hand a signal over, or not any more.
void Forward(int signal, bool on) {
  if (!ComesFromFrontEnd(signal) || !ebbrt::runtime::IsAtHome()) return;
  // Nobody waits: what comes in between does what it did before.
  (void)ebbrt::file_system->CatchSignal(signal, on).Finally(
      [](ebbrt::Future<>) {});
  static bool taking = false;
  if (on && !std::exchange(taking, true)) TakeNext();
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
  bool was_default;
  {
    std::lock_guard guard(actions_lock);
    was_default = actions[signal].sa_handler == SIG_DFL;
    if (former != nullptr) *former = actions[signal];
    if (action == nullptr) return 0;
    actions[signal] = *action;
    ebbrt::libc::handle_signal = &Handle;
  }
  bool is_default = action->sa_handler == SIG_DFL;
  if (is_default != was_default) Forward(signal, !is_default);
  return 0;
}

_sig_func_ptr signal(int number, _sig_func_ptr function) {
  struct sigaction action = {};
  action.sa_handler = function;
  struct sigaction former;
  return sigaction(number, &action, &former) == 0 ? former.sa_handler : SIG_ERR;
}

int raise(int signal) { return kill(getpid(), signal); }

/// A thread has no signals of its own.
int pthread_kill(pthread_t, int signal) {
  return raise(signal) == 0 ? 0 : errno;
}

/// Nothing comes in the middle of something, so there is nothing to hold off.
int pthread_sigmask(int, const sigset_t*, sigset_t* former) {
  if (former != nullptr) sigemptyset(former);
  return 0;
}

}  // extern "C"
