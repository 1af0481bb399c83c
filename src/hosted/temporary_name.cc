#include "hosted/temporary_name.h"

#include <sys/random.h>

#include <array>
#include <cerrno>

#include "hosted/system_call.h"

namespace ebbrt::hosted {
namespace {

constexpr std::string_view kPlaces = "XXXXXX";
constexpr std::string_view kLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr int kAttempts = 100;

std::string RandomLetters() {
  std::array<unsigned char, kPlaces.size()> random;
  OrThrow(getrandom(random.data(), random.size(), 0));
  std::string letters;
  for (unsigned char byte : random) letters += kLetters[byte % kLetters.size()];
  return letters;
}

}  // namespace

std::string MakeTemporary(std::string_view pattern,
                          MoveFunction<void(const std::string&)> make) {
  if (!pattern.ends_with(kPlaces)) ThrowErrno(EINVAL);
  std::string path(pattern);
  for (int attempt = 1;; ++attempt) {
    path.replace(path.size() - kPlaces.size(), kPlaces.size(), RandomLetters());
    try {
      make(path);
      return path;
    } catch (const std::system_error& error) {
      if (error.code().value() != EEXIST || attempt == kAttempts) throw;
    }
  }
}

}  // namespace ebbrt::hosted
