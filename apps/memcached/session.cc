#include "apps/memcached/session.h"

#include "apps/memcached/binary_session.h"
#include "apps/memcached/text_session.h"

namespace ebbrt::memcached {

std::unique_ptr<Session> Session::For(const IOBuf& data, Service& service) {
  if (static_cast<uint8_t>(*data.Data()) == kRequestMagic) {
    return std::make_unique<BinarySession>(service);
  }
  return std::make_unique<TextSession>(service);
}

}  // namespace ebbrt::memcached
