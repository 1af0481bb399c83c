#include "state_directory.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "scratch_directory.h"

namespace ebbrt::iaas {
namespace {

// A child that waits to be killed.
pid_t StartChild() {
  const pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  return pid;
}

class StateDirectoryTest : public testing::Test {
 protected:
  std::vector<std::string> CleanUp() {
    std::vector<std::string> told;
    StateDirectory(path_).CleanUp(
        [&](const std::string& line) { told.push_back(line); });
    return told;
  }
  bool Empty() { return std::filesystem::is_empty(path_); }

  ScratchDirectory scratch_;
  std::string path_ = scratch_ / "state";
};

TEST_F(StateDirectoryTest, EndsTheProcessItRemembers) {
  const pid_t child = StartChild();
  StateDirectory(path_).RememberProcess(child);
  EXPECT_EQ(CleanUp().size(), 1u);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(Empty());
}

TEST_F(StateDirectoryTest, SparesAProcessThatHasOnlyTheNumber) {
  const pid_t child = StartChild();
  StateDirectory(path_).RememberProcess(child);
  const std::string record = path_ + "/process-" + std::to_string(child);
  std::ofstream(record, std::ios::trunc) << "1 another-boot";
  EXPECT_EQ(CleanUp().size(), 0u);
  EXPECT_EQ(kill(child, 0), 0);
  EXPECT_TRUE(Empty());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST_F(StateDirectoryTest, ForgetsWhatIsGone) {
  StateDirectory state(path_);
  const pid_t child = StartChild();
  state.RememberProcess(child);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  state.RememberLink("nosuchlink0", {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(CleanUp().size(), 0u);
  EXPECT_TRUE(Empty());
}

TEST_F(StateDirectoryTest, SparesALinkWithAnotherHardwareAddress) {
  StateDirectory(path_).RememberLink("lo", {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(CleanUp().size(), 0u);
}

TEST_F(StateDirectoryTest, IgnoresFilesThatAreNoRecords) {
  StateDirectory state(path_);
  std::ofstream(path_ + "/process-") << "x";
  std::ofstream(path_ + "/process-0") << "x";
  std::ofstream(path_ + "/other") << "x";
  EXPECT_EQ(CleanUp().size(), 0u);
}

TEST_F(StateDirectoryTest, IsRemovedOnlyWhenNothingIsRemembered) {
  StateDirectory state(path_);
  state.RememberLink("x", {});
  state.Remove();
  EXPECT_TRUE(std::filesystem::exists(path_));
  state.ForgetLink("x");
  state.Remove();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace ebbrt::iaas
