// Fuzzes the messenger's frames. The input's first byte says how the rest is cut
// into pieces; wherever it is cut, the same frames come out, and each encodes to
// the bytes that it came from.
#include "common/frame.h"

#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

using ebbrt::FrameHeader;
using ebbrt::FrameParser;
using ebbrt::IOBuf;

constexpr uint32_t kMaxPayload = 4096;

struct Parsed {
  std::vector<std::string> frames;  // encoded again
  std::string error;
  bool in_frame = false;

  bool operator==(const Parsed&) const = default;
};

Parsed Parse(std::string_view stream, size_t piece_size) {
  Parsed parsed;
  FrameParser parser(kMaxPayload);
  try {
    while (!stream.empty()) {
      auto piece = stream.substr(0, piece_size);
      stream.remove_prefix(piece.size());
      parser.Feed(IOBuf::Copy(piece));
      while (auto frame = parser.Next()) {
        size_t length =
            frame->payload == nullptr ? 0 : frame->payload->ChainLength();
        ebbrt::fuzz::Check(length == frame->header.length,
                           "a frame's payload is as long as its header says");
        ebbrt::fuzz::Check(length <= kMaxPayload, "no payload above the limit");
        parsed.frames.push_back(
            ebbrt::MakeFrame(frame->header, std::move(frame->payload))
                ->ToString());
      }
    }
    parsed.in_frame = parser.InFrame();
  } catch (const ebbrt::BadFrame& error) {
    parsed.error = error.what();
  }
  return parsed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t piece_size = data[0] % 64 + 1;
  const auto stream = ebbrt::fuzz::Text(data + 1, size - 1);
  const Parsed whole = Parse(stream, stream.size());
  ebbrt::fuzz::Check(Parse(stream, piece_size) == whole,
                     "where a stream is cut doesn't matter");
  std::string again;
  for (const auto& frame : whole.frames) again += frame;
  ebbrt::fuzz::Check(stream.starts_with(again), "frames encode as they came");
  ebbrt::fuzz::Check(!whole.error.empty() ||
                         whole.in_frame == (again.size() < stream.size()),
                     "every byte is in a frame");
  return 0;
}
