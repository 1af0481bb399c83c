// threadtest for the Linux machine, with glibc's malloc and a thread for each
// processor.
#include <cstdio>
#include <thread>
#include <vector>

#include "bench/images/threadtest.h"

int main() {
  auto on_all = [](unsigned threads, const auto& work) {
    std::vector<std::jthread> others;
    for (unsigned thread = 1; thread < threads; ++thread) {
      others.emplace_back([&work, thread] { work(thread); });
    }
    work(0);
  };
  threadtest::MeasureAll(std::thread::hardware_concurrency(), on_all,
                         [](const std::string& name, uint64_t n) {
                           std::printf("bench: %s\t%llu\n", name.c_str(),
                                       static_cast<unsigned long long>(n));
                           std::fflush(stdout);
                         });
  std::puts("bench: done");
}
