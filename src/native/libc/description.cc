#include "native/libc/description.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <mutex>

#include "common/event_manager.h"
#include "native/libc/readiness.h"

namespace ebbrt::libc {

Description::~Description() {
  while (!watchers_.empty()) {
    ReadyWatcher& watcher = watchers_.front();
    watchers_.pop_front();
    watcher.OnGone();
  }
}

ssize_t Description::Read(std::span<std::byte>) { return -EINVAL; }
ssize_t Description::Write(std::span<const std::byte>) { return -EINVAL; }

ssize_t Description::WriteAll(
    std::span<const std::span<const std::byte>> pieces) {
  ssize_t total = 0;
  for (auto piece : pieces) {
    if (piece.empty()) continue;
    ssize_t put = Write(piece);
    if (put < 0) return total > 0 ? total : put;
    total += put;
    if (static_cast<size_t>(put) < piece.size()) break;
  }
  return total;
}

off_t Description::Seek(off_t, int) { return -ESPIPE; }
short Description::Ready() { return POLLIN | POLLOUT; }
void Description::Want(short) {}
int Description::AccessMode() const { return O_RDWR; }
ssize_t Description::Available() { return -ENOTTY; }

void Description::AddWatcher(ReadyWatcher& watcher) {
  std::lock_guard guard(watchers_lock_);
  watchers_.push_back(watcher);
}

void Description::RemoveWatcher(ReadyWatcher& watcher) {
  std::lock_guard guard(watchers_lock_);
  watchers_.erase(watchers_.iterator_to(watcher));
}

void Description::Changed() {
  std::lock_guard guard(watchers_lock_);
  for (ReadyWatcher& watcher : watchers_) watcher.OnReady();
}

void Waiter::Wake() {
  if (!woken_.exchange(true)) EventManager::ActivateContext(context_);
}

void Waiter::Wait(std::optional<Clock::time_point> deadline) {
  Timer timer;
  if (deadline) {
    timer.Start(*deadline - Clock::now(), [this] { Wake(); });
  }
  event_manager->SaveContext(context_);
}

void Waiter::DontWait() {
  // Whoever was faster has activated the context, which has to be waited for.
  if (woken_.exchange(true)) event_manager->SaveContext(context_);
}

namespace {

class One final : public ReadyWatcher {
 public:
  explicit One(Waiter& waiter) : waiter_(waiter) {}
  void OnReady() override { waiter_.Wake(); }

 private:
  Waiter& waiter_;
};

}  // namespace

short WaitUntilReady(Description& description, short events,
                     std::optional<Clock::time_point> deadline) {
  events |= POLLERR | POLLHUP;
  for (;;) {
    event_manager->ReserveStack();
    Waiter waiter;
    One watcher(waiter);
    description.AddWatcher(watcher);
    description.Want(events);
    short ready = static_cast<short>(description.Ready() & events);
    bool late = deadline && Clock::now() >= *deadline;
    bool done = ready != 0 || late;
    if (done) {
      waiter.DontWait();
    } else {
      waiter.Wait(deadline);
    }
    description.RemoveWatcher(watcher);
    if (done) return ready;
  }
}

}  // namespace ebbrt::libc
