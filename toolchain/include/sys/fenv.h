/* The floating-point environment of x86-64: the control bits of the x87 unit and
 * of MXCSR, changed together. Layout and numbers are the hardware's (Intel SDM
 * volume 1, 8.1 and 10.2.3). */
#ifndef _SYS_FENV_H
#define _SYS_FENV_H 1

#include <sys/cdefs.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FE_INVALID 0x01
#define FE_DIVBYZERO 0x04
#define FE_OVERFLOW 0x08
#define FE_UNDERFLOW 0x10
#define FE_INEXACT 0x20
#define FE_ALL_EXCEPT 0x3f

#define FE_TONEAREST 0x000
#define FE_DOWNWARD 0x400
#define FE_UPWARD 0x800
#define FE_TOWARDZERO 0xc00

typedef unsigned short fexcept_t;

/* The 28 bytes that FNSTENV stores, and MXCSR. */
typedef struct {
  unsigned int __x87[7];
  unsigned int __mxcsr;
} fenv_t;

#define FE_DFL_ENV ((const fenv_t *)-1)

#ifdef __cplusplus
}
#endif

#endif
