/* Stands for the configuration of a GCC that is not built here. */
#ifndef LIBGCC_TCONFIG_H
#define LIBGCC_TCONFIG_H

#ifdef IN_GCC
#include "ansidecl.h"
#endif
#define USED_FOR_TARGET 1
#define HAVE_LD_EH_FRAME_HDR 1

#endif
