// Streams inside the node: sockets of AF_UNIX, whose names only this node knows, and
// pipe(2).

#include <fcntl.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "native/posix/byte_pipe.h"
#include "native/libc/file_table.h"
#include "native/posix/socket.h"

namespace ebbrt::libc {
namespace {

class LocalSocket;

SpinLock names_lock;                                            // guards:
std::map<std::string, std::weak_ptr<LocalSocket>>* names = nullptr;

/// "" for one without a name, nullopt for what is none.
std::optional<std::string> NameIn(const sockaddr* address, socklen_t size) {
  if (address == nullptr || size < sizeof(sa_family_t) ||
      address->sa_family != AF_UNIX || size > sizeof(sockaddr_un)) {
    return std::nullopt;
  }
  const auto* local = reinterpret_cast<const sockaddr_un*>(address);
  size_t room = size - offsetof(sockaddr_un, sun_path);
  if (room == 0) return "";
  if (local->sun_path[0] == '\0') return std::string(local->sun_path, room);
  return std::string(local->sun_path, strnlen(local->sun_path, room));
}

SocketName NameOf(const std::string& text) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  size_t size = std::min(text.size(), sizeof local.sun_path);
  std::memcpy(local.sun_path, text.data(), size);
  SocketName name;
  std::memcpy(&name.storage, &local, sizeof local);
  // With the zero behind it, as Linux counts; one that begins with zero has none.
  bool terminated = size > 0 && text[0] != '\0' && size < sizeof local.sun_path;
  name.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size +
                                     (terminated ? 1 : 0));
  return name;
}

class LocalSocket final : public Socket,
                          public std::enable_shared_from_this<LocalSocket> {
 public:
  LocalSocket() : Socket(AF_UNIX, SOCK_STREAM, 0) {}
  ~LocalSocket() override;

  /// Makes them the ends of a stream.
  static void Join(const std::shared_ptr<LocalSocket>& a,
                   const std::shared_ptr<LocalSocket>& b);

  int Bind(const sockaddr* address, socklen_t size) override;
  int Listen(int backlog) override;
  int Accept(std::shared_ptr<Socket>& accepted) override;
  int Connect(const sockaddr* address, socklen_t size) override;
  int Shutdown(int how) override;
  int LocalName(SocketName& name) override;
  int RemoteName(SocketName& name) override;
  int SetOption(int, int, int) override { return -ENOPROTOOPT; }
  int GetOption(int level, int option, int& value) override;
  bool IsListening() const override { return listening_; }
  ssize_t Receive(std::span<const iovec> pieces, int& flags,
                  SocketName* from) override;
  ssize_t Send(std::span<const iovec> pieces, const sockaddr* to,
               socklen_t to_size) override;
  short Ready() override;
  ssize_t Available() override {
    return in_ == nullptr ? 0 : static_cast<ssize_t>(in_->Size());
  }

 private:
  SpinLock lock_;  // guards:
  bool listening_ = false;
  size_t backlog_ = 0;
  std::deque<std::shared_ptr<Socket>> accepted_;
  // Of the socket's user.
  std::string name_;
  std::string peer_;
  std::shared_ptr<BytePipe> in_;
  std::shared_ptr<BytePipe> out_;
};

LocalSocket::~LocalSocket() {
  if (!name_.empty()) {
    std::lock_guard guard(names_lock);
    auto found = names->find(name_);
    if (found != names->end() && found->second.expired()) names->erase(found);
  }
  if (in_ != nullptr) in_->CloseReader();
  if (out_ != nullptr) out_->CloseWriter();
}

void LocalSocket::Join(const std::shared_ptr<LocalSocket>& a,
                       const std::shared_ptr<LocalSocket>& b) {
  auto there = std::make_shared<BytePipe>();
  auto back = std::make_shared<BytePipe>();
  there->SetWriter(a);
  there->SetReader(b);
  back->SetWriter(b);
  back->SetReader(a);
  a->out_ = b->in_ = there;
  a->in_ = b->out_ = back;
  a->peer_ = b->name_;
  b->peer_ = a->name_;
}

int LocalSocket::Bind(const sockaddr* address, socklen_t size) {
  auto name = NameIn(address, size);
  if (!name || !name_.empty()) return -EINVAL;
  if (name->empty()) return -EINVAL;
  std::lock_guard guard(names_lock);
  if (names == nullptr) names = new std::map<std::string, std::weak_ptr<LocalSocket>>;
  auto& place = (*names)[*name];
  if (!place.expired()) return -EADDRINUSE;
  place = weak_from_this();
  name_ = *name;
  return 0;
}

int LocalSocket::Listen(int backlog) {
  if (in_ != nullptr || name_.empty()) return -EINVAL;
  std::lock_guard guard(lock_);
  listening_ = true;
  backlog_ = static_cast<size_t>(std::clamp(backlog, 1, SOMAXCONN));
  return 0;
}

int LocalSocket::Accept(std::shared_ptr<Socket>& accepted) {
  std::lock_guard guard(lock_);
  if (!listening_) return -EINVAL;
  if (accepted_.empty()) return -EAGAIN;
  accepted = std::move(accepted_.front());
  accepted_.pop_front();
  return 0;
}

int LocalSocket::Connect(const sockaddr* address, socklen_t size) {
  auto name = NameIn(address, size);
  if (!name) return -EINVAL;
  if (in_ != nullptr) return -EISCONN;
  std::shared_ptr<LocalSocket> listener;
  {
    std::lock_guard guard(names_lock);
    if (names != nullptr && names->contains(*name)) {
      listener = (*names)[*name].lock();
    }
  }
  // A file of the front-end's that is no socket of ours.
  if (listener == nullptr) {
    return access(name->c_str(), F_OK) == 0 ? -ECONNREFUSED : -ENOENT;
  }
  auto peer = std::make_shared<LocalSocket>();
  {
    std::lock_guard guard(listener->lock_);
    if (!listener->listening_) return -ECONNREFUSED;
    if (listener->accepted_.size() >= listener->backlog_) return -EAGAIN;
    Join(shared_from_this(), peer);
    peer_ = peer->name_ = *name;
    listener->accepted_.push_back(peer);
  }
  listener->Changed();
  return 0;
}

int LocalSocket::Shutdown(int how) {
  if (how < SHUT_RD || how > SHUT_RDWR) return -EINVAL;
  if (in_ == nullptr) return -ENOTCONN;
  if (how != SHUT_WR) in_->CloseReader();
  if (how != SHUT_RD) out_->CloseWriter();
  Changed();
  return 0;
}

int LocalSocket::LocalName(SocketName& name) {
  name = NameOf(name_);
  return 0;
}

int LocalSocket::RemoteName(SocketName& name) {
  if (in_ == nullptr) return -ENOTCONN;
  name = NameOf(peer_);
  return 0;
}

int LocalSocket::GetOption(int level, int option, int& value) {
  if (level != SOL_SOCKET || (option != SO_SNDBUF && option != SO_RCVBUF)) {
    return -ENOPROTOOPT;
  }
  value = BytePipe::kCapacity;
  return 0;
}

ssize_t LocalSocket::Receive(std::span<const iovec> pieces, int& flags,
                             SocketName*) {
  if (in_ == nullptr) return -ENOTCONN;
  if (in_->ReaderClosed()) return 0;
  ssize_t result = in_->Read(pieces, (flags & MSG_PEEK) != 0);
  flags = 0;
  return result;
}

ssize_t LocalSocket::Send(std::span<const iovec> pieces, const sockaddr* to,
                          socklen_t) {
  if (out_ == nullptr) return -ENOTCONN;
  if (to != nullptr) return -EISCONN;
  if (out_->WriterClosed()) return -EPIPE;
  if (TotalOf(pieces) == 0) return 0;
  return out_->Write(pieces);
}

short LocalSocket::Ready() {
  if (in_ == nullptr) {
    std::lock_guard guard(lock_);
    if (!listening_) return POLLOUT | POLLHUP;
    return accepted_.empty() ? 0 : POLLIN;
  }
  bool peer_ended = in_->WriterClosed();
  bool ended = out_->WriterClosed();
  int ready = 0;
  if (in_->Size() > 0 || peer_ended || in_->ReaderClosed()) ready |= POLLIN;
  if (peer_ended) ready |= POLLRDHUP;
  if (ended || out_->HasRoom()) ready |= POLLOUT;
  if (peer_ended && (ended || out_->ReaderClosed())) ready |= POLLHUP;
  return static_cast<short>(ready);
}

// --- pipes ---------------------------------------------------------------------

class PipeEnd final : public Description {
 public:
  PipeEnd(std::shared_ptr<BytePipe> pipe, bool reads)
      : pipe_(std::move(pipe)), reads_(reads) {}
  ~PipeEnd() override {
    if (reads_) {
      pipe_->CloseReader();
    } else {
      pipe_->CloseWriter();
    }
  }

  ssize_t Read(std::span<std::byte> to) override {
    if (!reads_) return -EBADF;
    iovec piece{to.data(), to.size()};
    return Retry(*this, POLLIN, to.empty(),
                 [&] { return pipe_->Read({&piece, 1}, false); });
  }
  ssize_t Write(std::span<const std::byte> data) override {
    if (reads_) return -EBADF;
    size_t done = 0;
    while (done < data.size()) {
      iovec rest{const_cast<std::byte*>(data.data() + done), data.size() - done};
      ssize_t put = Retry(*this, POLLOUT, false,
                          [&] { return pipe_->Write({&rest, 1}); });
      if (put < 0) return done > 0 ? static_cast<ssize_t>(done) : put;
      done += static_cast<size_t>(put);
      if (nonblocking) break;
    }
    return static_cast<ssize_t>(done);
  }
  void Status(struct stat& status) override {
    status = {};
    status.st_mode = S_IFIFO | S_IRUSR | S_IWUSR;
  }
  short Ready() override {
    int ready = 0;
    if (reads_) {
      if (pipe_->Size() > 0) ready |= POLLIN;
      if (pipe_->WriterClosed()) ready |= POLLHUP;
    } else {
      if (pipe_->HasRoom()) ready |= POLLOUT;
      if (pipe_->ReaderClosed()) ready |= POLLERR;
    }
    return static_cast<short>(ready);
  }
  int AccessMode() const override { return reads_ ? O_RDONLY : O_WRONLY; }
  ssize_t Available() override {
    return static_cast<ssize_t>(pipe_->Size());
  }

 private:
  const std::shared_ptr<BytePipe> pipe_;
  const bool reads_;
};

}  // namespace

std::shared_ptr<Socket> MakeLocalSocket() {
  return std::make_shared<LocalSocket>();
}

void MakeLocalPair(std::shared_ptr<Socket> ends[2]) {
  auto a = std::make_shared<LocalSocket>();
  auto b = std::make_shared<LocalSocket>();
  LocalSocket::Join(a, b);
  ends[0] = std::move(a);
  ends[1] = std::move(b);
}

}  // namespace ebbrt::libc

extern "C" {

int pipe2(int ends[2], int flags) {
  return ebbrt::libc::Guard([&] {
    using ebbrt::libc::PipeEnd;
    auto bytes = std::make_shared<ebbrt::libc::BytePipe>();
    auto reader = std::make_shared<PipeEnd>(bytes, true);
    auto writer = std::make_shared<PipeEnd>(bytes, false);
    bytes->SetReader(reader);
    bytes->SetWriter(writer);
    reader->nonblocking = writer->nonblocking = (flags & O_NONBLOCK) != 0;
    auto& table = ebbrt::libc::FileTable::Get();
    int first = table.Add(std::move(reader));
    try {
      ends[1] = table.Add(std::move(writer));
    } catch (...) {
      table.Set(first, nullptr);
      throw;
    }
    ends[0] = first;
    return 0;
  });
}

int pipe(int ends[2]) { return pipe2(ends, 0); }

}  // extern "C"
