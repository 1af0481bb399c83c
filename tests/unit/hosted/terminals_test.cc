// Standard input as a pseudo-terminal, whose other end is the test.
#include "hosted/terminals.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <system_error>

#include "hosted/granted_directory.h"

namespace ebbrt::hosted {
namespace {

class TerminalsTest : public testing::Test {
 protected:
  TerminalsTest() : former_input_(dup(STDIN_FILENO)) {
    int ends[2];
    winsize size{.ws_row = 33, .ws_col = 101, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(openpty(&ends[0], &ends[1], nullptr, nullptr, &size), 0);
    keyboard_ = Descriptor(ends[0]);
    SetInput(ends[1]);
    close(ends[1]);
    own_ = Settings();
    static NodeId next = 200;
    first_ = next++;
    second_ = next++;
  }
  ~TerminalsTest() override {
    terminals_.Forget(first_);
    terminals_.Forget(second_);
    SetInput(former_input_.Get());
  }

  static void SetInput(int fd) {
    if (fd >= 0) dup2(fd, STDIN_FILENO);
  }
  static termios Settings() {
    termios settings{};
    EXPECT_EQ(tcgetattr(STDIN_FILENO, &settings), 0);
    return settings;
  }
  bool IsRestored() const {
    termios now = Settings();
    return now.c_iflag == own_.c_iflag && now.c_oflag == own_.c_oflag &&
           now.c_cflag == own_.c_cflag && now.c_lflag == own_.c_lflag &&
           std::memcmp(now.c_cc, own_.c_cc, sizeof(now.c_cc)) == 0;
  }
  static int ErrorOf(const std::function<void()>& call) {
    try {
      call();
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }

  Terminals& terminals_ = Terminals::Get();
  Descriptor former_input_;
  Descriptor keyboard_;
  termios own_;
  NodeId first_;
  NodeId second_;
};

TEST_F(TerminalsTest, StatusOfATerminal) {
  auto state = StatusOfStream(STDIN_FILENO);
  EXPECT_TRUE(S_ISCHR(state.mode));
  EXPECT_TRUE(state.terminal);
  EXPECT_EQ(state.columns, 101u);
  EXPECT_EQ(state.rows, 33u);
}

TEST_F(TerminalsTest, StatusOfOtherStreams) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  SetInput(ends[0]);
  auto state = StatusOfStream(STDIN_FILENO);
  EXPECT_TRUE(S_ISFIFO(state.mode));
  EXPECT_FALSE(state.terminal);
  EXPECT_EQ(state.columns, 0u);
  EXPECT_EQ(ErrorOf([&] {
              terminals_.SetMode(first_, STDIN_FILENO, TerminalMode::kRaw);
            }),
            ENOTTY);
  close(ends[0]);
  close(ends[1]);
  SetInput(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(S_ISCHR(StatusOfStream(STDIN_FILENO).mode));
  EXPECT_FALSE(StatusOfStream(STDIN_FILENO).terminal);
  for (int stream : {-1, 3, 1000}) {
    EXPECT_EQ(ErrorOf([&] { StatusOfStream(stream); }), EBADF);
  }
}

TEST_F(TerminalsTest, RawAndBack) {
  terminals_.SetMode(first_, STDIN_FILENO, TerminalMode::kRaw);
  termios raw = Settings();
  EXPECT_EQ(raw.c_lflag & (ECHO | ICANON | IEXTEN | ISIG), 0u);
  EXPECT_EQ(raw.c_iflag & (BRKINT | ICRNL | INPCK | ISTRIP | IXON), 0u);
  EXPECT_NE(raw.c_oflag & OPOST, 0u);
  EXPECT_NE(raw.c_oflag & ONLCR, 0u);
  ASSERT_EQ(write(keyboard_.Get(), "k", 1), 1);
  char key = 0;
  EXPECT_EQ(read(STDIN_FILENO, &key, 1), 1);
  EXPECT_EQ(key, 'k');
  terminals_.SetMode(first_, STDIN_FILENO, TerminalMode::kIo);
  EXPECT_EQ(Settings().c_oflag & OPOST, 0u);
  terminals_.SetMode(first_, STDIN_FILENO, TerminalMode::kNormal);
  EXPECT_TRUE(IsRestored());
  terminals_.SetMode(first_, STDIN_FILENO, TerminalMode::kNormal);
  EXPECT_TRUE(IsRestored());
  EXPECT_EQ(ErrorOf([&] {
              terminals_.SetMode(first_, STDIN_FILENO,
                                 static_cast<TerminalMode>(77));
            }),
            EINVAL);
  EXPECT_TRUE(IsRestored());
}

TEST_F(TerminalsTest, RestoredWhenTheLastNodeIsGone) {
  terminals_.SetMode(first_, STDIN_FILENO, TerminalMode::kIo);
  terminals_.SetMode(second_, STDIN_FILENO, TerminalMode::kRaw);
  terminals_.Forget(first_);
  EXPECT_FALSE(IsRestored());
  terminals_.Forget(second_);
  EXPECT_TRUE(IsRestored());
  EXPECT_EQ(ErrorOf([&] {
              terminals_.SetMode(first_, STDIN_FILENO, TerminalMode::kRaw);
            }),
            ESTALE);
  EXPECT_TRUE(IsRestored());
}

TEST_F(TerminalsTest, RestoredAtTheEnd) {
  terminals_.SetMode(first_, STDIN_FILENO, TerminalMode::kRaw);
  terminals_.Restore();
  EXPECT_TRUE(IsRestored());
}

}  // namespace
}  // namespace ebbrt::hosted
