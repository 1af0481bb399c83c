/* What lwIP asks of a compiler and machine. */
#pragma once

#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#ifndef SSIZE_MAX
#define SSIZE_MAX INTPTR_MAX
#endif
#define LWIP_NO_UNISTD_H 1

#ifdef __cplusplus
extern "C" {
#endif
/* Any 32 bits; not for keys. */
uint32_t ebbrt_lwip_random(void);
/* Ends the node: a broken invariant inside lwIP. */
void ebbrt_lwip_assertion(const char* file, int line);
#ifdef __cplusplus
}
#endif

#define LWIP_RAND() ebbrt_lwip_random()
/* The message stands in that line; all of them would be 8 KB of an image. */
#define LWIP_PLATFORM_ASSERT(message) ebbrt_lwip_assertion(__FILE_NAME__, __LINE__)
/* Diagnostics are off; without this lwIP would want printf. */
#define LWIP_PLATFORM_DIAG(arguments) \
  do {                                \
  } while (0)

/* An instruction each; lwIP's own are calls. */
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)

/* The one's complement sum of bytes, as lwIP's own gives it. */
static inline uint16_t ebbrt_lwip_sum(const void* data, int length) {
  const uint8_t* at = (const uint8_t*)data;
  uint64_t sum = 0;
  for (; length >= 8; at += 8, length -= 8) {
    uint32_t words[2];
    memcpy(words, at, sizeof words);
    sum += words[0];
    sum += words[1];
  }
  if ((length & 4) != 0) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    sum += word;
    at += 4;
  }
  if ((length & 2) != 0) {
    uint16_t half;
    memcpy(&half, at, sizeof half);
    sum += half;
    at += 2;
  }
  if ((length & 1) != 0) sum += *at; /* the next one would be 0 */
  sum = (sum & 0xFFFFFFFF) + (sum >> 32);
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  return (uint16_t)sum;
}
#define LWIP_CHKSUM ebbrt_lwip_sum
