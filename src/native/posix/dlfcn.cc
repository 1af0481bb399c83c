// There are no shared objects: an image is whole.

#include <dlfcn.h>

#include <string>
#include <utility>

namespace {

std::string said;
bool failed = false;

}  // namespace

extern "C" {

void* dlopen(const char* path, int) {
  said = path == nullptr ? "" : std::string(path) + ": ";
  said += "an image on EbbRT can't load shared objects";
  failed = true;
  return nullptr;
}

int dlclose(void*) { return -1; }

void* dlsym(void*, const char* name) {
  said = std::string(name) + ": an image on EbbRT tells no program of its symbols";
  failed = true;
  return nullptr;
}

char* dlerror() {
  return std::exchange(failed, false) ? said.data() : nullptr;
}

int dladdr(const void*, Dl_info*) { return 0; }

}  // extern "C"
