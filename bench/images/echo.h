// An Ebb at home on the front-end that gives back what it is sent.
#pragma once

#include "bench/images/echo.capnp.h"
#include "common/home_ebb.h"

namespace ebbrt::bench {

class Echo : public HomeEbb<Echo> {
 public:
  static constexpr std::string_view kProtocol = "bench-echo";
  explicit Echo(EbbId id) : HomeEbb(id) {}

  void Reply(NodeId, Payload::Reader in, Payload::Builder out) {
    out.setBytes(in.getBytes());
  }
  using Methods = MethodList<&Echo::Reply>;
};

inline constexpr EbbRef<Echo> front_end_echo{ApplicationEbbId(101)};

}  // namespace ebbrt::bench
