// OpenFile: a file of FileSystem's, opened, with what was read of it at hand.
//
// Coherence is close-to-open, as NFS has it. What a node reads is what was in
// the file when the node opened it, or later; so whoever opens a file after
// another node has closed it (or has synced it) reads what that one wrote.
// While it is open, what others write to it may be seen late or, until it is
// opened anew, not at all. All who have the file open on one node share what
// was read: a write on this node is seen by every later read on it. Beyond the
// end of what was read the front-end is asked each time, so a file that grows
// can be followed.
//
// Blocks of 64 KiB are read; who reads on where the last read ended has eight
// more on their way. A file keeps at most 32 blocks, while it is open. Writes
// go to the front-end at once.
//
// All members block the event, on any core, and throw as FileSystem does.
// Several events may use one OpenFile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/file_system.h"

namespace ebbrt {

namespace detail {
class FileBlocks;
}

class OpenFile {
 public:
  static constexpr size_t kBlock = 64 * 1024;
  static constexpr size_t kMaxBlocks = 32;
  static constexpr size_t kReadAhead = 8;  // blocks

  OpenFile(std::string_view path, uint32_t flags, uint32_t mode);
  /// Closes it; an error is nobody's any more (see Sync).
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  /// Reads up to to.size() bytes from `offset` on; fewer at the end.
  size_t Read(uint64_t offset, std::span<std::byte> to);
  /// Writes all of `data`, or what is left when an error comes up after a part
  /// (the next call meets it again); gives how many bytes.
  size_t Write(uint64_t offset, std::span<const std::byte> data);
  /// The same at the end; gives where the file ends now.
  uint64_t Append(std::span<const std::byte> data);
  void Truncate(uint64_t size);
  /// Returns when all that was written is on the front-end's disk.
  void Sync();
  /// As the front-end knows it now.
  FileStatus Status();
  /// As FileSystem's calls of these names.
  void SetMode(uint32_t mode);
  void SetTimes(FileTime accessed, FileTime modified);
  void SetOwner(uint32_t uid, uint32_t gid);
  std::vector<FileEntry> ReadDirectory(uint64_t position);

 private:
  OpenedFile opened_;
  std::shared_ptr<detail::FileBlocks> blocks_;
};

}  // namespace ebbrt
