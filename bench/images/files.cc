// The image of bench/files: reads files of the front-end's one after the other,
// and as many bytes over a plain connection with the front-end's machine, whose
// port is its argument.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/images/measure.h"
#include "common/event_manager.h"
#include "common/future.h"
#include "common/network_manager.h"
#include "common/runtime.h"
#include "platform/clock.h"
#include "platform/log.h"

namespace ebbrt {
namespace {

constexpr uint64_t kMebibyte = 1 << 20;

void ReadFile(uint64_t mebibytes) {
  // Another each time: what a node has read of a file is at hand the next time.
  static int file = 0;
  int fd = open(("/" + std::to_string(file++)).c_str(), O_RDONLY);
  if (fd < 0) throw std::runtime_error("there are too few files");
  std::vector<char> buffer(64 * 1024);
  for (uint64_t left = mebibytes * kMebibyte; left > 0;) {
    ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got <= 0) throw std::runtime_error("a file is too short");
    left -= static_cast<uint64_t>(got);
  }
  close(fd);
}

/// Waits for so many bytes.
class Sink : public TcpConnection::Handler {
 public:
  explicit Sink(uint64_t bytes) : left_(bytes) {}
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    left_ -= data->ChainLength();
    if (left_ == 0) done_.SetValue();
  }
  void OnClosed(std::error_code error) override {
    done_.SetException(std::make_exception_ptr(std::system_error(error)));
  }
  Future<> Done() { return done_.GetFuture(); }

 private:
  uint64_t left_;
  Promise<> done_;
};

void Receive(uint64_t mebibytes) {
  Endpoint source = *runtime::Boot().front_end;
  source.port = static_cast<uint16_t>(std::stoul(runtime::Arguments().at(0)));
  Sink sink(mebibytes * kMebibyte);
  auto connection = network_manager->Connect(source).Get();
  connection->SetHandler(&sink);
  auto count = static_cast<uint32_t>(mebibytes);
  connection->Send(IOBuf::Copy(std::as_bytes(std::span(&count, 1))));
  sink.Done().Get();
  connection->Abort();
}

}  // namespace

void AppMain() {
  for (const bench::Operation& way :
       {bench::Operation{"file", 16, &ReadFile}, {"TCP", 16, &Receive}}) {
    bench::Measure(way);
    // And its time, for a run without the instruction counter.
    auto begin = Clock::now();
    way.run(2 * way.n);
    std::chrono::nanoseconds took = Clock::now() - begin;
    platform::WriteConsole("time: " + std::string(way.name) + "\t" +
                           std::to_string(took.count() / (2 * way.n)) + "\n");
  }
  platform::WriteConsole("bench: done\n");
  runtime::Exit(0);
}

}  // namespace ebbrt
