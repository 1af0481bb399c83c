// Between the structures of client.h and those of the protocol, for both sides.
#pragma once

#include "client.h"
#include "iaas.capnp.h"

namespace ebbrt::iaas {

// Readers throw UserError for values the protocol knows but this program
// doesn't, such as a machine of a newer version.
rpc::NetworkKind ToRpc(NetworkKind kind);
NetworkKind FromRpc(rpc::NetworkKind kind);
rpc::Machine ToRpc(Machine machine);
Machine FromRpc(rpc::Machine machine);

void ToRpc(const SessionNetwork& in, rpc::SessionNetwork::Builder out);
SessionNetwork FromRpc(rpc::SessionNetwork::Reader in);
void ToRpc(const NodeSpec& in, rpc::NodeSpec::Builder out);
NodeSpec FromRpc(rpc::NodeSpec::Reader in);
void ToRpc(const NodeInfo& in, rpc::NodeInfo::Builder out);
NodeInfo FromRpc(rpc::NodeInfo::Reader in);
void ToRpc(const NodeExit& in, rpc::NodeExit::Builder out);
NodeExit FromRpc(rpc::NodeExit::Reader in);
void ToRpc(const NodeStatus& in, rpc::NodeStatus::Builder out);
NodeStatus FromRpc(rpc::NodeStatus::Reader in);
void ToRpc(const DaemonInfo& in, rpc::DaemonInfo::Builder out);
DaemonInfo FromRpc(rpc::DaemonInfo::Reader in);

}  // namespace ebbrt::iaas
