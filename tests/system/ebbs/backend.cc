// The parts that back-ends play in test_ebbs.py, by their first argument.
#include <chrono>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "common/messenger.h"
#include "common/runtime.h"
#include "common/timer.h"
#include "tests/system/ebbs/shared.h"

namespace ebbs {
namespace {

using ebbrt::CoreId;
using ebbrt::Future;

void Expect(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error("expected: " + what);
}

/// First calls, several on each core at once, on Ebbs whose fault handlers
/// block on the front-end's answer.
int FirstCalls() {
  constexpr int kCallsPerCore = 3;
  const auto cores = static_cast<CoreId>(ebbrt::platform::CoreCount());
  std::vector<Future<std::string>> shared;
  std::vector<Future<std::string>> per_core;
  for (int i = 0; i < kCallsPerCore; ++i) {
    for (CoreId core = 0; core < cores; ++core) {
      shared.push_back(ebbrt::RunOn(core, [] { return configured->value; }));
      per_core.push_back(ebbrt::RunOn(core, [core] {
        Expect(configured_per_core->core == core,
               "a core's own representative");
        return configured_per_core->value;
      }));
    }
  }
  for (auto& value : shared) Expect(value.Get() == "for all", "the value set");
  for (auto& value : per_core) {
    Expect(value.Get() == "for each", "the value set");
  }
  Say("cores " + std::to_string(cores) + ", shared representatives " +
      std::to_string(Configured::made) + ", values " +
      std::to_string(shared.size() + per_core.size()));
  return 0;
}

/// An Ebb of which the front-end knows nothing: the call throws, the node
/// lives, and a later call, when it does know, builds.
int FailedFirstCall() {
  constexpr EbbRef<Configured> unknown{ApplicationEbbId(4)};
  try {
    (void)unknown->value;
    return 1;
  } catch (const ebbrt::RemoteError& error) {
    Say(std::string("refused: ") + error.what());
  }
  ebbrt::global_id_map->Set(unknown.Id(), "now known").Get();
  Say("then: " + unknown->value);
  return 0;
}

std::string Touch(EbbRef<Mortal> ebb) {
  try {
    auto answer = ebb->Call<&Mortal::Touch>([](Line::Builder) {}).Get();
    return answer.Read().getText();
  } catch (const ebbrt::RemoteError& error) {
    return error.what();
  }
}

/// An Ebb of the front-end's ends while every core of this node refers to it.
int EndOfAnEbb() {
  EbbRef<Mortal> ebb{
      static_cast<EbbId>(std::stoul(ebbrt::global_id_map->Get(kMortal).Get()))};
  const auto cores = static_cast<CoreId>(ebbrt::platform::CoreCount());
  auto cached = [&] {
    int count = 0;
    for (CoreId core = 0; core < cores; ++core) {
      count += ebbrt::RunOn(core, [=] {
                 return ebbrt::platform::LocalRep(ebb.Id()) != nullptr;
               }).Get();
    }
    return std::to_string(count);
  };
  for (CoreId core = 0; core < cores; ++core) {
    Expect(ebbrt::RunOn(core, [=] { return Touch(ebb); }).Get() == "alive",
           "an answer");
  }
  Say("cached by " + cached() + " cores");
  report
      ->Call<&Report::End>(
          [&](Line::Builder line) { line.setText(std::to_string(ebb.Id())); })
      .Get();
  Say("cached by " + cached() + " cores");
  Say(Touch(ebb));
  return 0;
}

/// The value of `id`, once somebody has set it.
std::string Await(EbbId id) {
  for (;;) {
    try {
      return ebbrt::global_id_map->Get(id).Get();
    } catch (const ebbrt::RemoteError&) {
      ebbrt::SleepFor(std::chrono::milliseconds(10)).Get();
    }
  }
}

EbbRef<Mortal> AwaitMortalOf(NodeId node) {
  return EbbRef<Mortal>(static_cast<EbbId>(std::stoul(Await(MortalOf(node)))));
}

EbbRef<Mortal> CreateMortal() {
  auto ebb = Mortal::Create();
  ebbrt::global_id_map
      ->Set(MortalOf(ebbrt::runtime::ThisNode()), std::to_string(ebb.Id()))
      .Get();
  return ebb;
}

NodeId LastNode() {
  return static_cast<NodeId>(std::stoul(ebbrt::runtime::Arguments().at(1)));
}

/// Returns when nodes 2 to the last have come here for the `step`th time.
void Meet(int step) {
  constexpr EbbId kMet = ApplicationEbbId(1000);
  auto place = [=](int node) {
    return kMet + static_cast<EbbId>(100 * step + node);
  };
  ebbrt::global_id_map->Set(place(ebbrt::runtime::ThisNode()), "here").Get();
  for (int node = 2; node <= LastNode(); ++node) Await(place(node));
}

/// Every back-end calls every other's Ebb, all at once; then one Ebb ends.
int Neighbours() {
  auto own = CreateMortal();
  std::map<NodeId, EbbRef<Mortal>> others;
  for (NodeId node = 2; node <= LastNode(); ++node) {
    if (node != ebbrt::runtime::ThisNode()) {
      others.emplace(node, AwaitMortalOf(node));
    }
  }
  Meet(0);
  std::vector<Future<ebbrt::Message<Line>>> calls;
  for (auto [node, ebb] : others) {
    calls.push_back(ebb->Call<&Mortal::Touch>([](Line::Builder) {}));
  }
  for (auto& call : calls) {
    Expect(std::string(call.Get().Read().getText().cStr()) == "alive",
           "an answer");
  }
  Meet(1);
  Say("connected with " + std::to_string(ebbrt::messenger->Nodes().size()));
  if (ebbrt::runtime::ThisNode() == 2) Mortal::Destroy(own).Get();
  Meet(2);
  if (ebbrt::runtime::ThisNode() != 2) {
    Expect(ebbrt::platform::LocalRep(others.at(2).Id()) == nullptr,
           "nothing is left of an Ebb that has ended");
  }
  Meet(3);
  return 0;
}

/// Node 2 waits for node 3, which is killed.
int Widow() {
  if (ebbrt::runtime::ThisNode() == 3) {
    CreateMortal();
    ebbrt::Promise<> never;
    never.GetFuture().Get();
  }
  auto ebb = AwaitMortalOf(3);
  for (int i = 0; i < 2; ++i) {
    try {
      ebb->Call<&Mortal::Hang>([](Line::Builder) {},
                               ebbrt::Clock::duration::max())
          .Get();
    } catch (const ebbrt::NodeLost& error) {
      Say(error.what());
    }
  }
  return 0;
}

/// Takes all memory there is, and gives it back: the node lives, and so do its
/// connections.
int Exhaust() {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<char[]>> taken;
    taken.reserve(1 << 20);
    size_t size = round == 1 ? 1 << 20 : 4'000;
    try {
      for (;;) taken.push_back(std::make_unique<char[]>(size));
    } catch (const std::bad_alloc&) {
      Expect(taken.size() * size > (16u << 20), "most of 64 MiB");
    }
    // What little is left doesn't do for a message, perhaps: then that fails.
    try {
      Say("in need");
    } catch (const std::exception&) {
    }
    taken.clear();
    Say("round " + std::to_string(round) + " survived");
  }
  return 0;
}

/// Waits for its end.
int Wait() {
  CreateMortal();
  ebbrt::Promise<> never;
  never.GetFuture().Get();
  return 1;
}

/// Holds its only core for ever: it doesn't see its front-end go.
int Hang() {
  Say("here I hang");
  for (;;) asm volatile("pause");
}

int Play(const std::string& part) {
  static const std::map<std::string, int (*)()> parts = {
      {"first-calls", &FirstCalls},
      {"failed-first-call", &FailedFirstCall},
      {"end", &EndOfAnEbb},
      {"neighbours", &Neighbours},
      {"widow", &Widow},
      {"hang", &Hang},
      {"exhaust", &Exhaust},
      {"wait", &Wait},
  };
  return parts.at(part)();
}

}  // namespace

// Never at home here.
void Report::Say(NodeId, Line::Reader, Line::Builder) {}
Future<> Report::End(NodeId, Line::Reader, Line::Builder) {
  return ebbrt::MakeReadyFuture();
}

}  // namespace ebbs

void ebbrt::AppMain() { runtime::Exit(ebbs::Play(runtime::Arguments().at(0))); }
