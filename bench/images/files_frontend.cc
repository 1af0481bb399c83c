// The front-end of bench/files: bench_files SECRET DIRECTORY grants the
// directory to whoever proves the secret, and sends mebibytes on connections:
// as many as their first four bytes say.
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include "common/messenger.h"
#include "common/network_manager.h"
#include "common/runtime.h"
#include "hosted/file_server.h"

namespace ebbrt {
namespace {

/// Deletes itself when its connection ends.
class Source : public TcpConnection::Handler {
 public:
  explicit Source(std::unique_ptr<TcpConnection> connection)
      : connection_(std::move(connection)) {
    connection_->SetHandler(this);
  }
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    uint32_t mebibytes = 0;
    data->CopyOut(std::as_writable_bytes(std::span(&mebibytes, 1)));
    left_ = uint64_t{mebibytes} * kBlocks;
    OnDrained();
  }
  void OnDrained() override {
    constexpr int kAhead = 4;
    for (int i = 0; i < kAhead && left_ > 0; ++i, --left_) {
      connection_->Send(IOBuf::Copy(std::string(kBlock, 'x')));
    }
  }
  void OnClosed(std::error_code) override { delete this; }

 private:
  static constexpr size_t kBlock = 64 * 1024;
  static constexpr uint64_t kBlocks = (1 << 20) / kBlock;
  std::unique_ptr<TcpConnection> connection_;
  uint64_t left_ = 0;
};

}  // namespace

void AppMain() {
  const auto& arguments = runtime::Arguments();
  auto secret =
      arguments.size() == 2 ? SecretFromHex(arguments[0]) : std::nullopt;
  if (!secret) {
    std::fprintf(stderr, "usage: bench_files SECRET DIRECTORY\n");
    runtime::Exit(2);
  }
  hosted::GrantFiles(arguments[1]);
  static auto listener =
      network_manager->Listen(0, [](std::unique_ptr<TcpConnection> connection) {
        new Source(std::move(connection));
      });
  std::printf("port %u %u\n", messenger->Listen(*secret).port,
              listener->Local().port);
  std::fflush(stdout);
}

}  // namespace ebbrt
