// An image with stacks of 2 MiB (ebbrt_image's STACK_SLOT). Its argument: KiB
// of stack to use, at the depth of which it blocks. Says "deep N" when it is
// back.
#include <string>

#include "common/event_manager.h"
#include "common/future.h"
#include "common/runtime.h"
#include "platform/log.h"

namespace {

void Block() {
  ebbrt::Promise<> turn;
  auto comes = turn.GetFuture();
  ebbrt::event_manager->SpawnLocal(
      [turn = std::move(turn)]() mutable { turn.SetValue(); });
  comes.Get();
}

/// The compiler must not see that it ends, lest it were a loop.
[[gnu::noinline]] int Descend(size_t kib) {
  volatile char room[1024];
  room[0] = 1;
  if (kib == 0) {
    Block();
    return 0;
  }
  return Descend(kib - 1) + room[0];
}

}  // namespace

void ebbrt::AppMain() {
  const size_t kib = std::stoul(runtime::Arguments().at(0));
  platform::WriteConsole("deep " + std::to_string(Descend(kib)) + "\n");
  runtime::Exit(0);
}
