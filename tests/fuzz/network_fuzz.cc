// Fuzzes lwIP as back-ends have it, with our patches and configuration: an
// interface with a listener, a UDP port and an established connection gets
// frames, one after the other, in one buffer or cut into several; between them
// time passes, the application sends, or connects itself. What the fast path of
// TCP expects goes that way.
//
// A frame's buffer ends where the frame does, so that the sanitizer sees a look
// beyond. At the end the node still answers a SYN, and when all connections are
// gone and time is over, every buffer has come back.
#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/init.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/dhcp.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "lwip_hooks.h"
#include "native/network/fast_path.h"
#include "native/network/frame_buffers.h"
#include "native/virtio/buffer_pool.h"
#include "netif/ethernet.h"
#include "tcp_table.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/fuzz.h"

namespace {

using ebbrt::IOBuf;
using ebbrt::fuzz::Bytes;
using ebbrt::fuzz::Check;
using ebbrt::virtio::BufferPool;
using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr uint16_t kPort = 7;
constexpr uint16_t kPeerPort = 1000;
constexpr uint16_t kLastPort = 0xBEEF;  // of the SYN at the end
constexpr uint32_t kOurFirst = 0x10000000;
constexpr uint32_t kPeerFirst = 0x20000000;
constexpr size_t kEthernet = SIZEOF_ETH_HDR;
constexpr auto kOurMac = "\x02\0\0\0\0\x02"sv;
constexpr auto kPeerMac = "\x02\0\0\0\0\x01"sv;
constexpr auto kOurIp = "\x0a\0\0\x02"sv;
constexpr auto kPeerIp = "\x0a\0\0\x01"sv;

// --- frames ------------------------------------------------------------------

std::string Big16(uint16_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
std::string Big32(uint32_t value) {
  return Big16(static_cast<uint16_t>(value >> 16)) +
         Big16(static_cast<uint16_t>(value));
}

std::string Ethernet(uint16_t type, std::string_view packet) {
  return std::string(kOurMac)
      .append(kPeerMac)
      .append(Big16(type))
      .append(packet);
}

/// Puts the sum of an IPv4 header right, if there is a whole one.
void SumIp4(std::string& frame) {
  if (frame.size() < kEthernet + IP_HLEN || frame[12] != 8 || frame[13] != 0) {
    return;
  }
  auto* header = reinterpret_cast<uint8_t*>(frame.data()) + kEthernet;
  int length = (header[0] & 15) * 4;
  if (kEthernet + static_cast<size_t>(length) > frame.size()) return;
  header[10] = header[11] = 0;
  auto sum = static_cast<uint16_t>(~ebbrt_lwip_sum(header, length));
  std::memcpy(header + 10, &sum, sizeof sum);
}

/// A segment of the peer's; its sum is not made.
std::string Segment(uint16_t from, uint32_t seq, uint32_t ack, uint8_t flags,
                    uint16_t window, std::string_view options,
                    std::string_view data) {
  size_t header = TCP_HLEN + options.size() / 4 * 4;
  std::string segment = Big16(from) + Big16(kPort) + Big32(seq) + Big32(ack);
  segment += static_cast<char>(header / 4 << 4);
  segment += static_cast<char>(flags);
  segment += Big16(window) + std::string(4, '\0');
  segment.append(options.substr(0, header - TCP_HLEN)).append(data);
  std::string ip =
      "\x45\0"s + Big16(static_cast<uint16_t>(IP_HLEN + segment.size()));
  ip.append("\0\1\0\0\x40\x06\0\0"sv).append(kPeerIp).append(kOurIp);
  return Ethernet(ETHTYPE_IP, ip + segment);
}

std::string ArpReply() {
  return Ethernet(ETHTYPE_ARP, std::string("\0\1\x08\0\6\4\0\2"sv)
                                   .append(kPeerMac)
                                   .append(kPeerIp)
                                   .append(kOurMac)
                                   .append(kOurIp));
}

/// A DHCP server's message with these options; `address` is what it leases.
std::string DhcpMessage(uint32_t transaction, uint32_t address,
                        std::string_view options) {
  std::string message = "\2\1\6\0"s + Big32(transaction);
  message += std::string(8, '\0') + Big32(address) + std::string(8, '\0');
  message.append(kOurMac);
  message.resize(DHCP_FILE_OFS + DHCP_FILE_LEN);
  message += Big32(DHCP_MAGIC_COOKIE);
  message.append(options);
  auto length = static_cast<uint16_t>(UDP_HLEN + message.size());
  std::string udp = "\0\x43\0\x44"s + Big16(length) + Big16(0);
  std::string ip = "\x45\0"s + Big16(IP_HLEN + length);
  ip.append("\0\1\0\0\x40\x11\0\0"sv).append(kPeerIp).append(4, '\xFF');
  return Ethernet(ETHTYPE_IP, ip + udp + message);
}

// --- the node ----------------------------------------------------------------

BufferPool* pool;
netif interface;
uint32_t random_state;
uint32_t now;
std::deque<std::string> replies;  // of the neighbour, when the node is done
bool last_answered;

err_t Output(netif*, pbuf* frame) {
  size_t length = 0;
  for (const pbuf* p = frame; p != nullptr; p = p->next) length += p->len;
  Check(length == frame->tot_len, "a frame is as long as its parts");
  std::string bytes(length, '\0');
  pbuf_copy_partial(frame, bytes.data(), frame->tot_len, 0);
  Check(length >= kEthernet, "a frame has a header");
  auto at = [&bytes](size_t i, std::string_view text) {
    return std::string_view(bytes)
        .substr(std::min(i, bytes.size()))
        .starts_with(text);
  };
  if (at(12, "\x08\x06"sv) && at(20, "\0\1"sv) && at(38, kPeerIp)) {
    replies.push_back(ArpReply());
  }
  if (at(12, "\x08\0\x45"sv) && at(23, "\x06"sv) && at(36, Big16(kLastPort))) {
    last_answered = true;
  }
  return ERR_OK;
}

err_t StartInterface(netif* started) {
  started->name[0] = 'f';
  started->name[1] = 'z';
  started->mtu = 1500;
  started->hwaddr_len = ETH_HWADDR_LEN;
  std::memcpy(started->hwaddr, kOurMac.data(), kOurMac.size());
  started->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP |
                   NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP | NETIF_FLAG_MLD6;
  started->output = &etharp_output;
  started->output_ip6 = &ethip6_output;
  started->linkoutput = &Output;
  return ERR_OK;
}

/// Answers what it gets with as much, up to a line.
err_t OnReceived(void*, tcp_pcb* pcb, pbuf* data, err_t) {
  if (data == nullptr) {
    tcp_recv(pcb, nullptr);
    tcp_close(pcb);
    return ERR_OK;
  }
  static constexpr char kLine[64] = {};
  uint16_t length = data->tot_len;
  auto bytes = ebbrt::network::TakeFromPbufs(data);
  Check(length == (bytes == nullptr ? 0 : bytes->ChainLength()),
        "the data is as long as it is said to be");
  if (bytes != nullptr) (void)bytes->ToString();
  tcp_recved(pcb, length);
  tcp_write(pcb, kLine, std::min<uint16_t>(length, sizeof kLine),
            TCP_WRITE_FLAG_COPY);
  return ERR_OK;
}

err_t OnAccepted(void*, tcp_pcb* pcb, err_t error) {
  if (pcb == nullptr || error != ERR_OK) return ERR_VAL;
  tcp_recv(pcb, &OnReceived);
  return ERR_OK;
}

void OnDatagram(void*, udp_pcb* pcb, pbuf* data, const ip_addr_t* from,
                u16_t port) {
  udp_sendto(pcb, data, from, port);
  pbuf_free(data);
}

/// `bytes` in a buffer of the pool, from `offset` on, and nothing behind them.
std::unique_ptr<IOBuf> Show(std::string_view bytes, size_t offset) {
  BufferPool::Block* block = pool->Get();
  std::byte* to = BufferPool::Bytes(block);
  ASAN_UNPOISON_MEMORY_REGION(to, BufferPool::kBufferSize);
  std::memcpy(to + offset, bytes.data(), bytes.size());
  ASAN_POISON_MEMORY_REGION(to + offset + bytes.size(),
                            BufferPool::kBufferSize - offset - bytes.size());
  return BufferPool::Show(block, offset, bytes.size());
}

/// How frames come in.
struct Way {
  size_t piece = BufferPool::kBufferSize;
  bool verified = false;
  bool sums_right = true;  // the header's is made, others not looked at
};

/// As network::Interface does with a frame of its device.
void Receive(std::string frame, const Way& way) {
  if (way.sums_right) SumIp4(frame);
  std::unique_ptr<IOBuf> chain;
  size_t offset = sizeof(ebbrt::virtio::NetHeader);
  for (std::string_view rest = frame; !rest.empty(); offset = 0) {
    auto part =
        rest.substr(0, std::min(way.piece, BufferPool::kBufferSize - offset));
    rest.remove_prefix(part.size());
    chain = ebbrt::JoinChains(std::move(chain), Show(part, offset));
  }
  if (chain == nullptr) return;
  if (way.verified) {
    if (tcp_pcb* pcb = ebbrt::network::FindExpecting(*chain, interface)) {
      ebbrt::network::ReceiveExpected(*pcb, chain);
      if (chain != nullptr) tcp_recved(pcb, chain->ToString().size());
      return;
    }
  }
  u16_t checks = NETIF_CHECKSUM_ENABLE_ALL;
  if (way.verified) {
    checks &= ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP);
  }
  if (way.sums_right) {
    checks &= ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP |
                NETIF_CHECKSUM_CHECK_ICMP | NETIF_CHECKSUM_CHECK_ICMP6);
  }
  NETIF_SET_CHECKSUM_CTRL(&interface, checks);
  pbuf* p = ebbrt::network::WrapInPbufs(std::move(chain));
  if (interface.input(p, &interface) != ERR_OK) pbuf_free(p);
}

/// The neighbour's answers to what the node has asked.
void Settle() {
  for (int i = 0; i < 8 && !replies.empty(); ++i) {
    std::string reply = std::move(replies.front());
    replies.pop_front();
    Receive(reply, {});
  }
  replies.clear();
}

/// A second of lwIP's clocks.
void Tick() {
  now += 1000;
  for (int i = 0; i < 1000 / TCP_TMR_INTERVAL; ++i) tcp_tmr();
  etharp_tmr();
  ip_reass_tmr();
  nd6_tmr();
  ip6_reass_tmr();
  for (int i = 0; i < 1000 / MLD6_TMR_INTERVAL; ++i) mld6_tmr();
  for (int i = 0; i < 1000 / DHCP_FINE_TIMER_MSECS; ++i) dhcp_fine_tmr();
}

void AddAddress6(s8_t place, uint32_t first) {
  netif_ip6_addr_set_parts(&interface, place, PP_HTONL(first), 0, 0,
                           PP_HTONL(2));
  if (ip6_addr_islinklocal(netif_ip6_addr(&interface, place))) {
    ip6_addr_assign_zone(ip_2_ip6(&interface.ip6_addr[place]), IP6_UNICAST,
                         &interface);
  }
  netif_ip6_addr_set_state(&interface, place, IP6_ADDR_PREFERRED);
}

enum class Address4 { kStatic, kLeased };

void Begin(Address4 by) {
  random_state = 1;
  ip4_addr_t address{}, mask{}, gateway{};
  if (by == Address4::kStatic) {
    std::memcpy(&address, kOurIp.data(), kOurIp.size());
    std::memcpy(&gateway, kPeerIp.data(), kPeerIp.size());
    IP4_ADDR(&mask, 255, 255, 255, 0);
  }
  netif_add(&interface, &address, &mask, &gateway, nullptr, &StartInterface,
            &ethernet_input);
  netif_set_default(&interface);
  netif_set_up(&interface);
  AddAddress6(0, 0xFE800000);
  AddAddress6(1, 0xFD000000);
  netif_set_ip6_autoconfig_enabled(&interface, 1);
  Receive(ArpReply(), {});
  if (by == Address4::kLeased) {
    dhcp_start(&interface);
  } else {
    Receive(Segment(kPeerPort, kPeerFirst, 0, TCP_SYN, 65535, "", ""), {});
    Settle();
    Receive(Segment(kPeerPort, kPeerFirst + 1, kOurFirst + 1, TCP_ACK, 65535,
                    "", ""),
            {});
    Check(tcp_active_pcbs != nullptr && tcp_active_pcbs->state == ESTABLISHED,
          "a connection is there to begin with");
  }
}

void AbortAll() {
  while (tcp_active_pcbs != nullptr) tcp_abort(tcp_active_pcbs);
  while (tcp_tw_pcbs != nullptr) tcp_abort(tcp_tw_pcbs);
}

void End(Address4 by) {
  AbortAll();
  if (by == Address4::kStatic) {
    last_answered = false;
    Receive(Segment(kLastPort, kPeerFirst, 0, TCP_SYN, 65535, "", ""), {});
    Settle();
    Check(last_answered, "a SYN is answered");
    AbortAll();
  }
  for (int i = 0; i <= std::max<int>(IP_REASS_MAXAGE, IPV6_REASS_MAXAGE) + 1;
       ++i) {
    ip_reass_tmr();
    ip6_reass_tmr();
  }
  if (by == Address4::kLeased) {
    dhcp_release_and_stop(&interface);
    dhcp_cleanup(&interface);
  }
  netif_remove(&interface);
  replies.clear();
  Check(pool->Outstanding() == 0, "no buffer is lost");
}

void Connect(uint16_t port) {
  tcp_pcb* pcb = tcp_new();
  ip_addr_t peer{};
  IP_ADDR4(&peer, 10, 0, 0, 1);
  if (tcp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK) {
    tcp_abort(pcb);
    return;
  }
  tcp_recv(pcb, &OnReceived);
  if (tcp_connect(pcb, &peer, kPeerPort, [](void*, tcp_pcb*, err_t) -> err_t {
        return ERR_OK;
      }) != ERR_OK) {
    tcp_abort(pcb);
  }
}

void Send(uint16_t bytes) {
  static const std::string kBytes(65535, 's');
  tcp_pcb* pcb = tcp_active_pcbs;
  if (pcb == nullptr) return;
  tcp_write(pcb, kBytes.data(), bytes, TCP_WRITE_FLAG_COPY);
  tcp_output(pcb);
}

void Step(Bytes& input, const Way& way) {
  switch (input.Next() % 10) {
    case 0:
      Receive(std::string(input.Take(input.Number<uint16_t>() % 4096)), way);
      break;
    case 1:
      Receive(Ethernet(ETHTYPE_IP, input.Take(input.Number<uint16_t>() % 4096)),
              way);
      break;
    case 2:
      Receive(
          Ethernet(ETHTYPE_IPV6, input.Take(input.Number<uint16_t>() % 4096)),
          way);
      break;
    case 3: {
      // On the connection: numbers near those that are expected.
      auto seq =
          kPeerFirst + 1 + static_cast<uint32_t>(input.Number<int16_t>());
      auto ack = kOurFirst + 1 + static_cast<uint32_t>(input.Number<int16_t>());
      uint8_t flags = input.Next();
      auto window = input.Number<uint16_t>();
      auto options = input.Take(input.Next() % 41);
      Receive(Segment(kPeerPort, seq, ack, flags, window, options,
                      input.Take(input.Number<uint16_t>() % 2048)),
              way);
      break;
    }
    case 4:
      Receive(Ethernet(ETHTYPE_ARP, input.Take(input.Next() % 64)), way);
      break;
    case 5:
      for (int left = input.Next() % 64 + 1; left > 0; --left) Tick();
      break;
    case 6:
      Send(input.Number<uint16_t>());
      break;
    case 7:
      Connect(static_cast<uint16_t>(kPort + input.Next()));
      break;
    case 8: {
      const dhcp* client = netif_dhcp_data(&interface);
      auto address = input.Number<uint32_t>();
      Receive(DhcpMessage(client == nullptr ? 0 : client->xid, address,
                          input.Take(input.Number<uint16_t>() % 1024)),
              way);
      break;
    }
    default:
      if (tcp_active_pcbs != nullptr) tcp_close(tcp_active_pcbs);
      break;
  }
  Settle();
}

}  // namespace

// --- what lwIP and the fast path ask of the rest -----------------------------

extern "C" {

u32_t sys_now() { return now; }
void sys_timeouts_init() {}
void tcp_timer_needed() {}

uint32_t ebbrt_lwip_random() {
  return random_state = random_state * 1664525 + 1013904223;
}

u32_t ebbrt_tcp_initial_sequence(const ip_addr_t*, u16_t, const ip_addr_t*,
                                 u16_t) {
  return kOurFirst;
}

void ebbrt_lwip_assertion(const char* file, int line) {
  std::fprintf(stderr, "%s:%d: an assertion of lwIP failed\n", file, line);
  std::abort();
}

const ip6_addr_t* ebbrt_ipv6_gateway(netif*) { return nullptr; }

int LLVMFuzzerInitialize(int*, char***) {
  lwip_init();
  pool = new BufferPool;
  // The table of connections draws its seed with the first one.
  tcp_pcb first{};
  tcp_table_add(&first);
  tcp_table_remove(&first);
  tcp_pcb* listener = tcp_new_ip_type(IPADDR_TYPE_ANY);
  tcp_bind(listener, IP_ANY_TYPE, kPort);
  tcp_accept(tcp_listen(listener), &OnAccepted);
  udp_pcb* datagrams = udp_new_ip_type(IPADDR_TYPE_ANY);
  udp_bind(datagrams, IP_ANY_TYPE, kPort);
  udp_recv(datagrams, &OnDatagram, nullptr);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 8192) return 0;
  Bytes input(data, size);
  uint8_t flags = input.Next();
  uint8_t piece = input.Next();
  Way way;
  if (piece != 0) way.piece = piece;
  way.verified = (flags & 1) != 0;
  way.sums_right = (flags & 2) == 0;
  auto by = (flags & 4) != 0 ? Address4::kLeased : Address4::kStatic;
  Begin(by);
  while (!input.AtEnd()) Step(input, way);
  End(by);
  return 0;
}

}  // extern "C"
