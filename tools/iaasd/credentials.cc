#include "credentials.h"

#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

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

bool TakeOnCredentials(const Credentials& rights) {
  if (geteuid() != 0 || rights.uid == 0) return true;
  return setgroups(rights.groups.size(), rights.groups.data()) == 0 &&
         setresgid(rights.gid, rights.gid, rights.gid) == 0 &&
         setresuid(rights.uid, rights.uid, rights.uid) == 0;
}

}  // namespace ebbrt::iaas
