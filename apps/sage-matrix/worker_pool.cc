#include "apps/sage-matrix/worker_pool.h"

#include <algorithm>
#include <utility>

#include "common/deadline.h"
#include "common/when_all.h"

namespace ebbrt::matrix {

namespace {

/// Calls under way at one worker. More would not end earlier.
constexpr unsigned kMostCalls = 4;

}  // namespace

Future<> Worker::Enter() {
  if (calls_ < kMostCalls) {
    ++calls_;
    return MakeReadyFuture();
  }
  return waiting_.emplace_back().GetFuture();
}

void Worker::Leave() {
  if (waiting_.empty()) {
    --calls_;
    return;
  }
  auto next = std::move(waiting_.front());
  waiting_.pop_front();
  next.SetValue();
}

Future<std::shared_ptr<Worker>> WorkerPool::At(size_t place) {
  place %= places_.size();
  Place& at = places_[place];
  if (auto worker = at.worker.lock(); worker != nullptr && !worker->Lost()) {
    return MakeReadyFuture(std::move(worker));
  }
  if (at.booting.Valid()) return at.booting.Fork();
  at.booting = SharedFuture<std::shared_ptr<Worker>>(Boot(place));
  auto told = at.booting.Fork();
  auto result = at.booting.Fork();
  // Who comes after an error tries again.
  (void)std::move(told).Finally([&at](auto) { at.booting = {}; });
  return result;
}

Future<std::shared_ptr<Worker>> WorkerPool::Boot(size_t place) {
  auto node = co_await node_allocator->Allocate(settings_.spec);
  if (ending_) throw AllocationFailed("ebbrt.stop() was called");
  const NodeId id = node->Id();
  auto lost = std::make_shared<bool>(false);
  (void)node->Ended().Finally([this, id, lost](Future<int>) {
    *lost = true;
    Forsake(id,
            "the node ended before its worker was ready: is its image that of "
            "sage-matrix?");
  });
  auto ready = WithDeadline(WorkerOf(id), settings_.spec.deadline);
  EbbId ebb{};
  try {
    ebb = co_await std::move(ready);
  } catch (const DeadlineExceeded&) {
    awaited_.erase(id);
    throw AllocationFailed(
        "the node has no worker: is its image that of sage-matrix?");
  }
  auto worker = std::make_shared<Worker>(std::move(node), ebb, std::move(lost));
  places_[place].worker = worker;
  co_return worker;
}

Future<EbbId> WorkerPool::WorkerOf(NodeId node) {
  if (auto known = ready_.extract(node)) {
    return MakeReadyFuture(std::move(known.mapped()));
  }
  return awaited_[node].GetFuture();
}

void WorkerPool::Forsake(NodeId node, const char* why) {
  if (auto waiting = awaited_.extract(node)) {
    waiting.mapped().SetException(
        std::make_exception_ptr(AllocationFailed(why)));
  }
}

void WorkerPool::Ready(NodeId node, EbbId worker) {
  if (auto waiting = awaited_.extract(node)) {
    waiting.mapped().SetValue(worker);
  } else {
    ready_[node] = worker;
  }
}

Future<> WorkerPool::EndAll() {
  ending_ = true;
  std::vector<Future<>> booting;
  for (Place& place : places_) {
    if (auto worker = place.worker.lock()) worker->End();
    if (!place.booting.Valid()) continue;
    booting.push_back(place.booting.Fork().Finally([](auto) {}));
  }
  return WhenAll(std::move(booting));
}

size_t WorkerPool::Running() const {
  return std::count_if(places_.begin(), places_.end(), [](const Place& place) {
    auto worker = place.worker.lock();
    return worker != nullptr && !worker->Lost();
  });
}

}  // namespace ebbrt::matrix
