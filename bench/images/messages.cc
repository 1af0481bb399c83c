// The image of bench/messages: with the argument "serve" a back-end that has an
// Echo of its own, with "call" the one that calls it and the front-end's.
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/images/echo.h"
#include "bench/images/measure.h"
#include "common/global_id_map.h"
#include "common/runtime.h"
#include "common/timer.h"
#include "platform/log.h"

namespace ebbrt {
namespace bench {
namespace {

using namespace std::chrono_literals;

/// The id of the serving back-end's Echo is the value of this.
constexpr EbbId kBackEndEcho = ApplicationEbbId(102);

// What the next operation does: Measure() takes plain functions.
EbbRef<Echo> callee = front_end_echo;
size_t bytes;
size_t under_way;

auto Call(const std::vector<capnp::byte>& content) {
  return callee->Call<&Echo::Reply>([&content](Payload::Builder payload) {
    payload.setBytes({content.data(), content.size()});
  });
}

void Exchange(uint64_t n) {
  std::vector<capnp::byte> content(bytes);
  std::vector<Future<Message<Payload>>> calls;
  for (uint64_t i = 0; i < n; i += under_way) {
    for (size_t k = 0; k < under_way; ++k) calls.push_back(Call(content));
    for (auto& call : calls) call.Get();
    calls.clear();
  }
}

void Serve() {
  auto echo = Echo::Create();
  global_id_map->Set(kBackEndEcho, std::to_string(echo.Id())).Get();
  platform::WriteConsole("bench: serving\n");
}

void MeasureAll(const std::string& whom) {
  for (size_t size : {8, 64, 1'024, 16'384, 65'536}) {
    for (size_t window : {1, 16}) {
      bytes = size;
      under_way = window;
      std::string name =
          whom + " " + std::to_string(window) + " " + std::to_string(size);
      Measure({name.c_str(), size < 16'384 ? 256u : 64u, &Exchange});
    }
  }
}

void CallBoth() {
  MeasureAll("front-end");
  auto id = global_id_map->Get(kBackEndEcho).Get();
  callee = EbbRef<Echo>(static_cast<EbbId>(std::stoul(id)));
  MeasureAll("back-end");
  platform::WriteConsole("bench: done\n");
  runtime::Exit(0);
}

}  // namespace
}  // namespace bench

void AppMain() {
  const auto& arguments = runtime::Arguments();
  if (arguments.size() != 1) throw std::runtime_error("serve or call?");
  if (arguments[0] == "serve") return bench::Serve();
  bench::CallBoth();
}

}  // namespace ebbrt
