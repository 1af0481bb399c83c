// Temporary files and directories, of names that nobody can guess. All of the
// family, so that newlib's, whose names follow from the process's number, stays
// out.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace {

constexpr std::string_view kPlaces = "XXXXXX";
constexpr std::string_view kLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr int kAttempts = 100;

/// The XXXXXX in `pattern` that `behind` more letters follow; null if there are
/// none.
char* PlacesIn(char* pattern, int behind) {
  size_t size = std::strlen(pattern);
  size_t end = static_cast<size_t>(behind) + kPlaces.size();
  if (behind < 0 || size < end) return nullptr;
  char* places = pattern + size - end;
  return std::string_view(places, kPlaces.size()) == kPlaces ? places : nullptr;
}

/// False, with errno, if there is nothing random.
bool PutRandomLetters(char* places) {
  unsigned char random[kPlaces.size()];
  if (getentropy(random, sizeof(random)) != 0) return false;
  for (size_t i = 0; i < kPlaces.size(); ++i) {
    places[i] = kLetters[random[i] % kLetters.size()];
  }
  return true;
}

/// Calls make() with random letters in the pattern until it does something else
/// than failing with EEXIST; gives what it gave, or -1 with errno.
template <typename F>
int WithNames(char* pattern, int behind, F make) {
  char* places = PlacesIn(pattern, behind);
  if (places == nullptr) {
    errno = EINVAL;
    return -1;
  }
  for (int attempt = 1;; ++attempt) {
    if (!PutRandomLetters(places)) return -1;
    int result = make();
    if (result >= 0 || errno != EEXIST || attempt == kAttempts) return result;
  }
}

}  // namespace

extern "C" {

int mkostemps(char* pattern, int behind, int flags) {
  return WithNames(pattern, behind, [&] {
    return open(pattern, flags | O_RDWR | O_CREAT | O_EXCL, 0600);
  });
}

int mkostemp(char* pattern, int flags) { return mkostemps(pattern, 0, flags); }

int mkstemps(char* pattern, int behind) {
  return mkostemps(pattern, behind, 0);
}

int mkstemp(char* pattern) { return mkostemps(pattern, 0, 0); }

char* mkdtemp(char* pattern) {
  int made = WithNames(pattern, 0, [&] { return mkdir(pattern, 0700); });
  return made == 0 ? pattern : nullptr;
}

/// Only a name, which somebody else may take first.
char* mktemp(char* pattern) {
  int made = WithNames(pattern, 0, [&] {
    struct stat status;
    if (lstat(pattern, &status) != 0) return errno == ENOENT ? 0 : -1;
    errno = EEXIST;
    return -1;
  });
  if (made != 0) *pattern = '\0';
  return pattern;
}

}  // extern "C"
