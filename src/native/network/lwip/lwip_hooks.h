/* The functions of ours that lwIP calls. */
#pragma once

#include "lwip/ip_addr.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The first sequence number of a connection between these endpoints. */
u32_t ebbrt_tcp_initial_sequence(const ip_addr_t* local_ip, u16_t local_port,
                                 const ip_addr_t* remote_ip,
                                 u16_t remote_port);

#ifdef __cplusplus
}
#endif
