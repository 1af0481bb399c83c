// SplitQueue: the driver's side of one split virtqueue.
//
// Three areas of memory are shared with the device (VirtIO 1.2 §2.7): the
// descriptor table and the available ring, which we write, and the used ring,
// which the device writes. Everything this class needs to know about a chain it
// keeps in memory of its own, so that a device that scribbles over the shared
// areas, or answers with ids and lengths that can't be, is found out
// (Failure()) and never followed.
//
// Order of calls: Add any number of chains -> Publish makes them visible and
// says whether the device must be notified; Take returns the chains that the
// device is done with. Interrupts are wanted or not, see EnableInterrupts.
//
// Belongs to one core. Nothing here blocks or allocates after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ebbrt::virtio {

/// The layout of the shared areas, little-endian as the machine is.
namespace layout {

/// VirtIO 1.2 §2.7.5.
struct Descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};
static_assert(sizeof(Descriptor) == 16);
inline constexpr uint16_t kDescriptorNext = 1;
inline constexpr uint16_t kDescriptorWrite = 2;

/// What stands before the elements of the available ring (§2.7.6); behind them
/// stands used_event.
struct AvailableHead {
  uint16_t flags;
  uint16_t index;
};
static_assert(sizeof(AvailableHead) == 4);
inline constexpr uint16_t kAvailableNoInterrupt = 1;

/// What stands before the elements of the used ring (§2.7.8); behind them
/// stands available_event.
struct UsedHead {
  uint16_t flags;
  uint16_t index;
};
static_assert(sizeof(UsedHead) == 4);
inline constexpr uint16_t kUsedNoNotify = 1;

struct UsedElement {
  uint32_t id;
  uint32_t length;
};
static_assert(sizeof(UsedElement) == 8);

}  // namespace layout

/// A contiguous piece of memory as the device sees it.
struct Piece {
  uint64_t address;
  uint32_t length;
};

/// Whether VIRTIO_F_EVENT_IDX was negotiated (§2.7.7, §2.7.10).
enum class EventIndex : bool { kOff, kOn };

class SplitQueue {
 public:
  /// A chain that the device is done with: the number Add returned, and how
  /// many bytes the device says it wrote, never more than the chain had room
  /// for.
  struct Used {
    uint16_t id;
    uint32_t written;
  };

  /// `size` descriptors: a power of two, 1..32768. Throws std::bad_alloc.
  [[gnu::cold]] SplitQueue(uint16_t size, EventIndex event_index);
  ~SplitQueue();
  SplitQueue(const SplitQueue&) = delete;
  SplitQueue& operator=(const SplitQueue&) = delete;

  uint16_t Size() const { return size_; }
  uint16_t FreeDescriptors() const { return free_count_; }
  /// Chains added and not taken.
  uint16_t InFlight() const { return in_flight_; }

  uint64_t DescriptorAddress() const;
  uint64_t AvailableAddress() const;
  uint64_t UsedAddress() const;

  /// Places a chain of pieces, first those the device reads, then those it
  /// writes; at least one, none of length zero. Not visible to the device
  /// before Publish. Returns the chain's id < Size(), or nothing when there are
  /// too few free descriptors.
  std::optional<uint16_t> Add(std::span<const Piece> readable,
                              std::span<const Piece> writable);

  /// Add of a single piece, which the device writes or else reads.
  std::optional<uint16_t> AddSingle(const Piece& piece, bool writable);

  /// Makes what was added visible. True: the device must be notified.
  [[nodiscard]] bool Publish();

  /// The next chain that the device is done with, if any. Its descriptors are
  /// free again. Nothing once the queue has failed.
  std::optional<Used> Take();

  /// Whether Take would return something or find a failure: one load.
  bool HasUsed() const;

  /// The device shall interrupt once `after` more chains are used (with the
  /// event index; without it, for every one). False: that many are there
  /// already and no interrupt will come for them; the caller goes on taking.
  [[nodiscard]] bool EnableInterrupts(uint16_t after = 1);
  /// The device need not interrupt; one or another may still come.
  void DisableInterrupts();

  /// What the device did that it must not; null while it behaves.
  const char* Failure() const { return failure_; }

 private:
  static constexpr uint16_t kNotAHead = 0;

  /// What we know about the chain that starts at a descriptor.
  struct Chain {
    uint16_t descriptors = kNotAHead;
    uint32_t writable = 0;
  };

  uint16_t* AvailableRing() const;
  uint16_t* UsedEvent() const;
  layout::UsedElement* UsedRing() const;
  uint16_t* AvailableEvent() const;
  uint16_t UsedIndex() const;
  uint16_t Place(const Piece& piece, uint16_t flags);
  void Offer(uint16_t head, uint16_t count, uint32_t writable);
  void FreeChain(uint16_t head);

  const uint16_t size_;
  const bool event_index_;
  std::byte* memory_;
  layout::Descriptor* descriptors_;
  layout::AvailableHead* available_;
  layout::UsedHead* used_;

  std::vector<uint16_t> next_;  // ours; the table's copy is never read back
  std::vector<Chain> chains_;
  uint16_t free_head_ = 0;
  uint16_t free_count_;
  uint16_t in_flight_ = 0;
  uint16_t added_ = 0;  // free-running, as the ring's indices are
  uint16_t published_ = 0;
  uint16_t taken_ = 0;
  const char* failure_ = nullptr;
};

}  // namespace ebbrt::virtio
