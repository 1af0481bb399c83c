#include "hosted/file_service.h"

#include <capnp/message.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "common/file_system.h"
#include "tests/unit/hosted/file_service_fixture.h"

namespace ebbrt::hosted {
namespace {

TEST_F(FileServiceTest, ReadsAndWritesAFile) {
  auto opened = Ask(FileOperation::OPEN, "/file", "", kOpenRead | kOpenWrite);
  ASSERT_EQ(opened.getError(), 0u);
  EXPECT_EQ(opened.getStatus().getSize(), 7u);
  uint32_t file = opened.getFile();
  auto data = OnFile(FileOperation::READ, file, 3, 100).getData();
  EXPECT_EQ(std::string(data.asChars().begin(), data.size()), "tent");
  EXPECT_EQ(OnFile(FileOperation::READ, file, 7, 100).getData().size(), 0u);
  EXPECT_EQ(OnFile(FileOperation::WRITE, file, 7, 0, "ion").getSize(), 3u);
  EXPECT_EQ(OnFile(FileOperation::SYNC, file).getError(), 0u);
  EXPECT_EQ(Contents(top_ / "granted/file"), "contention");
  EXPECT_EQ(OnFile(FileOperation::TRUNCATE, file, 0, 2).getError(), 0u);
  EXPECT_EQ(Contents(top_ / "granted/file"), "co");
  EXPECT_EQ(OnFile(FileOperation::CLOSE, file).getError(), 0u);
  EXPECT_EQ(OnFile(FileOperation::CLOSE, file).getError(), EBADF);
  EXPECT_EQ(service_.OpenFiles(), 0u);
}

TEST_F(FileServiceTest, NothingLeadsOut) {
  fs::create_symlink(top_ / "secret", top_ / "granted/absolute");
  fs::create_symlink("../secret", top_ / "granted/relative");
  fs::create_symlink("..", top_ / "granted/up");
  fs::create_symlink("/proc/self/root", top_ / "granted/system");
  for (auto path :
       {"../secret", "/../secret", "inner/../../secret", "absolute", "relative",
        "up/secret", "system/etc/passwd", "inner/../../granted/file"}) {
    SCOPED_TRACE(path);
    EXPECT_EQ(Error(FileOperation::OPEN, path, "", kOpenRead), ENOENT);
    EXPECT_EQ(Error(FileOperation::OPEN, path, "", kOpenWrite | kOpenTruncate),
              ENOENT);
    EXPECT_EQ(Error(FileOperation::STATUS, path), ENOENT);
    EXPECT_EQ(Error(FileOperation::REAL_PATH, path), ENOENT);
    EXPECT_EQ(Error(FileOperation::SET_MODE, path), ENOENT);
    EXPECT_EQ(Error(FileOperation::SET_TIMES, path), ENOENT);
  }
  for (auto path : {"../secret", "up/secret"}) {
    EXPECT_EQ(Error(FileOperation::RENAME, path, "stolen"), ENOENT);
    EXPECT_EQ(Error(FileOperation::LINK, path, "stolen"), ENOENT);
    EXPECT_EQ(Error(FileOperation::UNLINK, path), ENOENT);
  }
  // What is made above the root is made in it.
  for (auto path : {"../new", "up/new", "inner/../../new", "/../../new"}) {
    SCOPED_TRACE(path);
    EXPECT_EQ(Error(FileOperation::OPEN, path, "", kOpenWrite | kOpenCreate),
              0u);
    EXPECT_TRUE(fs::remove(top_ / "granted/new"));
    EXPECT_EQ(Error(FileOperation::MAKE_DIRECTORY, path), 0u);
    EXPECT_TRUE(fs::remove(top_ / "granted/new"));
    EXPECT_EQ(Error(FileOperation::LINK, "file", path), 0u);
    EXPECT_TRUE(fs::remove(top_ / "granted/new"));
    EXPECT_EQ(Error(FileOperation::MAKE_SYMLINK, path, "file"), 0u);
    EXPECT_TRUE(fs::remove(top_ / "granted/new"));
    EXPECT_EQ(Error(FileOperation::RENAME, "file", path), 0u);
    EXPECT_EQ(Error(FileOperation::RENAME, "new", "file"), 0u);
  }
  EXPECT_EQ(Error(FileOperation::MAKE_DIRECTORY, "system/tmp/new"), ENOENT);
  EXPECT_EQ(Contents(top_ / "secret"), "secret");
  EXPECT_EQ(Contents(top_ / "granted/file"), "content");
  EXPECT_EQ(std::distance(fs::directory_iterator(top_), {}), 2);
  // A hard link to a symbolic link is to the link itself, and leads nowhere.
  EXPECT_EQ(Error(FileOperation::LINK, "absolute", "copy"), 0u);
  EXPECT_EQ(Error(FileOperation::OPEN, "copy", "", kOpenRead), ENOENT);
}

TEST_F(FileServiceTest, TheDirectoryIsTheRoot) {
  fs::create_symlink("/file", top_ / "granted/inner/absolute");
  fs::create_symlink("../../../file", top_ / "granted/inner/above");
  for (auto path : {"inner/absolute", "inner/above", "../file", "/../../file",
                    "inner/../../file"}) {
    EXPECT_EQ(Ask(FileOperation::REAL_PATH, path).getText(), "/file") << path;
  }
  EXPECT_EQ(Ask(FileOperation::REAL_PATH, "..").getText(), "/");
}

TEST_F(FileServiceTest, NothingLeadsOutWhileNamesChange) {
  // A directory that is one moment a directory and the next a link outwards.
  fs::create_directory(top_ / "outside");
  Put(top_ / "outside/file", "secret");
  fs::create_directory(top_ / "granted/a");
  Put(top_ / "granted/a/file", "content");
  fs::create_symlink(top_ / "outside", top_ / "granted/b");
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    auto a = top_ / "granted/a", b = top_ / "granted/b";
    while (!stop) {
      renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
    }
  });
  int inside = 0;
  for (int i = 0; i < 3000; ++i) {
    auto reply = Ask(FileOperation::OPEN, "a/file", "", kOpenRead);
    if (reply.getError() != 0) {
      EXPECT_EQ(reply.getError(), ENOENT);
      continue;
    }
    ++inside;
    uint32_t file = reply.getFile();
    auto data = OnFile(FileOperation::READ, file, 0, 100).getData();
    ASSERT_EQ(std::string(data.asChars().begin(), data.size()), "content");
    OnFile(FileOperation::CLOSE, file);
  }
  stop = true;
  swapper.join();
  EXPECT_GT(inside, 0);
}

TEST_F(FileServiceTest, DirectoriesLinksAndNames) {
  EXPECT_EQ(Error(FileOperation::MAKE_DIRECTORY, "inner/deep/"), 0u);
  EXPECT_EQ(Error(FileOperation::MAKE_DIRECTORY, "inner/deep"), EEXIST);
  EXPECT_EQ(Error(FileOperation::RENAME, "file", "inner/deep/other"), 0u);
  EXPECT_EQ(Error(FileOperation::MAKE_SYMLINK, "link", "inner/deep/other"), 0u);
  EXPECT_EQ(Ask(FileOperation::READ_SYMLINK, "link").getText(),
            "inner/deep/other");
  EXPECT_EQ(Ask(FileOperation::REAL_PATH, "link").getText(),
            "/inner/deep/other");
  EXPECT_EQ(Ask(FileOperation::REAL_PATH, "/").getText(), "/");
  EXPECT_EQ(Ask(FileOperation::STATUS, "link").getStatus().getSize(), 7u);
  EXPECT_TRUE(S_ISLNK(Ask(FileOperation::STATUS, "link", "", kOpenNoFollow)
                          .getStatus()
                          .getMode()));
  EXPECT_EQ(Error(FileOperation::REMOVE_DIRECTORY, "inner/deep"), ENOTEMPTY);
  EXPECT_EQ(Error(FileOperation::UNLINK, "inner/deep"), EISDIR);
  EXPECT_EQ(Error(FileOperation::UNLINK, "inner/deep/other"), 0u);
  EXPECT_EQ(Error(FileOperation::REMOVE_DIRECTORY, "inner/deep"), 0u);
  EXPECT_EQ(Error(FileOperation::OPEN, "link", "", kOpenRead), ENOENT);
  EXPECT_EQ(Error(FileOperation::OPEN, "inner", "", kOpenWrite), EISDIR);
  EXPECT_EQ(Error(FileOperation::OPEN, "link/", "", kOpenRead), ENOENT);
  EXPECT_EQ(Error(FileOperation::OPEN, "", "", kOpenRead), ENOENT);
  EXPECT_EQ(Error(FileOperation::UNLINK, "."), EISDIR);
  for (auto dots : {"/", ".", "inner/..", "inner/./"}) {
    SCOPED_TRACE(dots);
    EXPECT_EQ(Error(FileOperation::MAKE_DIRECTORY, dots), EEXIST);
    EXPECT_EQ(Error(FileOperation::MAKE_SYMLINK, dots, "file"), EEXIST);
    EXPECT_EQ(Error(FileOperation::LINK, "file", dots), EEXIST);
    EXPECT_EQ(Error(FileOperation::RENAME, "file", dots), EBUSY);
    EXPECT_EQ(Error(FileOperation::RENAME, dots, "other"), EBUSY);
    EXPECT_EQ(Error(FileOperation::REMOVE_DIRECTORY, dots), ENOTEMPTY);
    EXPECT_EQ(Error(FileOperation::READ_SYMLINK, dots), EINVAL);
  }
  EXPECT_EQ(Error(FileOperation::MAKE_DIRECTORY, "missing/.."), ENOENT);
  EXPECT_EQ(Error(FileOperation::OPEN, std::string(300, 'x'), "", kOpenRead),
            ENAMETOOLONG);
  EXPECT_EQ(Error(FileOperation::OPEN, std::string(5000, '/'), "", kOpenRead),
            ENAMETOOLONG);
  EXPECT_EQ(
      Error(FileOperation::OPEN, std::string_view("file\0x", 6), "", kOpenRead),
      EINVAL);
}

TEST_F(FileServiceTest, ReadsLargeDirectoriesInParts) {
  for (int i = 0; i < 3000; ++i) {
    Put(top_ / "granted/inner" / ("entry" + std::to_string(i)), "");
  }
  uint32_t directory =
      Ask(FileOperation::OPEN, "inner", "", kOpenRead).getFile();
  std::set<std::string> names;
  for (uint64_t position = 0;;) {
    auto entries =
        OnFile(FileOperation::READ_DIRECTORY, directory, position).getEntries();
    if (entries.size() == 0) break;
    for (auto entry : entries) {
      EXPECT_TRUE(names.insert(entry.getName()).second);
      position = entry.getNext();
    }
  }
  EXPECT_EQ(names.size(), 3002u);
  EXPECT_TRUE(names.contains("entry2999"));
}

TEST_F(FileServiceTest, OnlyFilesAreOpened) {
  ASSERT_EQ(mkfifo((top_ / "granted/pipe").c_str(), 0600), 0);
  EXPECT_EQ(Error(FileOperation::OPEN, "pipe", "", kOpenRead), EACCES);
  EXPECT_EQ(Error(FileOperation::OPEN, "pipe", "", kOpenWrite), ENXIO);
}

TEST_F(FileServiceTest, FilesAreTheNodesOwn) {
  uint32_t file = Ask(FileOperation::OPEN, "file", "", kOpenRead).getFile();
  EXPECT_EQ(Ask(FileOperation::READ, "", "", 0, file, 0, 10, "", kNode + 1)
                .getError(),
            EBADF);
  EXPECT_EQ(Ask(FileOperation::CLOSE, "", "", 0, file, 0, 0, "", kNode + 1)
                .getError(),
            EBADF);
  service_.Forget(kNode + 1);
  EXPECT_EQ(service_.OpenFiles(), 1u);
  service_.Forget(kNode);
  EXPECT_EQ(service_.OpenFiles(), 0u);
  EXPECT_EQ(Error(FileOperation::OPEN, "file", "", kOpenRead), ESTALE);
}

TEST_F(FileServiceTest, OpenFilesAreBounded) {
  for (size_t i = 0; i < FileSystem::kMaxOpenFiles; ++i) {
    ASSERT_EQ(Error(FileOperation::OPEN, "file", "", kOpenRead), 0u);
  }
  EXPECT_EQ(Error(FileOperation::OPEN, "file", "", kOpenRead), EMFILE);
  EXPECT_EQ(service_.OpenFiles(), FileSystem::kMaxOpenFiles);
}

TEST_F(FileServiceTest, WhatIsTooMuchIsCutOrRefused) {
  uint32_t file =
      Ask(FileOperation::OPEN, "file", "", kOpenRead | kOpenWrite).getFile();
  EXPECT_EQ(OnFile(FileOperation::READ, file, 0, UINT64_MAX).getData().size(),
            7u);
  EXPECT_EQ(OnFile(FileOperation::READ, file, UINT64_MAX, 1).getError(),
            EINVAL);
  EXPECT_EQ(OnFile(FileOperation::READ, file, INT64_MAX, 1).getData().size(),
            0u);
  std::string large(FileSystem::kMaxTransfer + 1, 'x');
  EXPECT_EQ(OnFile(FileOperation::WRITE, file, 0, 0, large).getError(), EINVAL);
  EXPECT_EQ(OnFile(static_cast<FileOperation>(900), file).getError(), ENOSYS);
}

TEST(FileService, HasNothingBeforeTheGrant) {
  FileService service;
  capnp::MallocMessageBuilder request, reply;
  auto in = request.initRoot<FileRequest>();
  in.setPath("/etc/passwd");
  auto out = reply.initRoot<FileReply>();
  service.Serve(kNode, in.asReader(), out);
  EXPECT_EQ(out.getError(), ENODEV);
  EXPECT_THROW(service.Grant("/nowhere/at/all"), std::system_error);
}

}  // namespace
}  // namespace ebbrt::hosted
