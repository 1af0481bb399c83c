#include "native/virtio/buffer_pool.h"

#include <cstdlib>
#include <new>

#include "common/check.h"
#include "platform/core.h"

namespace ebbrt::virtio {

class BufferPool::Block {
 public:
  explicit Block(BufferPool* maker)
      : owner(&BufferPool::Release), pool(maker) {}

  BufferOwner owner;
  BufferPool* pool;
  Block* next = nullptr;
  alignas(void*) std::byte window[IOBuf::kWindowSize];
};

BufferPool::BufferPool() : core_(platform::CurrentCore()) {
  static_assert(sizeof(Block) <= kBlockHeader);
}

BufferPool::~BufferPool() {
  EBBRT_CHECK(Outstanding() == 0, "a buffer pool ended before its buffers");
  while (free_ != nullptr) {
    Block* block = free_;
    free_ = block->next;
    std::free(block);
  }
}

BufferPool::Block* BufferPool::Get() {
  Block* block = free_;
  if (block != nullptr) {
    free_ = block->next;
    --free_count_;
  } else {
    void* memory = std::aligned_alloc(kBlockHeader, kBlockSize);
    if (memory == nullptr) return nullptr;
    block = new (memory) Block(this);
  }
  ++given_;
  return block;
}

void BufferPool::Put(Block* block) {
  --given_;
  if (free_count_ >= kKeep) {
    std::free(block);
    return;
  }
  block->next = free_;
  free_ = block;
  ++free_count_;
}

std::byte* BufferPool::Bytes(Block* block) {
  return reinterpret_cast<std::byte*>(block) + kBlockHeader;
}

std::unique_ptr<IOBuf> BufferPool::Show(Block* block, size_t offset,
                                        size_t length) {
  block->owner.windows.store(1, std::memory_order_relaxed);
  return IOBuf::AdoptInPlace(block->window, &block->owner, Bytes(block),
                             kBufferSize, offset, length);
}

void BufferPool::Release(BufferOwner* owner) {
  static_assert(offsetof(Block, owner) == 0);
  auto* block = reinterpret_cast<Block*>(owner);
  BufferPool* pool = block->pool;
  if (platform::CurrentCore() == pool->core_) {
    pool->Put(block);
    return;
  }
  // To the heap: the pool's core may not ask for any for long.
  std::free(block);
  pool->ended_elsewhere_.fetch_add(1, std::memory_order_release);
}

}  // namespace ebbrt::virtio
