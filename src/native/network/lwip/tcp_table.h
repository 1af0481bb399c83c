/* The table of connections: finds the control block that a segment belongs to by
   hashing its addresses and ports. Called by lwIP (patches/01-*).

   A control block is in the table from when it is first listed as active until it
   is freed, TIME-WAIT included; its addresses and ports don't change meanwhile. */
#pragma once

#include "lwip/ip_addr.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tcp_pcb;

/* Puts a control block into the table unless it is there. */
void tcp_table_add(struct tcp_pcb* pcb);
/* Takes it out if it is there. */
void tcp_table_remove(struct tcp_pcb* pcb);
/* The connection between these ends, ports in host order, whose being in
   TIME-WAIT is as said; null if there is none. */
struct tcp_pcb* tcp_table_find(const ip_addr_t* remote_ip, u16_t remote_port,
                               const ip_addr_t* local_ip, u16_t local_port,
                               int in_time_wait);
/* The same by IPv4, addresses in network order, not in TIME-WAIT. */
struct tcp_pcb* tcp_table_find4(u32_t remote_ip, u16_t remote_port,
                                u32_t local_ip, u16_t local_port);

#ifdef __cplusplus
}
#endif

/* Part of lwIP's TCP_REG: other lists hold control blocks without peer. */
#define TCP_TABLE_REG(list, pcb)                              \
  do {                                                        \
    if ((list) == &tcp_active_pcbs || (list) == &tcp_tw_pcbs) \
      tcp_table_add((struct tcp_pcb*)(pcb));                  \
  } while (0)
