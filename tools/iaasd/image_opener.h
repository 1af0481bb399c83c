// Opens and checks an image with the client's rights.
#pragma once

#include <kj/async-unix.h>
#include <kj/io.h>
#include <kj/timer.h>

#include <string>

#include "credentials.h"
#include "elf_image.h"

namespace ebbrt::iaas {

struct OpenedImage {
  kj::AutoCloseFd file;
  ImageFacts facts;
  uint64_t size = 0;         // of the file, in bytes
  bool may_use_kvm = false;  // whether those rights open /dev/kvm
};

// Opens `path` under `rights` in a helper process, so that neither a file
// system that hangs nor a link into a place the client can't read harms the
// daemon, and checks that it is a back-end image. `reader` is who will read the
// file anew, through its descriptor; if that is another user, who may not, the
// file is a copy in memory. Rejected with an Error's message that names the
// path and the remedy.
kj::Promise<OpenedImage> OpenImage(kj::UnixEventPort& port, kj::Timer& timer,
                                   const Credentials& rights,
                                   const Credentials& reader,
                                   const std::string& path);

}  // namespace ebbrt::iaas
