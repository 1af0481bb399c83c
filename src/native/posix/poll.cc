// poll(2) and epoll(7).

#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/spin_lock.h"
#include "native/libc/file_table.h"
#include "native/libc/readiness.h"

namespace ebbrt::libc {
namespace {

std::optional<Clock::time_point> DeadlineIn(int milliseconds) {
  if (milliseconds < 0) return std::nullopt;
  return Clock::now() + std::chrono::milliseconds(milliseconds);
}

/// poll(2)'s watcher of one description.
class PollWatcher final : public ReadyWatcher {
 public:
  PollWatcher(std::shared_ptr<Description> description, Waiter& waiter)
      : description_(std::move(description)), waiter_(waiter) {
    description_->AddWatcher(*this);
  }
  ~PollWatcher() { description_->RemoveWatcher(*this); }
  void OnReady() override { waiter_.Wake(); }

 private:
  const std::shared_ptr<Description> description_;
  Waiter& waiter_;
};

/// Fills in what is ready now; how many are.
int CheckAll(std::span<pollfd> fds) {
  int count = 0;
  for (pollfd& entry : fds) {
    entry.revents = 0;
    if (entry.fd < 0) continue;
    try {
      auto description = FileTable::Get().Find(entry.fd);
      short wanted = static_cast<short>(entry.events | POLLERR | POLLHUP);
      entry.revents = static_cast<short>(description->Ready() & wanted);
    } catch (const std::exception&) {
      entry.revents = POLLNVAL;
    }
    if (entry.revents != 0) ++count;
  }
  return count;
}

int Poll(std::span<pollfd> fds, int milliseconds) {
  auto deadline = DeadlineIn(milliseconds);
  for (;;) {
    if (milliseconds == 0) sched_yield();
    int count = CheckAll(fds);
    bool late = deadline && Clock::now() >= *deadline;
    if (count > 0 || late) return count;
    event_manager->ReserveStack();
    Waiter waiter;
    std::deque<PollWatcher> watchers;
    try {
      for (const pollfd& entry : fds) {
        if (entry.fd < 0) continue;
        auto description = FileTable::Get().Find(entry.fd);
        description->Want(entry.events);
        watchers.emplace_back(std::move(description), waiter);
      }
    } catch (...) {
      waiter.DontWait();  // somebody may have woken it already
      throw;
    }
    // One that became ready in between has told nobody.
    if (CheckAll(fds) > 0) {
      waiter.DontWait();
    } else {
      waiter.Wait(deadline);
    }
  }
}

// --- epoll ---------------------------------------------------------------------

class Epoll final : public Description {
 public:
  ~Epoll() override;

  int Add(int fd, const epoll_event& event);
  int Modify(int fd, const epoll_event& event);
  int Delete(int fd);
  int Wait(std::span<epoll_event> events, int milliseconds);

  void Status(struct stat& status) override {
    status = {};
    status.st_mode = S_IRUSR | S_IWUSR;
  }
  short Ready() override;

 private:
  /// The interest in one description. Counted: the table, the list of those that
  /// may be ready, and Wait hold it.
  struct Interest final : ReadyWatcher {
    Interest(Epoll& epoll, std::weak_ptr<Description> description)
        : epoll(epoll), description(std::move(description)) {}
    void OnReady() override { epoll.MayBeReady(*this); }
    void OnGone() override { gone = true; }

    Epoll& epoll;
    const std::weak_ptr<Description> description;
    std::weak_ptr<Interest> self;
    epoll_event event{};
    std::atomic<bool> gone{false};
    bool listed = false;   // guarded by the epoll's lock
    bool dropped = false;  // likewise
  };
  using Pointer = std::shared_ptr<Interest>;

  void MayBeReady(Interest& interest);
  void Drop(Pointer interest);
  Pointer Find(int fd);
  int Collect(std::span<epoll_event> events);
  Pointer TakeCandidate();
  static uint32_t Look(Interest& interest);
  bool LeadsTo(const Epoll& other, int depth) const;

  /// Epolls that may watch one another in a row.
  static constexpr int kMostNested = 5;

  std::unordered_map<int, Pointer> interests_;  // of the user's context
  SpinLock lock_;                               // guards:
  std::deque<Pointer> ready_;
  std::vector<Waiter*> waiters_;

  static constexpr int kMostUnyielded = 16;
  int unyielded_ = 0;  // calls of Wait in a row that may have returned at once
};

Epoll::~Epoll() {
  for (auto& [fd, interest] : interests_) Drop(std::move(interest));
}

/// Whether it is `other`, or watches it by way of as many others as there may be.
bool Epoll::LeadsTo(const Epoll& other, int depth) const {
  if (this == &other || depth == kMostNested) return true;
  for (const auto& [fd, interest] : interests_) {
    auto description = interest->description.lock();
    auto* below = dynamic_cast<const Epoll*>(description.get());
    if (below != nullptr && below->LeadsTo(other, depth + 1)) return true;
  }
  return false;
}

void Epoll::MayBeReady(Interest& interest) {
  {
    std::lock_guard guard(lock_);
    if (interest.listed || interest.dropped) return;
    interest.listed = true;
    ready_.push_back(interest.self.lock());
    for (Waiter* waiter : waiters_) waiter->Wake();
  }
  Changed();
}

/// Nobody tells it anything any more.
void Epoll::Drop(Pointer interest) {
  if (auto description = interest->description.lock()) {
    description->RemoveWatcher(*interest);
  } else {
    while (!interest->gone) platform::CpuRelax();  // it is ending elsewhere
  }
  std::lock_guard guard(lock_);
  interest->dropped = true;
  std::erase(ready_, interest);
}

/// Null if there is none for what `fd` is now.
Epoll::Pointer Epoll::Find(int fd) {
  auto found = interests_.find(fd);
  if (found == interests_.end()) return nullptr;
  if (found->second->description.lock() == FileTable::Get().Find(fd)) {
    return found->second;
  }
  Drop(std::move(found->second));  // the descriptor was used again
  interests_.erase(found);
  return nullptr;
}

int Epoll::Add(int fd, const epoll_event& event) {
  auto description = FileTable::Get().Find(fd);
  if (description->AsFile() != nullptr) return -EPERM;
  if (description.get() == this) return -EINVAL;
  if (Find(fd) != nullptr) return -EEXIST;
  auto* below = dynamic_cast<const Epoll*>(description.get());
  if (below != nullptr && below->LeadsTo(*this, 1)) return -ELOOP;
  auto interest = std::make_shared<Interest>(*this, description);
  interest->self = interest;
  interest->event = event;
  interests_[fd] = interest;
  description->AddWatcher(*interest);
  description->Want(static_cast<short>(event.events));
  MayBeReady(*interest);
  return 0;
}

int Epoll::Modify(int fd, const epoll_event& event) {
  Pointer interest = Find(fd);
  if (interest == nullptr) return -ENOENT;
  interest->event = event;
  if (auto description = interest->description.lock()) {
    description->Want(static_cast<short>(event.events));
  }
  MayBeReady(*interest);
  return 0;
}

int Epoll::Delete(int fd) {
  Pointer interest = Find(fd);
  if (interest == nullptr) return -ENOENT;
  interests_.erase(fd);
  Drop(std::move(interest));
  return 0;
}

/// One that may be ready, off the list; null if there is none.
Epoll::Pointer Epoll::TakeCandidate() {
  std::lock_guard guard(lock_);
  if (ready_.empty()) return nullptr;
  Pointer interest = std::move(ready_.front());
  ready_.pop_front();
  interest->listed = false;
  return interest;
}

/// What it is ready for, of what is wanted.
uint32_t Epoll::Look(Interest& interest) {
  auto description = interest.description.lock();
  if (description == nullptr || interest.event.events == 0) return 0;
  uint32_t wanted = interest.event.events | EPOLLERR | EPOLLHUP;
  uint32_t ready = static_cast<uint32_t>(description->Ready()) & wanted;
  if (ready == 0) description->Want(static_cast<short>(interest.event.events));
  return ready;
}

short Epoll::Ready() {
  while (Pointer interest = TakeCandidate()) {
    if (Look(*interest) == 0) continue;
    std::lock_guard guard(lock_);
    if (!std::exchange(interest->listed, true)) {
      ready_.push_front(std::move(interest));
    }
    return POLLIN;
  }
  return 0;
}

/// Looks at each that may be ready once; those that are stay listed.
int Epoll::Collect(std::span<epoll_event> events) {
  size_t candidates;
  {
    std::lock_guard guard(lock_);
    candidates = ready_.size();
  }
  size_t count = 0;
  while (candidates-- > 0 && count < events.size()) {
    Pointer interest = TakeCandidate();
    if (interest == nullptr) break;
    uint32_t ready = Look(*interest);
    if (ready == 0) continue;
    events[count++] = {ready, interest->event.data};
    if ((interest->event.events & EPOLLONESHOT) != 0) {
      interest->event.events = 0;
      continue;
    }
    std::lock_guard guard(lock_);
    if (!std::exchange(interest->listed, true)) {
      ready_.push_back(std::move(interest));
    }
  }
  return static_cast<int>(count);
}

int Epoll::Wait(std::span<epoll_event> events, int milliseconds) {
  if (events.empty()) return -EINVAL;
  // Who never waits must let the core's other events run: they make things ready.
  if (milliseconds == 0 || ++unyielded_ >= kMostUnyielded) {
    unyielded_ = 0;
    sched_yield();
  }
  auto deadline = milliseconds > 0 ? DeadlineIn(milliseconds) : std::nullopt;
  for (;;) {
    int count = Collect(events);
    if (count > 0 || milliseconds == 0) return count;
    if (deadline && Clock::now() >= *deadline) return 0;
    event_manager->ReserveStack();
    Waiter waiter;
    {
      std::lock_guard guard(lock_);
      waiters_.push_back(&waiter);
      if (!ready_.empty()) waiter.Wake();
    }
    waiter.Wait(deadline);
    unyielded_ = 0;
    std::lock_guard guard(lock_);
    std::erase(waiters_, &waiter);
  }
}

std::shared_ptr<Epoll> FindEpoll(int fd) {
  auto description = FileTable::Get().Find(fd);
  auto* epoll = dynamic_cast<Epoll*>(description.get());
  if (epoll == nullptr) ThrowErrno(EINVAL);
  return {std::move(description), epoll};
}

}  // namespace
}  // namespace ebbrt::libc

extern "C" {

int poll(pollfd* fds, nfds_t count, int milliseconds) {
  return ebbrt::libc::Guard(
      [&] { return ebbrt::libc::Poll({fds, count}, milliseconds); });
}

int epoll_create1(int) {
  return ebbrt::libc::Guard([] {
    return ebbrt::libc::FileTable::Get().Add(
        std::make_shared<ebbrt::libc::Epoll>());
  });
}

int epoll_create(int size) {
  if (size > 0) return epoll_create1(0);
  errno = EINVAL;
  return -1;
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  return ebbrt::libc::Guard([&] {
    auto found = ebbrt::libc::FindEpoll(epoll);
    switch (operation) {
      case EPOLL_CTL_ADD:
        return found->Add(fd, *event);
      case EPOLL_CTL_MOD:
        return found->Modify(fd, *event);
      case EPOLL_CTL_DEL:
        return found->Delete(fd);
      default:
        return -EINVAL;
    }
  });
}

int epoll_wait(int epoll, epoll_event* events, int count, int milliseconds) {
  return ebbrt::libc::Guard([&] {
    if (count <= 0) return -EINVAL;
    return ebbrt::libc::FindEpoll(epoll)->Wait(
        {events, static_cast<size_t>(count)}, milliseconds);
  });
}

/// Signals are delivered between events, so there is nothing to mask meanwhile.
int epoll_pwait(int epoll, epoll_event* events, int count, int milliseconds,
                const sigset_t*) {
  return epoll_wait(epoll, events, count, milliseconds);
}

}  // extern "C"
