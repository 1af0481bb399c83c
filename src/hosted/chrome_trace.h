// ChromeTrace: the cores' slices in Chrome's trace event format, which
// chrome://tracing and Perfetto show. tools/command/trace.py writes the same of
// back-ends.
//
// A node is a process there and a core a thread. A slice is a complete event
// ("X"); an event that has blocked is several, with an arrow from each to the
// next ("s", "f").
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/event_trace.h"
#include "common/types.h"

namespace ebbrt::hosted {

class ChromeTrace {
 public:
  /// Gives the symbol at an address; empty if there is none.
  using Namer = std::function<std::string(const void*)>;

  ChromeTrace(NodeId node, std::string_view process, Namer namer);

  /// A core's slices, the oldest first, without one that goes on.
  void Add(CoreId core, const std::vector<EventTrace::Slice>& slices);

  /// The whole of it, in JSON.
  std::string Take();

 private:
  void Object(std::string_view kind, CoreId core, const std::string& rest);
  void Arrow(std::string_view kind, CoreId core, uint64_t time, uint32_t event);
  std::string NameOf(const EventTrace::Slice& slice) const;

  const NodeId node_;
  const Namer namer_;
  std::string text_;
};

/// What of a symbol's name tells the function: the type of a MoveFunction's
/// target, the class of a table of virtual functions.
std::string EventName(const std::string& symbol);

}  // namespace ebbrt::hosted
