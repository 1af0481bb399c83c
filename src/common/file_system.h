// The FileSystem Ebb: the front-end's files, on every node.
//
// The front-end grants a directory (hosted/file_server.h); until it does there
// are no files. It is the root, with or without a slash: "/data/x" is data/x in
// that directory, its `..` is itself, and an absolute symbolic link begins at
// it, too. Nothing leads out, whatever happens on the front-end's disk
// meanwhile. Only regular files and directories are opened.
//
// The front-end's standard streams, its terminal and its signals are the
// nodes' too, granted or not.
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

/// Whether an operation on a path that ends in a symbolic link is done to what
/// the link leads to, or to the link itself.
enum class Links { kFollow, kNoFollow };

/// What Access asks for; values travel, and are those of R_OK and the rest.
enum AccessMode : uint32_t {
  kAccessExists = 0,
  kAccessExecute = 1 << 0,
  kAccessWrite = 1 << 1,
  kAccessRead = 1 << 2,
};

/// Time since 1970.
using FileTime = std::chrono::nanoseconds;

/// For the calls that set times: the front-end's clock, or the time as it is.
inline constexpr FileTime kTimeNow = FileTime::min();
inline constexpr FileTime kTimeKept = FileTime::min() + FileTime(1);

/// For the calls that set owners: the owner as it is.
inline constexpr uint32_t kOwnerKept = UINT32_MAX;

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
  uint32_t uid = 0;  // the front-end's numbers
  uint32_t gid = 0;
  FileTime born{};          // 0 if the front-end's file system doesn't tell
  uint64_t rdev = 0;        // of a device
  uint32_t block_size = 0;  // bytes, that suit reading and writing
};

/// A file system, as statfs(2) tells of it.
struct FileSystemStatus {
  uint64_t type = 0;        // Linux's magic number
  uint64_t block_size = 0;  // bytes
  uint64_t blocks = 0;
  uint64_t free = 0;       // blocks
  uint64_t available = 0;  // those that not only root may use
  uint64_t files = 0;
  uint64_t free_files = 0;
};

/// One of the front-end's standard streams.
struct StreamState {
  uint32_t mode = 0;  // its type and permissions, as st_mode has them
  bool terminal = false;
  uint32_t columns = 0;  // 0 if it is no terminal
  uint32_t rows = 0;
};

/// How the front-end's terminal treats input and output; values travel.
enum class TerminalMode : uint32_t {
  kNormal,  // as it was when the first node changed it
  kRaw,     // keys as they come, unseen; output lines still end as usual
  kIo,      // and output as it is (cfmakeraw(3))
};

/// Something that has happened to what is watched.
struct FileChange {
  enum class Kind : uint32_t {  // values travel
    kRenamed,                   // made, removed or moved
    kChanged,                   // its contents or attributes
  };
  std::string name{};  // in the watched directory; else the watched path's last
  Kind kind = Kind::kChanged;
  bool lost = false;  // changes came too fast: some are missing, and no name
};

/// A file that is open on the front-end, for this node.
using FileId = uint32_t;

struct OpenedFile {
  FileId file;
  FileStatus status;
};

struct TemporaryFile {
  OpenedFile opened;
  std::string path;
};

/// Something that the front-end watches, for this node.
using WatchId = uint32_t;

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
  /// Watches that a node may have at once.
  static constexpr size_t kMaxWatches = 1024;
  /// Changes of one watch that wait for NextChange.
  static constexpr size_t kMaxChanges = 256;

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
  /// These three are for the file itself, whatever its name is by now.
  Future<> SetModeOf(FileId file, uint32_t mode);
  Future<> SetTimesOf(FileId file, FileTime accessed, FileTime modified);
  Future<> SetOwnerOf(FileId file, uint32_t uid, uint32_t gid);
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
  Future<> SetTimes(std::string_view path, FileTime accessed, FileTime modified,
                    Links links = Links::kFollow);
  Future<> SetOwner(std::string_view path, uint32_t uid, uint32_t gid,
                    Links links = Links::kFollow);
  /// Fails unless the front-end's process may do all that `mode`, AccessModes,
  /// names.
  Future<> Access(std::string_view path, uint32_t mode);
  /// Of the file system that holds `path`.
  Future<FileSystemStatus> SystemStatus(std::string_view path);
  /// Makes a directory for the front-end's user alone, named like `pattern`
  /// with other letters for the XXXXXX at its end; gives its path. EINVAL if
  /// they aren't there.
  Future<std::string> MakeTemporaryDirectory(std::string_view pattern);
  /// The same for a file, opened to read and write.
  Future<TemporaryFile> MakeTemporaryFile(std::string_view pattern);

  /// Watches what `path` names, a directory with what is directly in it;
  /// ENOSPC beyond kMaxWatches. Until Unwatch, also when it is gone.
  Future<WatchId> Watch(std::string_view path);
  /// The next change, however long that takes. One call at a time for a watch,
  /// EBUSY; EBADF once it is unwatched.
  Future<FileChange> NextChange(WatchId watch);
  Future<> Unwatch(WatchId watch);

  /// Of the front-end's standard input (0), output (1) or error (2).
  Future<StreamState> StreamStatus(int stream);
  /// Sets the mode of the terminal that `stream` is, once what was written
  /// before has come out; ENOTTY if it is none. The last call holds, whosever
  /// it is. The mode of before is back when each node that has changed it has
  /// set kNormal or has ended, and when the front-end exits.
  Future<> SetTerminalMode(int stream, TerminalMode mode);

  /// Whether this node catches the front-end process's signals of this number,
  /// of this node's <csignal>: SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE,
  /// SIGUSR1, SIGUSR2, SIGCONT or SIGWINCH, else EINVAL. A signal that no node
  /// catches does what it did before.
  Future<> CatchSignal(int signal, bool on);
  /// The next signal that this node catches, however long that takes. Each
  /// number waits once, as POSIX has it. One call at a time, EBUSY.
  Future<int> NextSignal();

  /// Tells the front-end what this node's program is about to end with, 0..255,
  /// of which a machine itself can tell only those up to 127.
  Future<> TellExitCode(int code);

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
    uint32_t uid = 0;
    uint32_t gid = 0;
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
