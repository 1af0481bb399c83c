// Fuzzes the kernel command line: whatever was understood reads back the same
// from the line that ToCommandLine makes of it, and any argument survives its
// encoding.
#include "common/boot_arguments.h"

#include "tests/fuzz/fuzz.h"

namespace {

using ebbrt::BootArguments;
using ebbrt::fuzz::Check;

void CheckSame(const BootArguments& a, const BootArguments& b) {
  Check(a.node == b.node, "node");
  Check(a.front_end == b.front_end, "front-end");
  Check(!a.front_end || a.secret == b.secret, "secret");
  Check(a.network == b.network, "network");
  Check(a.gateway == b.gateway, "gateway");
  Check(a.protocol == b.protocol, "protocol");
  Check(a.tsc_khz == b.tsc_khz, "TSC");
  Check(a.net_features == b.net_features, "network features");
  Check(a.quiet == b.quiet && a.boot_chart == b.boot_chart, "flags");
  Check(a.arguments == b.arguments, "arguments");
}

void CheckEncoding(std::string_view argument) {
  const auto encoded = ebbrt::EncodeArgument(argument);
  for (char c : encoded) {
    Check(c > ' ' && static_cast<uint8_t>(c) < 0x7F,
          "an encoded argument is one printable word");
  }
  Check(ebbrt::DecodeArgument(encoded) == argument,
        "an argument survives its encoding");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = ebbrt::fuzz::Text(data, size);
  CheckEncoding(text);
  try {
    const auto parsed = BootArguments::Parse(text);
    // A line without a node is no node's; it has nothing to be told.
    if (parsed.node == ebbrt::kNoNode) return 0;
    CheckSame(parsed, BootArguments::Parse(parsed.ToCommandLine()));
  } catch (const ebbrt::BadBootArgument& error) {
    Check(error.what()[0] != '\0', "an error says what it is");
  }
  return 0;
}
