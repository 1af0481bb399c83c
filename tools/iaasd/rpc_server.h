// The daemon's side of the protocol in iaas.capnp.
#pragma once

#include <kj/function.h>

#include "credentials.h"
#include "iaas.capnp.h"
#include "node_host.h"

namespace ebbrt::iaas {

// What a connection of `peer` gets. `host` and `timer` must outlive all
// capabilities. Notices of nodes' ends go out in `notices`, which outlive the
// connection's capabilities but not the connection. `stay` runs when the
// connection becomes one that a private daemon stays for.
rpc::Iaas::Client MakeIaasServer(NodeHost& host, kj::Timer& timer,
                                 kj::TaskSet& notices, Credentials peer,
                                 kj::Function<void()> stay);

}  // namespace ebbrt::iaas
