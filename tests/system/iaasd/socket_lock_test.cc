#include "socket_lock.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>

#include "scratch_directory.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

bool Connects(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  const kj::AutoCloseFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof address) == 0;
}

TEST(SocketLock, HasOneHolderAtATime) {
  ScratchDirectory scratch;
  const std::string socket = scratch / "s";
  {
    SocketLock first(socket);
    try {
      SocketLock second(socket);
      FAIL() << "two holders";
    } catch (const AlreadyServed& error) {
      const std::string pid = std::to_string(getpid());
      EXPECT_NE(std::string(error.what()).find("(process " + pid + ")"),
                std::string::npos);
    }
    EXPECT_TRUE(std::filesystem::exists(socket + ".lock"));
  }
  EXPECT_FALSE(std::filesystem::exists(socket + ".lock"));
  SocketLock again(socket);
}

TEST(SocketLock, TakesOverALockFileWhoseHolderIsGone) {
  ScratchDirectory scratch;
  std::ofstream(scratch / "s.lock") << "1";
  SocketLock lock(scratch / "s");
}

TEST(SocketLock, MakesAndRemovesTheSocketsDirectory) {
  ScratchDirectory scratch;
  { SocketLock lock(scratch / "new/s"); }
  EXPECT_FALSE(std::filesystem::exists(scratch / "new"));
  EXPECT_THROW(SocketLock(scratch / "no/such/s"), UserError);
  EXPECT_THROW(SocketLock("relative"), UserError);
}

TEST(ListenAt, TakesTheStaleSocketsPlace) {
  ScratchDirectory scratch;
  const std::string path = scratch / "s";
  { auto stale = ListenAt(path); }
  EXPECT_FALSE(Connects(path));
  auto fresh = ListenAt(path);
  EXPECT_TRUE(Connects(path));
}

TEST(ListenAt, LeavesAFileAlone) {
  ScratchDirectory scratch;
  std::ofstream(scratch / "s") << "precious";
  EXPECT_THROW(ListenAt(scratch / "s"), UserError);
  EXPECT_EQ(std::filesystem::file_size(scratch / "s"), 8u);
}

TEST(ListenAt, NamesAPathThatIsTooLong) {
  ScratchDirectory scratch;
  EXPECT_THROW(ListenAt(scratch / std::string(200, 'x')), UserError);
}

}  // namespace
}  // namespace ebbrt::iaas
