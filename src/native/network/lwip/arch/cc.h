/* What lwIP asks of a compiler and machine. */
#pragma once

#include <stdint.h>
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
#define LWIP_PLATFORM_ASSERT(message) ebbrt_lwip_assertion(__FILE__, __LINE__)
/* Diagnostics are off; without this lwIP would want printf. */
#define LWIP_PLATFORM_DIAG(arguments) \
  do {                                \
  } while (0)
