// What a file is besides its contents: the operations of FileService on modes,
// owners and times.
#pragma once

#include <sys/stat.h>

#include "common/file_system.capnp.h"
#include "hosted/granted_directory.h"

namespace ebbrt::hosted {

/// What there is to tell of a file, also by a descriptor that only names it.
/// Throws std::system_error, as all here.
struct statx ReadStatus(int fd);

/// Writes it down.
void Fill(FileAttributes::Builder out, const struct statx& status);

/// Does what `in` asks of the attributes of what its path names; false if it
/// asks for something else.
bool DoOnPathAttributes(const GrantedDirectory& directory,
                        FileRequest::Reader in, FileReply::Builder out);

/// The same for an open file.
bool DoOnFileAttributes(int fd, FileRequest::Reader in, FileReply::Builder out);

}  // namespace ebbrt::hosted
