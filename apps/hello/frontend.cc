// The front-end's half: boots N back-ends at once and waits until each has said
// hello and ended.
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/hello/hello.h"
#include "common/node_allocator.h"
#include "common/runtime.h"

namespace {

/// A number from 1 to 250 (nodes share a network of that size).
std::optional<unsigned> ParseCount(const std::string& text) {
  unsigned count = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || *end != '\0' || count < 1 || count > 250) {
    return std::nullopt;
  }
  return count;
}

/// Boots one back-end; the code it ended with.
ebbrt::Future<int> RunBackEnd(std::string image) {
  ebbrt::NodeSpec spec{.image = std::move(image)};
  auto node = co_await ebbrt::node_allocator->Allocate(std::move(spec));
  co_return co_await node->Ended();
}

}  // namespace

void ebbrt::AppMain() {
  const auto& arguments = runtime::Arguments();
  auto count = arguments.size() == 2 ? ParseCount(arguments[1]) : std::nullopt;
  if (!count) {
    std::fprintf(stderr, "usage: hello_frontend IMAGE N   (N: 1 to 250)\n");
    runtime::Exit(2);
  }
  std::vector<Future<int>> back_ends;
  for (unsigned i = 0; i < *count; ++i) {
    back_ends.push_back(RunBackEnd(arguments[0]));
  }
  int failed = 0;
  for (auto& back_end : back_ends) {
    try {
      if (back_end.Get() != 0) ++failed;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "hello: %s\n", error.what());
      ++failed;
    }
  }
  runtime::Exit(failed == 0 ? 0 : 1);
}
