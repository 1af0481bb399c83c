// Runs the unit tests as an event of a node: a front-end on Linux, an image
// that nobody booted in the library OS.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "common/runtime.h"

void ebbrt::AppMain() {
  std::vector<std::string> words{"unit_tests"};
  for (const auto& argument : runtime::Arguments()) words.push_back(argument);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int argc = static_cast<int>(words.size());
  testing::InitGoogleMock(&argc, argv.data());
  runtime::Exit(RUN_ALL_TESTS());
}
