#include "common/open_file.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "common/shared_future.h"
#include "common/spin_lock.h"

namespace ebbrt {
namespace detail {

using Block = std::shared_ptr<const FileData>;

/// What this node has of one file, for all who have it open.
class FileBlocks {
 public:
  /// What `status` tells of the file when somebody opens it.
  void Opened(const FileStatus& status) {
    std::lock_guard guard(lock_);
    if (modified_ != status.modified || size_ != status.size) blocks_.clear();
    modified_ = status.modified;
    size_ = status.size;
  }

  /// Block `index`, read through `file` if it isn't here; whether it was.
  std::pair<Future<Block>, bool> Get(FileId file, uint64_t index) {
    {
      std::lock_guard guard(lock_);
      auto found = blocks_.find(index);
      if (found != blocks_.end()) return {found->second.Fork(), true};
    }
    SharedFuture<Block> block(
        file_system->Read(file, index * OpenFile::kBlock, OpenFile::kBlock)
            .Then([](FileData data) -> Block {
              return std::make_shared<const FileData>(std::move(data));
            }));
    auto future = block.Fork();
    std::lock_guard guard(lock_);
    if (blocks_.try_emplace(index, std::move(block)).second) {
      order_.push_back(index);
      MakeRoom();
    }
    return {std::move(future), false};
  }

  void Drop(uint64_t index) {
    std::lock_guard guard(lock_);
    blocks_.erase(index);
  }
  /// The blocks with bytes of [begin, end).
  void DropRange(uint64_t begin, uint64_t end) {
    std::lock_guard guard(lock_);
    blocks_.erase(
        blocks_.lower_bound(begin / OpenFile::kBlock),
        blocks_.lower_bound((end + OpenFile::kBlock - 1) / OpenFile::kBlock));
  }
  void DropAll() {
    std::lock_guard guard(lock_);
    blocks_.clear();
  }

  /// How many blocks behind `index`, which is being read, to read too: none
  /// unless it is where the last read was or next to it, nor beyond the end.
  size_t Ahead(uint64_t index) {
    std::lock_guard guard(lock_);
    bool sequential = index == last_ || index == last_ + 1;
    last_ = index;
    uint64_t blocks = (size_ + OpenFile::kBlock - 1) / OpenFile::kBlock;
    if (!sequential || index + 1 >= blocks) return 0;
    return std::min<uint64_t>(OpenFile::kReadAhead, blocks - index - 1);
  }

 private:
  /// lock_ is held.
  void MakeRoom() {
    while (order_.size() > OpenFile::kMaxBlocks) {
      blocks_.erase(order_.front());
      order_.pop_front();
    }
  }

  SpinLock lock_;  // guards all
  std::map<uint64_t, SharedFuture<Block>> blocks_;
  std::deque<uint64_t> order_;  // in which they came; some may be gone
  FileTime modified_{};
  uint64_t size_ = 0;
  uint64_t last_ = UINT64_MAX;
};

namespace {

/// The files that are open on this node, by device and inode.
class NodeFiles {
 public:
  std::shared_ptr<FileBlocks> Of(const FileStatus& status) {
    std::lock_guard guard(lock_);
    auto& place = files_[{status.device, status.inode}];
    auto blocks = place.lock();
    if (blocks == nullptr) {
      blocks = std::make_shared<FileBlocks>();
      place = blocks;
      if (++added_ % kSweep == 0) {
        std::erase_if(files_,
                      [](const auto& entry) { return entry.second.expired(); });
      }
    }
    return blocks;
  }

 private:
  static constexpr size_t kSweep = 64;

  SpinLock lock_;  // guards all
  std::map<std::pair<uint64_t, uint64_t>, std::weak_ptr<FileBlocks>> files_;
  size_t added_ = 0;
};

NodeFiles& Files() {
  static NodeFiles files;
  return files;
}

}  // namespace
}  // namespace detail

OpenFile::OpenFile(std::string_view path, uint32_t flags, uint32_t mode)
    : opened_(file_system->Open(path, flags, mode).Get()) {
  blocks_ = detail::Files().Of(opened_.status);
  blocks_->Opened(opened_.status);
}

OpenFile::~OpenFile() {
  try {
    (void)file_system->Close(opened_.file);
  } catch (...) {
    // No memory to say so: the front-end closes it when this node ends.
  }
}

size_t OpenFile::Read(uint64_t offset, std::span<std::byte> to) {
  size_t done = 0;
  while (done < to.size()) {
    uint64_t index = (offset + done) / kBlock;
    size_t begin = (offset + done) % kBlock;
    auto [future, known] = blocks_->Get(opened_.file, index);
    size_t ahead = blocks_->Ahead(index);
    for (size_t i = 1; i <= ahead; ++i) {
      (void)blocks_->Get(opened_.file, index + i);
    }
    detail::Block block;
    try {
      block = future.Get();
    } catch (...) {
      blocks_->Drop(index);  // the next one may have more luck
      throw;
    }
    auto bytes = block->Bytes();
    if (bytes.size() < kBlock && bytes.size() <= begin + to.size() - done) {
      // The end of the file as it was then; it may be further by now.
      blocks_->Drop(index);
      if (known && bytes.size() < begin + to.size() - done) continue;
    }
    if (bytes.size() <= begin) break;
    size_t size = std::min(bytes.size() - begin, to.size() - done);
    std::memcpy(to.data() + done, bytes.data() + begin, size);
    done += size;
    if (bytes.size() < kBlock) break;
  }
  return done;
}

size_t OpenFile::Write(uint64_t offset, std::span<const std::byte> data) {
  size_t done = 0;
  while (done < data.size()) {
    size_t wrote;
    try {
      wrote =
          file_system->Write(opened_.file, offset + done, data.subspan(done))
              .Get();
    } catch (...) {
      blocks_->DropRange(offset, offset + data.size());
      if (done > 0) return done;
      throw;
    }
    done += wrote;
    blocks_->DropRange(offset, offset + done);
  }
  return done;
}

uint64_t OpenFile::Append(std::span<const std::byte> data) {
  uint64_t end = 0;
  for (size_t done = 0; done < data.size(); done += FileSystem::kMaxTransfer) {
    end = file_system->Append(opened_.file, data.subspan(done)).Get();
  }
  blocks_->DropAll();
  return end;
}

void OpenFile::Truncate(uint64_t size) {
  file_system->Truncate(opened_.file, size).Get();
  blocks_->DropAll();
}

void OpenFile::Sync() { file_system->Sync(opened_.file).Get(); }

FileStatus OpenFile::Status() {
  return file_system->StatusOf(opened_.file).Get();
}

void OpenFile::SetMode(uint32_t mode) {
  file_system->SetModeOf(opened_.file, mode).Get();
}

void OpenFile::SetTimes(FileTime accessed, FileTime modified) {
  file_system->SetTimesOf(opened_.file, accessed, modified).Get();
}

void OpenFile::SetOwner(uint32_t uid, uint32_t gid) {
  file_system->SetOwnerOf(opened_.file, uid, gid).Get();
}

std::vector<FileEntry> OpenFile::ReadDirectory(uint64_t position) {
  return file_system->ReadDirectory(opened_.file, position).Get();
}

}  // namespace ebbrt
