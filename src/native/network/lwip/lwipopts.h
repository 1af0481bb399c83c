/* How lwIP is configured: the raw API, IPv4 and, as the library is named that
   compiles it (EBBRT_IPV6), IPv6, TCP for servers with thousands of
   connections, all memory from malloc. lwip/opt.h says what each option is; the
   comments here say why it has its value. */
#pragma once

/* No threads: everything is called by events of one core. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0

/* The timers are ours (stack_timers.h), so that an idle node does nothing. */
#define LWIP_TIMERS 1
#define LWIP_TIMERS_CUSTOM 1

/* malloc for everything: a fixed pool would be a limit on connections. */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8

#define LWIP_IPV4 1
#define LWIP_IPV6 EBBRT_IPV6
#define LWIP_ARP 1
#define LWIP_ICMP 1
#define LWIP_UDP 1
#define LWIP_DHCP 1
/* Probing an address that the server has just leased us costs a second of the
   boot. */
#define DHCP_DOES_ARP_CHECK 0
/* Fragments that wait for the rest of their datagrams, of all of them: a
   datagram of 64 KiB has 45. Bounds what a peer who never sends the rest pins
   (2 KiB each, for 15 s at most; the oldest go first). */
#define IP_REASS_MAX_PBUFS 512
#define LWIP_TCP 1
#define LWIP_RAW 0
#define LWIP_DNS 0
#define LWIP_STATS 0
#define LWIP_NETIF_STATUS_CALLBACK 1
/* Ours is an interface of its own (loopback.h): lwIP's would copy twice. */
#define LWIP_NETIF_LOOPBACK 0

/* A neighbour is known per address; 127 of them before entries are recycled
   (the table's index is a signed byte). */
#define ARP_TABLE_SIZE 127
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 48 /* a datagram of 64 KiB in fragments */
#define ETHARP_TABLE_MATCH_NETIF 0

#if LWIP_IPV6
/* Link-local, a static one, and of two networks that routers tell of. */
#define LWIP_IPV6_NUM_ADDRESSES 4
/* As for ARP; a neighbour and the way to a destination are remembered per
   connection, so that neither table is walked for each packet. */
#define LWIP_ND6_NUM_NEIGHBORS 127
#define LWIP_ND6_NUM_DESTINATIONS 126
#define LWIP_NETIF_HWADDRHINT 1
/* What reassembly notes in a fragment's header is larger than that on 64 bits. */
#define IPV6_FRAG_COPYHEADER 1
#define LWIP_HOOK_ND6_GET_GW(netif, destination) ebbrt_ipv6_gateway(netif)
#endif

/* Room in front of every outgoing frame for the header that a virtio device
   wants there, so that both leave as one piece. */
#define PBUF_LINK_ENCAPSULATION_HLEN 12

/* A frame that waits for its neighbour's address is copied unless it is all in
   memory of its own: the bytes that others show may be dropped meanwhile. */
#define PBUF_NEEDS_COPY(p) \
  (((p)->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS) == 0)

/* Dynamic ports (RFC 6335 §6). lwIP takes the one behind a random first one, which
   must not be the last: its own arithmetic would go on to 0 and find no port. */
#define TCP_LOCAL_PORT_RANGE_START 0xc000
#define TCP_LOCAL_PORT_RANGE_END 0xffff
#define TCP_ENSURE_LOCAL_PORT_RANGE(port) \
  ((u16_t)((port) % 0x3fffu + TCP_LOCAL_PORT_RANGE_START))

#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 5
/* What a connection may have on its way: 1 Gbit/s x 8 ms there and back. */
#define TCP_WND (1024 * 1024)
#define TCP_SND_BUF (1024 * 1024)
/* Pieces of memory queued per connection; bounds the bookkeeping of a peer who
   is sent very many very small ones. */
#define TCP_SND_QUEUELEN 16384
/* Of the sequential API, which is off; but lwIP checks its default. */
#define TCP_SNDLOWAT (2 * TCP_MSS + 1)
/* Announced at once after this much was taken from a window that had shrunk: of the
   connection's own, which is 64 KiB if its peer doesn't scale. */
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND_MAX(pcb) / 8)
/* The data is referenced, so there is nothing to leave room for. */
#define TCP_OVERSIZE 0
#define TCP_QUEUE_OOSEQ 1
/* A window's worth of full segments: small ones each hold a buffer of 2 KiB. */
#define TCP_OOSEQ_MAX_PBUFS 1024
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 0
#define TCP_LISTEN_BACKLOG 1
/* A port can be listened on again while its connections live (Linux's
 * SO_REUSEADDR, which all listeners have). */
#define SO_REUSE 1
#define TCP_DEFAULT_LISTEN_BACKLOG 255
/* 2 MSL are 60 s, as on Linux. */
#define TCP_MSL 30000
#define LWIP_TCP_KEEPALIVE 1

/* The device sums and verifies TCP when it can; which, is set per interface and
   for received frames even per frame. */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY 0

/* Not predictable by others, RFC 6528. */
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) \
  ebbrt_tcp_initial_sequence(local_ip, local_port, remote_ip, remote_port)
#define LWIP_HOOK_IP4_INPUT(packet, arrival) ebbrt_drop_martian(packet, arrival)
#define LWIP_HOOK_FILENAME "lwip_hooks.h"
