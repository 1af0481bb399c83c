// The back-end of bench/allocate: says that it is there, and stays.
#include "bench/images/allocate.h"
#include "common/runtime.h"

void ebbrt::AppMain() {
  bench::arrivals->Call<&bench::Arrivals::Here>([](bench::Payload::Builder) {})
      .Get();
}
