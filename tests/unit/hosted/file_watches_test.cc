#include "hosted/file_watches.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include "tests/unit/hosted/file_service_fixture.h"

namespace ebbrt::hosted {
namespace {

using namespace std::chrono_literals;
using Kind = FileChange::Kind;

class FileWatchesTest : public FileServiceTest {
 protected:
  WatchId Watch(std::string_view path, NodeId node = kNode) {
    return watches_.Add(node, directory_, path);
  }
  FileChange Next(WatchId id) { return watches_.Next(kNode, id).Get(); }
  static int ErrorOf(const std::function<void()>& call) {
    try {
      call();
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }

  fs::path granted_ = top_ / "granted";
  GrantedDirectory directory_{granted_};
  FileWatches watches_;
};

TEST_F(FileWatchesTest, TellsWhatHappensInADirectory) {
  WatchId id = Watch("/");
  auto waiting = watches_.Next(kNode, id);
  EXPECT_FALSE(waiting.Ready());
  Put(granted_ / "new", "");
  auto change = waiting.Get();
  EXPECT_EQ(change.name, "new");
  EXPECT_EQ(change.kind, Kind::kRenamed);
  Put(granted_ / "new", "text");
  EXPECT_EQ(Next(id).kind, Kind::kChanged);
  fs::rename(granted_ / "new", granted_ / "newer");
  FileChange from;
  // Truncated and written: once or twice, as the thread comes along.
  do {
    from = Next(id);
  } while (from.kind == Kind::kChanged);
  EXPECT_EQ(from.name, "new");
  auto to = Next(id);
  EXPECT_EQ(to.name, "newer");
  EXPECT_EQ(to.kind, Kind::kRenamed);
  fs::permissions(granted_ / "newer", fs::perms::owner_all);
  change = Next(id);
  EXPECT_EQ(change.name, "newer");
  EXPECT_EQ(change.kind, Kind::kChanged);
  fs::remove(granted_ / "newer");
  change = Next(id);
  EXPECT_EQ(change.name, "newer");
  EXPECT_EQ(change.kind, Kind::kRenamed);
  watches_.Remove(kNode, id);
  EXPECT_EQ(watches_.Count(), 0u);
}

TEST_F(FileWatchesTest, TellsOfAFileByItsOwnName) {
  fs::create_symlink("../file", granted_ / "inner/link");
  WatchId id = Watch("file");
  WatchId by_link = Watch("inner/link");
  Put(granted_ / "file", "other");
  auto change = Next(id);
  EXPECT_EQ(change.name, "file");
  EXPECT_EQ(change.kind, Kind::kChanged);
  EXPECT_EQ(Next(by_link).name, "link");
  fs::remove(granted_ / "file");
  while (change.kind == Kind::kChanged) change = Next(id);
  EXPECT_EQ(change.name, "file");
  // It is watched no more, but known until it is given back.
  auto waiting = watches_.Next(kNode, id);
  Put(granted_ / "file", "a new one");
  EXPECT_FALSE(waiting.Ready());
  watches_.Remove(kNode, id);
  EXPECT_EQ(ErrorOf([&] { waiting.Get(); }), EBADF);
  EXPECT_EQ(ErrorOf([&] { watches_.Remove(kNode, id); }), EBADF);
}

TEST_F(FileWatchesTest, TwoWatchesOfOneDirectory) {
  WatchId first = Watch("inner");
  WatchId second = Watch("inner/", kNode + 1);
  Put(granted_ / "inner/x", "");
  EXPECT_EQ(Next(first).name, "x");
  EXPECT_EQ(watches_.Next(kNode + 1, second).Get().name, "x");
  watches_.Remove(kNode, first);
  Put(granted_ / "inner/y", "");
  EXPECT_EQ(watches_.Next(kNode + 1, second).Get().name, "y");
}

TEST_F(FileWatchesTest, WatchesAreTheNodesOwn) {
  WatchId id = Watch("/");
  EXPECT_EQ(ErrorOf([&] { (void)watches_.Next(kNode + 1, id); }), EBADF);
  EXPECT_EQ(ErrorOf([&] { watches_.Remove(kNode + 1, id); }), EBADF);
  auto waiting = watches_.Next(kNode, id);
  EXPECT_EQ(ErrorOf([&] { (void)watches_.Next(kNode, id); }), EBUSY);
  watches_.Forget(kNode + 1);
  EXPECT_EQ(watches_.Count(), 1u);
  watches_.Forget(kNode);
  EXPECT_EQ(watches_.Count(), 0u);
  EXPECT_EQ(ErrorOf([&] { waiting.Get(); }), ESTALE);
  EXPECT_EQ(ErrorOf([&] { Watch("/"); }), ESTALE);
}

TEST_F(FileWatchesTest, WatchesAreBounded) {
  for (size_t i = 0; i < FileSystem::kMaxWatches; ++i) Watch("/");
  EXPECT_EQ(ErrorOf([&] { Watch("/"); }), ENOSPC);
  EXPECT_NE(Watch("/", kNode + 1), 0u);
  watches_.Forget(kNode);
  EXPECT_EQ(watches_.Count(), 1u);
}

TEST_F(FileWatchesTest, NothingLeadsOut) {
  fs::create_symlink("..", granted_ / "up");
  for (auto path : {"missing", "../secret", "up/secret"}) {
    EXPECT_EQ(ErrorOf([&] { Watch(path); }), ENOENT);
  }
  // Above the root is the root.
  WatchId id = Watch("up");
  fs::create_directory(granted_ / "made");
  EXPECT_EQ(Next(id).name, "made");
}

TEST_F(FileWatchesTest, WhatIsTooMuchIsLostAndToldSo) {
  WatchId id = Watch("inner");
  WatchId mark = Watch("file");
  for (size_t i = 0; i < FileSystem::kMaxChanges + 50; ++i) {
    fs::create_directory(granted_ / "inner" / std::to_string(i));
  }
  fs::permissions(granted_ / "file", fs::perms::owner_all);
  EXPECT_EQ(Next(mark).kind, Kind::kChanged);  // so the others have come
  for (size_t i = 0; i < FileSystem::kMaxChanges; ++i) {
    auto change = Next(id);
    ASSERT_EQ(change.name, std::to_string(i));
    ASSERT_FALSE(change.lost);
  }
  EXPECT_TRUE(Next(id).lost);
  fs::create_directory(granted_ / "inner/last");
  EXPECT_EQ(Next(id).name, "last");
}

TEST_F(FileServiceTest, WatchesBelongToTheService) {
  auto watch = Ask(FileOperation::WATCH, "inner");
  ASSERT_EQ(watch.getError(), 0u);
  uint32_t id = watch.getFile();
  Put(top_ / "granted/inner/new", "");
  EXPECT_EQ(service_.NextChange(kNode, id).Get().name, "new");
  EXPECT_EQ(OnFile(FileOperation::UNWATCH, id).getError(), 0u);
  EXPECT_EQ(OnFile(FileOperation::UNWATCH, id).getError(), EBADF);
}

}  // namespace
}  // namespace ebbrt::hosted
