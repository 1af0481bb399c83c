// The FileSystem Ebb: the front-end's files, on every node.
//
// The front-end grants a directory (hosted/file_server.h); until it does there
// are no files. Paths begin there, with or without a slash: "/data/x" is data/x
// in that directory. What would lead out of it, `..` and symbolic links
// included, is refused with EACCES, whatever happens on the front-end's disk
// meanwhile. Only regular files and directories are opened.
//
// These are the operations as they travel, each a message to the front-end and
// back; nothing is cached. OpenFile (open_file.h) reads ahead and caches, and
// at ring 0 the C library's functions stand on that.
//
// Errors are std::system_error with the errno that the operation gave on the
// front-end, in std::generic_category(); NodeLost and DeadlineExceeded when the
// front-end doesn't answer. In events on any core.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base_ebbs.h"
#include "common/file_system.capnp.h"
#include "common/home_ebb.h"

namespace ebbrt {

/// How a file is opened; values travel.
enum OpenFlags : uint32_t {
  kOpenRead = 1 << 0,
  kOpenWrite = 1 << 1,
  kOpenAppend = 1 << 2,  // every write goes to the end
  kOpenCreate = 1 << 3,
  kOpenExclusive = 1 << 4,  // with kOpenCreate: fail if it is there
  kOpenTruncate = 1 << 5,
  kOpenDirectory = 1 << 6,  // fail unless it is one
  kOpenNoFollow = 1 << 7,   // fail if it is a symbolic link
};

/// Time since 1970.
using FileTime = std::chrono::nanoseconds;

struct FileStatus {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint32_t mode = 0;  // type and permissions, as S_IFMT and the rest have them
  uint32_t links = 0;
  uint64_t size = 0;    // bytes
  uint64_t blocks = 0;  // of 512 bytes
  FileTime accessed{};
  FileTime modified{};
  FileTime changed{};
};

/// A file that is open on the front-end, for this node.
using FileId = uint32_t;

struct OpenedFile {
  FileId file;
  FileStatus status;
};

/// Bytes that have arrived. Moved, never copied.
class FileData {
 public:
  explicit FileData(Message<FileReply> reply) : reply_(std::move(reply)) {
    auto data = reply_.Read().getData().asBytes();
    bytes_ = std::as_bytes(std::span(data.begin(), data.size()));
  }
  std::span<const std::byte> Bytes() const { return bytes_; }

 private:
  Message<FileReply> reply_;
  std::span<const std::byte> bytes_;
};

struct FileEntry {
  std::string name;
  uint64_t inode;
  uint8_t type;   // DT_REG and the like
  uint64_t next;  // where ReadDirectory goes on behind it
};

/// At home on the front-end.
class FileSystem : public HomeEbb<FileSystem> {
 public:
  static constexpr std::string_view kProtocol = "ebbrt.FileSystem";
  static constexpr bool kFrontEndOnly = true;
  using HomeEbb::HomeEbb;

  /// The most that one Read or Write carries, bytes.
  static constexpr size_t kMaxTransfer = 1 << 20;
  /// Files that a node may have open at once.
  static constexpr size_t kMaxOpenFiles = 1024;

  Future<OpenedFile> Open(std::string_view path, uint32_t flags,
                          uint32_t mode = 0666);
  Future<> Close(FileId file);
  /// Up to `size` <= kMaxTransfer bytes from `offset` on; fewer at the end.
  Future<FileData> Read(FileId file, uint64_t offset, size_t size);
  /// Writes at most kMaxTransfer of `data`; gives how many bytes. They are with
  /// the front-end's system, not yet on its disk. `data` is copied.
  Future<size_t> Write(FileId file, uint64_t offset,
                       std::span<const std::byte> data);
  /// The same at the end of a file opened with kOpenAppend; gives where it
  /// ended.
  Future<uint64_t> Append(FileId file, std::span<const std::byte> data);
  Future<FileStatus> StatusOf(FileId file);
  Future<> Truncate(FileId file, uint64_t size);
  /// Ready when all that was written is on the front-end's disk.
  Future<> Sync(FileId file);
  /// Some entries from `position` on (0: the first); none at the end.
  Future<std::vector<FileEntry>> ReadDirectory(FileId directory,
                                               uint64_t position);

  Future<FileStatus> Status(std::string_view path);
  /// Of a symbolic link itself.
  Future<FileStatus> LinkStatus(std::string_view path);
  Future<> MakeDirectory(std::string_view path, uint32_t mode = 0777);
  Future<> RemoveDirectory(std::string_view path);
  Future<> Rename(std::string_view from, std::string_view to);
  Future<> Unlink(std::string_view path);
  Future<> Link(std::string_view existing, std::string_view path);
  /// `target` is stored as it is; it is looked at when the link is followed.
  Future<> MakeSymlink(std::string_view target, std::string_view path);
  Future<std::string> ReadSymlink(std::string_view path);
  /// The path without links and dots, beginning with a slash.
  Future<std::string> RealPath(std::string_view path);
  Future<> SetMode(std::string_view path, uint32_t mode);
  Future<> SetTimes(std::string_view path, FileTime accessed,
                    FileTime modified);

  /// Writes to the front-end's standard output (1) or error (2).
  Future<> WriteStream(int stream, std::span<const std::byte> data);
  /// What can be read from its standard input, at most `size` bytes; none at
  /// its end. However long that takes.
  Future<FileData> ReadStream(size_t size);

  // At home.
  Future<> Serve(NodeId from, FileRequest::Reader in, FileReply::Builder out);
  using Methods = MethodList<&FileSystem::Serve>;

 private:
  /// What a request holds besides its operation.
  struct Fields {
    std::string_view path{};
    std::string_view other{};
    FileId file = 0;
    uint32_t flags = 0;
    uint32_t mode = 0;
    uint64_t offset = 0;
    uint64_t size = 0;
    std::span<const std::byte> data{};
    FileTime accessed{};
    FileTime modified{};
  };
  /// What the front-end answers; fails with its error.
  Future<Message<FileReply>> Ask(FileOperation operation, const Fields& fields,
                                 Clock::duration deadline = kDeadline);
  Future<> Do(FileOperation operation, const Fields& fields);
  Future<FileStatus> AskStatus(FileOperation operation, const Fields& fields);
  Future<std::string> AskText(FileOperation operation, std::string_view path);
  Future<FileData> AskData(FileOperation operation, const Fields& fields,
                           Clock::duration deadline = kDeadline);

  /// A disk may take its time; a front-end that is gone is found out by the
  /// connection.
  static constexpr Clock::duration kDeadline = std::chrono::minutes(2);
};

inline constexpr EbbRef<FileSystem> file_system{kFileSystemId};

}  // namespace ebbrt
