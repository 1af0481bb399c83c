// The boundaries that the linker script gives an image, as addresses.
//
// Symbols have no value of their own; only their addresses mean something. All
// but the thread-local ones and *_data_end are multiples of the page size where
// they begin or end a segment. See ebbrt.ld and docs/memory-map.md.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
extern const char image_begin[], image_end[];
extern const char text_end[];
extern const char rodata_begin[], rodata_end[];
extern const char data_begin[];
extern char percore_begin[], percore_data_end[], percore_end[];
extern const char tls_begin[], tls_data_end[], tls_size[], tls_alignment[];
extern const char boot_stack_guard[], early_interrupt_stack_top[];
extern const char stack_size[], stack_slot[], stack_mask[], stack_guard[];
extern char fixed_tables_begin[], fixed_tables_end[];
extern void (*const init_array_begin[])();
extern void (*const init_array_end[])();
}

namespace ebbrt::image {

inline uintptr_t Address(const void* symbol) {
  return reinterpret_cast<uintptr_t>(symbol);
}

/// Whether `address` lies in the image's code.
inline bool IsText(uintptr_t address) {
  return address >= Address(image_begin) && address < Address(text_end);
}

}  // namespace ebbrt::image
