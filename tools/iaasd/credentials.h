// Whose rights a request has.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace ebbrt::iaas {

// The rights of a process at the other end of a Unix socket, as the kernel
// vouches for them.
struct Credentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
};

// The rights of this process.
Credentials OwnCredentials();

// The rights of a user of this machine, given by name or number, without
// supplementary groups. Throws UserError.
Credentials CredentialsOf(const std::string& user);

// The rights of the peer of a connected Unix socket (SO_PEERCRED,
// SO_PEERGROUPS). Throws std::system_error.
Credentials PeerCredentials(int socket);

// Closes the ways in which a later exec could give this process capabilities,
// as far as it may close them. In a child process, before TakeOnCredentials,
// which leaves it without the right to. Async-signal-safe.
void ForbidCapabilities();

// Gives up the capabilities there are. In a child process, after
// TakeOnCredentials, which needs some. Async-signal-safe. False on failure,
// with errno set.
bool DropCapabilities();

// Takes on `rights` for good, in a child process before exec. Only a process
// with uid 0 can take on other rights than its own; any other one keeps its
// own, which are then the stricter ones. Async-signal-safe. False on failure,
// with errno set.
bool TakeOnCredentials(const Credentials& rights);

}  // namespace ebbrt::iaas
