#include "common/file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "common/file_error.h"

namespace ebbrt {
namespace {

/// Somebody may have to type first.
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
          FileTime(in.getChanged())};
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
      .Then([](Message<FileReply> reply) {
        auto in = reply.Read();
        return OpenedFile{in.getFile(), ToStatus(in.getStatus())};
      });
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
    return std::string(reply.Read().getText().cStr());
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
                              FileTime modified) {
  return Do(FileOperation::SET_TIMES,
            {.path = path, .accessed = accessed, .modified = modified});
}

Future<> FileSystem::WriteStream(int stream, std::span<const std::byte> data) {
  return Do(FileOperation::WRITE_STREAM,
            {.offset = static_cast<uint64_t>(stream), .data = data});
}

Future<FileData> FileSystem::ReadStream(size_t size) {
  return AskData(FileOperation::READ_STREAM, {.size = size}, kInputDeadline);
}

}  // namespace ebbrt
