// Description: what file descriptors lead to ("open file description" in POSIX): a
// file, a standard stream, a socket, an end of a pipe, an epoll.
//
// A descriptor and its duplicates share one, which ends with the last of them. Calls
// block the context that makes them, unless the description is non-blocking. Who
// waits for several watches them: ReadyWatcher, WaitUntilReady.
//
// Results: bytes, or an error of <errno.h> negated. What happens every day (EAGAIN) is
// returned; what doesn't may be thrown as std::system_error (file_table.h, Guard).
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <boost/intrusive/list.hpp>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>

#include "common/spin_lock.h"
#include "platform/clock.h"

namespace ebbrt::libc {

class Description;
class File;
class Socket;

/// Somebody who is told that a description may have become ready for more.
class ReadyWatcher : public boost::intrusive::list_base_hook<> {
 public:
  /// In any event, on any core, with the description's list locked: must not block
  /// and leaves all watchers where they are.
  virtual void OnReady() = 0;
  /// The description has ended, and the watcher is removed.
  virtual void OnGone() {}

 protected:
  ~ReadyWatcher() = default;
};

class Description {
 public:
  Description() = default;
  virtual ~Description();
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;

  virtual ssize_t Read(std::span<std::byte> to);
  virtual ssize_t Write(std::span<const std::byte> data);
  /// Several pieces as one write.
  virtual ssize_t WriteAll(std::span<const std::span<const std::byte>> pieces);
  virtual off_t Seek(off_t offset, int whence);
  virtual void Status(struct stat& status) = 0;
  /// Bits of <poll.h>: what it is ready for now.
  virtual short Ready();
  /// Somebody waits for `events`: what must be begun for them to come is begun.
  virtual void Want(short events);
  /// O_RDONLY, O_WRONLY or O_RDWR, and O_APPEND.
  virtual int AccessMode() const;
  /// Bytes that can be read at once, for FIONREAD.
  virtual ssize_t Available();
  virtual bool IsTerminal() const { return false; }

  virtual File* AsFile() { return nullptr; }
  virtual Socket* AsSocket() { return nullptr; }

  bool nonblocking = false;

  /// The watcher is told from now on, until removed; it may be ready already.
  void AddWatcher(ReadyWatcher& watcher);
  void RemoveWatcher(ReadyWatcher& watcher);

  /// Tells the watchers. Any event.
  void Changed();

 private:
  SpinLock watchers_lock_;  // guards:
  boost::intrusive::list<ReadyWatcher> watchers_;
};

/// Blocks the context until one of `events` (or an error or the end, which poll(2)
/// always tells) is there, or until the deadline; what is there, 0 at the deadline.
short WaitUntilReady(Description& description, short events,
                     std::optional<Clock::time_point> deadline = {});

/// Calls `attempt`, which gives bytes or a negated error, again and again until it
/// gives something else than -EAGAIN; once if the description is non-blocking or
/// `dont_wait`.
template <typename Attempt>
ssize_t Retry(Description& description, short events, bool dont_wait,
              Attempt attempt) {
  for (;;) {
    ssize_t result = attempt();
    if (result != -EAGAIN || description.nonblocking || dont_wait) {
      return result;
    }
    WaitUntilReady(description, events);
  }
}

}  // namespace ebbrt::libc
