#include "common/event_manager.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/trace_hooks.h"
#include "platform/event_port.h"
#include "platform/log.h"

namespace ebbrt {
namespace {

/// Cores a node can have; the size of a table of pointers, nothing more.
constexpr CoreId kMaxCores = 256;
/// How many events run between two looks at the interrupts: few enough that a
/// device doesn't wait, enough that the look costs little per event.
constexpr unsigned kEventsPerPoll = 8;
/// Loop stacks kept for the next event that blocks; more are freed.
constexpr size_t kSpareStacks = 8;

std::array<EventManager*, kMaxCores> managers;

/// Tells a callback by its type: where its virtual functions are.
inline const void* IdentityOf(const IdleCallback& callback) {
  const void* table;
  std::memcpy(&table, &callback, sizeof table);
  return table;
}

}  // namespace

EventManager::EventManager(CoreId core) : core_(core) {
  EBBRT_CHECK(core < kMaxCores, "more cores than the event manager can serve");
  managers[core] = this;
}

EventManager::~EventManager() { managers[core_] = nullptr; }

EventManager& EventManager::HandleFault(EbbId id) {
  EventManager& manager = Of(platform::CurrentCore());
  CacheRep(id, &manager);
  return manager;
}

EventManager& EventManager::Of(CoreId core) {
  EBBRT_CHECK(core < kMaxCores && managers[core] != nullptr,
              "there is no event loop for this core");
  return *managers[core];
}

void EventManager::Spawn(Function function) {
  CoreId core = platform::CurrentCore();
  SpawnRemote(std::move(function), core == kNoCore ? 0 : core);
}

void EventManager::SpawnRemote(Function function, CoreId core) {
  EventManager& target = Of(core);
  if (core == platform::CurrentCore()) {
    target.SpawnLocal(std::move(function));
    return;
  }
  {
    std::lock_guard guard(target.remote_lock_);
    target.remote_.push_back(std::move(function));
  }
  // Against Sleep(): one of us sees what the other has written.
  target.remote_pending_.store(true, std::memory_order_seq_cst);
  if (target.sleeping_.load(std::memory_order_seq_cst)) platform::Wake(core);
}

void EventManager::Run() {
  Fiber root;
  root_ = &root;
  running_ = std::make_unique<Fiber>(&LoopEntry, this);
  root.SwitchTo(*running_);
  running_.reset();
}

void EventManager::Stop() {
  stopping_.store(true);
  SpawnRemote([] {}, core_);
}

EventManager::Counts EventManager::Count() const {
  Counts counts = counts_;
  counts.events = queue_.Popped();
  counts.counts_more = platform::kCountsLoops;
  return counts;
}

void EventManager::LoopEntry(void* self) {
  auto* manager = static_cast<EventManager*>(self);
  for (;;) manager->Turn();
}

void EventManager::Turn() {
  turns_.store(turns_.load(std::memory_order_relaxed) + 1,
               std::memory_order_relaxed);
  parked_.reset();
  RunEndOfEvent();
  if (stopping_.load(std::memory_order_relaxed)) running_->SwitchTo(*root_);
  if (!queue_.Empty() && events_since_poll_ < kEventsPerPoll) {
    ++events_since_poll_;
    Function function = queue_.Pop();
    TraceBegin(EventTrace::Kind::kEvent, function.Identity());
    RunEvent(function);
    TraceEnd();
    return;
  }
  events_since_poll_ = 0;
  if (remote_pending_.load(std::memory_order_relaxed)) TakeRemote();
  if (timer_due_) RunDueTimer();
  if (!idle_callbacks_.empty() && queue_.Empty()) RunIdleCallbacks();
  if (!queue_.Empty() || !idle_callbacks_.empty() || timer_due_ ||
      !end_of_event_.empty()) {
    platform::PollEvents();
  } else {
    Sleep();
  }
}

void EventManager::RunEvent(Function& function) {
  try {
    function();
  } catch (const std::exception& error) {
    platform::WriteConsole(
        Concat({"ebbrt: an event threw: ", error.what(), "\n"}));
  } catch (...) {
    platform::WriteConsole(
        "ebbrt: an event threw something that is no "
        "std::exception\n");
  }
}

void EventManager::RunEndOfEvent() {
  while (!end_of_event_.empty()) {
    auto hooks = std::exchange(end_of_event_, {});
    for (auto& hook : hooks) {
      TraceBegin(EventTrace::Kind::kEndOfEvent, hook.Identity());
      RunEvent(hook);
      TraceEnd();
    }
    hooks.clear();
    // Keep the capacity unless a hook has left another.
    if (end_of_event_.empty()) end_of_event_ = std::move(hooks);
  }
}

void EventManager::TakeRemote() {
  {
    std::lock_guard guard(remote_lock_);
    remote_pending_.store(false, std::memory_order_relaxed);
    std::swap(taken_, remote_);
  }
  if constexpr (platform::kCountsLoops) counts_.remote += taken_.size();
  for (auto& function : taken_) queue_.Push(std::move(function));
  taken_.clear();
}

void EventManager::Sleep() {
  sleeping_.store(true, std::memory_order_seq_cst);
  if (remote_pending_.load(std::memory_order_seq_cst)) {
    platform::PollEvents();
  } else {
    TraceBegin(EventTrace::Kind::kAsleep, nullptr);
    platform::WaitForEvents();
    TraceEnd();
  }
  sleeping_.store(false, std::memory_order_relaxed);
}

// --- idle callbacks
// ------------------------------------------------------------

void EventManager::StartIdle(IdleCallback& callback) {
  idle_callbacks_.push_back(&callback);
}

void EventManager::StopIdle(IdleCallback& callback) {
  std::erase(idle_callbacks_, &callback);
}

void EventManager::RunIdleCallbacks() {
  // By index: a callback may stop itself or another, or block meanwhile.
  for (size_t i = 0; i < idle_callbacks_.size(); ++i) {
    Function callback = [idle = idle_callbacks_[i]] { idle->OnIdle(); };
    TraceBegin(EventTrace::Kind::kIdle, IdentityOf(*idle_callbacks_[i]));
    RunEvent(callback);
    TraceEnd();
    RunEndOfEvent();
  }
}

// --- contexts
// --------------------------------------------------------------------

void EventManager::ReserveStack() {
  if (!spares_.empty()) return;
  spares_.push_back(std::make_unique<Fiber>(&LoopEntry, this));
}

void EventManager::SaveContext(EventContext& context) {
  EBBRT_CHECK(context.core_ == core_, "a context is saved on its own core");
  ReserveStack();
  auto next = std::move(spares_.back());
  spares_.pop_back();
  HiddenState hidden = HiddenState::Take();
  if constexpr (platform::kCountsLoops) ++counts_.blocked;
  auto traced = TraceBlock();
  SwitchTo(std::move(next), context.fiber_);
  TraceContinue(traced);
  if constexpr (platform::kCountsLoops) --counts_.blocked;
  hidden.Restore();
}

void EventManager::ActivateContext(EventContext& context) {
  SpawnRemote([&context] { Of(context.core_).Resume(context); }, context.core_);
}

void EventManager::Resume(EventContext& context) {
  TraceEnd();
  auto next = std::move(context.fiber_);
  if (spares_.size() < kSpareStacks) {
    spares_.emplace_back();
    // Left in place: whoever takes this spare continues from here.
    Fiber& left = *running_;
    spares_.back() = std::exchange(running_, std::move(next));
    left.SwitchTo(*running_);
  } else {
    SwitchTo(std::move(next), parked_);
  }
}

/// Continues on `next`; the current stack is left in `left`.
void EventManager::SwitchTo(std::unique_ptr<Fiber> next,
                            std::unique_ptr<Fiber>& left) {
  Fiber& current = *running_;
  left = std::exchange(running_, std::move(next));
  current.SwitchTo(*running_);
}

// --- timers
// ------------------------------------------------------------------------

void Timer::Start(Clock::duration delay, MoveFunction<void()> function) {
  Stop();
  function_ = std::move(function);
  auto now = Clock::now();
  constexpr auto kNever = Clock::time_point::max();
  deadline_ = delay < kNever - now ? now + delay : kNever;
  manager_ = &*event_manager;
  manager_->AddTimer(*this);
}

void Timer::Stop() {
  if (!Running()) return;
  manager_->RemoveTimer(*this);
  function_ = nullptr;
}

void EventManager::AddTimer(Timer& timer) {
  timers_.insert(timer);
  if (timer.deadline_ < armed_ && !timer_due_) Arm(timer.deadline_);
}

void EventManager::RemoveTimer(Timer& timer) {
  timers_.erase(timers_.iterator_to(timer));
  // The clock stays armed: an expiry for nothing costs less than arming anew
  // for every timer that is started and stopped.
}

/// Runs the earliest timer if it is due: one a turn, so that the next one does
/// not wait for this one's function should it block.
void EventManager::RunDueTimer() {
  timer_due_ = false;
  armed_ = Clock::time_point::max();
  if (timers_.empty()) return;
  auto now = Clock::now();
  Timer& first = *timers_.begin();
  if (first.deadline_ > now) {
    Arm(first.deadline_);
    return;
  }
  timers_.erase(timers_.begin());
  if (!timers_.empty()) {
    if (timers_.begin()->deadline_ <= now) {
      timer_due_ = true;
    } else {
      Arm(timers_.begin()->deadline_);
    }
  }
  Function function = std::move(first.function_);
  if constexpr (platform::kCountsLoops) ++counts_.timers;
  TraceBegin(EventTrace::Kind::kTimer, function.Identity());
  RunEvent(function);  // `first` may be gone now
  TraceEnd();
}

void EventManager::Arm(Clock::time_point deadline) {
  if (deadline == Clock::time_point::max()) return;  // never
  armed_ = deadline;
  platform::ArmTimer(deadline);
}

}  // namespace ebbrt
