// BufferPool: blocks for a device to receive into, handed up as IOBufs.
//
// A block is its header and the device's bytes behind it, so that one pointer
// finds both, and neither the buffer's owner nor the first window costs an
// allocation:
//
//   | owner, pool, link, first window | bytes the device writes ...    |
//   |<-------- kBlockHeader --------->|<-------- kBufferSize --------->|
//
// The last IOBuf on a block gives it back: to the pool, or on another core to
// the heap. Blocks that applications keep are simply missing here: the pool
// takes others from the heap, so that somebody's store of received values never
// dries up the ring. A small frame pins a whole block; who keeps small values
// for long copies them (IOBuf::Capacity tells).
//
// A block is 2 KiB: the smallest that holds an Ethernet frame of 1,514 bytes
// with the device's header, so that an ordinary frame is one buffer; larger
// ones (receive segmentation offload) come as chains of them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/iobuf.h"
#include "common/relaxed.h"
#include "common/types.h"

namespace ebbrt::virtio {

class BufferPool {
 public:
  static constexpr size_t kBlockSize = 2048;
  static constexpr size_t kBlockHeader = 128;
  static constexpr size_t kBufferSize = kBlockSize - kBlockHeader;
  /// Free blocks kept; more go back to the heap.
  static constexpr size_t kKeep = 1024;

  /// A block that nobody shows yet.
  class Block;

  /// For the calling core. The pool must outlive every IOBuf made from it.
  BufferPool();
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  /// A block, null when memory is exhausted. On the pool's core.
  Block* Get();
  /// Gives back a block that was not made an IOBuf. On the pool's core.
  void Put(Block* block);

  /// Where the device writes: kBufferSize bytes.
  static std::byte* Bytes(Block* block);
  /// The bytes [offset, offset + length) of the block as an IOBuf, which owns
  /// it from now on.
  static std::unique_ptr<IOBuf> Show(Block* block, size_t offset,
                                     size_t length);

  /// Blocks that are neither free nor returned: in rings and in IOBufs.
  size_t Outstanding() const {
    // In this order: none has ended that wasn't given before.
    const size_t ended = ended_elsewhere_.load(std::memory_order_acquire);
    return given_ - ended;
  }

 private:
  static void Release(BufferOwner* owner);

  const CoreId core_;
  Block* free_ = nullptr;
  size_t free_count_ = 0;
  Relaxed<size_t> given_ = 0;  // less those that came back here
  std::atomic<size_t> ended_elsewhere_{0};
};

}  // namespace ebbrt::virtio
