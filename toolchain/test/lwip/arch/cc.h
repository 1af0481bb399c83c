/* Throw-away compiler description for lwIP. */
#pragma once
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#define LWIP_RAND() ((u32_t)rand())
