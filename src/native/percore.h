// Per-core variables: one name, one address, another memory on every core.
//
// The linker script gathers them in one page-aligned range; core 0 uses the
// image's own pages, every other core maps a copy, made before core 0 first
// writes there. An access costs what an access to any global costs. A variable's
// address means another variable on another core, so never hand it there; and
// devices don't know about it: PhysicalAddress (paging.h) translates.
//
// Initialisers must be constants. thread_local is per core too, but goes through
// %fs and may have a constructor; this is for what runs before that works, for
// the interrupt stubs and for the hottest paths.
#pragma once

/// For definitions and for extern declarations of namespace-scope variables.
#define EBBRT_PERCORE __attribute__((section(".percore")))
/// The same for what begins as zeros, which then aren't in the image's file.
#define EBBRT_PERCORE_ZEROED __attribute__((section(".bss.percore")))
