/* What the unwinder needs to find the unwind tables of the image. */
#ifndef _LINK_H_
#define _LINK_H_

#include <elf.h>
#include <stddef.h>

#define ElfW(type) Elf64_##type

#ifdef __cplusplus
extern "C" {
#endif

/* Without the counters of loads and unloads that other systems add: their absence
 * keeps the unwinder from caching look-ups in a variable that cores would share. */
struct dl_phdr_info {
  ElfW(Addr) dlpi_addr;
  const char *dlpi_name;
  const ElfW(Phdr) * dlpi_phdr;
  ElfW(Half) dlpi_phnum;
};

/* Calls `callback` for the image with its load bias (zero: it is linked where it
 * runs), its program headers and `size` = sizeof(struct dl_phdr_info), and returns
 * what the callback returns. */
int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *info, size_t size,
                                    void *data),
                    void *data);

#ifdef __cplusplus
}
#endif

#endif
