// A network interface on a device that the test plays.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "native/network/interface.h"
#include "native/virtio/net_options.h"
#include "tests/unit/drivers/fake_transport.h"

namespace ebbrt::network {

class FakeInterfaceTest : public testing::Test, protected Interface::Client {
 protected:
  explicit FakeInterfaceTest(uint16_t ring) {
    fake_.queue_size = ring;
    Interface::Client& client = *this;
    interface_ = std::make_unique<Interface>(
        std::make_unique<virtio::FakeTransport>(fake_),
        virtio::WantedNetFeatures(""), client);
    interface_->Start();
  }

  void OnTraffic() override {}
  void OnFramesQueued() override {}
  bool OnVerifiedFrame(std::unique_ptr<IOBuf>&) override { return false; }
  void OnBatch() override {}
  void OnDeviceFailed(const std::string& why) override { FAIL() << why; }
  err_t OnOwnPacket(netif*, pbuf*) override { return ERR_MEM; }

  virtio::FakeTransport::Device fake_;
  std::unique_ptr<Interface> interface_;
};

}  // namespace ebbrt::network
