#include "hosted/signal_relay.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "common/signal_number.h"
#include "hosted/system_call.h"

namespace ebbrt::hosted {
namespace {

// What the handler has noted, and what wakes the thread for it.
std::atomic<uint64_t> noted{0};
int wake = -1;

void Note(int signal) {
  int saved = errno;
  noted.fetch_or(uint64_t{1} << signal);
  eventfd_write(wake, 1);
  errno = saved;
}

}  // namespace

SignalRelay& SignalRelay::Get() {
  static auto* relay = new SignalRelay;
  return *relay;
}

void SignalRelay::Start() {
  if (started_) return;
  if (wake < 0) wake = OrThrow(eventfd(0, EFD_CLOEXEC));
  std::thread([this] { Run(); }).detach();
  started_ = true;
}

void SignalRelay::Run() {
  for (;;) {
    eventfd_t count;
    eventfd_read(wake, &count);
    uint64_t arrived = noted.exchange(0);
    while (arrived != 0) {
      int signal = std::countr_zero(arrived);
      arrived &= arrived - 1;
      Deliver(signal);
    }
  }
}

void SignalRelay::Install(int signal) {
  Start();
  struct sigaction action {};
  action.sa_handler = &Note;
  action.sa_flags = SA_RESTART;
  struct sigaction former;
  OrThrow(sigaction(signal, &action, &former));
  former_.emplace(signal, former);
}

void SignalRelay::RestoreUncaught() {
  Set caught = 0;
  for (const auto& [id, node] : nodes_) caught |= node.caught;
  std::erase_if(former_, [caught](const auto& entry) {
    const auto& [signal, former] = entry;
    if ((caught >> signal & 1) != 0) return false;
    struct sigaction current;
    sigaction(signal, nullptr, &current);
    // Unless the program has set another one meanwhile.
    if (current.sa_handler == &Note) sigaction(signal, &former, nullptr);
    return true;
  });
}

void SignalRelay::Catch(NodeId node, int signal, bool on) {
  if (SignalFromLinux(static_cast<uint32_t>(signal)) == 0) ThrowErrno(EINVAL);
  std::lock_guard guard(mutex_);
  if (gone_.contains(node)) ThrowErrno(ESTALE);
  Node& state = nodes_[node];
  Set bit = Set{1} << signal;
  if (on) {
    if (!former_.contains(signal)) Install(signal);
    state.caught |= bit;
  } else {
    state.caught &= ~bit;
    state.pending &= ~bit;
    RestoreUncaught();
  }
}

Future<int> SignalRelay::Next(NodeId node) {
  std::lock_guard guard(mutex_);
  if (gone_.contains(node)) ThrowErrno(ESTALE);
  Node& state = nodes_[node];
  if (state.waiting) ThrowErrno(EBUSY);
  if (state.pending == 0) return state.waiting.emplace().GetFuture();
  int signal = std::countr_zero(state.pending);
  state.pending &= state.pending - 1;
  return MakeReadyFuture(std::move(signal));
}

void SignalRelay::Forget(NodeId node) {
  std::optional<Promise<int>> waiting;
  {
    std::lock_guard guard(mutex_);
    gone_.insert(node);
    auto found = nodes_.find(node);
    if (found == nodes_.end()) return;
    waiting = std::move(found->second.waiting);
    nodes_.erase(found);
    RestoreUncaught();
  }
  if (waiting) {
    waiting->SetException(std::make_exception_ptr(
        std::system_error(ESTALE, std::generic_category())));
  }
}

void SignalRelay::Deliver(int signal) {
  std::vector<Promise<int>> waiting;
  bool caught = false;
  {
    std::lock_guard guard(mutex_);
    for (auto& [id, node] : nodes_) {
      if ((node.caught >> signal & 1) == 0) continue;
      caught = true;
      if (node.waiting) {
        waiting.push_back(std::move(*node.waiting));
        node.waiting.reset();
      } else {
        node.pending |= Set{1} << signal;
      }
    }
  }
  for (auto& promise : waiting) promise.SetValue(int{signal});
  // It came when a node still caught it: now it does what it does otherwise.
  if (!caught) kill(getpid(), signal);
}

}  // namespace ebbrt::hosted
