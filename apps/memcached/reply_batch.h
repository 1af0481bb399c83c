// ReplyBatch: the answers to what one receive brought, as one chain to send.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "common/iobuf.h"

namespace ebbrt::memcached {

class ReplyBatch {
 public:
  /// `n` contiguous bytes at the end, to be written before the next call.
  /// Throws std::bad_alloc.
  std::byte* Extend(size_t n);

  /// Puts a copy on the end. Throws std::bad_alloc.
  void Append(std::string_view bytes) {
    if (!bytes.empty())
      std::memcpy(Extend(bytes.size()), bytes.data(), bytes.size());
  }

  /// Puts windows on bytes that lie elsewhere on the end.
  void AppendShared(std::unique_ptr<IOBuf> bytes);

  size_t Bytes() const { return bytes_; }

  /// The chain, null if there is nothing; the batch is then empty.
  std::unique_ptr<IOBuf> Take();

 private:
  std::unique_ptr<IOBuf> chain_;
  IOBuf* open_ = nullptr;  // the chain's last element, if it is ours to extend
  size_t bytes_ = 0;
};

}  // namespace ebbrt::memcached
