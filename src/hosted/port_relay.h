// PortRelay: a port of this machine that leads to an endpoint elsewhere, as to
// a back-end's. Bytes, ends of stream and resets pass both ways, each by
// itself: a client that ends its side still gets its answers.
//
// A side that doesn't read stops the other from being read; what is kept of a
// connection is then one read's worth. An idle one keeps no buffer. When one
// side has ended and nothing comes from the other for a minute, the connection
// is cut.
#pragma once

#include <memory>

#include "common/endpoint.h"

namespace ebbrt::hosted {

class Acceptor;

/// Made, used and destroyed on one core, which does the relaying.
class PortRelay {
 public:
  /// Listens at `here` ("::": all addresses, port 0: a free one). A connection
  /// is reset when `there` does not take one. Throws std::system_error.
  PortRelay(Endpoint here, Endpoint there);
  /// Stops listening; connections go on until their ends.
  ~PortRelay();

  Endpoint Local() const;

 private:
  std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace ebbrt::hosted
