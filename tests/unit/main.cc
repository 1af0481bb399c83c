// Runs the unit tests as an event of a node: the front-end of an application
// that has no back-ends, on Linux and in the library OS. There nobody has
// booted the image, so it takes that part here.
#include <gmock/gmock.h>

#include <numeric>
#include <string>
#include <vector>

#include "common/runtime.h"

void ebbrt::AppMain() {
  if (runtime::ThisNode() == kNoNode) {
    BootArguments boot = runtime::Boot();
    boot.node = kFrontEndNode;
    std::iota(boot.secret.begin(), boot.secret.end(), 1);
    runtime::SetBoot(std::move(boot));
  }
  std::vector<std::string> words{"unit_tests"};
  for (const auto& argument : runtime::Arguments()) words.push_back(argument);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int argc = static_cast<int>(words.size());
  testing::InitGoogleMock(&argc, argv.data());
  runtime::Exit(RUN_ALL_TESTS());
}
