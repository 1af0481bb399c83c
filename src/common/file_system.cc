#include "common/file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "common/file_error.h"

namespace ebbrt {
namespace {

using std::chrono_literals::operator""h;

/// A disk may take its time; a node that is gone is found out by its connection.
constexpr Clock::duration kDeadline = std::chrono::minutes(2);
/// Somebody may have to type first.
constexpr Clock::duration kInputDeadline = 24h * 365;

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

void Put(FileRequest::Builder out, std::span<const std::byte> data) {
  size_t size = std::min(data.size(), FileSystem::kMaxTransfer);
  if (size > 0) std::memcpy(out.initData(size).begin(), data.data(), size);
}

void SetText(capnp::Text::Builder out, std::string_view text) {
  if (!text.empty()) std::memcpy(out.begin(), text.data(), text.size());
}

}  // namespace

template <typename Fill>
Future<Message<FileReply>> FileSystem::Ask(FileOperation operation,
                                           std::string_view path, Fill fill,
                                           Clock::duration deadline) {
  return Call<&FileSystem::Serve>(
             [&](FileRequest::Builder out) {
               out.setOperation(operation);
               SetText(out.initPath(path.size()), path);
               fill(out);
             },
             deadline)
      .Then([path = std::string(path)](Message<FileReply> reply) {
        uint32_t error = reply.Read().getError();
        if (error != 0) {
          throw std::system_error(ErrnoFromLinux(error),
                                  std::generic_category(), path);
        }
        return reply;
      });
}

template <typename Fill>
Future<> FileSystem::Do(FileOperation operation, std::string_view path,
                        Fill fill) {
  return Ask(operation, path, fill, kDeadline).Then([](Message<FileReply>) {});
}

Future<OpenedFile> FileSystem::Open(std::string_view path, uint32_t flags,
                                    uint32_t mode) {
  return Ask(
             FileOperation::OPEN, path,
             [&](FileRequest::Builder out) {
               out.setFlags(flags);
               out.setMode(mode);
             },
             kDeadline)
      .Then([](Message<FileReply> reply) {
        auto in = reply.Read();
        return OpenedFile{in.getFile(), ToStatus(in.getStatus())};
      });
}

Future<> FileSystem::Close(FileId file) {
  return Do(FileOperation::CLOSE, "",
            [&](FileRequest::Builder out) { out.setFile(file); });
}

Future<FileData> FileSystem::Read(FileId file, uint64_t offset, size_t size) {
  return Ask(
             FileOperation::READ, "",
             [&](FileRequest::Builder out) {
               out.setFile(file);
               out.setOffset(offset);
               out.setSize(std::min(size, kMaxTransfer));
             },
             kDeadline)
      .Then([](Message<FileReply> reply) { return FileData(std::move(reply)); });
}

Future<size_t> FileSystem::Write(FileId file, uint64_t offset,
                                 std::span<const std::byte> data) {
  return Ask(
             FileOperation::WRITE, "",
             [&](FileRequest::Builder out) {
               out.setFile(file);
               out.setOffset(offset);
               Put(out, data);
             },
             kDeadline)
      .Then([](Message<FileReply> reply) -> size_t {
        return reply.Read().getSize();
      });
}

Future<uint64_t> FileSystem::Append(FileId file,
                                    std::span<const std::byte> data) {
  return Ask(
             FileOperation::WRITE, "",
             [&](FileRequest::Builder out) {
               out.setFile(file);
               Put(out, data);
             },
             kDeadline)
      .Then([](Message<FileReply> reply) -> uint64_t {
        return reply.Read().getOffset();
      });
}

Future<FileStatus> FileSystem::StatusOf(FileId file) {
  return Ask(
             FileOperation::STATUS_OF_FILE, "",
             [&](FileRequest::Builder out) { out.setFile(file); }, kDeadline)
      .Then([](Message<FileReply> reply) {
        return ToStatus(reply.Read().getStatus());
      });
}

Future<> FileSystem::Truncate(FileId file, uint64_t size) {
  return Do(FileOperation::TRUNCATE, "", [&](FileRequest::Builder out) {
    out.setFile(file);
    out.setSize(size);
  });
}

Future<> FileSystem::Sync(FileId file) {
  return Do(FileOperation::SYNC, "",
            [&](FileRequest::Builder out) { out.setFile(file); });
}

Future<std::vector<FileEntry>> FileSystem::ReadDirectory(FileId directory,
                                                         uint64_t position) {
  return Ask(
             FileOperation::READ_DIRECTORY, "",
             [&](FileRequest::Builder out) {
               out.setFile(directory);
               out.setOffset(position);
             },
             kDeadline)
      .Then([](Message<FileReply> reply) {
        std::vector<FileEntry> entries;
        for (auto in : reply.Read().getEntries()) {
          entries.push_back({in.getName().cStr(), in.getInode(), in.getType(),
                             in.getNext()});
        }
        return entries;
      });
}

Future<FileStatus> FileSystem::Status(std::string_view path) {
  return Ask(
             FileOperation::STATUS, path, [](FileRequest::Builder) {}, kDeadline)
      .Then([](Message<FileReply> reply) {
        return ToStatus(reply.Read().getStatus());
      });
}

Future<FileStatus> FileSystem::LinkStatus(std::string_view path) {
  return Ask(
             FileOperation::STATUS, path,
             [](FileRequest::Builder out) { out.setFlags(kOpenNoFollow); },
             kDeadline)
      .Then([](Message<FileReply> reply) {
        return ToStatus(reply.Read().getStatus());
      });
}

Future<> FileSystem::MakeDirectory(std::string_view path, uint32_t mode) {
  return Do(FileOperation::MAKE_DIRECTORY, path,
            [&](FileRequest::Builder out) { out.setMode(mode); });
}

Future<> FileSystem::RemoveDirectory(std::string_view path) {
  return Do(FileOperation::REMOVE_DIRECTORY, path, [](FileRequest::Builder) {});
}

Future<> FileSystem::Rename(std::string_view from, std::string_view to) {
  return Do(FileOperation::RENAME, from, [&](FileRequest::Builder out) {
    SetText(out.initOther(to.size()), to);
  });
}

Future<> FileSystem::Unlink(std::string_view path) {
  return Do(FileOperation::UNLINK, path, [](FileRequest::Builder) {});
}

Future<> FileSystem::Link(std::string_view existing, std::string_view path) {
  return Do(FileOperation::LINK, existing, [&](FileRequest::Builder out) {
    SetText(out.initOther(path.size()), path);
  });
}

Future<> FileSystem::MakeSymlink(std::string_view target,
                                 std::string_view path) {
  return Do(FileOperation::MAKE_SYMLINK, path, [&](FileRequest::Builder out) {
    SetText(out.initOther(target.size()), target);
  });
}

Future<std::string> FileSystem::ReadSymlink(std::string_view path) {
  return Ask(
             FileOperation::READ_SYMLINK, path, [](FileRequest::Builder) {},
             kDeadline)
      .Then([](Message<FileReply> reply) {
        return std::string(reply.Read().getText().cStr());
      });
}

Future<std::string> FileSystem::RealPath(std::string_view path) {
  return Ask(
             FileOperation::REAL_PATH, path, [](FileRequest::Builder) {},
             kDeadline)
      .Then([](Message<FileReply> reply) {
        return std::string(reply.Read().getText().cStr());
      });
}

Future<> FileSystem::SetMode(std::string_view path, uint32_t mode) {
  return Do(FileOperation::SET_MODE, path,
            [&](FileRequest::Builder out) { out.setMode(mode); });
}

Future<> FileSystem::SetTimes(std::string_view path, FileTime accessed,
                              FileTime modified) {
  return Do(FileOperation::SET_TIMES, path, [&](FileRequest::Builder out) {
    out.setAccessed(accessed.count());
    out.setModified(modified.count());
  });
}

Future<> FileSystem::WriteStream(int stream, std::span<const std::byte> data) {
  return Do(FileOperation::WRITE_STREAM, "", [&](FileRequest::Builder out) {
    out.setOffset(static_cast<uint64_t>(stream));
    Put(out, data);
  });
}

Future<FileData> FileSystem::ReadStream(size_t size) {
  return Ask(
             FileOperation::READ_STREAM, "",
             [&](FileRequest::Builder out) { out.setSize(size); },
             kInputDeadline)
      .Then([](Message<FileReply> reply) { return FileData(std::move(reply)); });
}

}  // namespace ebbrt
