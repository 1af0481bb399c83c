#include "image_opener.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include "helper_process.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr auto kOpenDeadline = 10 * kj::SECONDS;

std::string OpenError(const std::string& path, int error) {
  const std::string name = "image " + path;
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return name + " doesn't exist; build it, or check the path";
    case EACCES:
    case EPERM:
      return name + " can't be read by user " + std::to_string(geteuid()) +
             "; give that user read permission on the file and search "
             "permission on its directories";
    default:
      return name + " can't be opened: " + std::strerror(error);
  }
}

// A sealed copy of the file, `size` bytes long, that is `reader`'s; none when
// there is no memory for it.
kj::AutoCloseFd CopyFor(const Credentials& reader, int file, off_t size) {
  kj::AutoCloseFd copy(
      memfd_create("ebbrt-image", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  off_t done = 0;
  while (done < size) {
    const auto left = static_cast<size_t>(size - done);
    if (sendfile(copy.get(), file, &done, left) <= 0) return {};
  }
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
  const bool ready = fchmod(copy.get(), 0400) == 0 &&
                     fchown(copy.get(), reader.uid, reader.gid) == 0 &&
                     fcntl(copy.get(), F_ADD_SEALS, kSeals) == 0;
  return ready ? kj::mv(copy) : kj::AutoCloseFd();
}

// Whether a user that is not the file's owner may read it; groups don't count.
bool IsReadableFor(const Credentials& reader, const struct stat& status) {
  return reader.uid == geteuid() || (status.st_mode & S_IROTH) != 0;
}

// In the helper. The reply's text is "ok <entry> <end> <size> <kvm>" or the
// error.
HelperReply OpenAndCheck(const std::string& path, const Credentials& reader) {
  // Not blocking, in case it is a pipe without a writer.
  kj::AutoCloseFd file(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return {OpenError(path, errno), kj::AutoCloseFd()};
  struct stat status;
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return {"image " + path + " is not a regular file; give the ELF file",
            kj::AutoCloseFd()};
  }
  try {
    const auto facts = CheckImage(FileImageReader(file.get()), path);
    const bool kvm = access("/dev/kvm", R_OK | W_OK) == 0;
    std::ostringstream text;
    text << "ok " << facts.entry << " " << facts.load_end << " "
         << status.st_size << " " << kvm;
    if (IsReadableFor(reader, status)) return {text.str(), kj::mv(file)};
    auto copy = CopyFor(reader, file.get(), status.st_size);
    if (copy.get() >= 0) return {text.str(), kj::mv(copy)};
    return {"image " + path + " is not for user " + std::to_string(reader.uid) +
                ", as whom QEMU runs, and there is no memory for a copy; make "
                "it readable for all",
            kj::AutoCloseFd()};
  } catch (const std::exception& error) {
    return {error.what(), kj::AutoCloseFd()};
  }
}

}  // namespace

kj::Promise<OpenedImage> OpenImage(kj::UnixEventPort& port, kj::Timer& timer,
                                   const Credentials& rights,
                                   const Credentials& reader,
                                   const std::string& path) {
  if (!path.starts_with('/')) {
    throw UserError("the image's path '" + path +
                    "' is not absolute; the daemon has another working "
                    "directory, so give the whole path");
  }
  if (path.find('\0') != std::string::npos) {
    throw UserError("the image's path has a NUL byte in it");
  }
  return RunHelper(port, timer, rights, kOpenDeadline,
                   [path, reader]() { return OpenAndCheck(path, reader); })
      .then([path](HelperResult result) {
        if (result.failure != HelperFailure::kNone) {
          throw UserError(
              "image " + path +
              (result.failure == HelperFailure::kDeadline
                   ? " could not be read within 10 s; is its file system "
                     "reachable?"
                   : " could not be read: the process that checks it "
                     "crashed"));
        }
        if (result.reply.file.get() < 0) throw UserError(result.reply.text);
        OpenedImage image{
            .file = kj::mv(result.reply.file), .facts = {}, .size = 0};
        std::istringstream text(result.reply.text.substr(3));
        text >> image.facts.entry >> image.facts.load_end >> image.size >>
            image.may_use_kvm;
        return image;
      });
}

}  // namespace ebbrt::iaas
