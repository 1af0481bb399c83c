// Networks made of a bridge of the host and one tap per node.
#pragma once

#include <memory>

#include "session_network.h"

namespace ebbrt::iaas {

// Makes the bridge `ebbrt<N>`, N being the lowest number free in this network
// namespace, with the host at .1 of a /24 network unused on this machine.
// Throws std::system_error or UserError.
std::unique_ptr<Network> MakeBridgeNetwork(StateDirectory& state);

}  // namespace ebbrt::iaas
