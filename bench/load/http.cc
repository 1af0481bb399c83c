// The load of bench/node-http's latencies: GET requests of one path at a fixed
// rate (open_loop.h), on connections that are kept.
//
//   http ADDRESS PORT CONNECTIONS
//
// Says "ready" and obeys its input. An answer is whole with the body that its
// Content-Length tells; another status than 200 ends it.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "open_loop.h"

namespace {

class Gets {
 public:
  explicit Gets(std::string host)
      : request_("GET / HTTP/1.1\r\nHost: " + std::move(host) + "\r\n\r\n") {}

  const std::string& Next() const { return request_; }

  load::Answer Judge(std::string_view text) const {
    constexpr std::string_view kStatus = "HTTP/1.1 200 ";
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    constexpr std::string_view kEnd = "\r\n\r\n";
    if (text.size() < kStatus.size()) return load::Answer::kPart;
    if (!text.starts_with(kStatus)) return load::Answer::kError;
    size_t end = text.find(kEnd);
    if (end == text.npos) return load::Answer::kPart;
    size_t at = text.substr(0, end).find(kLength);
    if (at == text.npos) return load::Answer::kError;
    size_t length = 0;
    std::string_view number = text.substr(at + kLength.size());
    std::from_chars(number.data(), number.data() + number.size(), length);
    size_t whole = end + kEnd.size() + length;
    if (text.size() > whole) return load::Answer::kError;
    return text.size() == whole ? load::Answer::kWhole : load::Answer::kPart;
  }

 private:
  std::string request_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: http ADDRESS PORT CONNECTIONS\n");
    return 2;
  }
  Gets gets(argv[1]);
  load::OpenLoop work(gets, load::ParseServer(argv[1], argv[2]),
                      std::strtoul(argv[3], nullptr, 10));
  work.Serve();
}
