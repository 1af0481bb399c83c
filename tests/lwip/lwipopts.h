/* The configuration that lwIP's own tests run against: ours, but for what the tests
   look at or lean on, each with its reason. */
#pragma once

#include "../../src/native/network/lwip/lwipopts.h"

/* The tests look at what the stack has counted. */
#define LWIP_TESTMODE 1
#undef LWIP_STATS
#define LWIP_STATS 1
#define MIB2_STATS 1

/* They count what is allocated, and what happens when it is all gone: so memory
   comes from pools, which lwIP counts, and not from malloc. Windows and queues have
   sizes that the pools can fill. */
#undef MEM_LIBC_MALLOC
#define MEM_LIBC_MALLOC 0
#undef MEMP_MEM_MALLOC
#define MEMP_MEM_MALLOC 0
#define MEM_SIZE 16000
#define PBUF_POOL_SIZE 400
#define PBUF_POOL_BUFSIZE 592 /* a chain for a kilobyte */
#define LWIP_MEM_ILLEGAL_FREE(message) /* is counted, and no failure */
#undef TCP_SND_QUEUELEN
#define TCP_SND_QUEUELEN 40
#define MEMP_NUM_TCP_SEG TCP_SND_QUEUELEN
#undef TCP_SND_BUF
#define TCP_SND_BUF (12 * TCP_MSS)
#undef TCP_WND
#define TCP_WND (10 * TCP_MSS)
#undef TCP_RCV_SCALE
#define TCP_RCV_SCALE 0

/* They turn the clock themselves, of lwIP's own timers. */
#undef LWIP_TIMERS_CUSTOM
#define LWIP_TIMERS_CUSTOM 0
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 8)

/* They come by lwIP's own loopback interface, and look at hooks of netif and ARP
   that we have no use for. */
#undef LWIP_NETIF_LOOPBACK
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
#define ETHARP_SUPPORT_STATIC_ENTRIES 1

/* They count the probes for an address that DHCP has leased. */
#undef DHCP_DOES_ARP_CHECK
#define DHCP_DOES_ARP_CHECK 1

/* They reckon with the sequence numbers that lwIP would begin connections with. */
#undef LWIP_HOOK_TCP_ISN
