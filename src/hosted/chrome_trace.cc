#include "hosted/chrome_trace.h"

#include <utility>

#include "common/concat.h"

namespace ebbrt::hosted {
namespace {

using Kind = EventTrace::Kind;
using Slice = EventTrace::Slice;

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    // What must not stand in a string as it is: in no symbol's name.
    quoted += static_cast<unsigned char>(c) < ' ' ? '?' : c;
  }
  return quoted + '"';
}

/// Nanoseconds as the format's microseconds.
std::string Micros(uint64_t nanoseconds) {
  std::string below = std::to_string(nanoseconds % 1000);
  return Concat(
      {nanoseconds / 1000, ".", std::string(3 - below.size(), '0'), below});
}

const char* NameOf(Kind kind) {
  switch (kind) {
    case Kind::kEvent:
      return "event";
    case Kind::kTimer:
      return "timer";
    case Kind::kInterrupt:
      return "interrupt";
    case Kind::kIdle:
      return "idle";
    case Kind::kEndOfEvent:
      return "end of event";
    case Kind::kAsleep:
      return "asleep";
  }
  return "?";
}

}  // namespace

std::string EventName(const std::string& symbol) {
  constexpr std::string_view kTarget = "Operations<";
  constexpr std::string_view kTable = "vtable for ";
  auto begin = symbol.find(kTarget);
  auto end = symbol.rfind('>');
  if (begin != symbol.npos && end != symbol.npos &&
      begin + kTarget.size() < end) {
    begin += kTarget.size();
    return symbol.substr(begin, end - begin);
  }
  if (symbol.starts_with(kTable)) return symbol.substr(kTable.size());
  return symbol;
}

ChromeTrace::ChromeTrace(NodeId node, std::string_view process, Namer namer)
    : node_(node), namer_(std::move(namer)) {
  Object("M", 0,
         Concat({R"("name":"process_name","args":{"name":)",
                 Quoted(Concat({"node ", node, " ", process})), "}"}));
}

void ChromeTrace::Object(std::string_view kind, CoreId core,
                         const std::string& rest) {
  text_ +=
      Concat({text_.empty() ? "{\"traceEvents\":[\n" : ",\n", R"({"ph":")",
              kind, R"(","pid":)", node_, R"(,"tid":)", core, ",", rest, "}"});
}

void ChromeTrace::Arrow(std::string_view kind, CoreId core, uint64_t time,
                        uint32_t event) {
  // An arrow ends at the slice around its end ("e"), not at the next one.
  Object(kind, core,
         Concat({R"("name":"blocked","cat":"blocked","bp":"e","id":")", node_,
                 ".", core, ".", event, R"(","ts":)", Micros(time)}));
}

std::string ChromeTrace::NameOf(const Slice& slice) const {
  std::string name = slice.what != nullptr ? EventName(namer_(slice.what)) : "";
  return name.empty() ? hosted::NameOf(slice.kind) : name;
}

void ChromeTrace::Add(CoreId core, const std::vector<Slice>& slices) {
  Object(
      "M", core,
      Concat({R"("name":"thread_name","args":{"name":"core )", core, "\"}"}));
  for (const Slice& slice : slices) {
    std::string arguments;
    if (slice.kind == Kind::kIdle) {
      arguments = Concat({R"("turns":)", slice.detail});
    }
    Object(
        "X", core,
        Concat({R"("name":)", Quoted(NameOf(slice)), R"(,"cat":")",
                hosted::NameOf(slice.kind), R"(","ts":)", Micros(slice.begin),
                R"(,"dur":)", Micros(slice.end - slice.begin), R"(,"args":{)",
                arguments, "}"}));
    if ((slice.flags & Slice::kContinues) != 0) {
      Arrow("f", core, slice.begin, slice.event);
    }
    if ((slice.flags & Slice::kBlocks) != 0) {
      // Its last moment: an arrow begins inside a slice.
      uint64_t last = slice.end > slice.begin ? slice.end - 1 : slice.end;
      Arrow("s", core, last, slice.event);
    }
  }
}

std::string ChromeTrace::Take() {
  text_ += "\n],\"displayTimeUnit\":\"ns\"}\n";
  return std::move(text_);
}

}  // namespace ebbrt::hosted
