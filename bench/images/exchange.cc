// The server of bench/netpipe and bench/connections, on core 0.
#include "bench/images/exchange.h"

#include <memory>
#include <utility>

#include "common/network_manager.h"
#include "common/runtime.h"
#include "platform/log.h"

void ebbrt::AppMain() {
  network_manager->Up().Get();
  static auto listener = network_manager->Listen(
      kExchangePort, [](std::unique_ptr<TcpConnection> connection) {
        new Exchange(std::move(connection));  // deletes itself at the end
      });
  platform::WriteConsole("bench: ready\n");
}
