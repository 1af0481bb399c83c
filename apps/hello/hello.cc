#include "apps/hello/hello.h"

#include <cstdio>

#include "common/concat.h"

namespace hello {

void Hello::Greet(ebbrt::NodeId from, Greeting::Reader in,
                  Answer::Builder out) {
  using ebbrt::Concat;
  std::puts(Concat({"node ", from, " says: ", in.getText().cStr()}).c_str());
  std::fflush(stdout);
  out.setText(Concat({"hello, node ", from}));
}

}  // namespace hello
