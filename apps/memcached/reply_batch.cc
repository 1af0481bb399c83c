#include "apps/memcached/reply_batch.h"

#include <algorithm>
#include <utility>

namespace ebbrt::memcached {
namespace {

/// The first buffer holds the answer to one small request, which is what most
/// batches are; the next are about a segment each.
constexpr size_t kFirstBuffer = 240;
constexpr size_t kNextBuffer = 1440;

}  // namespace

std::byte* ReplyBatch::Extend(size_t n) {
  if (open_ == nullptr || open_->Tailroom() < n) {
    auto buffer =
        IOBuf::Create(std::max(n, chain_ ? kNextBuffer : kFirstBuffer));
    open_ = buffer.get();
    chain_ = JoinChains(std::move(chain_), std::move(buffer));
  }
  std::byte* at = open_->WritableTail();
  open_->Append(n);
  bytes_ += n;
  return at;
}

void ReplyBatch::AppendShared(std::unique_ptr<IOBuf> bytes) {
  bytes_ += bytes->ChainLength();
  chain_ = JoinChains(std::move(chain_), std::move(bytes));
  open_ = nullptr;
}

std::unique_ptr<IOBuf> ReplyBatch::Take() {
  open_ = nullptr;
  bytes_ = 0;
  return std::move(chain_);
}

}  // namespace ebbrt::memcached
