// Addresses as Asio has them, and sockets that serve both protocols.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <vector>

#include "common/endpoint.h"

namespace ebbrt::hosted {

/// One of IPv4 becomes Asio's of IPv4, not an IPv6 address that stands for it.
boost::asio::ip::address ToAsio(const IpAddress& address);
IpAddress FromAsio(const boost::asio::ip::address& address);

/// Those of all interfaces that are up, the loopback aside. Throws
/// std::system_error.
std::vector<IpAddress> InterfaceAddresses();

/// The value for Endpoints of TCP and of UDP.
template <typename AsioEndpoint>
Endpoint ToEndpoint(const AsioEndpoint& endpoint) {
  return {FromAsio(endpoint.address()), endpoint.port()};
}

/// Opens `socket` for IPv6 and IPv4, or for IPv4 alone where Linux runs without
/// IPv6, and returns which.
template <typename Socket>
typename Socket::protocol_type OpenForBoth(Socket& socket,
                                           boost::system::error_code& error) {
  using Protocol = typename Socket::protocol_type;
  socket.open(Protocol::v6(), error);
  if (!error) socket.set_option(boost::asio::ip::v6_only(false), error);
  if (!error) return Protocol::v6();
  boost::system::error_code ignored;
  socket.close(ignored);
  socket.open(Protocol::v4(), error);
  return Protocol::v4();
}

}  // namespace ebbrt::hosted
