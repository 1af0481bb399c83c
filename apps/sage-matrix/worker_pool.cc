#include "apps/sage-matrix/worker_pool.h"

#include <algorithm>
#include <utility>

namespace ebbrt::matrix {

Worker::Worker(std::unique_ptr<Node> node, EbbId ebb)
    : node_(std::move(node)), ebb_(ebb) {
  (void)node_->Ended().Finally([lost = lost_](Future<int>) { *lost = true; });
}

Future<std::shared_ptr<Worker>> WorkerPool::At(size_t place) {
  place %= places_.size();
  Place& at = places_[place];
  if (auto worker = at.worker.lock(); worker != nullptr && !worker->Lost()) {
    return MakeReadyFuture(std::move(worker));
  }
  if (!at.booting.Valid()) {
    at.booting = SharedFuture<std::shared_ptr<Worker>>(Boot(place));
  }
  return at.booting.Fork();
}

Future<std::shared_ptr<Worker>> WorkerPool::Boot(size_t place) {
  // The place is free for another try before anybody hears of the outcome.
  std::exception_ptr error;
  std::shared_ptr<Worker> worker;
  try {
    auto node = co_await node_allocator->Allocate(settings_.spec);
    EbbId ebb = co_await WorkerOf(node->Id());
    worker = std::make_shared<Worker>(std::move(node), ebb);
  } catch (...) {
    error = std::current_exception();
  }
  places_[place].booting = {};
  if (error) std::rethrow_exception(error);
  places_[place].worker = worker;
  co_return worker;
}

Future<EbbId> WorkerPool::WorkerOf(NodeId node) {
  if (auto known = ready_.extract(node)) {
    return MakeReadyFuture(std::move(known.mapped()));
  }
  return awaited_[node].GetFuture();
}

void WorkerPool::Ready(NodeId node, EbbId worker) {
  if (auto waiting = awaited_.extract(node)) {
    waiting.mapped().SetValue(worker);
  } else {
    ready_[node] = worker;
  }
}

void WorkerPool::EndAll() {
  for (Place& place : places_) {
    if (auto worker = place.worker.lock()) worker->End();
  }
}

size_t WorkerPool::Running() const {
  return std::count_if(places_.begin(), places_.end(), [](const Place& place) {
    auto worker = place.worker.lock();
    return worker != nullptr && !worker->Lost();
  });
}

}  // namespace ebbrt::matrix
