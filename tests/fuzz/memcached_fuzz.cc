// Fuzzes memcached's protocols, of which the stream's first byte chooses one: a
// session on a store. The input's first byte says how the rest is cut into
// pieces; however they are cut, the answers must be the same.
//
// Built by tests/fuzz/CMakeLists.txt.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "apps/memcached/session.h"
#include "tests/fuzz/fuzz.h"

namespace {

using ebbrt::IOBuf;
using namespace ebbrt::memcached;

constexpr Store::Time kNow{std::chrono::hours(1000)};

/// All answers to `stream`, received in pieces of `size` bytes.
std::string Converse(std::string_view stream, size_t size, size_t batch) {
  Store store;
  Service service{store, {}, {}, kNow};
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

/// Whether they tell of this moment, or of the buffers that hold a value.
bool DependOnMore(std::string_view answers) {
  return answers.find("limit_maxbytes") != answers.npos ||
         answers.find("mem_requested") != answers.npos ||
         answers.find("total_malloced") != answers.npos ||
         answers.find("ME ") != answers.npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  auto stream = ebbrt::fuzz::Text(data + 1, size - 1);
  std::string whole = Converse(stream, stream.size(), SIZE_MAX);
  std::string pieces = Converse(stream, std::max<size_t>(data[0], 1), 100);
  if (DependOnMore(whole)) return 0;
  ebbrt::fuzz::Check(whole == pieces, "the same answers however it is cut");
  return 0;
}
