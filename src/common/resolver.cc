#include "common/resolver.h"

#include <algorithm>
#include <cstring>

#include "common/file_error.h"

namespace ebbrt {
namespace {

void SetText(capnp::Text::Builder out, std::string_view text) {
  if (!text.empty()) std::memcpy(out.begin(), text.data(), text.size());
}

std::string ToString(capnp::Text::Reader text) {
  return {text.cStr(), text.size()};
}

ResolvedName ToName(NameReply::Reader in) {
  ResolvedName name;
  name.error = in.getError();
  name.system = ErrnoFromLinux(static_cast<uint32_t>(in.getSystem()));
  name.port = in.getPort();
  name.canonical = ToString(in.getCanonical());
  for (auto data : in.getAddresses()) {
    IpAddress address;
    size_t size = std::min(data.size(), address.bytes.size());
    std::copy_n(data.begin(), size, address.bytes.begin());
    name.addresses.push_back(address);
  }
  return name;
}

}  // namespace

Future<ResolvedName> Resolver::Lookup(std::string_view name,
                                      std::string_view service, uint32_t family,
                                      uint32_t flags) {
  return Call<&Resolver::ServeName>(
             [&](NameRequest::Builder out) {
               SetText(out.initName(name.size()), name);
               SetText(out.initService(service.size()), service);
               out.setFamily(family);
               out.setFlags(flags);
             },
             kDeadline)
      .Then([](Message<NameReply> reply) { return ToName(reply.Read()); });
}

Future<ResolvedAddress> Resolver::LookupAddress(const Endpoint& endpoint,
                                                uint32_t flags) {
  return Call<&Resolver::ServeAddress>(
             [&](AddressRequest::Builder out) {
               const auto& bytes = endpoint.address.bytes;
               std::copy(bytes.begin(), bytes.end(),
                         out.initAddress(bytes.size()).begin());
               out.setPort(endpoint.port);
               out.setFlags(flags);
             },
             kDeadline)
      .Then([](Message<AddressReply> reply) {
        auto in = reply.Read();
        return ResolvedAddress{
            in.getError(), ErrnoFromLinux(static_cast<uint32_t>(in.getSystem())),
            ToString(in.getName()), ToString(in.getService())};
      });
}

}  // namespace ebbrt
