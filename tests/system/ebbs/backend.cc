// The parts that back-ends play in test_ebbs.py, by their first argument.
#include <map>
#include <string>
#include <vector>

#include "common/runtime.h"
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
      shared.push_back(On(core, [] { return configured->value; }));
      per_core.push_back(On(core, [core] {
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
      count += On(core, [=] {
                 return ebbrt::platform::LocalRep(ebb.Id()) != nullptr;
               }).Get();
    }
    return std::to_string(count);
  };
  for (CoreId core = 0; core < cores; ++core) {
    Expect(On(core, [=] { return Touch(ebb); }).Get() == "alive", "an answer");
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

int Play(const std::string& part) {
  static const std::map<std::string, int (*)()> parts = {
      {"first-calls", &FirstCalls},
      {"failed-first-call", &FailedFirstCall},
      {"end", &EndOfAnEbb},
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
