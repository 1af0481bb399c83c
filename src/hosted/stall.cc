// The stall detector's looks on Linux: a thread, and a signal to the core's
// thread, which notes its stack for the other to print.
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <semaphore.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "common/concat.h"
#include "hosted/core.h"
#include "hosted/symbol_names.h"
#include "platform/core.h"
#include "platform/log.h"
#include "platform/stall_port.h"

namespace ebbrt {
namespace {

constexpr size_t kMaxFrames = 64;

// The noted stack; one question at a time.
std::array<void*, kMaxFrames> frames;
int frame_count;
sem_t noted;

int Signal() { return SIGRTMIN; }

void NoteStack(int) {
  int saved = errno;
  frame_count = backtrace(frames.data(), kMaxFrames);
  sem_post(&noted);
  errno = saved;
}

std::string Describe(hosted::SymbolNames& names, void* frame) {
  // A return address is the instruction after the call.
  const char* address = static_cast<char*>(frame) - 1;
  if (auto name = names.At(address); !name.empty()) return name;
  Dl_info info{};
  dladdr(address, &info);
  return info.dli_fname != nullptr ? info.dli_fname : "?";
}

}  // namespace

namespace platform {

void WatchCores(Clock::duration period, void (*look)(CoreId core)) {
  sem_init(&noted, 0, 0);
  void* first;
  backtrace(&first, 1);  // loads what it needs, which a handler may not
  struct sigaction action {};
  action.sa_handler = &NoteStack;
  action.sa_flags = SA_RESTART;
  sigaction(Signal(), &action, nullptr);
  std::thread([period, look] {
    for (;;) {
      std::this_thread::sleep_for(period);
      for (CoreId core = 0; core < CoreCount(); ++core) look(core);
    }
  }).detach();
}

void ReportStall(CoreId core, Clock::duration held) {
  if (!hosted::SignalCore(core, Signal())) return;
  while (sem_wait(&noted) != 0) {
  }
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(held).count();
  std::string text = Concat({"ebbrt: an event has held core ", core, " for ",
                             ms, " ms; it is here:\n"});
  hosted::SymbolNames names;
  constexpr int kOwnFrames = 2;  // NoteStack, and what the kernel returns to
  for (int i = kOwnFrames; i < frame_count; ++i) {
    text += Concat({"  #", i - kOwnFrames, " ", Describe(names, frames[i]), "\n"});
  }
  WriteConsole(text);
}

}  // namespace platform
}  // namespace ebbrt
