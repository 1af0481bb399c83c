#include "common/file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "common/file_error.h"
#include "common/signal_number.h"

namespace ebbrt {
namespace {

/// Somebody may have to type first, or change a file.
constexpr Clock::duration kInputDeadline = std::chrono::hours(24 * 365);

FileStatus ToStatus(FileAttributes::Reader in) {
  return {in.getDevice(),
          in.getInode(),
          in.getMode(),
          in.getLinks(),
          in.getSize(),
          in.getBlocks(),
          FileTime(in.getAccessed()),
          FileTime(in.getModified()),
          FileTime(in.getChanged()),
          in.getUid(),
          in.getGid(),
          FileTime(in.getBorn()),
          in.getRdev(),
          in.getBlockSize()};
}

OpenedFile ToOpened(FileReply::Reader in) {
  return {in.getFile(), ToStatus(in.getStatus())};
}

std::string ToString(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

/// Symbolic links as a request's flags have them.
uint32_t FlagsOf(Links links) {
  return links == Links::kNoFollow ? uint32_t{kOpenNoFollow} : 0;
}

void SetText(capnp::Text::Builder out, std::string_view text) {
  if (!text.empty()) std::memcpy(out.begin(), text.data(), text.size());
}

}  // namespace

Future<Message<FileReply>> FileSystem::Ask(FileOperation operation,
                                           const Fields& fields,
                                           Clock::duration deadline) {
  return Call<&FileSystem::Serve>(
             [&](FileRequest::Builder out) {
               out.setOperation(operation);
               SetText(out.initPath(fields.path.size()), fields.path);
               if (!fields.other.empty()) {
                 SetText(out.initOther(fields.other.size()), fields.other);
               }
               out.setFile(fields.file);
               out.setFlags(fields.flags);
               out.setMode(fields.mode);
               out.setOffset(fields.offset);
               out.setSize(fields.size);
               if (size_t n = std::min(fields.data.size(), kMaxTransfer)) {
                 std::memcpy(out.initData(n).begin(), fields.data.data(), n);
               }
               out.setAccessed(fields.accessed.count());
               out.setModified(fields.modified.count());
               out.setUid(fields.uid);
               out.setGid(fields.gid);
             },
             deadline)
      .Then([path = std::string(fields.path)](Message<FileReply> reply) {
        uint32_t error = reply.Read().getError();
        if (error != 0) {
          throw std::system_error(ErrnoFromLinux(error),
                                  std::generic_category(), path);
        }
        return reply;
      });
}

Future<> FileSystem::Do(FileOperation operation, const Fields& fields) {
  return Ask(operation, fields).Then([](Message<FileReply>) {});
}

Future<FileStatus> FileSystem::AskStatus(FileOperation operation,
                                         const Fields& fields) {
  return Ask(operation, fields).Then([](Message<FileReply> reply) {
    return ToStatus(reply.Read().getStatus());
  });
}

Future<FileData> FileSystem::AskData(FileOperation operation,
                                     const Fields& fields,
                                     Clock::duration deadline) {
  return Ask(operation, fields, deadline).Then([](Message<FileReply> reply) {
    return FileData(std::move(reply));
  });
}

Future<OpenedFile> FileSystem::Open(std::string_view path, uint32_t flags,
                                    uint32_t mode) {
  return Ask(FileOperation::OPEN, {.path = path, .flags = flags, .mode = mode})
      .Then([](Message<FileReply> reply) { return ToOpened(reply.Read()); });
}

Future<> FileSystem::Close(FileId file) {
  return Do(FileOperation::CLOSE, {.file = file});
}

Future<FileData> FileSystem::Read(FileId file, uint64_t offset, size_t size) {
  return AskData(
      FileOperation::READ,
      {.file = file, .offset = offset, .size = std::min(size, kMaxTransfer)});
}

Future<size_t> FileSystem::Write(FileId file, uint64_t offset,
                                 std::span<const std::byte> data) {
  return Ask(FileOperation::WRITE,
             {.file = file, .offset = offset, .data = data})
      .Then([](Message<FileReply> reply) -> size_t {
        return reply.Read().getSize();
      });
}

Future<uint64_t> FileSystem::Append(FileId file,
                                    std::span<const std::byte> data) {
  return Ask(FileOperation::WRITE, {.file = file, .data = data})
      .Then([](Message<FileReply> reply) -> uint64_t {
        return reply.Read().getOffset();
      });
}

Future<FileStatus> FileSystem::StatusOf(FileId file) {
  return AskStatus(FileOperation::STATUS_OF_FILE, {.file = file});
}

Future<> FileSystem::Truncate(FileId file, uint64_t size) {
  return Do(FileOperation::TRUNCATE, {.file = file, .size = size});
}

Future<> FileSystem::Sync(FileId file) {
  return Do(FileOperation::SYNC, {.file = file});
}

Future<std::vector<FileEntry>> FileSystem::ReadDirectory(FileId directory,
                                                         uint64_t position) {
  return Ask(FileOperation::READ_DIRECTORY,
             {.file = directory, .offset = position})
      .Then([](Message<FileReply> reply) {
        std::vector<FileEntry> entries;
        for (auto in : reply.Read().getEntries()) {
          entries.push_back(
              {in.getName().cStr(), in.getInode(), in.getType(), in.getNext()});
        }
        return entries;
      });
}

Future<FileStatus> FileSystem::Status(std::string_view path) {
  return AskStatus(FileOperation::STATUS, {.path = path});
}

Future<FileStatus> FileSystem::LinkStatus(std::string_view path) {
  return AskStatus(FileOperation::STATUS,
                   {.path = path, .flags = kOpenNoFollow});
}

Future<> FileSystem::MakeDirectory(std::string_view path, uint32_t mode) {
  return Do(FileOperation::MAKE_DIRECTORY, {.path = path, .mode = mode});
}

Future<> FileSystem::RemoveDirectory(std::string_view path) {
  return Do(FileOperation::REMOVE_DIRECTORY, {.path = path});
}

Future<> FileSystem::Rename(std::string_view from, std::string_view to) {
  return Do(FileOperation::RENAME, {.path = from, .other = to});
}

Future<> FileSystem::Unlink(std::string_view path) {
  return Do(FileOperation::UNLINK, {.path = path});
}

Future<> FileSystem::Link(std::string_view existing, std::string_view path) {
  return Do(FileOperation::LINK, {.path = existing, .other = path});
}

Future<> FileSystem::MakeSymlink(std::string_view target,
                                 std::string_view path) {
  return Do(FileOperation::MAKE_SYMLINK, {.path = path, .other = target});
}

Future<std::string> FileSystem::AskText(FileOperation operation,
                                        std::string_view path) {
  return Ask(operation, {.path = path}).Then([](Message<FileReply> reply) {
    return ToString(reply.Read().getText());
  });
}

Future<std::string> FileSystem::ReadSymlink(std::string_view path) {
  return AskText(FileOperation::READ_SYMLINK, path);
}

Future<std::string> FileSystem::RealPath(std::string_view path) {
  return AskText(FileOperation::REAL_PATH, path);
}

Future<> FileSystem::SetMode(std::string_view path, uint32_t mode) {
  return Do(FileOperation::SET_MODE, {.path = path, .mode = mode});
}

Future<> FileSystem::SetTimes(std::string_view path, FileTime accessed,
                              FileTime modified, Links links) {
  return Do(FileOperation::SET_TIMES, {.path = path,
                                       .flags = FlagsOf(links),
                                       .accessed = accessed,
                                       .modified = modified});
}

Future<> FileSystem::SetOwner(std::string_view path, uint32_t uid, uint32_t gid,
                              Links links) {
  return Do(FileOperation::SET_OWNER,
            {.path = path, .flags = FlagsOf(links), .uid = uid, .gid = gid});
}

Future<> FileSystem::SetModeOf(FileId file, uint32_t mode) {
  return Do(FileOperation::SET_MODE_OF_FILE, {.file = file, .mode = mode});
}

Future<> FileSystem::SetTimesOf(FileId file, FileTime accessed,
                                FileTime modified) {
  return Do(FileOperation::SET_TIMES_OF_FILE,
            {.file = file, .accessed = accessed, .modified = modified});
}

Future<> FileSystem::SetOwnerOf(FileId file, uint32_t uid, uint32_t gid) {
  return Do(FileOperation::SET_OWNER_OF_FILE,
            {.file = file, .uid = uid, .gid = gid});
}

Future<> FileSystem::Access(std::string_view path, uint32_t mode) {
  return Do(FileOperation::ACCESS, {.path = path, .mode = mode});
}

Future<FileSystemStatus> FileSystem::SystemStatus(std::string_view path) {
  return Ask(FileOperation::SYSTEM_STATUS, {.path = path})
      .Then([](Message<FileReply> reply) {
        auto in = reply.Read().getSystem();
        return FileSystemStatus{in.getType(),      in.getBlockSize(),
                                in.getBlocks(),    in.getFree(),
                                in.getAvailable(), in.getFiles(),
                                in.getFreeFiles()};
      });
}

Future<std::string> FileSystem::MakeTemporaryDirectory(
    std::string_view pattern) {
  return AskText(FileOperation::MAKE_TEMPORARY_DIRECTORY, pattern);
}

Future<TemporaryFile> FileSystem::MakeTemporaryFile(std::string_view pattern) {
  return Ask(FileOperation::MAKE_TEMPORARY_FILE, {.path = pattern})
      .Then([](Message<FileReply> reply) {
        auto in = reply.Read();
        return TemporaryFile{ToOpened(in), ToString(in.getText())};
      });
}

Future<WatchId> FileSystem::Watch(std::string_view path) {
  return Ask(FileOperation::WATCH, {.path = path})
      .Then([](Message<FileReply> reply) -> WatchId {
        return reply.Read().getFile();
      });
}

Future<FileChange> FileSystem::NextChange(WatchId watch) {
  return Ask(FileOperation::NEXT_CHANGE, {.file = watch}, kInputDeadline)
      .Then([](Message<FileReply> reply) {
        auto in = reply.Read();
        return FileChange{ToString(in.getText()),
                          static_cast<FileChange::Kind>(in.getChange()),
                          in.getLost()};
      });
}

Future<> FileSystem::Unwatch(WatchId watch) {
  return Do(FileOperation::UNWATCH, {.file = watch});
}

Future<StreamState> FileSystem::StreamStatus(int stream) {
  return Ask(FileOperation::STREAM_STATUS,
             {.offset = static_cast<uint64_t>(stream)})
      .Then([](Message<FileReply> reply) {
        auto in = reply.Read().getStream();
        return StreamState{in.getMode(), in.getTerminal(), in.getColumns(),
                           in.getRows()};
      });
}

Future<> FileSystem::SetTerminalMode(int stream, TerminalMode mode) {
  return Do(FileOperation::SET_TERMINAL_MODE,
            {.mode = static_cast<uint32_t>(mode),
             .offset = static_cast<uint64_t>(stream)});
}

Future<> FileSystem::CatchSignal(int signal, bool on) {
  return Do(FileOperation::CATCH_SIGNAL,
            {.flags = on ? 1u : 0u, .offset = SignalToLinux(signal)});
}

Future<int> FileSystem::NextSignal() {
  return Ask(FileOperation::NEXT_SIGNAL, {}, kInputDeadline)
      .Then([](Message<FileReply> reply) {
        return SignalFromLinux(static_cast<uint32_t>(reply.Read().getOffset()));
      });
}

Future<> FileSystem::TellExitCode(int code) {
  return Do(FileOperation::TELL_EXIT_CODE,
            {.offset = static_cast<uint64_t>(code)});
}

Future<> FileSystem::WriteStream(int stream, std::span<const std::byte> data) {
  return Do(FileOperation::WRITE_STREAM,
            {.offset = static_cast<uint64_t>(stream), .data = data});
}

Future<FileData> FileSystem::ReadStream(size_t size) {
  return AskData(FileOperation::READ_STREAM, {.size = size}, kInputDeadline);
}

}  // namespace ebbrt
