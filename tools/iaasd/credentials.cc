#include "credentials.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <system_error>

#include "user_error.h"

namespace ebbrt::iaas {

Credentials OwnCredentials() {
  Credentials own{.uid = geteuid(), .gid = getegid(), .groups = {}};
  const int count = getgroups(0, nullptr);
  if (count > 0) {
    own.groups.resize(static_cast<size_t>(count));
    const int got = getgroups(count, own.groups.data());
    own.groups.resize(got > 0 ? static_cast<size_t>(got) : 0);
  }
  return own;
}

Credentials CredentialsOf(const std::string& user) {
  uid_t uid = 0;
  const auto [end, error] =
      std::from_chars(user.data(), user.data() + user.size(), uid);
  if (!user.empty() && error == std::errc() &&
      end == user.data() + user.size()) {
    const passwd* entry = getpwuid(uid);
    return {.uid = uid,
            .gid = entry != nullptr ? entry->pw_gid : gid_t{uid},
            .groups = {}};
  }
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) {
    throw UserError("this machine has no user '" + user +
                    "'; give the name or the number of one");
  }
  return {.uid = entry->pw_uid, .gid = entry->pw_gid, .groups = {}};
}

Credentials PeerCredentials(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "SO_PEERCRED");
  }
  Credentials result{.uid = peer.uid, .gid = peer.gid, .groups = {}};
  socklen_t bytes = 0;
  // The first call tells how much room the list takes.
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &bytes) != 0 &&
      errno == ERANGE) {
    result.groups.resize(bytes / sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, result.groups.data(),
                   &bytes) != 0) {
      throw std::system_error(errno, std::generic_category(), "SO_PEERGROUPS");
    }
    result.groups.resize(bytes / sizeof(gid_t));
  }
  return result;
}

void ForbidCapabilities() {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  // Fails for a daemon without privileges, which has none to hand on, and with
  // EINVAL behind the last one.
  for (unsigned long capability = 0;
       prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
  }
}

bool DropCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3,
                                  .pid = 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  return syscall(SYS_capset, &header, none) == 0;
}

bool TakeOnCredentials(const Credentials& rights) {
  if (geteuid() != 0 || rights.uid == 0) return true;
  return setgroups(rights.groups.size(), rights.groups.data()) == 0 &&
         setresgid(rights.gid, rights.gid, rights.gid) == 0 &&
         setresuid(rights.uid, rights.uid, rights.uid) == 0;
}

}  // namespace ebbrt::iaas
