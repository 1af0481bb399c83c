// An image that is a program: its main, with the arguments that the machine was
// given.
//
// In front of them there may be variables of the environment, NAME=VALUE..., and then
// --. There is no home but the root.
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "common/file_system.h"
#include "common/runtime.h"

int ProgramMain(int argc, char** argv);

namespace {

bool IsVariable(const std::string& word) {
  size_t equals = word.find('=');
  return equals != std::string::npos && equals > 0 && word[0] != '-';
}

/// Takes the environment off the words.
void TakeEnvironment(std::vector<std::string>& words) {
  size_t count = 0;
  while (count < words.size() && IsVariable(words[count])) ++count;
  if (count == words.size() || words[count] != "--") return;
  for (size_t i = 0; i < count; ++i) {
    size_t equals = words[i].find('=');
    setenv(words[i].substr(0, equals).c_str(), &words[i][equals + 1], 1);
  }
  words.erase(words.begin(), words.begin() + static_cast<long>(count) + 1);
}

/// A program may end with more than a machine can tell, 128 and the number of a
/// signal.
void TellExitCode(int code) {
  constexpr int kMachines = 127;
  if ((code & 0xff) <= kMachines || !ebbrt::runtime::IsAtHome()) return;
  try {
    ebbrt::file_system->TellExitCode(code & 0xff).Get();
  } catch (const std::exception&) {
    // Then nobody is there to be told.
  }
}

}  // namespace

void ebbrt::AppMain() {
  runtime::BeforeExit(&TellExitCode);
  setenv("HOME", "/", 1);
  std::vector<std::string> words = runtime::Arguments();
  TakeEnvironment(words);
  words.insert(words.begin(), "program");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  runtime::Exit(ProgramMain(static_cast<int>(words.size()), argv.data()));
}
