// Fuzzes memcached's protocols, of which the stream's first byte chooses one: a
// session on a store. The input's first byte says how the rest is cut into
// pieces; however they are cut, the answers must be the same. Lengths that
// can't be end a session of the binary protocol before anything behind them is
// read.
//
// Built by tests/fuzz/CMakeLists.txt.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "apps/memcached/binary_protocol.h"
#include "apps/memcached/item.h"
#include "apps/memcached/session.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/on_core.h"

namespace {

using ebbrt::IOBuf;
using namespace ebbrt::memcached;

constexpr Store::Time kNow{std::chrono::hours(1000)};

/// All answers to `stream`, received in pieces of `size` bytes.
std::string Converse(std::string_view stream, size_t size, size_t batch) {
  Store store;
  Service service{store, kNow};
  auto session = Session::For(*IOBuf::Copy(stream), service);
  std::string answers;
  while (!stream.empty()) {
    auto piece = stream.substr(0, size);
    stream.remove_prefix(piece.size());
    session->Feed(IOBuf::Copy(piece, 0, size % 7 * 100));
    Session::Progress progress;
    do {
      ReplyBatch replies;
      progress = session->Answer(replies, batch, kNow);
      if (auto chain = replies.Take()) answers += chain->ToString();
    } while (progress == Session::Progress::kFull);
    if (progress == Session::Progress::kEnded) break;
  }
  return answers;
}

/// The end of the first header of the binary protocol whose lengths can't be; 0
/// if there is none.
size_t EndOfWrongHeader(std::string_view stream) {
  for (size_t at = 0; stream.size() - at >= sizeof(RequestHeader);) {
    RequestHeader header;
    std::memcpy(&header, &stream[at], sizeof header);
    if (header.magic != kRequestMagic) return 0;
    at += sizeof header;
    const size_t key = header.key_length.Get();
    const size_t body = header.body_length.Get();
    if (key > kMaxKeyLength || header.extras_length + key > body) return at;
    at += std::min(body, stream.size() - at);
  }
  return 0;
}

/// Whether they tell of this moment, or of the buffers that hold a value.
bool DependOnMore(std::string_view answers) {
  return answers.find("limit_maxbytes") != answers.npos ||
         answers.find("mem_requested") != answers.npos ||
         answers.find("total_malloced") != answers.npos ||
         answers.find("ME ") != answers.npos;
}

void Try(const uint8_t* data, size_t size) {
  auto stream = ebbrt::fuzz::Text(data + 1, size - 1);
  std::string whole = Converse(stream, stream.size(), SIZE_MAX);
  std::string pieces = Converse(stream, std::max<size_t>(data[0], 1), 100);
  if (DependOnMore(whole)) return;
  ebbrt::fuzz::Check(whole == pieces, "the same answers however it is cut");
  if (size_t end = EndOfWrongHeader(stream); end > 0) {
    ebbrt::fuzz::Check(Converse(stream.substr(0, end), end, SIZE_MAX) == whole,
                       "lengths that can't be end a session at once");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 2) ebbrt::fuzz::OnCore([&] { Try(data, size); });
  return 0;
}
