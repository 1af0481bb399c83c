// The operations of FileService on modes, owners, times, and temporary files.
#include "hosted/file_attributes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "tests/unit/hosted/file_service_fixture.h"

namespace ebbrt::hosted {
namespace {

using namespace std::chrono_literals;

class FileAttributesTest : public FileServiceTest {
 protected:
  FileAttributesTest() {
    fs::create_symlink("file", top_ / "granted/link");
    fs::create_symlink(top_ / "secret", top_ / "granted/out");
  }

  struct stat Look(const char* name) {
    struct stat status {};
    EXPECT_EQ(lstat((top_ / "granted" / name).c_str(), &status), 0);
    return status;
  }
  uint32_t SetTimes(std::string_view path, FileTime accessed, FileTime modified,
                    uint32_t flags = 0) {
    return AskWith(FileOperation::SET_TIMES,
                   [&](FileRequest::Builder in) {
                     in.setPath(std::string(path).c_str());
                     in.setFlags(flags);
                     in.setAccessed(accessed.count());
                     in.setModified(modified.count());
                   })
        .getError();
  }
  uint32_t SetOwner(std::string_view path, uint32_t uid, uint32_t gid,
                    uint32_t flags = 0) {
    return AskWith(FileOperation::SET_OWNER,
                   [&](FileRequest::Builder in) {
                     in.setPath(std::string(path).c_str());
                     in.setFlags(flags);
                     in.setUid(uid);
                     in.setGid(gid);
                   })
        .getError();
  }
  uint32_t Access(std::string_view path, uint32_t mode) {
    return AskWith(FileOperation::ACCESS,
                   [&](FileRequest::Builder in) {
                     in.setPath(std::string(path).c_str());
                     in.setMode(mode);
                   })
        .getError();
  }
};

TEST_F(FileAttributesTest, StatusIsWhatStatTells) {
  auto expected = Look("file");
  auto status = Ask(FileOperation::STATUS, "link").getStatus();
  EXPECT_EQ(status.getDevice(), expected.st_dev);
  EXPECT_EQ(status.getInode(), expected.st_ino);
  EXPECT_EQ(status.getMode(), expected.st_mode);
  EXPECT_EQ(status.getLinks(), expected.st_nlink);
  EXPECT_EQ(status.getSize(), 7u);
  EXPECT_EQ(status.getBlocks(), static_cast<uint64_t>(expected.st_blocks));
  EXPECT_EQ(status.getUid(), getuid());
  EXPECT_EQ(status.getGid(), expected.st_gid);
  EXPECT_EQ(status.getBlockSize(), static_cast<uint32_t>(expected.st_blksize));
  EXPECT_EQ(status.getRdev(), expected.st_rdev);
  EXPECT_EQ(status.getModified(),
            expected.st_mtim.tv_sec * 1'000'000'000 + expected.st_mtim.tv_nsec);
  struct statx extended;
  ASSERT_EQ(statx(AT_FDCWD, (top_ / "granted/file").c_str(), 0, STATX_BTIME,
                  &extended),
            0);
  bool born = (extended.stx_mask & STATX_BTIME) != 0;
  EXPECT_EQ(status.getBorn(), born ? extended.stx_btime.tv_sec * 1'000'000'000 +
                                         extended.stx_btime.tv_nsec
                                   : 0);
}

TEST_F(FileAttributesTest, TimesOfFilesAndLinks) {
  auto link = Look("link");
  EXPECT_EQ(SetTimes("link", 5s, -7s + 1ns), 0u);
  EXPECT_EQ(Look("file").st_atim.tv_sec, 5);
  EXPECT_EQ(Look("file").st_mtim.tv_sec, -7);
  EXPECT_EQ(Look("file").st_mtim.tv_nsec, 1);
  EXPECT_EQ(Look("link").st_mtim.tv_sec, link.st_mtim.tv_sec);
  EXPECT_EQ(SetTimes("link", 8s, 9s, kOpenNoFollow), 0u);
  EXPECT_EQ(Look("link").st_atim.tv_sec, 8);
  EXPECT_EQ(Look("link").st_mtim.tv_sec, 9);
  EXPECT_EQ(Look("file").st_atim.tv_sec, 5);
  EXPECT_EQ(SetTimes("file", kTimeKept, kTimeNow), 0u);
  EXPECT_EQ(Look("file").st_atim.tv_sec, 5);
  EXPECT_NEAR(static_cast<double>(Look("file").st_mtim.tv_sec),
              static_cast<double>(time(nullptr)), 5);
}

TEST_F(FileAttributesTest, OwnersOfFilesAndLinks) {
  if (getuid() != 0) GTEST_SKIP() << "only root may give files away";
  EXPECT_EQ(SetOwner("link", 1234, 567890), 0u);
  EXPECT_EQ(Look("file").st_uid, 1234u);
  EXPECT_EQ(Look("file").st_gid, 567890u);
  EXPECT_EQ(Look("link").st_uid, 0u);
  EXPECT_EQ(SetOwner("link", 99, kOwnerKept, kOpenNoFollow), 0u);
  EXPECT_EQ(Look("link").st_uid, 99u);
  EXPECT_EQ(Look("link").st_gid, 0u);
  EXPECT_EQ(Look("file").st_uid, 1234u);
  auto status = Ask(FileOperation::STATUS, "link").getStatus();
  EXPECT_EQ(status.getUid(), 1234u);
  EXPECT_EQ(status.getGid(), 567890u);
}

TEST_F(FileAttributesTest, AccessIsTheProcesss) {
  EXPECT_EQ(Access("link", kAccessRead | kAccessWrite), 0u);
  EXPECT_EQ(Access("file", kAccessExecute), EACCES);
  EXPECT_EQ(Access("inner", kAccessExecute), 0u);
  EXPECT_EQ(Access("missing", kAccessExists), ENOENT);
  EXPECT_EQ(Access("file", 8), EINVAL);
  EXPECT_EQ(Access("file", UINT32_MAX), EINVAL);
  fs::permissions(top_ / "granted/file", fs::perms::all);
  EXPECT_EQ(Access("file", kAccessExecute), 0u);
}

TEST_F(FileAttributesTest, OfAnOpenFileThatWasRenamed) {
  uint32_t file = Ask(FileOperation::OPEN, "file", "", kOpenRead).getFile();
  fs::rename(top_ / "granted/file", top_ / "granted/moved");
  Put(top_ / "granted/file", "another");
  auto on_file = [&](FileOperation operation) {
    return AskWith(operation, [&](FileRequest::Builder in) {
      in.setFile(file);
      in.setMode(0604);
      in.setModified(std::chrono::nanoseconds(33s).count());
      in.setUid(getuid());
      in.setGid(kOwnerKept);
    });
  };
  EXPECT_EQ(on_file(FileOperation::SET_MODE_OF_FILE).getError(), 0u);
  EXPECT_EQ(on_file(FileOperation::SET_TIMES_OF_FILE).getError(), 0u);
  EXPECT_EQ(on_file(FileOperation::SET_OWNER_OF_FILE).getError(), 0u);
  EXPECT_EQ(Look("moved").st_mode & 07777, 0604u);
  EXPECT_EQ(Look("moved").st_mtim.tv_sec, 33);
  EXPECT_NE(Look("file").st_mtim.tv_sec, 33);
  fs::remove(top_ / "granted/moved");
  EXPECT_EQ(on_file(FileOperation::SET_MODE_OF_FILE).getError(), 0u);
  EXPECT_EQ(on_file(FileOperation::STATUS_OF_FILE).getStatus().getLinks(), 0u);
  file += 100;
  EXPECT_EQ(on_file(FileOperation::SET_MODE_OF_FILE).getError(), EBADF);
}

TEST_F(FileAttributesTest, OfTheFileSystem) {
  struct statfs expected {};
  ASSERT_EQ(statfs(top_.c_str(), &expected), 0);
  auto status = Ask(FileOperation::SYSTEM_STATUS, "inner").getSystem();
  EXPECT_EQ(status.getType(), static_cast<uint64_t>(expected.f_type));
  EXPECT_EQ(status.getBlockSize(), static_cast<uint64_t>(expected.f_bsize));
  EXPECT_EQ(status.getBlocks(), expected.f_blocks);
  EXPECT_GE(status.getFree(), status.getAvailable());
  EXPECT_EQ(status.getFiles(), expected.f_files);
}

TEST_F(FileAttributesTest, NothingLeadsOut) {
  auto before = fs::last_write_time(top_ / "secret");
  for (auto path : {"../secret", "out"}) {
    SCOPED_TRACE(path);
    EXPECT_EQ(SetTimes(path, 1s, 1s), ENOENT);
    EXPECT_EQ(SetOwner(path, 1, 1), ENOENT);
    EXPECT_EQ(Access(path, kAccessExists), ENOENT);
    EXPECT_EQ(Error(FileOperation::SYSTEM_STATUS, path), ENOENT);
    EXPECT_EQ(Error(FileOperation::WATCH, path), ENOENT);
  }
  fs::create_symlink("..", top_ / "granted/up");
  for (auto path : {"../tXXXXXX", "up/tXXXXXX"}) {
    EXPECT_EQ(Error(FileOperation::MAKE_TEMPORARY_DIRECTORY, path), 0u);
    EXPECT_EQ(Error(FileOperation::MAKE_TEMPORARY_FILE, path), 0u);
  }
  // The link itself is inside.
  EXPECT_EQ(SetTimes("out", 1s, 1s, kOpenNoFollow), 0u);
  EXPECT_EQ(fs::last_write_time(top_ / "secret"), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(top_), {}), 2);
}

TEST_F(FileAttributesTest, TemporaryDirectories) {
  std::string first =
      Ask(FileOperation::MAKE_TEMPORARY_DIRECTORY, "/inner/tXXXXXX").getText();
  std::string second =
      Ask(FileOperation::MAKE_TEMPORARY_DIRECTORY, "/inner/tXXXXXX").getText();
  EXPECT_TRUE(first.starts_with("/inner/t")) << first;
  EXPECT_EQ(first.size(), 14u);
  EXPECT_NE(first, second);
  EXPECT_TRUE(S_ISDIR(Look(first.c_str() + 1).st_mode));
  EXPECT_EQ(Look(first.c_str() + 1).st_mode & 07777, 0700u);
  for (auto path : {"inner/t", "XXXXX", "", "tXXXXXX/", "tXXXXXXx"}) {
    SCOPED_TRACE(path);
    EXPECT_EQ(Error(FileOperation::MAKE_TEMPORARY_DIRECTORY, path), EINVAL);
  }
  EXPECT_EQ(Error(FileOperation::MAKE_TEMPORARY_DIRECTORY, "no/tXXXXXX"),
            ENOENT);
}

TEST_F(FileAttributesTest, TemporaryFiles) {
  auto reply = Ask(FileOperation::MAKE_TEMPORARY_FILE, "XXXXXX");
  ASSERT_EQ(reply.getError(), 0u);
  std::string path = reply.getText();
  uint32_t file = reply.getFile();
  EXPECT_EQ(reply.getStatus().getMode(), S_IFREG | 0600u);
  EXPECT_EQ(OnFile(FileOperation::WRITE, file, 0, 0, "some").getSize(), 4u);
  EXPECT_EQ(OnFile(FileOperation::READ, file, 0, 9).getData().size(), 4u);
  EXPECT_EQ(Contents(top_ / "granted" / path), "some");
  EXPECT_EQ(OnFile(FileOperation::CLOSE, file).getError(), 0u);
}

TEST_F(FileAttributesTest, TooManyOpenFilesLeaveNoTemporaryOne) {
  for (size_t i = 0; i < FileSystem::kMaxOpenFiles; ++i) {
    ASSERT_EQ(Error(FileOperation::OPEN, "file", "", kOpenRead), 0u);
  }
  EXPECT_EQ(Error(FileOperation::MAKE_TEMPORARY_FILE, "inner/XXXXXX"), EMFILE);
  EXPECT_TRUE(fs::is_empty(top_ / "granted/inner"));
}

}  // namespace
}  // namespace ebbrt::hosted
