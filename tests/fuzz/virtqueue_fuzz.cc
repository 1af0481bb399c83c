// Fuzzes the driver of virtio network devices against a device that does what
// it likes with all that it can write: the used ring, its configuration, the
// buffers that it was given, and even what of the table and of the available
// ring it has read already. The input is a program of its steps and of the
// driver's.
//
// Whatever it does, frames lie in the buffers that they came in, each token of
// a sent frame comes back once, a failure is told once and the device not
// touched after it, and no buffer is lost.
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <vector>

#include "native/virtio/net_device.h"
#include "native/virtio/net_options.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ebbrt::virtio;
using ebbrt::IOBuf;
using ebbrt::fuzz::Bytes;
using ebbrt::fuzz::Check;

/// A queue as its device sees it.
class QueueMemory {
 public:
  QueueMemory() = default;
  explicit QueueMemory(const SplitQueue& queue)
      : size_(queue.Size()),
        descriptors_(At<layout::Descriptor>(queue.DescriptorAddress())),
        available_(At<layout::AvailableHead>(queue.AvailableAddress())),
        used_(At<layout::UsedHead>(queue.UsedAddress())),
        known_(size_) {}

  /// Notes what the driver has made available, before it can be spoilt. What it
  /// has added but not published yet may be spoilt already: such a chain, which
  /// only frames to be sent are, is known by its head alone, whatever that is.
  void Read() {
    auto* ring = reinterpret_cast<uint16_t*>(available_ + 1);
    while (taken_ != available_->index) {
      uint16_t head = ring[taken_++ % size_] % size_;
      waiting_.push_back(head);
      known_[head] = descriptors_[head];
    }
  }

  /// The oldest chain that waits, or another. Nothing if there is none.
  std::optional<uint16_t> Next(size_t which) {
    if (waiting_.empty()) return std::nullopt;
    auto place =
        waiting_.begin() + static_cast<ptrdiff_t>(which % waiting_.size());
    uint16_t head = *place;
    waiting_.erase(place);
    return head;
  }

  /// Writes into a buffer to receive into, as much as it holds.
  void Fill(uint16_t head, std::string_view bytes) {
    const auto& piece = known_[head];
    Check(piece.flags == layout::kDescriptorWrite, "a buffer is to be written");
    std::memcpy(At<void>(piece.address), bytes.data(),
                std::min<size_t>(bytes.size(), piece.length));
  }

  void Use(uint32_t id, uint32_t length) {
    auto* ring = reinterpret_cast<layout::UsedElement*>(used_ + 1);
    ring[used_->index % size_] = {id, length};
    ++used_->index;
  }

  /// Sets any byte that can be the device's: the used ring's head, elements and
  /// event, and the part of the rest that it has read.
  void Spoil(size_t at, uint8_t value) {
    auto* used = reinterpret_cast<uint8_t*>(used_);
    size_t used_size =
        sizeof *used_ + size_ * sizeof(layout::UsedElement) + sizeof(uint16_t);
    auto* table = reinterpret_cast<uint8_t*>(descriptors_);
    size_t table_size = size_ * sizeof(layout::Descriptor);
    auto* ring = reinterpret_cast<uint8_t*>(available_ + 1);
    at %= used_size + table_size + size_ * sizeof(uint16_t);
    if (at < used_size) {
      used[at] = value;
    } else if ((at -= used_size) < table_size) {
      table[at] = value;
    } else {
      ring[at - table_size] = value;
    }
  }

 private:
  template <typename T>
  static T* At(uint64_t address) {
    return reinterpret_cast<T*>(address);
  }

  uint16_t size_ = 0;
  layout::Descriptor* descriptors_ = nullptr;
  layout::AvailableHead* available_ = nullptr;
  layout::UsedHead* used_ = nullptr;
  std::vector<layout::Descriptor> known_;
  std::vector<uint16_t> waiting_;
  uint16_t taken_ = 0;
};

/// What the fuzzer keeps of the device; its transport goes to the driver.
struct Device {
  uint64_t offered = 0;
  std::array<uint16_t, 2> limits{};
  std::array<uint8_t, 24> config{};
  uint8_t status = 0;
  bool refuses = false;  // the features that were chosen
  bool ready = false;
  bool ended = false;  // reset after it was ready
  std::array<QueueMemory, 2> queues;
};

class HostileTransport final : public Transport {
 public:
  explicit HostileTransport(Device& device) : device_(device) {}

  std::string Name() const override { return "hostile"; }
  DeviceType Type() const override { return DeviceType::kNetwork; }
  uint16_t QueueLimit(uint16_t index) override { return device_.limits[index]; }
  void EnableQueue(uint16_t index, const SplitQueue& queue,
                   std::function<void()>) override {
    device_.queues[index] = QueueMemory(queue);
  }
  void Notify(uint16_t index) override {
    Check(!device_.ended, "a device that was reset is not notified");
    Check(index < 2, "only queues that exist are notified");
  }

 protected:
  void Reset() override {
    device_.ended = device_.ready;
    device_.status = 0;
  }
  uint8_t Status() override {
    return device_.refuses
               ? static_cast<uint8_t>(device_.status & ~status::kFeaturesOk)
               : device_.status;
  }
  void SetStatus(uint8_t status) override {
    device_.status = status;
    if ((status & status::kDriverOk) != 0) device_.ready = true;
  }
  uint64_t OfferedFeatures() override { return device_.offered; }
  void AcceptFeatures(uint64_t features) override {
    Check((features & ~device_.offered) == 0,
          "only what is offered is accepted");
  }
  uint32_t ConfigGeneration() override { return 0; }
  uint8_t ConfigByte(size_t offset) override {
    Check(offset < device_.config.size(), "the configuration has that byte");
    return device_.config[offset];
  }

 private:
  Device& device_;
};

class Client final : public NetDevice::Client {
 public:
  void OnFrame(std::unique_ptr<IOBuf> frame, ReceivedChecksum) override {
    size_t length = frame->ChainLength();
    Check(length <= NetDevice::kLargestFrame, "frames have a largest size");
    Check(frame->ToString().size() == length, "a frame's bytes are there");
    if (kept_.size() < 64) kept_.push_back(std::move(frame));
  }
  void OnTransmitted(void* token) override {
    Check(in_flight_.erase(token) == 1, "a token comes back, once");
    delete static_cast<Frame*>(token);
  }
  void OnInterrupt() override {}
  void OnFailed(const std::string& why) override {
    Check(!why.empty(), "a failure has a reason");
    Check(++failures_ == 1, "a failure is told once");
  }

  void Send(NetDevice& device, size_t pieces, size_t size) {
    auto frame = std::make_unique<Frame>();
    std::vector<Piece> list;
    for (size_t i = 0; i < pieces; ++i) {
      frame->parts.emplace_back(sizeof(NetHeader) + size, 's');
      list.push_back({reinterpret_cast<uint64_t>(frame->parts[i].data()),
                      static_cast<uint32_t>(frame->parts[i].size())});
    }
    auto* header = reinterpret_cast<NetHeader*>(frame->parts[0].data());
    if (device.Transmit(list, header, {}, frame.get())) {
      in_flight_.insert(frame.release());
    }
  }
  void Drop() { kept_.clear(); }
  bool HasAllBack() const { return in_flight_.empty(); }

 private:
  struct Frame {
    std::vector<std::string> parts;
  };
  std::vector<std::unique_ptr<IOBuf>> kept_;
  std::set<void*> in_flight_;
  int failures_ = 0;
};

constexpr std::array<uint32_t, 8> kInteresting = {0,
                                                  1,
                                                  11,
                                                  12,
                                                  BufferPool::kBufferSize,
                                                  BufferPool::kBufferSize + 1,
                                                  0xFFFF,
                                                  0xFFFFFFFF};

/// The place of the queue that frames come by (VirtIO 1.2 §5.1.2).
constexpr size_t kReceive = 0;

/// The device uses a chain that it was given, with a header and bytes of its
/// own, and says any length.
void UseGiven(Device& device, size_t index, Bytes& input) {
  QueueMemory& queue = device.queues[index];
  auto head = queue.Next(input.Next());
  if (!head) return;
  auto bytes = input.Take(input.Next());
  if (index == kReceive) queue.Fill(*head, bytes);
  uint8_t length = input.Next();
  queue.Use(*head, length < 0xF0 ? length * 16u : kInteresting[length % 8]);
}

void Step(NetDevice& driver, Client& client, Device& device, Bytes& input) {
  uint8_t what = input.Next();
  QueueMemory& queue = device.queues[what >> 7];
  switch (what & 0xF) {
    case 0:
    case 1:
      if (!device.ended) UseGiven(device, what >> 7, input);
      break;
    case 2:
      if (!device.ended) {
        uint32_t id = input.Number<uint16_t>();
        queue.Use(id, kInteresting[input.Next() % 8]);
      }
      break;
    case 3:
      if (!device.ended) {
        size_t at = input.Number<uint16_t>();
        queue.Spoil(at, input.Next());
      }
      break;
    case 4:
    case 5:
      driver.Receive(input.Next() % 64 + 1);
      break;
    case 6:
      driver.Refill();
      break;
    case 7:
    case 8: {
      size_t pieces = input.Next() % NetDevice::kMostPieces + 1;
      client.Send(driver, pieces, input.Next());
      break;
    }
    case 9:
      driver.Kick();
      break;
    case 10:
      driver.Reclaim();
      break;
    case 11:
      (void)driver.WantTransmitRoom();
      break;
    case 12:
      (void)driver.EnableReceiveInterrupts();
      break;
    case 13:
      driver.DisableReceiveInterrupts();
      driver.DontWantTransmitRoom();
      break;
    case 14:
      client.Drop();
      break;
    default:
      (void)driver.HasReceived();
      Check(driver.OldestInFlight() <= driver.NextSequence(),
            "what is in flight was sent");
      break;
  }
  if (!device.ended) {
    for (QueueMemory& each : device.queues) each.Read();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  Bytes input(data, size);
  Device device;
  device.offered = input.Number<uint64_t>();
  for (uint16_t& limit : device.limits) limit = input.Number<uint16_t>() % 300;
  for (uint8_t& byte : device.config) byte = input.Next();
  device.refuses = input.Next() == 0xFF;

  BufferPool pool;
  {
    Client client;
    std::unique_ptr<NetDevice> driver;
    try {
      driver = std::make_unique<NetDevice>(
          std::make_unique<HostileTransport>(device), WantedNetFeatures(""),
          pool, client);
    } catch (const std::runtime_error& error) {
      Check(error.what()[0] != '\0', "a refusal has a reason");
      return 0;
    }
    Check(driver->Mtu() >= 68 && driver->Mtu() <= 1500, "an MTU can be");
    driver->Start();
    for (QueueMemory& queue : device.queues) queue.Read();
    while (!input.AtEnd()) Step(*driver, client, device, input);
    driver.reset();
    Check(client.HasAllBack(), "all that was sent comes back");
  }
  Check(pool.Outstanding() == 0, "no buffer is lost");
  return 0;
}
