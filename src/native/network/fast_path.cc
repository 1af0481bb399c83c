#include "native/network/fast_path.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lwip/etharp.h"
#include "lwip/ip4.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"
#include "native/network/spare_list.h"
#include "native/network/transmit_frame.h"
#include "native/percore.h"
#include "native/virtio/device_address.h"

namespace ebbrt::network {
namespace {

using virtio::NetHeader;

struct [[gnu::packed]] Headers {
  eth_hdr ethernet;
  ip_hdr ip;
  tcp_hdr tcp;
};
static_assert(sizeof(Headers) == SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN);

/// As sent, with what the device wants in front.
struct SentHeaders {
  NetHeader device;
  Headers frame;
};
static_assert(sizeof(SentHeaders) == sizeof(NetHeader) + sizeof(Headers));

constexpr uint8_t kVersionAndLength = 0x45;  // IPv4 without options

/// A frame on its way out, with its pbuf: the headers and what is copied behind
/// them. lwIP may send it again, and so must find room in front of the TCP
/// header, as in a pbuf of its own.
struct SentFrame {
  static constexpr size_t kRoom = 440;

  pbuf_custom base;
  SentFrame* next_spare;
  std::byte bytes[sizeof(SentHeaders) + kRoom];
};
static_assert(offsetof(SentFrame, base) == 0);

/// Of the stack's core.
EBBRT_PERCORE constinit SpareList<SentFrame, &SentFrame::next_spare>
    spare_frames(256);
EBBRT_PERCORE constinit SpareList<tcp_seg, &tcp_seg::next> spare_segments(256);

/// States of a connection in which lwIP repeats, recovers or ends.
constexpr tcpflags_t kUnusual =
    TF_INFR | TF_RTO | TF_NAGLEMEMERR | TF_FIN | TF_CLOSEPEND | TF_RXCLOSED;
/// Elements of one segment; more are lwIP's, which gathers them.
constexpr size_t kMostElements = 8;
constexpr uint16_t kMostQueued = TCP_SND_QUEUELEN - kMostElements;

/// The ones' complement sum of an IPv4 header without options (RFC 1071 §2).
uint16_t Sum(const ip_hdr& ip) {
  return static_cast<uint16_t>(ebbrt_lwip_sum(&ip, IP_HLEN));
}

const Headers& HeadersOf(const IOBuf& frame) {
  return *reinterpret_cast<const Headers*>(frame.Data());
}

size_t DataLength(const Headers& headers) {
  return lwip_ntohs(headers.ip._len) - IP_HLEN - TCP_HLEN;
}

/// Whether a frame is a whole TCP segment without options that only carries
/// data and acknowledges.
bool IsOrdinary(const IOBuf& frame, const ip4_addr_t& our_address) {
  constexpr uint16_t kExpected = PP_HTONS(TCP_HLEN / 4 << 12 | TCP_ACK);
  if (frame.Length() < sizeof(Headers) || frame.IsChained()) return false;
  const Headers& headers = HeadersOf(frame);
  const ip_hdr& ip = headers.ip;
  return headers.ethernet.type == PP_HTONS(ETHTYPE_IP) &&
         (headers.ethernet.dest.addr[0] & 1) == 0 &&
         ip._v_hl == kVersionAndLength && ip._proto == IP_PROTO_TCP &&
         ip.dest.addr == our_address.addr &&
         (ip._offset & PP_HTONS(IP_OFFMASK | IP_MF)) == 0 &&
         (headers.tcp._hdrlen_rsvd_flags & ~PP_HTONS(TCP_PSH)) == kExpected &&
         lwip_ntohs(ip._len) >= IP_HLEN + TCP_HLEN &&
         lwip_ntohs(ip._len) <= frame.Length() - SIZEOF_ETH_HDR &&
         Sum(ip) == 0xFFFF;
}

/// Whether the segment is the next one and says nothing surprising.
bool Expects(const tcp_pcb& pcb, const Headers& headers) {
  size_t length = DataLength(headers);
  uint32_t acknowledged = lwip_ntohl(headers.tcp.ackno) - pcb.lastack;
  return pcb.state == ESTABLISHED && (pcb.flags & kUnusual) == 0 &&
         pcb.unsent == nullptr && pcb.ooseq == nullptr &&
         pcb.refused_data == nullptr && !LWIP_TCP_SACK_VALID(&pcb, 0) &&
         lwip_ntohl(headers.tcp.seqno) == pcb.rcv_nxt &&
         length <= pcb.rcv_wnd && acknowledged <= pcb.snd_nxt - pcb.lastack &&
         // Else it may be a duplicate acknowledgement.
         (length > 0 || acknowledged > 0);
}

void UpdateSendWindow(tcp_pcb& pcb, const tcp_hdr& tcp) {
  uint32_t seqno = lwip_ntohl(tcp.seqno);
  uint32_t ackno = lwip_ntohl(tcp.ackno);
  tcpwnd_size_t window =
      SND_WND_SCALE(&pcb, tcpwnd_size_t{lwip_ntohs(tcp.wnd)});
  if (TCP_SEQ_LT(pcb.snd_wl1, seqno) ||
      (pcb.snd_wl1 == seqno && TCP_SEQ_LT(pcb.snd_wl2, ackno)) ||
      (pcb.snd_wl2 == ackno && window > pcb.snd_wnd)) {
    pcb.snd_wnd = window;
    pcb.snd_wnd_max = std::max(pcb.snd_wnd_max, window);
    pcb.snd_wl1 = seqno;
    pcb.snd_wl2 = ackno;
  }
}

/// RFC 5681 §3.1, with lwIP's increments.
void OpenCongestionWindow(tcp_pcb& pcb, tcpwnd_size_t acknowledged) {
  if (pcb.cwnd < pcb.ssthresh) {
    tcpwnd_size_t most = pcb.large_segment != 0 ? acknowledged : 2 * pcb.mss;
    TCP_WND_INC(pcb.cwnd, std::min(acknowledged, most));
    return;
  }
  TCP_WND_INC(pcb.bytes_acked, acknowledged);
  if (pcb.bytes_acked >= pcb.cwnd) {
    pcb.bytes_acked -= pcb.cwnd;
    TCP_WND_INC(pcb.cwnd, pcb.mss);
  }
}

uint16_t CountPieces(const pbuf* frame) {
  return frame->next == nullptr ? 1 : pbuf_clen(frame);
}

/// A line of memory to itself: a core's segments are used again and again, and
/// two cores' in one line would take it from each other every time.
constexpr size_t kSegmentSize = 64;
static_assert(sizeof(tcp_seg) <= kSegmentSize);

tcp_seg* MakeSegment() {
  tcp_seg* segment = spare_segments.Take();
  return segment != nullptr ? segment
                            : static_cast<tcp_seg*>(mem_malloc(kSegmentSize));
}

void FreeSegment(tcp_seg* segment) {
  pbuf_free(segment->p);
  if (!spare_segments.Keep(segment)) memp_free(MEMP_TCP_SEG, segment);
}

/// Frees the segments before `ackno`; returns their bytes.
size_t FreeAcknowledged(tcp_pcb& pcb, uint32_t ackno) {
  size_t bytes = 0;
  while (tcp_seg* segment = pcb.unacked) {
    uint32_t end = lwip_ntohl(segment->tcphdr->seqno) + TCP_TCPLEN(segment);
    if (!TCP_SEQ_LEQ(end, ackno)) break;
    pcb.unacked = segment->next;
    pcb.snd_queuelen -= CountPieces(segment->p);
    bytes += segment->len;
    FreeSegment(segment);
  }
  return bytes;
}

/// RFC 6298 §2 as lwIP has it, in ticks.
void MeasureRoundTrip(tcp_pcb& pcb, uint32_t ackno) {
  if (pcb.rttest == 0 || !TCP_SEQ_LT(pcb.rtseq, ackno)) return;
  auto deviation = static_cast<s16_t>(tcp_ticks - pcb.rttest - (pcb.sa >> 3));
  pcb.sa += deviation;
  if (deviation < 0) deviation = -deviation;
  pcb.sv += deviation - (pcb.sv >> 2);
  pcb.rto = (pcb.sa >> 3) + pcb.sv;
  pcb.rttest = 0;
}

size_t Acknowledge(tcp_pcb& pcb, uint32_t ackno) {
  OpenCongestionWindow(pcb, ackno - pcb.lastack);
  pcb.nrtx = 0;
  pcb.rto = (pcb.sa >> 3) + pcb.sv;
  pcb.lastack = ackno;
  size_t bytes = FreeAcknowledged(pcb, ackno);
  pcb.rtime = pcb.unacked == nullptr ? -1 : 0;
  pcb.polltmr = 0;
  pcb.snd_buf += bytes;
  return bytes;
}

// --- send --------------------------------------------------------------------

/// What a segment shows of an IOBuf, and of those behind it.
struct Place {
  const IOBuf* element;
  size_t offset;

  std::span<const std::byte> Bytes() const {
    return element->Bytes().subspan(offset);
  }
  void Next() {
    element = element->Next();
    offset = 0;
  }
};

bool FitsWindow(const tcp_pcb& pcb, size_t bytes) {
  return pcb.snd_nxt - pcb.lastack + bytes <= std::min(pcb.snd_wnd, pcb.cwnd);
}

bool MayBeCopied(std::span<const std::byte> bytes) {
  return bytes.size() <= kCopyLimit || !virtio::IsDeviceMemory(bytes.data());
}

pbuf* Show(std::span<const std::byte> bytes) {
  auto length = static_cast<u16_t>(bytes.size());
  if (!MayBeCopied(bytes)) {
    return pbuf_alloc_reference(const_cast<std::byte*>(bytes.data()), length,
                                PBUF_ROM);
  }
  pbuf* copy = pbuf_alloc(PBUF_RAW, length, PBUF_RAM);
  if (copy != nullptr) std::memcpy(copy->payload, bytes.data(), length);
  return copy;
}

void FreeFrame(pbuf* p) {
  auto* frame = reinterpret_cast<SentFrame*>(p);
  if (!spare_frames.Keep(frame)) mem_free(frame);
}

/// Room for the headers and `copied` bytes; null without memory.
pbuf* MakeHead(size_t copied) {
  auto size = static_cast<u16_t>(sizeof(SentHeaders) + copied);
  if (copied > SentFrame::kRoom) return pbuf_alloc(PBUF_RAW, size, PBUF_RAM);
  SentFrame* frame = spare_frames.Take();
  if (frame == nullptr) {
    frame = static_cast<SentFrame*>(mem_malloc(sizeof(SentFrame)));
    if (frame == nullptr) return nullptr;
  }
  frame->base.custom_free_function = &FreeFrame;
  return pbuf_alloced_custom(PBUF_RAW, size, PBUF_RAM, &frame->base,
                             frame->bytes, size);
}

/// Room for the headers and behind it the `bytes` from `place` on. Null without
/// memory, and if they are in too many pieces.
pbuf* MakeFrame(Place place, size_t bytes) {
  // Small elements at the front share the headers' piece.
  size_t copied = 0;
  size_t elements = 0;
  Place end = place;
  for (; copied < bytes && MayBeCopied(end.Bytes()); end.Next()) {
    copied += end.Bytes().size();
  }
  pbuf* frame = MakeHead(copied);
  if (frame == nullptr) return nullptr;
  auto* to = static_cast<std::byte*>(frame->payload) + sizeof(SentHeaders);
  for (size_t left = copied; left > 0; place.Next()) {
    auto from = place.Bytes();
    std::memcpy(to, from.data(), from.size());
    to += from.size();
    left -= from.size();
  }
  for (size_t left = bytes - copied; left > 0; place.Next()) {
    pbuf* more = ++elements < kMostElements ? Show(place.Bytes()) : nullptr;
    if (more == nullptr) {
      pbuf_free(frame);
      return nullptr;
    }
    pbuf_cat(frame, more);
    left -= place.Bytes().size();
  }
  return frame;
}

virtio::NetDevice::Offload FillIn(Headers& headers, const tcp_pcb& pcb,
                                  const netif& link, const eth_addr& to,
                                  size_t bytes) {
  auto length = static_cast<uint16_t>(TCP_HLEN + bytes);
  headers.ethernet.dest = to;
  std::memcpy(&headers.ethernet.src, link.hwaddr, ETH_HWADDR_LEN);
  headers.ethernet.type = PP_HTONS(ETHTYPE_IP);

  ip_hdr& ip = headers.ip;
  ip._v_hl = kVersionAndLength;
  ip._tos = pcb.tos;
  ip._len = lwip_htons(IP_HLEN + length);
  ip._id = lwip_htons(ip4_next_id());
  ip._offset = 0;
  ip._ttl = pcb.ttl;
  ip._proto = IP_PROTO_TCP;
  ip._chksum = 0;
  ip.src.addr = ip_2_ip4(&pcb.local_ip)->addr;
  ip.dest.addr = ip_2_ip4(&pcb.remote_ip)->addr;
  ip._chksum = static_cast<uint16_t>(~Sum(ip));

  tcp_hdr& tcp = headers.tcp;
  tcp.src = lwip_htons(pcb.local_port);
  tcp.dest = lwip_htons(pcb.remote_port);
  tcp.seqno = lwip_htonl(pcb.snd_nxt);
  tcp.ackno = lwip_htonl(pcb.rcv_nxt);
  TCPH_HDRLEN_FLAGS_SET(&tcp, TCP_HLEN / 4, TCP_ACK | TCP_PSH);
  tcp.wnd = lwip_htons(TCPWND_MIN16(RCV_WND_SCALE(&pcb, pcb.rcv_ann_wnd)));
  tcp.urgp = 0;
  tcp.chksum = PseudoSum(&ip.src, 2 * sizeof ip.src, lwip_htons(length));
  return {.flags = virtio::kNeedsChecksum,
          .checksum_start = SIZEOF_ETH_HDR + IP_HLEN,
          .checksum_offset = offsetof(tcp_hdr, chksum)};
}

/// Notes that a segment has been sent.
void NoteSent(tcp_pcb& pcb, tcp_seg* segment) {
  if (pcb.rtime < 0) pcb.rtime = 0;
  if (pcb.rttest == 0) {
    pcb.rttest = tcp_ticks;
    pcb.rtseq = pcb.snd_nxt;
  }
  pcb.snd_nxt += segment->len;
  pcb.snd_lbb = pcb.snd_nxt;
  pcb.snd_buf -= segment->len;
  pcb.snd_queuelen += CountPieces(segment->p);
  pcb.rcv_ann_right_edge = pcb.rcv_nxt + pcb.rcv_ann_wnd;
  pcb.persist_backoff = 0;
  tcp_clear_flags(&pcb, TF_ACK_DELAY | TF_ACK_NOW);
  (pcb.unacked == nullptr ? pcb.unacked : pcb.unacked_last->next) = segment;
  pcb.unacked_last = segment;
}

}  // namespace

tcp_pcb* FindExpecting(const IOBuf& frame, const netif& link) {
  if (!IsOrdinary(frame, *netif_ip4_addr(&link))) return nullptr;
  const Headers& headers = HeadersOf(frame);
  tcp_pcb* pcb =
      tcp_table_find4(headers.ip.src.addr, lwip_ntohs(headers.tcp.src),
                      headers.ip.dest.addr, lwip_ntohs(headers.tcp.dest));
  return pcb != nullptr && Expects(*pcb, headers) ? pcb : nullptr;
}

size_t ReceiveExpected(tcp_pcb& pcb, std::unique_ptr<IOBuf>& frame) {
  const Headers& headers = HeadersOf(*frame);
  pcb.tmr = tcp_ticks;
  pcb.keep_cnt_sent = 0;
  pcb.persist_probe = 0;
  UpdateSendWindow(pcb, headers.tcp);
  const uint32_t ackno = lwip_ntohl(headers.tcp.ackno);
  pcb.dupacks = 0;
  size_t acknowledged = ackno != pcb.lastack ? Acknowledge(pcb, ackno) : 0;
  MeasureRoundTrip(pcb, ackno);
  size_t length = DataLength(headers);
  if (length == 0) {
    frame.reset();
    return acknowledged;
  }
  pcb.rcv_nxt += length;
  pcb.rcv_wnd -= length;
  tcp_update_rcv_ann_wnd(&pcb);
  tcp_ack(&pcb);
  frame->Advance(sizeof(Headers));
  frame->TrimEnd(frame->Length() - length);  // what filled up a short frame
  return acknowledged;
}

Sent SendSegment(tcp_pcb& pcb, Interface& link, NextHop& next_hop,
                 const IOBuf& first, size_t offset, size_t bytes) {
  if (pcb.state != ESTABLISHED || (pcb.flags & kUnusual) != 0 ||
      pcb.unsent != nullptr || pcb.snd_nxt != pcb.snd_lbb || bytes > pcb.mss ||
      bytes > pcb.snd_wnd_max / 2 || bytes > pcb.snd_buf ||
      pcb.snd_queuelen > kMostQueued || !FitsWindow(pcb, bytes)) {
    return Sent::kNot;
  }
  const netif& out = *link.Netif();
  const eth_addr* to =
      etharp_fresh(&out, ip_2_ip4(&pcb.remote_ip), &next_hop.hint);
  if (to == nullptr) return Sent::kNot;
  pbuf* frame = MakeFrame({&first, offset}, bytes);
  if (frame == nullptr) return Sent::kNot;
  tcp_seg* segment = MakeSegment();
  auto* headers = static_cast<SentHeaders*>(frame->payload);
  if (segment == nullptr ||
      !link.Transmit(frame, FillIn(headers->frame, pcb, out, *to, bytes))) {
    if (segment != nullptr) memp_free(MEMP_TCP_SEG, segment);
    pbuf_free(frame);
    return Sent::kNot;
  }
  *segment = {.next = nullptr,
              .p = frame,
              .len = static_cast<u16_t>(bytes),
              .flags = 0,
              .tcphdr = &headers->frame.tcp};
  NoteSent(pcb, segment);
  return frame->next == nullptr ? Sent::kCopied : Sent::kShown;
}

}  // namespace ebbrt::network
