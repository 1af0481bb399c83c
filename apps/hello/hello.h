// The tutorial's Ebb: it lives on the front-end, and every node calls it.
#pragma once

#include "apps/hello/hello.capnp.h"
#include "common/home_ebb.h"

namespace hello {

class Hello : public ebbrt::HomeEbb<Hello> {
 public:
  static constexpr std::string_view kProtocol = "hello";
  static constexpr bool kFrontEndOnly = true;
  using HomeEbb::HomeEbb;

  /// Prints the greeting with the id of the node it comes from.
  void Greet(ebbrt::NodeId from, Greeting::Reader in, Answer::Builder out);
  using Methods = ebbrt::MethodList<&Hello::Greet>;
};

inline constexpr ebbrt::EbbRef<Hello> hello{ebbrt::ApplicationEbbId(1)};

}  // namespace hello
