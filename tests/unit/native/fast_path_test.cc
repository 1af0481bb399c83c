// The fast path of TCP against lwIP's own way: two connections, alike but for
// the peer's port, get the same segments and send the same bytes, one by either
// way. Their control blocks and what they sent must agree after every step.
#include "native/network/fast_path.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/network_manager.h"
#include "lwip/etharp.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip4.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"
#include "native/network/frame_buffers.h"
#include "tests/unit/native/fake_interface.h"

namespace ebbrt::network {
namespace {

constexpr uint32_t kOurs = PP_HTONL(LWIP_MAKEU32(10, 99, 0, 1));
constexpr uint32_t kPeers = PP_HTONL(LWIP_MAKEU32(10, 99, 0, 2));
constexpr uint16_t kPort = 11211;
constexpr uint32_t kFirstSent = 0xFFFFF000;      // soon wraps
constexpr uint32_t kFirstReceived = 0xFFFFFA00;  // likewise
constexpr uint16_t kRing = 32;
constexpr size_t kHeaders = SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN;

/// A segment of the peer's, in host order.
struct Segment {
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint16_t window = 0xFFFF;
  uint8_t flags = TCP_ACK;
  std::string data;
  std::string options;
};

/// What of a sent segment must be the same by both ways.
struct SentSegment {
  uint32_t seq, ack;
  uint16_t window, ip_offset;
  uint8_t flags, ttl, tos;
  std::string data;
  bool operator==(const SentSegment&) const = default;
};

std::string Frame(const Segment& segment, uint16_t peers_port) {
  std::string bytes(kHeaders, '\0');
  size_t tcp_length = TCP_HLEN + segment.options.size();
  eth_hdr ethernet{};
  ethernet.src.addr[5] = 2;
  ethernet.type = PP_HTONS(ETHTYPE_IP);
  ip_hdr ip{};
  ip._v_hl = 0x45;
  ip._len = lwip_htons(IP_HLEN + tcp_length + segment.data.size());
  ip._ttl = 64;
  ip._proto = IP_PROTO_TCP;
  ip.src.addr = kPeers;
  ip.dest.addr = kOurs;
  ip._chksum = inet_chksum(&ip, sizeof ip);
  tcp_hdr tcp{};
  tcp.src = lwip_htons(peers_port);
  tcp.dest = lwip_htons(kPort);
  tcp.seqno = lwip_htonl(segment.seq);
  tcp.ackno = lwip_htonl(segment.ack);
  tcp.wnd = lwip_htons(segment.window);
  TCPH_HDRLEN_FLAGS_SET(&tcp, tcp_length / 4, segment.flags);
  std::memcpy(bytes.data(), &ethernet, sizeof ethernet);
  std::memcpy(bytes.data() + SIZEOF_ETH_HDR, &ip, sizeof ip);
  std::memcpy(bytes.data() + SIZEOF_ETH_HDR + IP_HLEN, &tcp, sizeof tcp);
  return bytes + segment.options + segment.data;
}

/// Puts the sum of a frame's IPv4 header right.
void SumAgain(std::string& frame) {
  ip_hdr ip;
  std::memcpy(&ip, frame.data() + SIZEOF_ETH_HDR, sizeof ip);
  ip._chksum = 0;
  ip._chksum = inet_chksum(&ip, sizeof ip);
  std::memcpy(frame.data() + SIZEOF_ETH_HDR, &ip, sizeof ip);
}

class FastPathTest : public FakeInterfaceTest {
 protected:
  struct Connection {
    tcp_pcb* pcb = nullptr;
    uint16_t peers_port = 0;
    std::string received;
    size_t acknowledged = 0;
    std::vector<SentSegment> sent;
  };

  FastPathTest() : FakeInterfaceTest(kRing) {
    network_manager->Address();  // lwIP's timer needs a stack
    ip4_addr_t address{kOurs};
    ip4_addr_t mask{PP_HTONL(LWIP_MAKEU32(255, 255, 255, 0))};
    ip4_addr_t none{0};
    netif_set_addr(Link(), &address, &mask, &none);
    netif_set_up(Link());
    NETIF_SET_CHECKSUM_CTRL(Link(),
                            NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_GEN_IP);
    fast_.peers_port = 40001;
    lwip_.peers_port = 40002;
    Open(fast_);
    Open(lwip_);
    MeetPeer();
  }

  ~FastPathTest() override {
    for (Connection* connection : {&fast_, &lwip_}) {
      if (connection->pcb != nullptr) tcp_abort(connection->pcb);
    }
    Drain();
    interface_.reset();
  }

  netif* Link() { return interface_->Netif(); }

  void Open(Connection& connection) {
    tcp_pcb* pcb = tcp_new();
    ASSERT_NE(pcb, nullptr);
    pcb->local_ip = IPADDR4_INIT(kOurs);
    pcb->remote_ip = IPADDR4_INIT(kPeers);
    pcb->local_port = kPort;
    pcb->remote_port = connection.peers_port;
    pcb->state = ESTABLISHED;
    pcb->rcv_nxt = pcb->rcv_ann_right_edge = kFirstReceived;
    pcb->rcv_ann_right_edge += pcb->rcv_ann_wnd;
    pcb->snd_nxt = pcb->snd_lbb = pcb->lastack = kFirstSent;
    pcb->snd_wl1 = kFirstReceived - 1;
    pcb->snd_wl2 = kFirstSent;
    pcb->snd_wnd = pcb->snd_wnd_max = 30000;
    pcb->mss = 1460;
    pcb->cwnd = 10 * 1460;
    pcb->ssthresh = 20 * 1460;
    tcp_set_flags(pcb, TF_WND_SCALE);
    pcb->snd_scale = 2;
    pcb->rcv_scale = TCP_RCV_SCALE;
    tcp_nagle_disable(pcb);
    tcp_arg(pcb, &connection);
    tcp_recv(pcb, [](void* self, tcp_pcb* from, pbuf* data, err_t) -> err_t {
      if (data == nullptr) return ERR_OK;
      std::string bytes(data->tot_len, '\0');
      pbuf_copy_partial(data, bytes.data(), data->tot_len, 0);
      static_cast<Connection*>(self)->received += bytes;
      tcp_recved(from, data->tot_len);
      pbuf_free(data);
      return ERR_OK;
    });
    tcp_sent(pcb, [](void* self, tcp_pcb*, u16_t bytes) -> err_t {
      static_cast<Connection*>(self)->acknowledged += bytes;
      return ERR_OK;
    });
    tcp_err(pcb, [](void* self, err_t) {
      static_cast<Connection*>(self)->pcb = nullptr;
    });
    TCP_REG_ACTIVE(pcb);
    connection.pcb = pcb;
  }

  /// The peer asks for our address, so that we know its.
  void MeetPeer() {
    ip4_addr_t peer{kPeers};
    std::string frame(SIZEOF_ETH_HDR + 28, '\0');
    constexpr uint8_t kRequest[] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2};
    frame[6] = frame[11] = 2;
    frame[12] = 8;
    frame[13] = 6;
    std::memcpy(frame.data() + 14, kRequest, sizeof kRequest);
    std::memcpy(frame.data() + 28, &kPeers, 4);
    std::memcpy(frame.data() + 38, &kOurs, 4);
    GiveToLwip(frame);
    Drain();
    NextHop hop;
    ASSERT_NE(etharp_fresh(Link(), &peer, &hop.hint), nullptr);
  }

  void GiveToLwip(const std::string& frame) {
    pbuf* p = WrapInPbufs(IOBuf::Copy(frame));
    ASSERT_NE(p, nullptr);
    if (Link()->input(p, Link()) != ERR_OK) pbuf_free(p);
  }

  /// By the fast path if it takes the segment; whether it did.
  bool ReceiveFast(const Segment& segment) {
    auto frame = IOBuf::Copy(Frame(segment, fast_.peers_port));
    tcp_pcb* pcb = FindExpecting(*frame, *Link());
    if (pcb == nullptr) {
      GiveToLwip(frame->ToString());
      return false;
    }
    EXPECT_EQ(pcb, fast_.pcb);
    fast_.acknowledged += ReceiveExpected(*pcb, frame);
    if (frame != nullptr) {
      fast_.received += frame->ToString();
      tcp_recved(pcb, frame->Length());
    }
    tcp_output(pcb);
    return true;
  }

  bool Receive(const Segment& segment) {
    bool taken = ReceiveFast(segment);
    GiveToLwip(Frame(segment, lwip_.peers_port));
    return taken;
  }

  /// Sends the pieces together, by the fast path if it takes them; whether it
  /// did.
  bool Send(const std::vector<std::string>& pieces) {
    std::unique_ptr<IOBuf> chain;
    size_t bytes = 0;
    for (const auto& piece : pieces) {
      chain = JoinChains(std::move(chain), IOBuf::Copy(piece));
      bytes += piece.size();
    }
    Sent sent = SendSegment(*fast_.pcb, *interface_, hop_, *chain, 0, bytes);
    if (sent == Sent::kNot) Write(*fast_.pcb, *chain);
    auto same = chain->Clone();
    Write(*lwip_.pcb, *same);
    keep_.push_back(std::move(chain));
    keep_.push_back(std::move(same));
    return sent != Sent::kNot;
  }

  static void Write(tcp_pcb& pcb, const IOBuf& chain) {
    const IOBuf* i = &chain;
    do {
      bool last = i->Next() == &chain;
      u8_t flags = last ? 0 : TCP_WRITE_FLAG_MORE;
      if (i->Length() <= kCopyLimit) flags |= TCP_WRITE_FLAG_COPY;
      if (tcp_write(&pcb, i->Data(), i->Length(), flags) != ERR_OK) break;
      i = i->Next();
    } while (i != &chain);
    tcp_output(&pcb);
  }

  /// The device sends what it has been shown; notes the segments.
  void Drain() {
    interface_->Kick();
    while (auto chain = fake_.queues[1].Next()) {
      std::string bytes;
      for (auto [at, length] : chain->readable) {
        bytes.append(reinterpret_cast<const char*>(at), length);
      }
      fake_.queues[1].Use(chain->id, 0);
      Note(bytes.substr(sizeof(virtio::NetHeader)));
    }
    interface_->Reclaim();
  }

  void Note(const std::string& frame) {
    ip_hdr ip;
    tcp_hdr tcp;
    if (frame.size() < kHeaders) return;
    std::memcpy(&ip, frame.data() + SIZEOF_ETH_HDR, sizeof ip);
    if (ip._v_hl != 0x45 || ip._proto != IP_PROTO_TCP) return;
    std::memcpy(&tcp, frame.data() + SIZEOF_ETH_HDR + IP_HLEN, sizeof tcp);
    EXPECT_EQ(inet_chksum(&ip, sizeof ip), 0);
    EXPECT_EQ(lwip_ntohs(ip._len), frame.size() - SIZEOF_ETH_HDR);
    EXPECT_EQ(frame[5], 2) << "the peer's Ethernet address";
    // The device's part is still missing: RFC 793's pseudo-header alone.
    struct {
      uint32_t from, to;
      uint16_t protocol, length;
    } pseudo{ip.src.addr, ip.dest.addr, PP_HTONS(IP_PROTO_TCP),
             lwip_htons(frame.size() - SIZEOF_ETH_HDR - IP_HLEN)};
    EXPECT_EQ(tcp.chksum,
              static_cast<uint16_t>(~inet_chksum(&pseudo, sizeof pseudo)));
    uint16_t port = lwip_ntohs(tcp.dest);
    for (Connection* connection : {&fast_, &lwip_}) {
      if (connection->peers_port != port) continue;
      connection->sent.push_back(
          {lwip_ntohl(tcp.seqno), lwip_ntohl(tcp.ackno), lwip_ntohs(tcp.wnd),
           ip._offset, static_cast<uint8_t>(TCPH_FLAGS(&tcp)), ip._ttl, ip._tos,
           frame.substr(SIZEOF_ETH_HDR + IP_HLEN + TCPH_HDRLEN_BYTES(&tcp))});
    }
  }

  static int64_t Count(const tcp_seg* segment) {
    int64_t count = 0;
    for (; segment != nullptr; segment = segment->next) ++count;
    return count;
  }
  static int64_t Bytes(const tcp_seg* segment) {
    int64_t bytes = 0;
    for (; segment != nullptr; segment = segment->next) bytes += segment->len;
    return bytes;
  }

  /// What of a control block must be the same by both ways.
  static std::vector<std::pair<const char*, int64_t>> Fields(
      const tcp_pcb& pcb) {
    return {{"state", pcb.state},
            {"flags", pcb.flags},
            {"tmr", pcb.tmr},
            {"polltmr", pcb.polltmr},
            {"rcv_nxt", pcb.rcv_nxt},
            {"rcv_wnd", pcb.rcv_wnd},
            {"rcv_ann_wnd", pcb.rcv_ann_wnd},
            {"rcv_ann_right_edge", pcb.rcv_ann_right_edge},
            {"rtime", pcb.rtime},
            {"rttest", pcb.rttest},
            {"rtseq", pcb.rtseq},
            {"sa", pcb.sa},
            {"sv", pcb.sv},
            {"rto", pcb.rto},
            {"nrtx", pcb.nrtx},
            {"dupacks", pcb.dupacks},
            {"lastack", pcb.lastack},
            {"cwnd", pcb.cwnd},
            {"ssthresh", pcb.ssthresh},
            {"bytes_acked", pcb.bytes_acked},
            {"snd_nxt", pcb.snd_nxt},
            {"snd_wl1", pcb.snd_wl1},
            {"snd_wl2", pcb.snd_wl2},
            {"snd_lbb", pcb.snd_lbb},
            {"snd_wnd", pcb.snd_wnd},
            {"snd_wnd_max", pcb.snd_wnd_max},
            {"snd_buf", pcb.snd_buf},
            {"snd_queuelen", pcb.snd_queuelen},
            {"unsent", pcb.unsent != nullptr},
            {"unacked, segments", Count(pcb.unacked)},
            {"unacked, bytes", Bytes(pcb.unacked)},
            {"sack", pcb.rcv_sacks[0].left},
            {"rto_end", pcb.rto_end},
            {"persist_cnt", pcb.persist_cnt},
            {"ooseq", pcb.ooseq != nullptr},
            {"persist_backoff", pcb.persist_backoff},
            {"persist_probe", pcb.persist_probe},
            {"keep_cnt_sent", pcb.keep_cnt_sent}};
  }

  /// Compares the two; false ends the test.
  bool Agree(bool drain = true) {
    if (drain) Drain();
    EXPECT_TRUE(fast_.pcb != nullptr && lwip_.pcb != nullptr);
    if (fast_.pcb == nullptr || lwip_.pcb == nullptr) return false;
    auto fast = Fields(*fast_.pcb);
    auto lwip = Fields(*lwip_.pcb);
    for (size_t i = 0; i < fast.size(); ++i) {
      EXPECT_EQ(fast[i].second, lwip[i].second) << fast[i].first;
    }
    EXPECT_EQ(fast_.received, lwip_.received);
    EXPECT_EQ(fast_.acknowledged, lwip_.acknowledged);
    EXPECT_EQ(fast_.sent.size(), lwip_.sent.size());
    EXPECT_TRUE(fast_.sent == lwip_.sent);
    return !HasFailure();
  }

  /// What the peer sends next, having received all.
  Segment Next(std::string data = {}) const {
    Segment segment;
    segment.seq = fast_.pcb->rcv_nxt;
    segment.ack = fast_.pcb->snd_nxt;
    segment.data = std::move(data);
    return segment;
  }
  /// Whether the fast path would take this frame of the fast connection.
  bool Expects(const std::string& frame) {
    return FindExpecting(*IOBuf::Copy(frame), *Link()) == fast_.pcb;
  }
  bool Expects(const Segment& segment) {
    return Expects(Frame(segment, fast_.peers_port));
  }

  Connection fast_;
  Connection lwip_;
  NextHop hop_;
  std::vector<std::unique_ptr<IOBuf>> keep_;  // what lwIP may still show
};

TEST_F(FastPathTest, ARequestAndItsAnswer) {
  EXPECT_TRUE(Receive(Next("get a\r\n")));
  ASSERT_TRUE(Agree());
  EXPECT_EQ(fast_.received, "get a\r\n");
  EXPECT_TRUE(Send({"END\r\n"}));
  ASSERT_TRUE(Agree());
  ASSERT_EQ(fast_.sent.size(), 1u);
  EXPECT_EQ(fast_.sent[0].data, "END\r\n");
  EXPECT_EQ(fast_.sent[0].ack, kFirstReceived + 7);
  EXPECT_TRUE(Receive(Next()));  // an acknowledgement alone
  ASSERT_TRUE(Agree());
  EXPECT_EQ(fast_.acknowledged, 5u);
}

TEST_F(FastPathTest, LargePiecesAreShownAndSmallOnesCopied) {
  EXPECT_TRUE(Send({"head", std::string(500, 'a'), "middle",
                    std::string(300, 'b'), "tail"}));
  ASSERT_TRUE(Agree());
  EXPECT_EQ(fast_.sent[0].data, "head" + std::string(500, 'a') + "middle" +
                                    std::string(300, 'b') + "tail");
}

TEST_F(FastPathTest, LwipSendsAgainWhatWasSentByTheFastPath) {
  EXPECT_TRUE(Send({"lost", std::string(400, 'x')}));
  Drain();
  for (int i = 0; i < 20 && fast_.sent.size() < 2; ++i) {
    tcp_slowtmr();
    Drain();
  }
  ASSERT_EQ(fast_.sent.size(), 2u);
  EXPECT_TRUE(fast_.sent[0] == fast_.sent[1]);
  ASSERT_TRUE(Agree());
  Receive(Next());  // by either way
  ASSERT_TRUE(Agree());
  EXPECT_EQ(fast_.acknowledged, 404u);
}

TEST_F(FastPathTest, ARoundTripIsMeasuredThoughNothingNewIsAcknowledged) {
  // As after our SYN, whose measurement lwIP ends with the peer's first
  // segment.
  for (Connection* connection : {&fast_, &lwip_}) {
    connection->pcb->rttest = tcp_ticks - 3;
    connection->pcb->rtseq = kFirstSent - 1;
  }
  EXPECT_TRUE(Receive(Next("welcome")));
  ASSERT_TRUE(Agree());
  EXPECT_EQ(fast_.pcb->rttest, 0u);
}

TEST_F(FastPathTest, AnAcknowledgementEndsWhatTheTimersCount) {
  EXPECT_TRUE(Send({"answer"}));
  for (Connection* connection : {&fast_, &lwip_}) {
    connection->pcb->polltmr = 3;
    connection->pcb->keep_cnt_sent = 2;
    connection->pcb->persist_probe = 1;
  }
  EXPECT_TRUE(Receive(Next()));
  ASSERT_TRUE(Agree());
  EXPECT_EQ(fast_.pcb->polltmr, 0);
}

TEST_F(FastPathTest, OneAcknowledgementOfManySegmentsOpensTheWindow) {
  for (uint16_t large : {0, 10 * 1460}) {
    for (Connection* connection : {&fast_, &lwip_}) {
      connection->pcb->large_segment = large;
    }
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(Send({std::string(1400, 'w')}));
    ASSERT_TRUE(Agree());
    auto before = fast_.pcb->cwnd;
    EXPECT_TRUE(Receive(Next()));
    ASSERT_TRUE(Agree());
    EXPECT_EQ(fast_.pcb->cwnd - before, large == 0 ? 2 * 1460 : 4 * 1400);
  }
}

TEST_F(FastPathTest, DataBeyondTheWindowIsLwips) {
  for (Connection* connection : {&fast_, &lwip_}) connection->pcb->rcv_wnd = 4;
  EXPECT_TRUE(Expects(Next("four")));
  EXPECT_FALSE(Receive(Next("fiver")));
  ASSERT_TRUE(Agree());
  EXPECT_EQ(fast_.received, "five");
}

TEST_F(FastPathTest, AStaleSelectiveAcknowledgementIsLwipsToClear) {
  for (Connection* connection : {&fast_, &lwip_}) {
    tcp_set_flags(connection->pcb, TF_SACK);
    connection->pcb->rcv_sacks[0] = {kFirstReceived + 2, kFirstReceived + 4};
  }
  EXPECT_FALSE(Receive(Next("abc")));
  ASSERT_TRUE(Agree());
}

TEST_F(FastPathTest, AWindowThatIsNeverLargeIsNotFilledByOneSegment) {
  for (Connection* connection : {&fast_, &lwip_}) {
    connection->pcb->snd_wnd = connection->pcb->snd_wnd_max = 600;
  }
  EXPECT_TRUE(Send({std::string(300, 'a')}));
  ASSERT_TRUE(Agree());
  EXPECT_TRUE(Receive(Next()));
  for (Connection* connection : {&fast_, &lwip_}) {
    connection->pcb->snd_wnd = connection->pcb->snd_wnd_max = 600;
  }
  EXPECT_FALSE(Send({std::string(301, 'b')}));
  ASSERT_TRUE(Agree());
}

TEST_F(FastPathTest, AProbeThatEmptiesTheQueueEndsTheProbing) {
  // A client without room for the answer, who takes it byte by byte and then
  // shuts its window; the probing went on with nothing to send, which lwIP
  // asserts never to be.
  auto acknowledge = [this](uint32_t bytes, uint16_t window) {
    Segment segment = Next();
    segment.ack = fast_.pcb->lastack + bytes;
    segment.window = window;
    Receive(segment);
  };
  Segment request = Next("get a\r\n");
  request.window = 1;  // of four bytes, with the scale
  Receive(request);
  EXPECT_FALSE(Send({"END\r\n"}));
  for (int tick = 0; tick < 200; ++tick) {
    tcp_slowtmr();
    ASSERT_TRUE(Agree()) << tick;
    uint32_t sent = fast_.pcb->snd_nxt - fast_.pcb->lastack;
    if (sent > 0) acknowledge(sent, 0);
  }
  EXPECT_EQ(fast_.acknowledged, 5u);
  EXPECT_EQ(fast_.pcb->persist_backoff, 0);
}

TEST_F(FastPathTest, WhatWaitsForANeighbourIsACopy) {
  // The bytes may be dropped meanwhile, as by a reset; they must not be sent
  // when they are somebody else's.
  etharp_cleanup_netif(Link());
  std::string value(500, 'x');
  ASSERT_EQ(tcp_write(lwip_.pcb, value.data(), value.size(), 0), ERR_OK);
  tcp_output(lwip_.pcb);
  Drain();
  ASSERT_TRUE(lwip_.sent.empty());
  value.assign(500, '!');
  MeetPeer();
  ASSERT_EQ(lwip_.sent.size(), 1u);
  EXPECT_EQ(lwip_.sent[0].data, std::string(500, 'x'));
}

TEST_F(FastPathTest, WhatIsOutOfTheOrdinaryIsLwips) {
  const Segment next = Next("data");
  ASSERT_TRUE(Expects(next));
  auto with = [&next](auto change) {
    Segment changed = next;
    change(changed);
    return changed;
  };
  EXPECT_FALSE(Expects(with([](Segment& s) { ++s.seq; })));
  EXPECT_FALSE(Expects(with([](Segment& s) { --s.seq; })));
  EXPECT_FALSE(Expects(with([](Segment& s) { ++s.ack; }))) << "not sent yet";
  EXPECT_FALSE(Expects(with([](Segment& s) { s.ack -= 1; }))) << "old";
  EXPECT_FALSE(Expects(with([](Segment& s) { s.data.clear(); })))
      << "perhaps a duplicate acknowledgement";
  EXPECT_FALSE(Expects(with([](Segment& s) { s.options = "\1\1\1\1"; })));
  for (uint8_t flag : {TCP_FIN, TCP_SYN, TCP_RST, TCP_URG, TCP_ECE, TCP_CWR}) {
    EXPECT_FALSE(Expects(with([flag](Segment& s) { s.flags |= flag; })))
        << int{flag};
  }
  EXPECT_FALSE(Expects(with([](Segment& s) { s.flags = TCP_PSH; })));
  EXPECT_TRUE(Expects(with([](Segment& s) { s.flags |= TCP_PSH; })));
}

TEST_F(FastPathTest, AFrameIsReadCarefully) {
  const std::string frame = Frame(Next("data"), fast_.peers_port);
  ASSERT_TRUE(Expects(frame));
  // Every byte of the headers matters but those that say nothing here.
  for (size_t i = 0; i < kHeaders; ++i) {
    std::string changed = frame;
    changed[i] ^= 0x11;
    bool ethernet_addresses = i < 12;
    bool window_or_sum = i >= 48;  // and the urgent pointer, without URG
    EXPECT_EQ(Expects(changed), (ethernet_addresses && i != 0) || window_or_sum)
        << "byte " << i;
  }
  // The same in IPv4's header with its sum put right: now these alone don't
  // matter: service, identification, "don't fragment", time to live.
  for (size_t i = SIZEOF_ETH_HDR; i < SIZEOF_ETH_HDR + IP_HLEN; ++i) {
    std::string changed = frame;
    changed[i] ^= 0x40;
    SumAgain(changed);
    const size_t at = i - SIZEOF_ETH_HDR;
    bool unimportant = at == 1 || at == 4 || at == 5 || at == 6 || at == 8 ||
                       at == 10 || at == 11;
    EXPECT_EQ(Expects(changed), unimportant) << "byte " << at << " of IPv4's";
  }
  for (uint16_t length : {0, 20, 39, 46, 65535}) {  // 45 is all there is
    std::string changed = frame;
    changed[SIZEOF_ETH_HDR + 2] = static_cast<char>(length >> 8);
    changed[SIZEOF_ETH_HDR + 3] = static_cast<char>(length);
    SumAgain(changed);
    EXPECT_FALSE(Expects(changed)) << length;
  }
  for (size_t length = 0; length < frame.size(); ++length) {
    EXPECT_FALSE(Expects(frame.substr(0, length))) << length;
  }
  EXPECT_TRUE(Expects(frame + "padding"));
  auto chained = IOBuf::Copy(frame.substr(0, 56));
  chained->AppendChain(IOBuf::Copy(frame.substr(56)));
  EXPECT_EQ(FindExpecting(*chained, *Link()), nullptr);
}

TEST_F(FastPathTest, PaddingIsNoData) {
  auto frame = IOBuf::Copy(Frame(Next("x"), fast_.peers_port) + "12345");
  ASSERT_EQ(FindExpecting(*frame, *Link()), fast_.pcb);
  ReceiveExpected(*fast_.pcb, frame);
  EXPECT_EQ(frame->ToString(), "x");
}

TEST_F(FastPathTest, AFragmentIsLwips) {
  for (int offset : {int{IP_MF}, 1}) {
    std::string frame = Frame(Next("data"), fast_.peers_port);
    frame[SIZEOF_ETH_HDR + 6] = static_cast<char>(offset >> 8);
    frame[SIZEOF_ETH_HDR + 7] = static_cast<char>(offset);
    SumAgain(frame);
    EXPECT_FALSE(Expects(frame));
  }
}

TEST_F(FastPathTest, NothingIsSentThatDoesNotFit) {
  auto fits = [this](size_t bytes) {
    auto chain = IOBuf::Create(bytes);
    chain->Append(bytes);
    size_t before = fast_.pcb->snd_nxt;
    Sent sent = SendSegment(*fast_.pcb, *interface_, hop_, *chain, 0, bytes);
    EXPECT_EQ(fast_.pcb->snd_nxt - before, sent == Sent::kNot ? 0 : bytes);
    keep_.push_back(std::move(chain));
    return sent != Sent::kNot;
  };
  EXPECT_FALSE(fits(1461)) << "a segment";
  fast_.pcb->snd_wnd = 100;
  EXPECT_FALSE(fits(101)) << "the peer's window";
  fast_.pcb->snd_wnd = 30000;
  fast_.pcb->cwnd = 100;
  EXPECT_FALSE(fits(101)) << "the congestion window";
  EXPECT_TRUE(fits(60));
  EXPECT_FALSE(fits(60)) << "what is on its way counts";
  fast_.pcb->cwnd = 30000;
  fast_.pcb->snd_buf = 10;
  EXPECT_FALSE(fits(11)) << "the send buffer";
  fast_.pcb->snd_buf = 30000;
  fast_.pcb->snd_queuelen += TCP_SND_QUEUELEN;
  EXPECT_FALSE(fits(11)) << "what lwIP queues";
  fast_.pcb->snd_queuelen -= TCP_SND_QUEUELEN;
  hop_ = {};
  etharp_cleanup_netif(Link());
  EXPECT_FALSE(fits(60)) << "a neighbour that is not known";
  MeetPeer();
  EXPECT_TRUE(fits(60));
  int sent = 0;
  while (sent < 2 * kRing && fits(1)) ++sent;
  EXPECT_LE(sent, kRing) << "the device's ring";
}

TEST_F(FastPathTest, ManySmallPiecesBehindALargeOneAreLwips) {
  std::vector<std::string> pieces(12, std::string(10, 'y'));
  pieces[0] = std::string(200, 'x');
  EXPECT_FALSE(Send(pieces));
  ASSERT_TRUE(Agree());
}

TEST_F(FastPathTest, BothWaysAgreeAtRandom) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    auto below = [&random](uint32_t n) { return random() % n; };
    int taken = 0;
    if (seed % 3 == 0) {
      fast_.pcb->large_segment = lwip_.pcb->large_segment = 10 * 1460;
    }
    for (int step = 0; step < 150; ++step) {
      uint32_t in_flight = fast_.pcb->snd_nxt - fast_.pcb->lastack;
      Segment segment = Next(std::string(below(3) * below(500), 'r'));
      segment.window = below(20) == 0 ? below(300) : 2000 + below(20000);
      if (below(2) == 0) segment.flags |= TCP_PSH;
      switch (below(12)) {
        case 0:
          segment.seq += below(1000);  // out of order
          break;
        case 1:
          segment.seq -= below(1000);  // again
          break;
        case 2:
          segment.ack = fast_.pcb->lastack + below(in_flight + 2);
          break;
        case 3:
          segment.ack = fast_.pcb->lastack - below(3);
          break;
        case 4:
          tcp_fasttmr();
          break;
        case 5:
          if (below(3) == 0) tcp_slowtmr();
          break;
      }
      if (below(2) == 0) {
        taken += Receive(segment);
      } else if (below(4) == 0) {
        taken += Send({std::string(below(100) + 1, 'h'),
                       std::string(below(1200) + kCopyLimit + 1, 'v')});
      } else {
        taken += Send({std::string(below(400) + 1, 's')});
      }
      // Now and then the device takes its time, and frames are found busy.
      if (below(4) == 0) {
        ASSERT_TRUE(Agree(false)) << "step " << step;
        continue;
      }
      ASSERT_TRUE(Agree()) << "step " << step;
      fast_.sent.clear();
      lwip_.sent.clear();
      if (below(10) == 0) {  // the peer catches up, so that nobody gives up
        taken += Receive(Next("."));
        ASSERT_TRUE(Agree());
      }
    }
    EXPECT_GT(taken, 20);
  }
}

}  // namespace
}  // namespace ebbrt::network
