/* What libgcc wants to know about the target beyond what the compiler itself
 * tells it through __LIBGCC_* (psABI, figure 3.36: DWARF register numbers). */
#ifndef LIBGCC_TM_H
#define LIBGCC_TM_H

#define TARGET_64BIT 1
#define BITS_PER_UNIT 8
#define UNITS_PER_WORD 8
#define MIN_UNITS_PER_WORD 8
#define STACK_GROWS_DOWNWARD 1
#define DWARF_FRAME_REGISTERS 17
#define DWARF2_UNWIND_INFO 1
#define DWARF2_DEBUGGING_INFO 1
#define INVALID_REGNUM (~(unsigned)0)
#define EH_RETURN_DATA_REGNO(n) ((n) < 2 ? (n) : INVALID_REGNUM)

#include "defaults.h"

#endif
