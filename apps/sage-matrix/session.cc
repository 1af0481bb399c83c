#include "apps/sage-matrix/session.h"

#include <memory>
#include <optional>

#include "common/runtime.h"
#include "hosted/runtime.h"

namespace ebbrt::matrix {
namespace {

std::optional<WorkerPool> pool;  // core 0's

}  // namespace

Session::Session(WorkerPool::Settings settings) {
  auto running = std::make_shared<std::promise<void>>();
  auto begun = running->get_future();
  core_ = std::thread([settings = std::move(settings), running]() mutable {
    try {
      hosted::Options options;
      options.handle_signals = false;
      hosted::Run(std::move(options), [&settings, &running] {
        pool.emplace(std::move(settings));
        std::exchange(running, nullptr)->set_value();
      });
    } catch (...) {
      if (running != nullptr) running->set_exception(std::current_exception());
      return;
    }
    if (running != nullptr) {
      running->set_exception(std::make_exception_ptr(
          std::runtime_error("the front-end could not begin")));
    }
  });
  try {
    begun.get();
  } catch (...) {
    core_.join();
    throw;
  }
}

Session::~Session() {
  EventManager::SpawnRemote(
      [] { (void)pool->EndAll().Finally([](Future<>) { runtime::Exit(0); }); },
      0);
  core_.join();
  ended = true;
}

WorkerPool& Session::Pool() { return *pool; }

void Workers::Ready(NodeId from, wire::Worker::Reader in,
                    wire::Nothing::Builder) {
  Session::Pool().Ready(from, in.getEbb());
}

}  // namespace ebbrt::matrix
