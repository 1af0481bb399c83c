/* Addresses of IPv4 and IPv6 (POSIX.1-2008). Numbers are Linux's. */
#ifndef _NETINET_IN_H_
#define _NETINET_IN_H_

#include <inttypes.h>
#include <machine/endian.h>
#include <sys/socket.h>

struct in_addr {
  in_addr_t s_addr; /* network byte order, as all ports and addresses here */
};

struct sockaddr_in {
  sa_family_t sin_family;
  in_port_t sin_port;
  struct in_addr sin_addr;
  unsigned char sin_zero[8];
};

struct in6_addr {
  union {
    uint8_t __u8[16];
    uint16_t __u16[8];
    uint32_t __u32[4];
  } __in6;
};
#define s6_addr __in6.__u8
#define s6_addr16 __in6.__u16
#define s6_addr32 __in6.__u32

struct sockaddr_in6 {
  sa_family_t sin6_family;
  in_port_t sin6_port;
  uint32_t sin6_flowinfo;
  struct in6_addr sin6_addr;
  uint32_t sin6_scope_id;
};

struct ip_mreq {
  struct in_addr imr_multiaddr;
  struct in_addr imr_interface;
};

struct ip_mreq_source {
  struct in_addr imr_multiaddr;
  struct in_addr imr_interface;
  struct in_addr imr_sourceaddr;
};

struct ipv6_mreq {
  struct in6_addr ipv6mr_multiaddr;
  unsigned ipv6mr_interface;
};

struct group_source_req {
  uint32_t gsr_interface;
  struct sockaddr_storage gsr_group;
  struct sockaddr_storage gsr_source;
};

#define INADDR_ANY ((in_addr_t)0)
#define INADDR_BROADCAST ((in_addr_t)0xFFFFFFFF)
#define INADDR_LOOPBACK ((in_addr_t)0x7F000001)
#define INADDR_NONE ((in_addr_t)0xFFFFFFFF)
#define INET_ADDRSTRLEN 16
#define INET6_ADDRSTRLEN 46
#define IN6ADDR_ANY_INIT { { { 0 } } }
#define IN6ADDR_LOOPBACK_INIT \
  { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } } }

#define IPPROTO_IP 0
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_IPV6 41

#define IP_TOS 1
#define IP_TTL 2
#define IP_MULTICAST_IF 32
#define IP_MULTICAST_TTL 33
#define IP_MULTICAST_LOOP 34
#define IP_ADD_MEMBERSHIP 35
#define IP_DROP_MEMBERSHIP 36
#define IP_ADD_SOURCE_MEMBERSHIP 39
#define IP_DROP_SOURCE_MEMBERSHIP 40
#define MCAST_JOIN_SOURCE_GROUP 46
#define MCAST_LEAVE_SOURCE_GROUP 47
#define IPV6_UNICAST_HOPS 16
#define IPV6_MULTICAST_IF 17
#define IPV6_MULTICAST_HOPS 18
#define IPV6_MULTICAST_LOOP 19
#define IPV6_ADD_MEMBERSHIP 20
#define IPV6_DROP_MEMBERSHIP 21
#define IPV6_JOIN_GROUP IPV6_ADD_MEMBERSHIP
#define IPV6_LEAVE_GROUP IPV6_DROP_MEMBERSHIP
#define IPV6_V6ONLY 26

#define IN_MULTICAST(a) (((a) & 0xF0000000) == 0xE0000000)
#define IN6_IS_ADDR_UNSPECIFIED(a) \
  (((a)->s6_addr32[0] | (a)->s6_addr32[1] | (a)->s6_addr32[2] | \
    (a)->s6_addr32[3]) == 0)
#define IN6_IS_ADDR_LOOPBACK(a)                                       \
  (((a)->s6_addr32[0] | (a)->s6_addr32[1] | (a)->s6_addr32[2]) == 0 && \
   (a)->s6_addr32[3] == __htonl(1))
#define IN6_IS_ADDR_LINKLOCAL(a) \
  ((a)->s6_addr[0] == 0xFE && ((a)->s6_addr[1] & 0xC0) == 0x80)
#define IN6_IS_ADDR_SITELOCAL(a) \
  ((a)->s6_addr[0] == 0xFE && ((a)->s6_addr[1] & 0xC0) == 0xC0)
#define IN6_IS_ADDR_MULTICAST(a) ((a)->s6_addr[0] == 0xFF)
#define IN6_IS_ADDR_MC_LINKLOCAL(a) \
  (IN6_IS_ADDR_MULTICAST(a) && ((a)->s6_addr[1] & 0x0F) == 2)
#define IN6_IS_ADDR_V4MAPPED(a)                       \
  (((a)->s6_addr32[0] | (a)->s6_addr32[1]) == 0 &&    \
   (a)->s6_addr32[2] == __htonl(0xFFFF))
#define IN6_IS_ADDR_V4COMPAT(a)                                         \
  (((a)->s6_addr32[0] | (a)->s6_addr32[1] | (a)->s6_addr32[2]) == 0 &&  \
   (a)->s6_addr32[3] > __htonl(1))

#ifdef __cplusplus
extern "C" {
#endif

extern const struct in6_addr in6addr_any;
extern const struct in6_addr in6addr_loopback;

static inline uint32_t __ebbrt_swap32(uint32_t n) { return __bswap32(n); }
static inline uint16_t __ebbrt_swap16(uint16_t n) { return __bswap16(n); }
#undef htonl
#undef htons
#undef ntohl
#undef ntohs
#define htonl(n) __ebbrt_swap32(n)
#define htons(n) __ebbrt_swap16(n)
#define ntohl(n) __ebbrt_swap32(n)
#define ntohs(n) __ebbrt_swap16(n)

#ifdef __cplusplus
}
#endif

#endif
