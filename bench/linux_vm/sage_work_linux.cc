// sage-work for the Linux machine, and for Linux itself: sage_work [LARGEST].
#include <cstdio>
#include <cstdlib>

#include "bench/images/tiles.h"

int main(int count, char** words) {
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
