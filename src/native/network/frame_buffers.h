// IOBufs as lwIP's pbufs and back, without copying the bytes.
//
// A received IOBuf travels through lwIP inside a pbuf of our own kind that owns
// it; when lwIP hands the pbuf to us (the data of a connection) the IOBuf is
// taken out again, its window narrowed to what the pbuf shows by then. If lwIP
// frees the pbuf first (an ACK, a duplicate), the IOBuf goes with it.
//
// On the stack's core only. None of these blocks.
#pragma once

#include <memory>

#include "common/iobuf.h"
#include "lwip/pbuf.h"

namespace ebbrt::network {

/// Wraps a chain, an element a pbuf. Null when memory is exhausted; the chain
/// is then dropped. The chain is shorter than 64 KiB.
pbuf* WrapInPbufs(std::unique_ptr<IOBuf> chain);

/// Takes the bytes of `chain` out of it and frees it. Elements that are not
/// ours are copied. Null if there are no bytes. Throws std::bad_alloc; `chain`
/// is then as it was.
std::unique_ptr<IOBuf> TakeFromPbufs(pbuf* chain);

}  // namespace ebbrt::network
