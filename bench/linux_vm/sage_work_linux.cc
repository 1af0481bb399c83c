// sage-work for the Linux machine, and for Linux itself: sage_work [LARGEST].
#include <malloc.h>

#include <cstdio>
#include <cstdlib>

#include "bench/images/tiles.h"

int main(int count, char** words) {
  // Where glibc begins. Said, it stays there: else large tiles come from the
  // kernel at first and later don't, and a run costs less than the one before.
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  tiles::MeasureAll(count > 1 ? std::atoi(words[1]) : 4000,
                    [](const std::string& name, uint64_t n, uint64_t time) {
                      using Number = unsigned long long;
                      std::printf("bench: %s\t%llu\ntime: %s\t%llu\n",
                                  name.c_str(), Number{n}, name.c_str(),
                                  Number{time});
                      std::fflush(stdout);
                    });
  std::puts("bench: done");
}
