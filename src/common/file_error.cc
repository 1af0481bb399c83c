#include "common/file_error.h"

#include <array>
#include <cerrno>

namespace ebbrt {
namespace {

struct Pair {
  uint8_t linux_number;
  int here;
};

// Numbers of Linux's ABI for x86-64 that a file operation can end with.
constexpr std::array kPairs = {
    Pair{1, EPERM},       Pair{2, ENOENT},        Pair{4, EINTR},
    Pair{5, EIO},         Pair{6, ENXIO},         Pair{7, E2BIG},
    Pair{9, EBADF},       Pair{11, EAGAIN},       Pair{12, ENOMEM},
    Pair{13, EACCES},     Pair{14, EFAULT},       Pair{16, EBUSY},
    Pair{17, EEXIST},     Pair{18, EXDEV},        Pair{19, ENODEV},
    Pair{20, ENOTDIR},    Pair{21, EISDIR},       Pair{22, EINVAL},
    Pair{23, ENFILE},     Pair{24, EMFILE},       Pair{25, ENOTTY},
    Pair{26, ETXTBSY},    Pair{27, EFBIG},        Pair{28, ENOSPC},
    Pair{29, ESPIPE},     Pair{30, EROFS},        Pair{31, EMLINK},
    Pair{32, EPIPE},      Pair{36, ENAMETOOLONG}, Pair{38, ENOSYS},
    Pair{39, ENOTEMPTY},  Pair{40, ELOOP},        Pair{75, EOVERFLOW},
    Pair{95, EOPNOTSUPP}, Pair{116, ESTALE},      Pair{122, EDQUOT}};

}  // namespace

int ErrnoFromLinux(uint32_t linux_number) {
  for (const Pair& pair : kPairs) {
    if (pair.linux_number == linux_number) return pair.here;
  }
  return EIO;
}

}  // namespace ebbrt
