// TraceFile: what a front-end's cores have done lately, for a viewer.
//
// Made before the cores run; each then keeps its last slices
// (common/event_trace.h), which are written when the node ends.
#pragma once

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "common/event_trace.h"
#include "common/types.h"

namespace ebbrt::hosted {

class TraceFile {
 public:
  /// Makes or empties the file, so that one that can't be written is known at
  /// once. Throws std::runtime_error, which names EBBRT_TRACE.
  TraceFile(std::string path, unsigned cores);
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  /// Makes the calling thread leave its slices as `core`. Before its loop runs.
  void Trace(CoreId core);

  /// Writes the trace of node `node` in Chrome's format. When the loops have
  /// ended. Reports what fails.
  void Write(NodeId node);

 private:
  const std::string path_;
  std::ofstream file_;
  std::vector<std::unique_ptr<EventTrace>> cores_;
};

}  // namespace ebbrt::hosted
