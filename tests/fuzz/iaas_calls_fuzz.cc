// Fuzzes what the IaaS daemon makes of the parameters of its clients' calls: a
// request for a node, as a message from the wire or as fields, becomes the
// words of QEMU's command line or a UserError. Nothing of the client's gets to
// be an option of QEMU's, and what was understood reads back the same.
#include <capnp/message.h>
#include <capnp/serialize.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/fuzz/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tools/iaasd/command_line.h"
#include "tools/iaasd/rpc_convert.h"
#include "tools/iaasd/user_error.h"

namespace {

using namespace ebbrt::iaas;
using ebbrt::fuzz::Bytes;
using ebbrt::fuzz::Check;

void CheckCommandLine(const NodeSpec& spec) {
  const auto line =
      BuildCommandLine(spec.words, {"ebbrt.ip=10.0.0.2/24"}, spec.arguments);
  Check(line.size() <= kMaxCommandLine, "a command line has a largest size");
  for (char c : line) {
    Check(c >= ' ' && c < 0x7F && c != '"', "a command line is printable");
  }
  size_t words = 1;
  for (char c : line) words += c == ' ';
  Check(words == spec.words.size() + 1 +
                     (spec.arguments.empty() ? 0 : spec.arguments.size() + 1),
        "each word and argument is one word");
}

void CheckSame(const NodeSpec& a, const NodeSpec& b) {
  Check(a.image == b.image && a.words == b.words && a.arguments == b.arguments,
        "texts read back");
  Check(a.cores == b.cores && a.memory_mib == b.memory_mib &&
            a.machine == b.machine && a.network == b.network &&
            a.dhcp == b.dhcp,
        "numbers read back");
  Check(a.nic.queues == b.nic.queues &&
            a.nic.packed_ring == b.nic.packed_ring &&
            a.nic.event_index == b.nic.event_index,
        "the network device reads back");
  Check(a.forwards.size() == b.forwards.size(), "forwards read back");
}

void Serve(rpc::NodeSpec::Reader in) {
  try {
    const NodeSpec spec = FromRpc(in);
    capnp::MallocMessageBuilder again;
    auto out = again.initRoot<rpc::NodeSpec>();
    ToRpc(spec, out);
    CheckSame(spec, FromRpc(out.asReader()));
    CheckCommandLine(spec);
  } catch (const UserError& error) {
    Check(error.what()[0] != '\0', "an error says what it is");
  }
}

void ServeFields(Bytes& input) {
  capnp::MallocMessageBuilder message;
  auto spec = message.initRoot<rpc::NodeSpec>();
  auto text = [&input](size_t most) {
    return std::string(input.Take(input.Next() % most));
  };
  spec.setImage(text(32).c_str());
  auto words = spec.initWords(input.Next() % 8);
  for (unsigned i = 0; i < words.size(); ++i) words.set(i, text(32).c_str());
  auto arguments = spec.initArguments(input.Next() % 8);
  for (unsigned i = 0; i < arguments.size(); ++i) {
    auto argument = text(64);
    arguments.set(i, kj::StringPtr(argument.c_str(), argument.size()));
  }
  spec.setCores(input.Number<uint32_t>());
  spec.setMemoryMib(input.Number<uint32_t>());
  spec.setMachine(static_cast<rpc::Machine>(input.Next() % 5));
  spec.setNetwork(static_cast<rpc::NetworkKind>(input.Next() % 6));
  auto forwards = spec.initForwards(input.Next() % 4);
  for (auto forward : forwards) {
    forward.setProtocol(static_cast<rpc::Protocol>(input.Next() % 3));
    forward.setHostPort(input.Number<uint16_t>());
  }
  Serve(spec.asReader());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 9 || size > 4096) return 0;
  if (data[0] % 2 == 0) {
    Bytes input(data + 1, size - 1);
    ServeFields(input);
    return 0;
  }
  // Words are aligned, as the daemon's are when it has read them.
  std::vector<capnp::word> words((size - 1) / sizeof(capnp::word));
  std::memcpy(words.data(), data + 1, words.size() * sizeof(capnp::word));
  try {
    capnp::FlatArrayMessageReader reader(
        kj::arrayPtr(words.data(), words.size()));
    Serve(reader.getRoot<rpc::NodeSpec>());
  } catch (const kj::Exception&) {
    // No message, or no request: the call fails.
  }
  return 0;
}
