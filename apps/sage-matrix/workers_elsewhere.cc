// Of a back-end that is a Linux process: the hosted library can be a front-end,
// this program never is.
#include <stdexcept>

#include "apps/sage-matrix/tile_worker.h"

namespace ebbrt::matrix {

void Workers::Ready(NodeId, wire::Worker::Reader, wire::Nothing::Builder) {
  throw std::logic_error("this node is no front-end");
}

}  // namespace ebbrt::matrix
