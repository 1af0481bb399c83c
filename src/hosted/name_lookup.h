// What the front-end asks its system's resolver for a node: the requests of
// common/resolver.capnp, whatever is in them.
#pragma once

#include "common/resolver.capnp.h"

namespace ebbrt::hosted {

/// The addresses of a name. May wait for servers. Any thread.
void LookUpName(NameRequest::Reader in, NameReply::Builder out);
/// The names of an address. May wait for servers. Any thread.
void LookUpAddress(AddressRequest::Reader in, AddressReply::Builder out);

}  // namespace ebbrt::hosted
