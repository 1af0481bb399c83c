#include "hosted/trace_file.h"

#include <cerrno>
#include <cstring>
#include <map>
#include <stdexcept>
#include <utility>

#include "common/concat.h"
#include "hosted/chrome_trace.h"
#include "hosted/symbol_names.h"
#include "platform/log.h"
#include "platform/trace_port.h"

namespace ebbrt::hosted {
namespace {

/// 2 MiB a core.
constexpr size_t kSlices = 65536;

}  // namespace

TraceFile::TraceFile(std::string path, unsigned cores)
    : path_(std::move(path)), file_(path_) {
  if (!file_) {
    throw std::runtime_error(
        Concat({"EBBRT_TRACE=", path_, ": ", std::strerror(errno)}));
  }
  for (unsigned core = 0; core < cores; ++core) {
    cores_.push_back(std::make_unique<EventTrace>(kSlices));
  }
}

void TraceFile::Trace(CoreId core) {
  platform::detail::own_trace = cores_[core].get();
}

void TraceFile::Write(NodeId node) {
  SymbolNames symbols;
  std::map<const void*, std::string> known;
  ChromeTrace trace(node, program_invocation_short_name,
                    [&](const void* address) {
                      auto [place, is_new] = known.try_emplace(address);
                      if (is_new) place->second = symbols.At(address);
                      return place->second;
                    });
  for (CoreId core = 0; core < cores_.size(); ++core) {
    auto slices = cores_[core]->Slices();
    std::erase_if(slices, [](const auto& slice) { return slice.end == 0; });
    trace.Add(core, slices);
  }
  file_ << trace.Take() << std::flush;
  if (!file_) {
    platform::WriteConsole(
        Concat({"ebbrt: EBBRT_TRACE: can't write ", path_, "\n"}));
  }
}

}  // namespace ebbrt::hosted
