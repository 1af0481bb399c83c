// The Ebb that bench/allocate's back-ends call from their main.
#pragma once

#include "bench/images/echo.capnp.h"
#include "common/home_ebb.h"

namespace ebbrt::bench {

class Arrivals : public HomeEbb<Arrivals> {
 public:
  static constexpr std::string_view kProtocol = "bench-arrivals";
  static constexpr bool kFrontEndOnly = true;
  explicit Arrivals(EbbId id) : HomeEbb(id) {}

  /// Node `from` has reached its main.
  void Here(NodeId from, Payload::Reader, Payload::Builder);
  using Methods = MethodList<&Arrivals::Here>;
};

inline constexpr EbbRef<Arrivals> arrivals{ApplicationEbbId(103)};

}  // namespace ebbrt::bench
