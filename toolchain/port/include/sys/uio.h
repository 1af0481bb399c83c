/* Scatter and gather input and output. */
#ifndef _SYS_UIO_H_
#define _SYS_UIO_H_

#include <sys/types.h>

#define IOV_MAX 1024
#define UIO_MAXIOV IOV_MAX

#ifdef __cplusplus
extern "C" {
#endif

struct iovec {
  void *iov_base;
  size_t iov_len;
};

ssize_t readv(int fd, const struct iovec *parts, int count);
ssize_t writev(int fd, const struct iovec *parts, int count);

#ifdef __cplusplus
}
#endif

#endif
