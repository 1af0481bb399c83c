// The front-end of bench/allocate: bench_allocate IMAGE NODES ROUNDS. Allocates
// so many nodes at once, and prints for each round the milliseconds from the
// first call of Allocate to each node's main, in the order of arrival, on a
// line.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "bench/images/allocate.h"
#include "common/node_allocator.h"
#include "common/runtime.h"

namespace ebbrt::bench {
namespace {

Clock::time_point begin;
std::vector<double> milliseconds;
size_t expected;
Promise<> all_here;

}  // namespace

// On core 0, the only one.
void Arrivals::Here(NodeId, Payload::Reader, Payload::Builder) {
  milliseconds.push_back(
      std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  if (milliseconds.size() == expected) all_here.SetValue();
}

}  // namespace ebbrt::bench

void ebbrt::AppMain() {
  const auto& arguments = runtime::Arguments();
  if (arguments.size() != 3) {
    std::fprintf(stderr, "usage: bench_allocate IMAGE NODES ROUNDS\n");
    runtime::Exit(2);
  }
  bench::expected = std::stoul(arguments[1]);
  // The first round starts the daemon, and isn't printed.
  for (unsigned round = 0; round <= std::stoul(arguments[2]); ++round) {
    bench::milliseconds.clear();
    bench::all_here = Promise<>();
    auto here = bench::all_here.GetFuture();
    std::vector<Future<std::unique_ptr<Node>>> booting;
    bench::begin = Clock::now();
    for (size_t i = 0; i < bench::expected; ++i) {
      booting.push_back(node_allocator->Allocate({.image = arguments[0]}));
    }
    std::vector<std::unique_ptr<Node>> nodes;
    for (auto& node : booting) nodes.push_back(node.Get());
    here.Get();
    if (round == 0) continue;
    for (double time : bench::milliseconds) std::printf("%.3f ", time);
    std::printf("\n");
  }
  runtime::Exit(0);
}
