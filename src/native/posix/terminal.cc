// Terminals: the front-end's standard streams, as far as they are one.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/termios.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "common/file_system.h"
#include "native/libc/file_table.h"
#include "native/libc/standard_stream.h"

namespace {

using ebbrt::TerminalMode;
using ebbrt::libc::FileTable;
using ebbrt::libc::Guard;
using ebbrt::libc::StandardStream;
using ebbrt::libc::ThrowErrno;

std::shared_ptr<StandardStream> FindTerminal(int fd) {
  auto stream =
      std::dynamic_pointer_cast<StandardStream>(FileTable::Get().Find(fd));
  if (stream == nullptr || !stream->IsTerminal()) ThrowErrno(ENOTTY);
  return stream;
}

/// What a terminal has in its ordinary mode.
termios Ordinary() {
  termios mode{};
  mode.c_iflag = BRKINT | ICRNL | IXON;
  mode.c_oflag = OPOST | ONLCR;
  mode.c_cflag = CS8;
  mode.c_lflag = ISIG | ICANON | ECHO | IEXTEN;
  mode.c_cc[VMIN] = 1;
  return mode;
}

TerminalMode ModeOf(const termios& mode) {
  if ((mode.c_lflag & ICANON) != 0) return TerminalMode::kNormal;
  return (mode.c_oflag & OPOST) != 0 ? TerminalMode::kRaw : TerminalMode::kIo;
}

}  // namespace

extern "C" {

int tcgetattr(int fd, termios* mode) {
  return Guard([&] {
    switch (FindTerminal(fd)->mode) {
      case TerminalMode::kNormal:
        *mode = Ordinary();
        break;
      case TerminalMode::kRaw:
        *mode = Ordinary();
        mode->c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | IXON);
        mode->c_lflag = 0;
        break;
      case TerminalMode::kIo:
        *mode = Ordinary();
        cfmakeraw(mode);
        break;
    }
    return 0;
  });
}

/// The terminal has three modes, and takes the nearest.
int tcsetattr(int fd, int, const termios* mode) {
  return Guard([&] {
    auto stream = FindTerminal(fd);
    TerminalMode wanted = ModeOf(*mode);
    ebbrt::file_system->SetTerminalMode(stream->Number(), wanted).Get();
    stream->mode = wanted;
    return 0;
  });
}

void cfmakeraw(termios* mode) {
  mode->c_iflag &=
      ~static_cast<tcflag_t>(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
  mode->c_oflag &= ~static_cast<tcflag_t>(OPOST);
  mode->c_cflag |= CS8;
  mode->c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
  mode->c_cc[VMIN] = 1;
  mode->c_cc[VTIME] = 0;
}

/// A terminal of the front-end's has no name here, by which it could be opened.
int ttyname_r(int fd, char*, size_t) {
  return isatty(fd) == 1 ? ENOENT : errno;
}

char* ptsname(int) { return nullptr; }

}  // extern "C"
