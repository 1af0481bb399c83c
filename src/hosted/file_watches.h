// FileWatches: what nodes watch of the granted files, by one inotify(7).
//
// A thread reads what inotify tells and gives it to the watches of that file or
// directory, which may be several. What no NextChange waits for is kept, up to
// FileSystem::kMaxChanges for each watch; beyond that, and when inotify itself
// has lost some, a watch tells so once, after what it has kept.
#pragma once

#include <sys/inotify.h>

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/file_system.h"
#include "common/future.h"
#include "common/types.h"
#include "hosted/granted_directory.h"

namespace ebbrt::hosted {

/// All members from any thread. Errors are std::system_error.
class FileWatches {
 public:
  FileWatches() = default;
  /// Nobody may wait for a change any more.
  ~FileWatches();
  FileWatches(const FileWatches&) = delete;
  FileWatches& operator=(const FileWatches&) = delete;

  /// Watches what `path` names for `node`. Throws what opening and
  /// inotify_add_watch(2) end with, ENOSPC beyond FileSystem::kMaxWatches,
  /// ESTALE if the node is gone.
  WatchId Add(NodeId node, const GrantedDirectory& directory,
              std::string_view path);
  /// The next change; fails with EBADF if the node has no such watch or removes
  /// it meanwhile, EBUSY if it is waiting already.
  Future<FileChange> Next(NodeId node, WatchId id);
  void Remove(NodeId node, WatchId id);
  /// Removes those of a node that is gone, and adds no more for it.
  void Forget(NodeId node);

  /// Watches that nodes have.
  size_t Count() const;

 private:
  struct Watch {
    NodeId owner;
    int inotify_id;    // -1: what it watched is gone
    std::string name;  // for what happens to the watched itself
    std::deque<FileChange> changes{};
    bool lost = false;  // some, after `changes`
    std::optional<Promise<FileChange>> waiting{};
  };
  using Watches = std::unordered_map<WatchId, Watch>;
  using Answers = std::vector<std::pair<Promise<FileChange>, FileChange>>;

  void Start();
  void Run();
  void Tell(const inotify_event& event, std::string_view name,
            Answers& answers);
  void TellOne(Watch& watch, FileChange change, Answers& answers);
  void TellOfLoss(Answers& answers);
  Watches::iterator Find(NodeId node, WatchId id);
  std::optional<Promise<FileChange>> Take(Watches::iterator place);

  Descriptor inotify_;  // set by the first Add, with:
  Descriptor stop_;
  mutable std::mutex mutex_;  // guards:
  Watches watches_;
  std::unordered_multimap<int, WatchId> by_inotify_id_;
  std::unordered_map<NodeId, size_t> counts_;
  std::unordered_set<NodeId> gone_;
  WatchId next_ = 1;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace ebbrt::hosted
