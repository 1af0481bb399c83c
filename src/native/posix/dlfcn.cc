// There are no shared objects: an image is whole.

#include <dlfcn.h>

#include <cerrno>

namespace {
bool failed = false;
}

extern "C" {

void* dlopen(const char*, int) {
  failed = true;
  return nullptr;
}

int dlclose(void*) {
  failed = true;
  return -1;
}

void* dlsym(void*, const char*) {
  failed = true;
  return nullptr;
}

char* dlerror() {
  static char text[] = "an image on EbbRT can't load shared objects";
  bool tell = failed;
  failed = false;
  return tell ? text : nullptr;
}

int dladdr(const void*, Dl_info*) { return 0; }

}  // extern "C"
