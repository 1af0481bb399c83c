#include "native/libc/standard_streams.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <string>
#include <utility>

#include "common/event_manager.h"
#include "common/file_system.h"
#include "common/runtime.h"
#include "platform/log.h"

namespace ebbrt::libc {
namespace {

constexpr size_t kMaxOnTheWay = 1 << 20;

std::atomic<size_t> on_the_way{0};

/// What is on its way when the node ends is waited for, if the front-end lives.
void Drain(int) {
  try {
    if (on_the_way > 0) file_system->WriteStream(1, {}).Get();
  } catch (const std::exception&) {
    // Then nobody is there to read it.
  }
}

Future<> Send(int fd, std::string text) {
  on_the_way += text.size();
  return file_system->WriteStream(fd, std::as_bytes(std::span(text)))
      .Finally([text = std::move(text)](Future<> sent) {
        on_the_way -= text.size();
        if (sent.Failed()) platform::WriteConsole(text);
      });
}

}  // namespace

ssize_t WriteToFrontEnd(int fd, const void* data, size_t size) {
  static const bool registered = (runtime::BeforeExit(&Drain), true);
  (void)registered;
  size = std::min(size, FileSystem::kMaxTransfer);
  auto sent = Send(fd, std::string(static_cast<const char*>(data), size));
  if (on_the_way > kMaxOnTheWay) sent.Get();
  return static_cast<ssize_t>(size);
}

ssize_t ReadFromFrontEnd(void* data, size_t size) {
  try {
    auto input = file_system->ReadStream(size).Get();
    auto bytes = input.Bytes();
    std::copy(bytes.begin(), bytes.end(), static_cast<std::byte*>(data));
    return static_cast<ssize_t>(bytes.size());
  } catch (const std::exception&) {
    errno = EIO;
    return -1;
  }
}

}  // namespace ebbrt::libc
