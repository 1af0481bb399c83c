// The back-end's half: has a worker for tiles, says so, and serves.
#include "apps/sage-matrix/tile_worker.h"
#include "common/runtime.h"

void ebbrt::AppMain() {
  auto worker = matrix::TileWorker::Create();
  matrix::workers
      ->Call<&matrix::Workers::Ready>([&](auto in) { in.setEbb(worker.Id()); })
      .Get();
}
