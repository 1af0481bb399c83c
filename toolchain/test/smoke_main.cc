// Runs every case and reports them on the console in the form that the check reads.
#include "smoke.h"

#include <cstdio>
#include <exception>

namespace smoke {

// Plain pointers, so that they are valid before any constructor has run.
static Case* first;
static Case** last = &first;

Case::Case(const char* name, bool (*run)()) : name(name), run(run) {
  *last = this;
  last = &next;
}

}  // namespace smoke

int main() {
  int passed = 0, failed = 0;
  for (smoke::Case* c = smoke::first; c; c = c->next) {
    bool ok = false;
    try {
      ok = c->run();
    } catch (const std::exception& e) {
      std::printf("%s threw %s\n", c->name, e.what());
    } catch (...) {
      std::printf("%s threw\n", c->name);
    }
    ok ? ++passed : ++failed;
    if (!ok) std::printf("FAILED %s\n", c->name);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
