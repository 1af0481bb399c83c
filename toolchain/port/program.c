#include <unistd.h>

// What crtbegin and crti objects supply elsewhere. There is one program and it is
// never unloaded, so its handle is null; initialisers lie in .init_array alone.
__attribute__((__visibility__("hidden"))) void *__dso_handle = 0;

__attribute__((__weak__)) void _init(void) {}
__attribute__((__weak__)) void _fini(void) {}

// thread_local objects belong to a core, and a core does not end before the
// program. Without this the C++ library would destroy them when the context ends
// that happened to use them first.
__attribute__((__weak__)) int __cxa_thread_atexit_impl(
    void (*destructor)(void *), void *object, void *handle) {
  (void)destructor;
  (void)object;
  (void)handle;
  return 0;
}

// Cap'n Proto's messages that no caller can be told.
__attribute__((__weak__)) ssize_t ebbrt_write_log(const void *text, size_t size) {
  return write(STDERR_FILENO, text, size);
}
