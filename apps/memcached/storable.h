// What becomes of received bytes that stay: kept in the buffer in which they
// came, or moved to one of their size.
#pragma once

#include <cstddef>
#include <memory>

#include "common/iobuf.h"

namespace ebbrt::memcached {

/// Bytes stay in their buffers if they fill at least 1/kPinFactor of them, so
/// that the memory stored values hold is at most kPinFactor times their length.
/// Below that they are moved: a 64-byte value would pin a receive buffer of 2
/// KiB natively, of 64 KiB on Linux.
inline constexpr size_t kPinFactor = 2;

/// Drops the first `offset` bytes of `chain` and takes the `n` > 0 behind them
/// off it, to be kept for long; `chain` is null when nothing is left. offset +
/// n <= chain->ChainLength(). Throws std::bad_alloc; `chain` is then as it was.
std::unique_ptr<IOBuf> TakeStorable(std::unique_ptr<IOBuf>& chain,
                                    size_t offset, size_t n);

/// Takes the first `n` <= chain->ChainLength() bytes off `chain` and drops
/// them, and empty elements that follow. Does not throw.
void DropFront(std::unique_ptr<IOBuf>& chain, size_t n);

}  // namespace ebbrt::memcached
