// FileService: carries out the requests of FileSystem on a granted directory.
//
// What is behind the Ebb on the front-end (file_server.cc), without messenger
// and events, so that it can be tested and fuzzed with any request.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "common/file_system.capnp.h"
#include "common/types.h"
#include "hosted/file_watches.h"
#include "hosted/granted_directory.h"

namespace ebbrt::hosted {

/// All members from any thread. A request that takes its time delays no other.
class FileService {
 public:
  /// Until Grant, requests for files fail with ENODEV.
  FileService() = default;

  /// Lets nodes use the files below `path`, instead of those granted before;
  /// what is open stays open. Throws std::system_error.
  void Grant(const std::string& path);

  /// Does what node `from` asks for; an error is in the reply, and then nothing
  /// else. Throws only std::bad_alloc. May block on the disk.
  void Serve(NodeId from, FileRequest::Reader in, FileReply::Builder out);

  /// The next change of what node `from` watches (FileSystem::NextChange).
  Future<FileChange> NextChange(NodeId from, WatchId watch) {
    return watches_.Next(from, watch);
  }

  /// Closes the files of a node that is gone, gives its watches back, and opens
  /// no more for it.
  void Forget(NodeId node);

  /// Files that nodes have open.
  size_t OpenFiles() const;
  /// Watches that nodes have.
  size_t Watches() const { return watches_.Count(); }

 private:
  struct File {
    File(NodeId owner, Descriptor descriptor, bool append)
        : owner(owner), descriptor(std::move(descriptor)), append(append) {}
    NodeId owner;
    Descriptor descriptor;
    bool append;
  };

  void Do(NodeId from, FileRequest::Reader in, FileReply::Builder out);
  void Open(NodeId from, FileRequest::Reader in, FileReply::Builder out);
  void OpenTemporary(NodeId from, FileRequest::Reader in,
                     FileReply::Builder out);
  void Close(NodeId from, FileRequest::Reader in);
  /// What node `from` has opened is told to it.
  void Add(NodeId from, Descriptor descriptor, bool append,
           FileReply::Builder out);
  std::shared_ptr<GrantedDirectory> Directory() const;
  std::shared_ptr<File> Find(NodeId from, uint32_t id) const;

  FileWatches watches_;
  mutable std::mutex mutex_;  // guards:
  std::shared_ptr<GrantedDirectory> directory_;
  std::unordered_map<uint32_t, std::shared_ptr<File>> files_;
  std::unordered_map<NodeId, size_t> open_;  // how many of each
  std::unordered_set<NodeId> gone_;
  uint32_t next_ = 1;
};

}  // namespace ebbrt::hosted
