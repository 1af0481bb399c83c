// EventManager: one non-preemptive event loop per core.
//
// An event is a function that runs to completion on its core; nothing else of
// that core runs meanwhile, so core-local data needs no lock. What may make one
// run: Spawn, a timer, a device's interrupt (natively) or a ready socket (on
// Linux), an idle callback. The order in a turn of the loop:
//
//   1. hooks left by AtEndOfEvent in the event that just ended or blocked
//   2. the next queued event (every few events, step 4 without sleeping first)
//   3. with the queue empty: events from other cores, timers that are due, idle
//      callbacks
//   4. interrupts, opened for one instruction; with no idle callback
//      registered, the core sleeps there until something happens
//
// An event that must wait saves its context and the loop goes on, on another
// stack, until someone activates the context; then the event continues where it
// was, on the same core. Its caught exceptions and errno stay with it.
//
// An event that throws is reported on the console; the node goes on.
//
// Seed paper "Event-driven execution"; OSDI'16 §3.2.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "common/base_ebbs.h"
#include "common/ebb_ref.h"
#include "common/fiber.h"
#include "common/move_function.h"
#include "common/ring_queue.h"
#include "common/spin_lock.h"
#include "common/timer.h"
#include "common/types.h"

namespace ebbrt {

/// An event that waits. Filled by SaveContext; lives until it was activated and
/// SaveContext has returned (usually on the waiting event's own stack).
class EventContext {
 public:
  EventContext() = default;
  EventContext(const EventContext&) = delete;
  EventContext& operator=(const EventContext&) = delete;

 private:
  friend class EventManager;
  CoreId core_ = platform::CurrentCore();
  std::unique_ptr<Fiber> fiber_;
};

/// Work that is done whenever the core has nothing better to do: polling a
/// device. While one is started the core doesn't sleep.
class IdleCallback {
 public:
  virtual ~IdleCallback() = default;
  /// Runs between events and must not block; what may block is spawned.
  virtual void OnIdle() = 0;
};

/// A core's representative is the loop itself. All members are called in events
/// on that core, the static ones anywhere.
class EventManager {
 public:
  using Function = MoveFunction<void()>;

  static EventManager& HandleFault(EbbId id);

  /// Queues `function` as an event of this node; which core is the runtime's
  /// choice (for now: this one, core 0 from a thread that is none).
  static void Spawn(Function function);
  /// Queues `function` on this core.
  void SpawnLocal(Function function) { queue_.Push(std::move(function)); }
  /// Queues `function` on `core` < platform::CoreCount(), this one included.
  /// From any thread or core, not from interrupt stubs.
  static void SpawnRemote(Function function, CoreId core);

  /// Makes sure that the next SaveContext of this event will not throw: to be
  /// called before anybody is told of the context. Throws std::bad_alloc.
  void ReserveStack();
  /// Blocks the current event until `context` is activated, by whomever; an
  /// activation that came first counts. Throws std::bad_alloc when there is no
  /// memory for another stack; the event is then not blocked.
  void SaveContext(EventContext& context);
  /// Lets the event go on, in a later turn of its own core's loop. Once per
  /// SaveContext; from any thread or core.
  static void ActivateContext(EventContext& context);

  /// Runs `function` when the current event ends or blocks, before any other
  /// event: the place to flush what the event has gathered. It must not block.
  void AtEndOfEvent(Function function) {
    end_of_event_.push_back(std::move(function));
  }

  /// Not owned; at most once each. May be called inside OnIdle.
  void StartIdle(IdleCallback& callback);
  void StopIdle(IdleCallback& callback);

  // --- for the ports ---------------------------------------------------------
  /// Makes the loop of `core`; the port makes all of them before any runs.
  [[gnu::cold]] explicit EventManager(CoreId core);
  [[gnu::cold]] ~EventManager();
  EventManager(const EventManager&) = delete;
  EventManager& operator=(const EventManager&) = delete;

  static EventManager& Of(CoreId core);

  /// Runs the loop on the calling core until Stop(); natively for ever.
  void Run();
  /// Makes Run return once the current event has ended or blocked. From any
  /// thread. Events that wait are abandoned.
  void Stop();
  /// WaitForEvents has seen an interrupt and is about to do something. On this
  /// core.
  void Woken() { sleeping_.store(false, std::memory_order_relaxed); }
  /// For the stall detector: how many turns the loop of `core` has begun, and
  /// whether it waits for interrupts. From any thread.
  struct Activity {
    uint32_t turns;
    bool sleeping;
  };
  static Activity ActivityOf(CoreId core) {
    EventManager& manager = Of(core);
    return {manager.turns_.load(std::memory_order_relaxed),
            manager.sleeping_.load(std::memory_order_relaxed)};
  }
  /// What the loop has done so far. On this core.
  struct Counts {
    uint64_t events = 0;       // taken from its queue
    bool counts_more = false;  // the loop does, else the rest is zeros:
    uint64_t remote = 0;       // of them sent by other cores or threads
    uint64_t timers = 0;       // that have run
    uint64_t blocked = 0;      // events that wait now
  };
  Counts Count() const;
  /// The time set by platform::ArmTimer has come. On this core, also from an
  /// interrupt stub.
  void TimerExpired() { timer_due_ = true; }

 private:
  friend class Timer;

  static void LoopEntry(void* self);
  void Turn();
  void RunEvent(Function& function);
  void RunEndOfEvent();
  void TakeRemote();
  void RunDueTimer();
  void Arm(Clock::time_point deadline);
  void RunIdleCallbacks();
  void Sleep();
  void Resume(EventContext& context);
  void SwitchTo(std::unique_ptr<Fiber> next, std::unique_ptr<Fiber>& left);
  void AddTimer(Timer& timer);
  void RemoveTimer(Timer& timer);

  const CoreId core_;
  RingQueue<Function> queue_;
  std::vector<Function> end_of_event_;
  unsigned events_since_poll_ = 0;
  std::atomic<uint32_t> turns_{0};  // written by this core alone

  Timer::Queue timers_;
  Clock::time_point armed_ = Clock::time_point::max();
  bool timer_due_ = false;

  std::vector<IdleCallback*> idle_callbacks_;

  Fiber* root_ = nullptr;                       // who called Run()
  std::unique_ptr<Fiber> running_;              // the stack we are on
  std::vector<std::unique_ptr<Fiber>> spares_;  // loops that can go on
  std::unique_ptr<Fiber> parked_;  // just left by its last instruction

  SpinLock remote_lock_;
  std::vector<Function> remote_;  // guarded by remote_lock_
  std::vector<Function> taken_;   // remote_'s twin, so that both keep capacity
  std::atomic<bool> remote_pending_{false};
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stopping_{false};

  Counts counts_;  // but for the events
};

inline constexpr EbbRef<EventManager> event_manager{kEventManagerId};

}  // namespace ebbrt
