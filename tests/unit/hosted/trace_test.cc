#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "common/event_manager.h"
#include "common/event_trace.h"
#include "common/future.h"
#include "common/timer.h"
#include "hosted/chrome_trace.h"
#include "hosted/symbol_names.h"
#include "platform/trace_port.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;
using Kind = EventTrace::Kind;
using Slice = EventTrace::Slice;

/// Traces this core for as long as it lives.
class Traced {
 public:
  Traced() { platform::detail::own_trace = &trace; }
  ~Traced() { platform::detail::own_trace = nullptr; }

  /// The slices of what has such a name.
  std::vector<Slice> Of(const std::string& name) {
    hosted::SymbolNames symbols;
    auto slices = trace.Slices();
    std::erase_if(slices, [&](const Slice& slice) {
      return slice.what == nullptr ||
             symbols.At(slice.what).find(name) == std::string::npos;
    });
    return slices;
  }

  EventTrace trace{1024};
};

void Named(Promise<>* waits, Future<>* until) {
  if (until != nullptr) until->Get();
  waits->SetValue();
}

struct PlainEvent {
  Promise<>* waits;
  Future<>* until;
  void operator()() { Named(waits, until); }
};

TEST(LoopTrace, AnEventIsASliceWithItsTypesName) {
  Traced traced;
  Promise<> done;
  EventManager::Spawn(PlainEvent{&done, nullptr});
  done.GetFuture().Get();
  auto slices = traced.Of("PlainEvent");
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].kind, Kind::kEvent);
  EXPECT_EQ(slices[0].flags, 0);
}

TEST(LoopTrace, AnEventThatBlocksIsSeveral) {
  Traced traced;
  Promise<> done;
  Promise<> unblock;
  auto until = unblock.GetFuture();
  EventManager::Spawn(PlainEvent{&done, &until});
  EventManager::Spawn([&] { unblock.SetValue(); });
  done.GetFuture().Get();
  auto slices = traced.Of("PlainEvent");
  ASSERT_EQ(slices.size(), 2u);
  EXPECT_EQ(slices[0].flags, Slice::kBlocks);
  EXPECT_EQ(slices[1].flags, Slice::kContinues);
  EXPECT_EQ(slices[0].event, slices[1].event);
}

TEST(LoopTrace, TimersAndSleepAreSlices) {
  struct InATimer {
    Promise<>* done;
    void operator()() { done->SetValue(); }
  };
  Traced traced;
  Promise<> done;
  Timer timer;
  timer.Start(1ms, InATimer{&done});
  done.GetFuture().Get();
  auto slices = traced.Of("InATimer");
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].kind, Kind::kTimer);
  auto all = traced.trace.Slices();
  EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const Slice& slice) {
    return slice.kind == Kind::kAsleep;
  }));
  for (size_t i = 1; i < all.size(); ++i) {
    EXPECT_GE(all[i].begin, all[i - 1].end)
        << "a core does one thing at a time";
  }
}

TEST(LoopTrace, AnIdleCallbackHasItsClassesName) {
  struct Poller : IdleCallback {
    void OnIdle() override {
      if (++turns == 3) done.SetValue();
    }
    int turns = 0;
    Promise<> done;
  } poller;
  Traced traced;
  event_manager->StartIdle(poller);
  poller.done.GetFuture().Get();
  event_manager->StopIdle(poller);
  auto slices = traced.Of("Poller");
  ASSERT_FALSE(slices.empty());
  EXPECT_EQ(slices[0].kind, Kind::kIdle);
}

TEST(SymbolNames, LocalFunctionsAndObjectsHaveNames) {
  hosted::SymbolNames symbols;
  EXPECT_NE(symbols.At(reinterpret_cast<const void*>(&Named)).find("Named("),
            std::string::npos);
  // Of the C library, which has no other symbols than those for programs; and
  // one that the sanitizers don't put their own in front of.
  EXPECT_EQ(symbols.At(reinterpret_cast<const void*>(&std::labs)), "labs");
  int local = 0;
  EXPECT_EQ(symbols.At(&local), "");
  EXPECT_EQ(symbols.At(nullptr), "");
}

TEST(ChromeTrace, EventNames) {
  EXPECT_EQ(hosted::EventName("ebbrt::MoveFunction<void ()>::kInlineOperations<"
                              "X::Y(std::vector<int>)::{lambda()#1}>"),
            "X::Y(std::vector<int>)::{lambda()#1}");
  EXPECT_EQ(hosted::EventName("vtable for ebbrt::network::Interface"),
            "ebbrt::network::Interface");
  EXPECT_EQ(hosted::EventName("main"), "main");
  EXPECT_EQ(hosted::EventName("Operations<"), "Operations<");
  EXPECT_EQ(hosted::EventName(""), "");
}

TEST(ChromeTrace, SlicesAndArrows) {
  const char a = 0;
  hosted::ChromeTrace trace(7, "a \"name\"", [&a](const void* address) {
    return address == &a ? "f\\g" : "";
  });
  auto slice = [](uint64_t begin, uint64_t end, const void* what, Kind kind) {
    Slice made{};
    made.begin = begin;
    made.end = end;
    made.what = what;
    made.kind = kind;
    return made;
  };
  Slice blocks = slice(1'000'000, 1'000'500, &a, Kind::kEvent);
  blocks.flags = Slice::kBlocks;
  blocks.event = 3;
  Slice continues = slice(2'000'007, 2'000'007, &a, Kind::kEvent);
  continues.flags = Slice::kContinues;
  continues.event = 3;
  Slice polls = slice(3'000'000, 4'000'000, nullptr, Kind::kIdle);
  polls.detail = 12;
  trace.Add(1, {blocks, continues, polls});
  EXPECT_EQ(trace.Take(),
            R"({"traceEvents":[
{"ph":"M","pid":7,"tid":0,"name":"process_name","args":{"name":"node 7 a \"name\""}},
{"ph":"M","pid":7,"tid":1,"name":"thread_name","args":{"name":"core 1"}},
{"ph":"X","pid":7,"tid":1,"name":"f\\g","cat":"event","ts":1000.000,"dur":0.500,"args":{}},
{"ph":"s","pid":7,"tid":1,"name":"blocked","cat":"blocked","bp":"e","id":"7.1.3","ts":1000.499},
{"ph":"X","pid":7,"tid":1,"name":"f\\g","cat":"event","ts":2000.007,"dur":0.000,"args":{}},
{"ph":"f","pid":7,"tid":1,"name":"blocked","cat":"blocked","bp":"e","id":"7.1.3","ts":2000.007},
{"ph":"X","pid":7,"tid":1,"name":"idle","cat":"idle","ts":3000.000,"dur":1000.000,"args":{"turns":12}}
],"displayTimeUnit":"ns"}
)");
}

}  // namespace
}  // namespace ebbrt
