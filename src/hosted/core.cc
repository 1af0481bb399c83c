#include "hosted/core.h"

#include <pthread.h>
#include <sys/mman.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "common/check.h"
#include "common/event_manager.h"
#include "platform/core.h"
#include "platform/event_port.h"
#include "platform/local_table.h"

namespace ebbrt {
namespace {

/// The translation table of one core: an entry for every possible id. Linux
/// backs only the pages that are written.
class LocalTable {
 public:
  LocalTable() {
    void* table = mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (table == MAP_FAILED) throw std::bad_alloc();
    table_ = static_cast<void**>(table);
  }
  ~LocalTable() { munmap(table_, kSize); }
  LocalTable(const LocalTable&) = delete;
  LocalTable& operator=(const LocalTable&) = delete;

  void** Get() { return table_; }

 private:
  static constexpr size_t kSize = (size_t{1} << 32) * sizeof(void*);
  void** table_;
};

struct Core {
  explicit Core(CoreId id) : manager(id) {}

  boost::asio::io_context reactor{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work = boost::asio::make_work_guard(reactor);
  boost::asio::steady_timer timer{reactor};
  LocalTable table;
  EventManager manager;

  void SetRuns(bool now) {
    std::lock_guard guard(thread_lock);
    thread = pthread_self();
    runs = now;
  }
  std::mutex thread_lock;  // guards:
  pthread_t thread{};
  bool runs = false;
};

std::vector<std::unique_ptr<Core>>& Cores() {
  // Never destroyed: threads that are no core may spawn until the very end.
  static auto* cores = new std::vector<std::unique_ptr<Core>>;
  return *cores;
}

Core& ThisCore() { return *Cores()[platform::CurrentCore()]; }

}  // namespace

namespace hosted {

boost::asio::io_context& Reactor() { return ThisCore().reactor; }

void MakeCores(size_t count) {
  EBBRT_CHECK(Cores().empty(), "the cores of this process exist already");
  for (CoreId core = 0; core < count; ++core) {
    Cores().push_back(std::make_unique<Core>(core));
  }
}

void RunCore(CoreId core) {
  platform::detail::current_core = core;
  platform::detail::local_table = ThisCore().table.Get();
  ThisCore().SetRuns(true);
  ThisCore().manager.Run();
  ThisCore().SetRuns(false);
  platform::detail::current_core = kNoCore;
}

bool SignalCore(CoreId core, int signal) {
  Core& target = *Cores()[core];
  std::lock_guard guard(target.thread_lock);
  return target.runs && pthread_kill(target.thread, signal) == 0;
}

void StopAllCores() {
  for (auto& core : Cores()) core->manager.Stop();
}

}  // namespace hosted

namespace platform {

size_t CoreCount() { return Cores().size(); }

void Wake(CoreId core) {
  boost::asio::post(Cores()[core]->reactor, [] {});
}

void PollEvents() { ThisCore().reactor.poll(); }

void WaitForEvents() { ThisCore().reactor.run_one(); }

void ArmTimer(Clock::time_point deadline) {
  Core& core = ThisCore();
  core.timer.expires_at(deadline);  // cancels what it was set to before
  core.timer.async_wait([&core](const boost::system::error_code& error) {
    if (!error) core.manager.TimerExpired();
  });
}

}  // namespace platform
}  // namespace ebbrt
