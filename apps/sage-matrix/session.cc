#include "apps/sage-matrix/session.h"

#include <optional>

#include "common/runtime.h"
#include "hosted/runtime.h"

namespace ebbrt::matrix {
namespace {

std::optional<WorkerPool> pool;  // core 0's

}  // namespace

Session::Session(WorkerPool::Settings settings) {
  std::promise<void> running;
  auto begun = running.get_future();
  core_ = std::thread([settings = std::move(settings), &running]() mutable {
    hosted::Options options;
    options.handle_signals = false;
    hosted::Run(std::move(options), [&settings, &running] {
      pool.emplace(std::move(settings));
      running.set_value();
    });
  });
  begun.get();
}

Session::~Session() {
  EventManager::SpawnRemote(
      [] {
        pool->EndAll();
        runtime::Exit(0);
      },
      0);
  core_.join();
}

WorkerPool& Session::Pool() { return *pool; }

void Workers::Ready(NodeId from, wire::Worker::Reader in,
                    wire::Nothing::Builder) {
  Session::Pool().Ready(from, in.getEbb());
}

}  // namespace ebbrt::matrix
