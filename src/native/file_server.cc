// FileSystem is at home on the front-end; an image that has none has no files.

#include <stdexcept>

#include "common/file_system.h"

namespace ebbrt {

Future<> FileSystem::Serve(NodeId, FileRequest::Reader, FileReply::Builder) {
  throw std::logic_error("files are the front-end's, and this image is none");
}

}  // namespace ebbrt
