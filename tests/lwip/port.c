/* What lwIP asks of its surroundings, for its tests: their clock, and failures that
   end the test. */
#include <stdio.h>
#include <stdlib.h>

#include "lwip/netif.h"
#include "lwip/sys.h"
#include "lwip_hooks.h"

u32_t lwip_sys_now; /* the tests set it */

u32_t sys_now(void) { return lwip_sys_now; }

uint32_t ebbrt_lwip_random(void) { return (uint32_t)rand(); }

void ebbrt_lwip_assertion(const char* file, int line) {
  fprintf(stderr, "%s:%d: an assertion of lwIP failed\n", file, line);
  abort();
}

int ebbrt_drop_martian(struct pbuf* packet, struct netif* arrival) {
  (void)packet, (void)arrival;
  return 0;
}

#if LWIP_IPV6
const ip6_addr_t* ebbrt_ipv6_gateway(struct netif* interface) {
  (void)interface;
  return NULL;
}
#endif

/* Who tests the thread that we don't have lets it run for a turn. */
int tcpip_thread_poll_one(void) {
  netif_poll_all();
  return 0;
}
