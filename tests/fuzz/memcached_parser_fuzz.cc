// Fuzzes memcached's binary protocol: the parser alone, and a session on a
// store. The input's first byte says how the rest is cut into pieces; however
// they are cut, the answers must be the same.
//
// Built by tests/fuzz/CMakeLists.txt.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "apps/memcached/binary_session.h"

namespace {

using ebbrt::IOBuf;
using namespace ebbrt::memcached;

constexpr Store::Time kNow{std::chrono::hours(1000)};

/// All answers to `stream`, received in pieces of `size` bytes.
std::string Converse(std::string_view stream, size_t size, size_t batch) {
  Store store;
  BinarySession session(store);
  std::string answers;
  while (!stream.empty()) {
    auto piece = stream.substr(0, size);
    stream.remove_prefix(piece.size());
    session.Feed(IOBuf::Copy(piece, 0, size % 7 * 100));
    BinarySession::Progress progress;
    do {
      ReplyBatch replies;
      progress = session.Answer(replies, batch, kNow);
      if (auto chain = replies.Take()) answers += chain->ToString();
    } while (progress == BinarySession::Progress::kFull);
    if (progress == BinarySession::Progress::kEnded) break;
  }
  return answers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string_view stream(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string whole = Converse(stream, stream.size(), SIZE_MAX);
  std::string pieces = Converse(stream, std::max<size_t>(data[0], 1), 100);
  if (whole != pieces) std::abort();
  return 0;
}
