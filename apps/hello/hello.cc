#include "apps/hello/hello.h"

#include <cstdio>
#include <string>

namespace hello {

void Hello::Greet(ebbrt::NodeId from, Greeting::Reader in,
                  Answer::Builder out) {
  std::printf("node %u says: %s\n", from, in.getText().cStr());
  std::fflush(stdout);
  out.setText("hello, node " + std::to_string(from));
}

}  // namespace hello
