// Allocation, buffers, exceptions.
#include <cstdlib>
#include <memory>

#include "bench/images/dispatch.h"
#include "common/iobuf.h"

namespace ebbrt::bench {
namespace {

template <size_t kBytes>
void MallocAndFree(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    void* memory = std::malloc(kBytes);
    Opaque(memory);
    std::free(memory);
  }
}

/// All are live before the first is freed.
template <size_t kBytes>
void MallocMany(uint64_t n) {
  auto pointers = std::make_unique<void*[]>(n);
  for (uint64_t i = 0; i < n; ++i) pointers[i] = std::malloc(kBytes);
  for (uint64_t i = 0; i < n; ++i) std::free(pointers[i]);
}

void CreateBuffers(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    auto buffer = IOBuf::Create(1'024);
    IOBuf* pointer = buffer.get();
    Opaque(pointer);
  }
}

void CloneBuffers(uint64_t n) {
  auto buffer = IOBuf::Create(1'024);
  for (uint64_t i = 0; i < n; ++i) {
    auto clone = buffer->Clone();
    IOBuf* pointer = clone.get();
    Opaque(pointer);
  }
}

[[gnu::noipa]] void Throw(uint64_t value) { throw value; }

void ThrowAndCatch(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    try {
      Throw(i);
    } catch (uint64_t& value) {
      Opaque(value);
    }
  }
}

}  // namespace

std::span<const Operation> MemoryOperations() {
  static constexpr Operation kOperations[] = {
      {"malloc and free, 8 bytes", 1'024, &MallocAndFree<8>},
      {"malloc and free, 64 bytes", 1'024, &MallocAndFree<64>},
      {"malloc and free, 1,024 bytes", 1'024, &MallocAndFree<1'024>},
      {"malloc and free, 64 KiB", 256, &MallocAndFree<65'536>},
      {"malloc and free, 64 bytes, many live", 4'096, &MallocMany<64>},
      {"IOBuf, 1,024 bytes, made and dropped", 1'024, &CreateBuffers},
      {"IOBuf, cloned and dropped", 1'024, &CloneBuffers},
      {"exception, thrown and caught", 256, &ThrowAndCatch},
  };
  return kOperations;
}

}  // namespace ebbrt::bench
