#include "apps/hello/hello.h"

#include <cstdio>
#include <string>

namespace hello {

void Hello::Greet(ebbrt::NodeId from, Greeting::Reader in,
                  Answer::Builder out) {
  std::string line = "node " + std::to_string(from) + " says: ";
  std::puts(line.append(in.getText().cStr()).c_str());
  std::fflush(stdout);
  out.setText("hello, node " + std::to_string(from));
}

}  // namespace hello
