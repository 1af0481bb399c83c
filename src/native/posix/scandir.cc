// scandir(3) and alphasort(3). newlib's scandir lets go of the directory's lock when
// the directory is freed already.

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

void FreeAll(std::vector<dirent*>& entries) {
  for (dirent* entry : entries) std::free(entry);
  entries.clear();
}

/// False, with errno, if it could not be read to its end.
bool ReadAll(DIR* directory, int (*select)(const dirent*),
             std::vector<dirent*>& entries) {
  for (;;) {
    errno = 0;
    dirent* entry = readdir(directory);
    if (entry == nullptr) return errno == 0;
    if (select != nullptr && select(entry) == 0) continue;
    size_t size = offsetof(dirent, d_name) + std::strlen(entry->d_name) + 1;
    auto* copy = static_cast<dirent*>(std::malloc(size));
    if (copy == nullptr) return false;
    std::memcpy(copy, entry, size);
    entries.push_back(copy);
  }
}

}  // namespace

extern "C" {

int scandir(const char* path, dirent*** list, int (*select)(const dirent*),
            int (*compare)(const dirent**, const dirent**)) {
  DIR* directory = opendir(path);
  if (directory == nullptr) return -1;
  std::vector<dirent*> entries;
  bool whole = ReadAll(directory, select, entries);
  int error = errno;
  closedir(directory);
  auto** result = static_cast<dirent**>(
      std::malloc(std::max<size_t>(entries.size(), 1) * sizeof(dirent*)));
  if (!whole || result == nullptr) {
    FreeAll(entries);
    std::free(result);
    errno = whole ? ENOMEM : error;
    return -1;
  }
  std::copy(entries.begin(), entries.end(), result);
  if (compare != nullptr) {
    std::qsort(result, entries.size(), sizeof *result,
               reinterpret_cast<int (*)(const void*, const void*)>(compare));
  }
  *list = result;
  return static_cast<int>(entries.size());
}

int alphasort(const dirent** a, const dirent** b) {
  return std::strcoll((*a)->d_name, (*b)->d_name);
}

}  // extern "C"
