#include "apps/memcached/udp_server.h"

#include <cstring>
#include <new>
#include <utility>

#include "apps/memcached/big_endian.h"
#include "apps/memcached/session.h"
#include "apps/memcached/storable.h"
#include "platform/clock.h"

namespace ebbrt::memcached {
namespace {

struct DatagramHeader {
  BigEndian<uint16_t> id;
  BigEndian<uint16_t> number;
  BigEndian<uint16_t> count;
  BigEndian<uint16_t> reserved;
};
static_assert(sizeof(DatagramHeader) == 8 && alignof(DatagramHeader) == 1);

/// As memcached: with all headers it fits an Ethernet frame.
constexpr size_t kMaxPayload = 1400 - sizeof(DatagramHeader);
/// Longer answers are not given: a datagram that begs for megabytes may come
/// from anybody.
constexpr size_t kMaxAnswer = 2 << 20;

}  // namespace

UdpServer::UdpServer(uint16_t port, Service& service)
    : service_(service),
      socket_(network_manager->BindUdp(
          port, [this](Endpoint from, std::unique_ptr<IOBuf> datagram) {
            Answer(from, std::move(datagram));
          })) {}

void UdpServer::Answer(Endpoint from, std::unique_ptr<IOBuf> datagram) {
  DatagramHeader header;
  // Without a whole header nobody knows whom an answer would be for.
  if (datagram == nullptr || datagram->ChainLength() <= sizeof header) return;
  service_.counters.Mine().bytes_read += datagram->ChainLength();
  datagram->CopyOut(std::as_writable_bytes(std::span(&header, 1)));
  uint16_t id = header.id.Get();
  try {
    if (header.count.Get() != 1) return;
    DropFront(datagram, sizeof header);
    auto session = Session::For(*datagram, service_);
    session->Feed(std::move(datagram));
    ReplyBatch replies;
    if (session->Answer(replies, kMaxAnswer, Clock::now()) ==
        Session::Progress::kFull) {
      return;
    }
    if (replies.Bytes() > 0) Send(from, id, replies.Take());
  } catch (const std::bad_alloc&) {
    // Lost, as the network may.
  }
}

void UdpServer::Send(Endpoint to, uint16_t id, std::unique_ptr<IOBuf> answer) {
  size_t size = answer->ChainLength();
  service_.counters.Mine().bytes_written += size;
  size_t count = (size + kMaxPayload - 1) / kMaxPayload;
  for (size_t number = 0; number < count; ++number) {
    DatagramHeader header{.id = id,
                          .number = static_cast<uint16_t>(number),
                          .count = static_cast<uint16_t>(count),
                          .reserved = {}};
    auto datagram = IOBuf::Copy(std::as_bytes(std::span(&header, 1)));
    auto rest = size - number * kMaxPayload;
    datagram->AppendChain(SplitChain(answer, std::min(rest, kMaxPayload)));
    socket_->SendTo(to, std::move(datagram));
  }
}

}  // namespace ebbrt::memcached
