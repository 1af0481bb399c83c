#include "console_log.h"

#include <algorithm>

namespace ebbrt::iaas {
namespace {

constexpr size_t kChunk = 32 * 1024;

}  // namespace

void ConsoleLog::Append(kj::ArrayPtr<const char> data) {
  data_.append(data.begin(), data.size());
  // Trimmed in large steps, so that a byte is moved at most once on average.
  if (data_.size() > 2 * capacity_) {
    const size_t excess = data_.size() - capacity_;
    data_.erase(0, excess);
    start_ += excess;
  }
  WakeReaders();
}

void ConsoleLog::End() {
  ended_ = true;
  WakeReaders();
}

ConsoleLog::Chunk ConsoleLog::Read(uint64_t offset, size_t max) const {
  const uint64_t from = std::clamp(offset, start_, EndOffset());
  const size_t at = static_cast<size_t>(from - start_);
  const size_t size = std::min(max, data_.size() - at);
  return {from, kj::arrayPtr(data_.data() + at, size)};
}

kj::Promise<void> ConsoleLog::WhenMore(uint64_t offset) {
  if (ended_ || EndOffset() > offset) return kj::READY_NOW;
  std::erase_if(waiting_,
                [](auto& fulfiller) { return !fulfiller->isWaiting(); });
  auto paf = kj::newPromiseAndFulfiller<void>();
  waiting_.push_back(kj::mv(paf.fulfiller));
  return kj::mv(paf.promise);
}

std::string ConsoleLog::Tail(size_t lines) const {
  size_t from = data_.size();
  // The newline at the very end ends the last line, it begins none.
  if (from > 0 && data_[from - 1] == '\n') --from;
  for (size_t line = 0; line < lines && from != std::string::npos; ++line) {
    from = from == 0 ? std::string::npos : data_.rfind('\n', from - 1);
  }
  return from == std::string::npos ? data_ : data_.substr(from + 1);
}

void ConsoleLog::WakeReaders() {
  auto waiting = std::move(waiting_);
  waiting_.clear();
  for (auto& fulfiller : waiting) fulfiller->fulfill();
}

kj::Promise<uint64_t> StreamConsole(kj::Own<ConsoleLog> log, uint64_t offset,
                                    FollowConsole follow,
                                    rpc::ConsoleSink::Client sink) {
  const auto chunk = log->Read(offset, kChunk);
  if (chunk.data.size() == 0) {
    if (log->Ended() || follow == FollowConsole::kNo) return offset;
    auto more = log->WhenMore(offset);
    return more.then(
        [log = kj::mv(log), offset, follow, sink = kj::mv(sink)]() mutable {
          return StreamConsole(kj::mv(log), offset, follow, kj::mv(sink));
        });
  }
  auto request = sink.writeRequest();
  request.setOffset(chunk.offset);
  request.setData(chunk.data.asBytes());
  const uint64_t next = chunk.offset + chunk.data.size();
  return request.send().then(
      [log = kj::mv(log), next, follow, sink = kj::mv(sink)](auto&&) mutable {
        return StreamConsole(kj::mv(log), next, follow, kj::mv(sink));
      });
}

}  // namespace ebbrt::iaas
