// The image of bench/sage-boot: a node of sage-matrix that has its network and
// its worker, and ends because there is no work.
#include "apps/sage-matrix/tile_worker.h"
#include "common/network_manager.h"
#include "common/runtime.h"

void ebbrt::AppMain() {
  network_manager->Up().Get();
  auto worker = matrix::TileWorker::Create();
  runtime::Exit(worker.Id() == 0 ? 1 : 0);
}
