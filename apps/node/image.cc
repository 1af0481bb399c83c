// An image that is a program: its main, with the arguments that the machine was
// given.
#include <string>
#include <vector>

#include "common/runtime.h"

int ProgramMain(int argc, char** argv);

void ebbrt::AppMain() {
  std::vector<std::string> words = runtime::Arguments();
  words.insert(words.begin(), "program");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  runtime::Exit(ProgramMain(static_cast<int>(words.size()), argv.data()));
}
