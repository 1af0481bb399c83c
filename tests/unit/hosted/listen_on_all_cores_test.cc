// On Linux it is Listen; test_cores.py tests it on the library OS.
#include "common/listen_on_all_cores.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "common/future.h"

namespace ebbrt {
namespace {

TEST(ListenOnAllCores, AcceptsUntilItEnds) {
  constexpr Ipv4Address kLoopback{0x7F000001};
  std::vector<std::unique_ptr<TcpConnection>> accepted;
  auto listener = ListenOnAllCores(
      {{}, 0}, [&accepted](std::unique_ptr<TcpConnection> connection) {
        accepted.push_back(std::move(connection));
      });
  const uint16_t port = listener->Local().port;
  ASSERT_NE(port, 0);
  auto one = network_manager->Connect({kLoopback, port}).Get();
  auto other = network_manager->Connect({kLoopback, port}).Get();
  for (int waits = 0; accepted.size() < 2 && waits < 1000; ++waits) {
    SleepFor(std::chrono::milliseconds(5)).Get();
  }
  EXPECT_EQ(accepted.size(), 2u);
  EXPECT_THROW(ListenOnAllCores({{}, port}, [](auto) {}), std::system_error);
  listener.reset();
  EXPECT_THROW(network_manager->Connect({kLoopback, port}).Get(),
               std::system_error);
}

}  // namespace
}  // namespace ebbrt
