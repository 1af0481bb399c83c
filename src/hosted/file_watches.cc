#include "hosted/file_watches.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>

#include "common/concat.h"
#include "hosted/system_call.h"

namespace ebbrt::hosted {
namespace {

constexpr uint32_t kChanges = IN_ATTRIB | IN_MODIFY;
constexpr uint32_t kRenames = IN_CREATE | IN_DELETE | IN_DELETE_SELF |
                              IN_MOVE_SELF | IN_MOVED_FROM | IN_MOVED_TO;

std::exception_ptr Error(int error) {
  return std::make_exception_ptr(
      std::system_error(error, std::generic_category()));
}

/// The last component of a path.
std::string LastName(std::string_view path) {
  path = path.substr(0, path.find_last_not_of('/') + 1);
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace

FileWatches::~FileWatches() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_.Get(), 1);
  thread_.join();
}

void FileWatches::Start() {
  if (thread_.joinable()) return;
  Descriptor inotify(OrThrow(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)));
  Descriptor stop(OrThrow(eventfd(0, EFD_CLOEXEC)));
  inotify_ = std::move(inotify);
  stop_ = std::move(stop);
  thread_ = std::jthread([this] { Run(); });
}

WatchId FileWatches::Add(NodeId node, const GrantedDirectory& directory,
                         std::string_view path) {
  Descriptor file = directory.Open(path, O_PATH);
  auto name = Concat({"/proc/self/fd/", file.Get()});
  std::lock_guard guard(mutex_);
  if (gone_.contains(node)) ThrowErrno(ESTALE);
  size_t& count = counts_[node];
  if (count == FileSystem::kMaxWatches) ThrowErrno(ENOSPC);
  Start();
  // The same number for the same file.
  int inotify_id = OrThrow(
      inotify_add_watch(inotify_.Get(), name.c_str(), kChanges | kRenames));
  WatchId id = next_;
  while (id == 0 || watches_.contains(id)) ++id;
  watches_.emplace(
      id,
      Watch{.owner = node, .inotify_id = inotify_id, .name = LastName(path)});
  by_inotify_id_.emplace(inotify_id, id);
  ++count;
  next_ = id + 1;
  return id;
}

FileWatches::Watches::iterator FileWatches::Find(NodeId node, WatchId id) {
  auto found = watches_.find(id);
  if (found == watches_.end() || found->second.owner != node) ThrowErrno(EBADF);
  return found;
}

Future<FileChange> FileWatches::Next(NodeId node, WatchId id) {
  std::lock_guard guard(mutex_);
  Watch& watch = Find(node, id)->second;
  if (watch.waiting) ThrowErrno(EBUSY);
  if (!watch.changes.empty()) {
    auto change = std::move(watch.changes.front());
    watch.changes.pop_front();
    return MakeReadyFuture(std::move(change));
  }
  if (std::exchange(watch.lost, false)) {
    return MakeReadyFuture(FileChange{.lost = true});
  }
  return watch.waiting.emplace().GetFuture();
}

/// Removes a watch; gives who waits for it.
std::optional<Promise<FileChange>> FileWatches::Take(Watches::iterator place) {
  auto& [id, watch] = *place;
  auto [begin, end] = by_inotify_id_.equal_range(watch.inotify_id);
  bool last = begin != end && std::next(begin) == end;
  for (auto at = begin; at != end; ++at) {
    if (at->second != id) continue;
    by_inotify_id_.erase(at);
    break;
  }
  if (last) inotify_rm_watch(inotify_.Get(), watch.inotify_id);
  --counts_[watch.owner];
  auto waiting = std::move(watch.waiting);
  watches_.erase(place);
  return waiting;
}

void FileWatches::Remove(NodeId node, WatchId id) {
  std::optional<Promise<FileChange>> waiting;
  {
    std::lock_guard guard(mutex_);
    waiting = Take(Find(node, id));
  }
  if (waiting) waiting->SetException(Error(EBADF));
}

void FileWatches::Forget(NodeId node) {
  std::vector<Promise<FileChange>> all;
  {
    std::lock_guard guard(mutex_);
    for (auto at = watches_.begin(); at != watches_.end();) {
      auto place = at++;
      if (place->second.owner != node) continue;
      if (auto waiting = Take(place)) all.push_back(std::move(*waiting));
    }
    counts_.erase(node);
    gone_.insert(node);
  }
  for (auto& waiting : all) waiting.SetException(Error(ESTALE));
}

size_t FileWatches::Count() const {
  std::lock_guard guard(mutex_);
  return watches_.size();
}

void FileWatches::TellOne(Watch& watch, FileChange change, Answers& answers) {
  if (watch.waiting) {
    answers.emplace_back(std::move(*watch.waiting), std::move(change));
    watch.waiting.reset();
  } else if (watch.lost || watch.changes.size() == FileSystem::kMaxChanges) {
    watch.lost = true;
  } else if (watch.changes.empty() ||
             watch.changes.back().name != change.name ||
             watch.changes.back().kind != change.kind) {
    // As inotify does it, the same twice in a row is kept once.
    watch.changes.push_back(std::move(change));
  }
}

void FileWatches::TellOfLoss(Answers& answers) {
  for (auto& [id, watch] : watches_) {
    if (watch.waiting) {
      TellOne(watch, FileChange{.lost = true}, answers);
    } else {
      watch.lost = true;
    }
  }
}

/// `name` is that of the entry that something has happened to; empty if it has
/// happened to the watched itself.
void FileWatches::Tell(const inotify_event& event, std::string_view name,
                       Answers& answers) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return TellOfLoss(answers);
  auto [begin, end] = by_inotify_id_.equal_range(event.wd);
  if ((event.mask & IN_IGNORED) != 0) {
    // There is nothing left to watch, and the number is free.
    for (auto at = begin; at != end; ++at) {
      watches_.find(at->second)->second.inotify_id = -1;
    }
    by_inotify_id_.erase(begin, end);
    return;
  }
  // As libuv decides, and so what happens to a directory in a directory is
  // always kRenamed.
  auto kind = (event.mask & ~kChanges) != 0 ? FileChange::Kind::kRenamed
                                            : FileChange::Kind::kChanged;
  for (auto at = begin; at != end; ++at) {
    Watch& watch = watches_.find(at->second)->second;
    TellOne(watch, {name.empty() ? watch.name : std::string(name), kind, false},
            answers);
  }
}

void FileWatches::Run() {
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  pollfd polled[2] = {{inotify_.Get(), POLLIN, 0}, {stop_.Get(), POLLIN, 0}};
  for (;;) {
    poll(polled, 2, -1);
    if (polled[1].revents != 0) return;
    ssize_t got = read(inotify_.Get(), buffer.data(), buffer.size());
    Answers answers;
    {
      std::lock_guard guard(mutex_);
      for (ssize_t at = 0; at < got;) {
        auto* event = reinterpret_cast<inotify_event*>(buffer.data() + at);
        at += static_cast<ssize_t>(sizeof(*event) + event->len);
        Tell(*event, event->len == 0 ? "" : event->name, answers);
      }
    }
    // Outside: whoever waits may ask for the next at once.
    for (auto& [promise, change] : answers) {
      promise.SetValue(std::move(change));
    }
  }
}

}  // namespace ebbrt::hosted
