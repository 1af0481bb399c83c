// EventTrace: what a core has done lately, slice by slice.
//
// A slice is what an event did without a break: from its beginning, or from
// where it went on, until it ended or blocked. Sleep is a slice too. The last
// ones are kept in a ring; who wants to see them reads it when the core stands
// still: `ebbrt trace` through the debugger's port (tools/gdb/ebbrt_gdb.py,
// which knows these structures), a front-end when it ends.
//
// Who records: the event loop and, at ring 0, who runs the handlers of
// interrupts, if platform::OwnTrace() gives them a trace (trace_port.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ebbrt {

/// Belongs to one core.
class EventTrace {
 public:
  enum class Kind : uint8_t {
    kEvent,
    kTimer,
    kInterrupt,   // a handler
    kIdle,        // turns of an idle callback, one after the other
    kEndOfEvent,  // what an event has left for its end
    kAsleep,
  };

  struct Slice {
    static constexpr uint8_t kBlocks = 1;     // ends because the event blocks
    static constexpr uint8_t kContinues = 2;  // the event has blocked before

    uint64_t begin;    // Clock's nanoseconds
    uint64_t end;      // 0: it goes on
    const void* what;  // an address whose symbol tells the function or its type
    uint32_t event;    // the core's number for an event that blocks; else 0
    uint16_t
        detail;  // of kInterrupt the vector; of kIdle the turns, up to 65535
    Kind kind;
    uint8_t flags;
  };
  static_assert(sizeof(Slice) == 32);

  /// An event that has blocked, as it will go on.
  struct Event {
    const void* what = nullptr;
    uint32_t event = 0;  // 0: nothing is known of it
    uint16_t detail = 0;
    Kind kind = Kind::kEvent;
  };

  /// Keeps the last `slices`, a power of two. Throws std::bad_alloc.
  explicit EventTrace(size_t slices);

  /// A slice begins; the one that has not ended yet, if any, ends.
  void Begin(Kind kind, const void* what, uint16_t detail = 0);
  /// It ends, if there is one.
  void End();
  /// It ends because its event blocks.
  Event Block();
  /// An event goes on.
  void Continue(const Event& event);

  /// What is kept, the oldest first; the one that goes on is the last. On the
  /// core, or when it has stopped.
  std::vector<Slice> Slices() const;
  /// How many slices are no longer kept.
  uint64_t Lost() const { return recorded_ > size_ ? recorded_ - size_ : 0; }

 private:
  void Record(uint64_t now);

  const size_t size_;
  const std::unique_ptr<Slice[]> slices_;
  uint64_t recorded_ = 0;  // so many ever; the next one's place by its low bits
  uint32_t last_event_ = 0;
  bool in_slice_ = false;
  Slice current_{};
};

}  // namespace ebbrt
