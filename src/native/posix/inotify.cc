// Linux's inotify(7), as far as libuv and its like use it, on FileSystem's watches.
//
// The front-end says of a change only whether a name came or went, or contents changed;
// so IN_CREATE stands for all of the first kind and IN_MODIFY for the second.

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "common/file_system.h"
#include "native/libc/file_table.h"
#include "native/libc/paths.h"

namespace ebbrt::libc {
namespace {

class Inotify final : public Description,
                      public std::enable_shared_from_this<Inotify> {
 public:
  ~Inotify() override;

  int Add(const std::string& path);
  int Remove(int watch);

  ssize_t Read(std::span<std::byte> to) override;
  void Status(struct stat& status) override {
    status = {};
    status.st_mode = S_IRUSR;
  }
  short Ready() override;
  int AccessMode() const override { return O_RDONLY; }

 private:
  struct Event {
    int watch;
    uint32_t mask;
    std::string name;
    /// With its name, as long as the next record's alignment asks.
    size_t Size() const {
      constexpr size_t kAlignment = alignof(inotify_event);
      size_t name_size = name.empty() ? 0 : name.size() + 1;
      return sizeof(inotify_event) +
             (name_size + kAlignment - 1) / kAlignment * kAlignment;
    }
  };

  /// Asks for the next change, and so on until the watch ends.
  static void Follow(std::weak_ptr<Inotify> weak, WatchId watch);
  void Push(Event event);
  ssize_t Take(std::span<std::byte> to);

  SpinLock lock_;  // guards:
  std::map<std::string, WatchId> watches_;
  std::deque<Event> events_;
};

Inotify::~Inotify() {
  for (const auto& [path, watch] : watches_) {
    (void)file_system->Unwatch(watch).Finally([](Future<>) {});
  }
}

int Inotify::Add(const std::string& path) {
  {
    std::lock_guard guard(lock_);
    auto found = watches_.find(path);
    if (found != watches_.end()) return static_cast<int>(found->second);
  }
  WatchId watch = file_system->Watch(path).Get();
  {
    std::lock_guard guard(lock_);
    watches_[path] = watch;
  }
  Follow(weak_from_this(), watch);
  return static_cast<int>(watch);
}

int Inotify::Remove(int watch) {
  {
    std::lock_guard guard(lock_);
    auto found = std::find_if(
        watches_.begin(), watches_.end(), [&](const auto& entry) {
          return static_cast<int>(entry.second) == watch;
        });
    if (found == watches_.end()) return -EINVAL;
    watches_.erase(found);
  }
  file_system->Unwatch(static_cast<WatchId>(watch)).Get();
  Push({watch, IN_IGNORED, ""});
  return 0;
}

void Inotify::Follow(std::weak_ptr<Inotify> weak, WatchId watch) {
  (void)file_system->NextChange(watch).Finally(
      [weak, watch](Future<FileChange> next) {
        auto self = weak.lock();
        if (self == nullptr || next.Failed()) return;
        FileChange change = next.Get();
        if (change.lost) {
          self->Push({-1, IN_Q_OVERFLOW, ""});
        } else {
          bool renamed = change.kind == FileChange::Kind::kRenamed;
          self->Push({static_cast<int>(watch),
                      static_cast<uint32_t>(renamed ? IN_CREATE : IN_MODIFY),
                      std::move(change.name)});
        }
        Follow(weak, watch);
      });
}

void Inotify::Push(Event event) {
  {
    std::lock_guard guard(lock_);
    events_.push_back(std::move(event));
  }
  Changed();
}

/// As many whole records as fit.
ssize_t Inotify::Take(std::span<std::byte> to) {
  std::lock_guard guard(lock_);
  if (events_.empty()) return -EAGAIN;
  size_t done = 0;
  while (!events_.empty() && events_.front().Size() <= to.size() - done) {
    const Event& event = events_.front();
    size_t size = event.Size();
    inotify_event record{};
    record.wd = event.watch;
    record.mask = event.mask;
    record.len = static_cast<uint32_t>(size - sizeof record);
    std::memset(to.data() + done, 0, size);
    std::memcpy(to.data() + done, &record, sizeof record);
    std::memcpy(to.data() + done + sizeof record, event.name.data(),
                event.name.size());
    done += size;
    events_.pop_front();
  }
  return done == 0 ? -EINVAL : static_cast<ssize_t>(done);
}

ssize_t Inotify::Read(std::span<std::byte> to) {
  return Retry(*this, POLLIN, false, [&] { return Take(to); });
}

short Inotify::Ready() {
  std::lock_guard guard(lock_);
  return events_.empty() ? 0 : POLLIN;
}

std::shared_ptr<Inotify> Find(int fd) {
  auto description = FileTable::Get().Find(fd);
  auto* inotify = dynamic_cast<Inotify*>(description.get());
  if (inotify == nullptr) ThrowErrno(EINVAL);
  return {std::move(description), inotify};
}

}  // namespace
}  // namespace ebbrt::libc

extern "C" {

int inotify_init1(int flags) {
  return ebbrt::libc::Guard([&] {
    auto inotify = std::make_shared<ebbrt::libc::Inotify>();
    inotify->nonblocking = (flags & IN_NONBLOCK) != 0;
    return ebbrt::libc::FileTable::Get().Add(std::move(inotify));
  });
}

int inotify_add_watch(int fd, const char* path, uint32_t) {
  return ebbrt::libc::Guard([&] {
    return ebbrt::libc::Find(fd)->Add(ebbrt::libc::AbsolutePath(path));
  });
}

int inotify_rm_watch(int fd, int watch) {
  return ebbrt::libc::Guard(
      [&] { return ebbrt::libc::Find(fd)->Remove(watch); });
}

}  // extern "C"
