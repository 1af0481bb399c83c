// The names under which parts of newlib ask for memory, on the library OS's heap.
#include <reent.h>
#include <stdlib.h>

#undef _malloc_r
#undef _calloc_r
#undef _realloc_r
#undef _free_r

void *_malloc_r(struct _reent *reent, size_t size) {
  (void)reent;
  return malloc(size);
}

void *_calloc_r(struct _reent *reent, size_t count, size_t size) {
  (void)reent;
  return calloc(count, size);
}

void *_realloc_r(struct _reent *reent, void *memory, size_t size) {
  (void)reent;
  return realloc(memory, size);
}

void _free_r(struct _reent *reent, void *memory) {
  (void)reent;
  free(memory);
}

void *reallocf(void *memory, size_t size) {
  void *moved = realloc(memory, size);
  if (!moved && size) free(memory);
  return moved;
}
