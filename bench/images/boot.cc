// bench/boot's image: comes to the application's main, brings up the network
// and ends, with a mark at each.
#include "bench/images/measure.h"
#include "common/network_manager.h"
#include "common/runtime.h"

void ebbrt::AppMain() {
  EbbrtBenchBegin();
  network_manager->Up().Get();
  EbbrtBenchEnd();
  runtime::Exit(0);
}
