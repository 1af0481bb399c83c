#include "tcp_table.h"

#include "lwip/tcp.h"

/* Buckets: a power of two. Chains are of length one up to thousands of
   connections, and of a few up to tens of thousands. */
#define TCP_TABLE_BITS 12
#define TCP_TABLE_SIZE (1u << TCP_TABLE_BITS)

static struct tcp_pcb* buckets[TCP_TABLE_SIZE];
/* So that peers can't choose ports that all fall into one bucket. */
static u64_t seed;

/* Of 64 bits that the peer may choose, one that it can't tell. */
static u64_t mix(u64_t value) {
  value = (value ^ seed) * 0x9E3779B97F4A7C15u;
  return value ^ value >> 32;
}

/* What an address adds to the hash, 32 bits. */
static u32_t address(const ip_addr_t* ip) {
#if LWIP_IPV6
  if (IP_IS_V6(ip)) {
    const u32_t* words = ip_2_ip6(ip)->addr;
    u64_t high = mix((u64_t)words[0] << 32 | words[1]);
    return (u32_t)mix(high ^ ((u64_t)words[2] << 32 | words[3]));
  }
#endif
  return ip_2_ip4(ip)->addr;
}

/* Of addresses in 32 bits each. */
static inline struct tcp_pcb** bucket(u32_t remote, u16_t remote_port,
                                      u32_t local, u16_t local_port) {
  u64_t ports = (u32_t)remote_port << 16 | local_port;
  u64_t hash = mix((u64_t)remote << 32 | local);
  hash = (hash ^ ports) * seed;
  hash = (hash ^ hash >> 29) * 0xBF58476D1CE4E5B9u;
  return &buckets[hash >> (64 - TCP_TABLE_BITS)];
}

void tcp_table_add(struct tcp_pcb* pcb) {
  struct tcp_pcb** head;
  if (pcb->table_link != NULL) return;
  /* Before it all buckets are empty, so any will do. */
  if (seed == 0) seed = (u64_t)LWIP_RAND() << 32 | LWIP_RAND() | 1;
  head = bucket(address(&pcb->remote_ip), pcb->remote_port,
                address(&pcb->local_ip), pcb->local_port);
  pcb->table_next = *head;
  if (*head != NULL) (*head)->table_link = &pcb->table_next;
  pcb->table_link = head;
  *head = pcb;
}

void tcp_table_remove(struct tcp_pcb* pcb) {
  if (pcb->table_link == NULL) return;
  *pcb->table_link = pcb->table_next;
  if (pcb->table_next != NULL) pcb->table_next->table_link = pcb->table_link;
  pcb->table_link = NULL;
}

struct tcp_pcb* tcp_table_find(const ip_addr_t* remote_ip, u16_t remote_port,
                               const ip_addr_t* local_ip, u16_t local_port,
                               int in_time_wait) {
  struct tcp_pcb* pcb = *bucket(address(remote_ip), remote_port,
                                address(local_ip), local_port);
  for (; pcb != NULL; pcb = pcb->table_next) {
    if (pcb->remote_port == remote_port && pcb->local_port == local_port &&
        ip_addr_cmp(&pcb->remote_ip, remote_ip) &&
        ip_addr_cmp(&pcb->local_ip, local_ip) &&
        (pcb->state == TIME_WAIT) == (in_time_wait != 0)) {
      return pcb;
    }
  }
  return NULL;
}

struct tcp_pcb* tcp_table_find4(u32_t remote_ip, u16_t remote_port,
                                u32_t local_ip, u16_t local_port) {
  struct tcp_pcb* pcb = *bucket(remote_ip, remote_port, local_ip, local_port);
  for (; pcb != NULL; pcb = pcb->table_next) {
    if (pcb->remote_port == remote_port && pcb->local_port == local_port &&
        ip_2_ip4(&pcb->remote_ip)->addr == remote_ip &&
        ip_2_ip4(&pcb->local_ip)->addr == local_ip &&
        !IP_IS_V6_VAL(pcb->remote_ip) && pcb->state != TIME_WAIT) {
      return pcb;
    }
  }
  return NULL;
}
