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
  bool may_use_kvm = false;  // whether those rights open /dev/kvm
};

// Opens `path` under `rights` in a helper process, so that neither a file
// system that hangs nor a link into a place the client can't read harms the
// daemon, and checks that it is a back-end image. Rejected with an Error's
// message that names the path and the remedy.
kj::Promise<OpenedImage> OpenImage(kj::UnixEventPort& port, kj::Timer& timer,
                                   const Credentials& rights,
                                   const std::string& path);

}  // namespace ebbrt::iaas
