/* The functions of ours that lwIP calls. */
#pragma once

#include "lwip/ip_addr.h"

struct netif;
struct pbuf;

#ifdef __cplusplus
extern "C" {
#endif

/* The first sequence number of a connection between these endpoints. */
u32_t ebbrt_tcp_initial_sequence(const ip_addr_t* local_ip, u16_t local_port,
                                 const ip_addr_t* remote_ip,
                                 u16_t remote_port);

/* Drops (1) an IPv4 packet that claims to come from the loopback and came by a
   device: nobody outside may speak as the node itself. */
int ebbrt_drop_martian(struct pbuf* packet, struct netif* arrival);

#if LWIP_IPV6
/* The router that the node was told of for what lies beyond `interface`; NULL
   if it must know routers from what they tell. */
const ip6_addr_t* ebbrt_ipv6_gateway(struct netif* interface);
#endif

#ifdef __cplusplus
}
#endif
