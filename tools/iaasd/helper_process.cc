#include "helper_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include "child_process.h"

namespace ebbrt::iaas {
namespace {

constexpr size_t kMaxText = 60000;

// Room for one descriptor beside a message, aligned as the kernel wants it.
union ControlBuffer {
  cmsghdr align;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

void SendReply(int socket, const HelperReply& reply) {
  iovec text{const_cast<char*>(reply.text.data()),
             std::min(reply.text.size(), kMaxText)};
  msghdr message{};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  ControlBuffer control{};
  if (reply.file.get() >= 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = reply.file.get();
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  sendmsg(socket, &message, MSG_NOSIGNAL);
}

// Nothing when the helper has ended without a reply.
std::optional<HelperReply> ReceiveReply(int socket) {
  std::string text(kMaxText, '\0');
  iovec room{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &room;
  message.msg_iovlen = 1;
  ControlBuffer control{};
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const ssize_t got =
      recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got <= 0) return std::nullopt;
  text.resize(static_cast<size_t>(got));
  HelperReply reply{.text = std::move(text), .file = kj::AutoCloseFd()};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int fd;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    reply.file = kj::AutoCloseFd(fd);
  }
  return reply;
}

// One helper at work: its process and the end of the socket it answers on.
struct Helper {
  Helper(kj::UnixEventPort& port, pid_t pid, kj::AutoCloseFd end)
      : process(kj::refcounted<ChildProcess>(port, pid)),
        socket(kj::mv(end)),
        observer(port, socket.get(),
                 kj::UnixEventPort::FdObserver::OBSERVE_READ) {}

  kj::Own<ChildProcess> process;
  kj::AutoCloseFd socket;
  kj::UnixEventPort::FdObserver observer;
};

}  // namespace

kj::Promise<HelperResult> RunHelper(kj::UnixEventPort& port, kj::Timer& timer,
                                    const Credentials& rights,
                                    kj::Duration deadline,
                                    const std::function<HelperReply()>& work) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  kj::AutoCloseFd mine(ends[0]);
  kj::AutoCloseFd theirs(ends[1]);
  const pid_t parent = getpid();
  const pid_t pid = ForkTied([&] {
    // The daemon's lock and connections are not for the helper to keep open.
    const auto keep = static_cast<unsigned>(theirs.get());
    syscall(SYS_close_range, 3u, keep - 1, 0u);
    syscall(SYS_close_range, keep + 1, ~0u, 0u);
    // Taking on other credentials clears the parent-death signal.
    if (!TakeOnCredentials(rights)) _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    SendReply(theirs.get(), work());
  });
  theirs = nullptr;
  auto helper = kj::heap<Helper>(port, pid, kj::mv(mine));
  auto& held = *helper;
  auto answered = held.observer.whenBecomesReadable().then(
      [&held]() -> kj::Promise<HelperResult> {
        if (auto reply = ReceiveReply(held.socket.get())) {
          return HelperResult{.failure = HelperFailure::kNone,
                              .reply = kj::mv(*reply)};
        }
        return held.process->OnExit().then([](int status) {
          const bool alarm = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
          return HelperResult{
              .failure = alarm ? HelperFailure::kAlarm : HelperFailure::kCrash,
              .reply = {}};
        });
      });
  auto late = timer.afterDelay(deadline).then([]() {
    return HelperResult{.failure = HelperFailure::kDeadline, .reply = {}};
  });
  return answered.exclusiveJoin(kj::mv(late)).attach(kj::mv(helper));
}

}  // namespace ebbrt::iaas
