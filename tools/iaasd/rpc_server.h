// The daemon's side of the protocol in iaas.capnp.
#pragma once

#include <kj/async.h>

#include <memory>

#include "credentials.h"
#include "iaas.capnp.h"
#include "node_host.h"

namespace ebbrt::iaas {

// What the capabilities that a connection gave out know of it. They share it
// with the connection, and may last longer: there are calls that go on when the
// connection they came from is gone.
struct ConnectionState {
  kj::Own<kj::TaskSet> notices;  // of nodes' ends; null: nobody is to be told
  bool stays = false;            // a private daemon stays for it
};

// What a connection of `peer` gets. `host` and `timer` must outlive all
// capabilities.
rpc::Iaas::Client MakeIaasServer(NodeHost& host, kj::Timer& timer,
                                 std::shared_ptr<ConnectionState> connection,
                                 Credentials peer);

}  // namespace ebbrt::iaas
