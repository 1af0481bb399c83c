// Typed calls on an Ebb that is at home here, and on one of the front-end's.
#include <vector>

#include "bench/images/dispatch.h"
#include "bench/images/echo.h"

namespace ebbrt::bench {
namespace {

void Exchange(EbbRef<Echo> echo, size_t size, uint64_t n) {
  std::vector<capnp::byte> bytes(size);
  for (uint64_t i = 0; i < n; ++i) {
    echo->Call<&Echo::Reply>([&bytes](Payload::Builder payload) {
          payload.setBytes({bytes.data(), bytes.size()});
        })
        .Get();
  }
}

void CallHere(uint64_t n) {
  static const EbbRef<Echo> here{ebb_allocator->Allocate()};
  Exchange(here, 64, n);
}

template <size_t kBytes>
void CallFrontEnd(uint64_t n) {
  Exchange(front_end_echo, kBytes, n);
}

}  // namespace

std::span<const Operation> HomeOperations() {
  static constexpr Operation kOperations[] = {
      {"typed call at home, 64 bytes", 256, &CallHere},
  };
  return kOperations;
}

std::span<const Operation> MessageOperations() {
  static constexpr Operation kOperations[] = {
      {"message round trip, 64 bytes", 256, &CallFrontEnd<64>},
      {"message round trip, 1,024 bytes", 256, &CallFrontEnd<1'024>},
      {"message round trip, 16 KiB", 64, &CallFrontEnd<16'384>},
  };
  return kOperations;
}

}  // namespace ebbrt::bench
