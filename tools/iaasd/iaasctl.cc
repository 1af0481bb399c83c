// The command that shows and steers the daemon's nodes.

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <string_view>
#include <vector>

#include "tools/iaasd/client.h"

namespace ebbrt::iaas {
namespace {

constexpr char kUsage[] =
    "usage: iaasctl [--socket PATH] COMMAND\n"
    "  list [--json]         the nodes you may see (root: all)\n"
    "  console NODE [-f]     what a node wrote; -f: and goes on writing\n"
    "  kill NODE             end a node\n"
    "  gdb NODE              have a node wait for gdb; prints the socket\n"
    "  info                  what the daemon found on this machine\n"
    "  run IMAGE [options] [-- ARGUMENT...]\n"
    "                        boot an image, show its console, exit with its\n"
    "                        code; starts a daemon if none runs\n"
    "    --memory MIB  --cores N  --machine microvm|pc|q35\n"
    "    --network auto|bridge|user|none  --dhcp\n"
    "    --word WORD         a boot word such as ebbrt.quiet\n"
    "    --forward HOST:PORT a TCP port of 127.0.0.1 that leads to the "
    "node's;\n"
    "                        HOST 0: any free one\n"
    "    --queues N  --no-offload\n"
    "    --verbose           say how the node was started\n";

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
// As a shell reports a command that could not be run or was ended.
constexpr int kExitNotStarted = 126;
constexpr int kExitKilled = 137;

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using Words = std::vector<std::string>;

uint32_t ParseNumber(const std::string& text) {
  uint32_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() ||
      end != text.data() + text.size()) {
    throw UsageError("'" + text + "' is not a number");
  }
  return number;
}

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

const char* NameOf(Machine machine) {
  constexpr const char* kNames[] = {"microvm", "pc", "q35"};
  return kNames[static_cast<int>(machine)];
}

const char* NameOf(NetworkKind kind) {
  constexpr const char* kNames[] = {"automatic", "bridge", "user networking",
                                    "none"};
  return kNames[static_cast<int>(kind)];
}

Machine ParseMachine(const std::string& text) {
  if (text == "microvm") return Machine::kMicrovm;
  if (text == "pc") return Machine::kPc;
  if (text == "q35") return Machine::kQ35;
  throw UsageError("--machine is microvm, pc or q35, not '" + text + "'");
}

NetworkKind ParseNetwork(const std::string& text) {
  if (text == "auto") return NetworkKind::kAutomatic;
  if (text == "bridge") return NetworkKind::kBridge;
  if (text == "user") return NetworkKind::kUserNetworking;
  if (text == "none") return NetworkKind::kNone;
  throw UsageError("--network is auto, bridge, user or none, not '" + text +
                   "'");
}

// A JSON string (RFC 8259 §7).
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// For programs: an array of objects.
int ListJson(const std::string& socket) {
  auto client = Client::Connect(socket);
  std::string out;
  for (const auto& node : client.List()) {
    const auto number = [&](const char* name, uint64_t value) {
      out += std::string(", \"") + name + "\": " + std::to_string(value);
    };
    const auto text = [&](const char* name, std::string_view value) {
      out += std::string(", \"") + name + "\": " + Quoted(value);
    };
    out += (out.empty() ? "{\"node\": " : ",\n {\"node\": ") +
           std::to_string(node.id);
    number("uid", node.uid);
    text("label", node.label);
    text("image", node.image);
    text("state", node.state);
    number("uptime_ms", static_cast<uint64_t>(node.uptime.count()));
    text("address", node.address);
    text("accelerator", node.accelerator);
    text("machine", NameOf(node.machine));
    number("cores", node.cores);
    number("memory_mib", node.memory_mib);
    number("pid", static_cast<uint64_t>(node.pid));
    number("cpu_ms", static_cast<uint64_t>(node.cpu.count()));
    number("resident_bytes", node.resident_bytes);
    out += "}";
  }
  Print("[" + out + "]\n");
  return 0;
}

int List(const std::string& socket) {
  auto client = Client::Connect(socket);
  std::printf("%-6s %-6s %-10s %-9s %-15s %-5s %-8s %-5s %-8s %s\n", "NODE",
              "UID", "STATE", "UPTIME", "ADDRESS", "ACCEL", "MACHINE", "CORES",
              "MEMORY", "IMAGE");
  for (const auto& node : client.List()) {
    std::printf("%-6u %-6u %-10s %8.1fs %-15s %-5s %-8s %5u %5u MiB %s%s\n",
                node.id, node.uid, node.state.c_str(),
                static_cast<double>(node.uptime.count()) / 1000,
                node.address.empty() ? "-" : node.address.c_str(),
                node.accelerator.c_str(), NameOf(node.machine), node.cores,
                node.memory_mib, node.image.c_str(),
                node.label.empty() ? "" : (" (" + node.label + ")").c_str());
  }
  return 0;
}

int ShowInfo(const std::string& socket) {
  const auto info = Client::Connect(socket).Info();
  std::printf("daemon:      process %d, version %s, socket %s\n", info.pid,
              info.version.c_str(), socket.c_str());
  std::printf("accelerator: %s; %s\n", info.accelerator.c_str(),
              info.accelerator_reason.c_str());
  if (info.tsc_khz != 0) {
    std::printf("TSC:         %llu kHz\n",
                static_cast<unsigned long long>(info.tsc_khz));
  }
  std::printf("network:     %s; %s\n", NameOf(info.network),
              info.network_reason.c_str());
  std::printf("QEMU:        %s\n",
              info.qemu.empty() ? "none" : info.qemu.c_str());
  std::printf("limits:      %u nodes, %u cores each\n", info.max_nodes,
              info.max_cores);
  for (const auto& note : info.notes) {
    std::printf("note:        %s\n", note.c_str());
  }
  return 0;
}

int ShowConsole(const std::string& socket, const Words& words) {
  Follow follow = Follow::kNo;
  std::string node;
  for (const auto& word : words) {
    if (word == "-f") {
      follow = Follow::kYes;
    } else if (node.empty()) {
      node = word;
    } else {
      throw UsageError("console takes one node");
    }
  }
  const uint32_t number = ParseNumber(node);
  Client::Connect(socket).Console(number, 0, follow, Print);
  return 0;
}

int Gdb(const std::string& socket, const Words& words) {
  if (words.size() != 1) throw UsageError("gdb takes one node");
  const uint32_t number = ParseNumber(words[0]);
  Print(Client::Connect(socket).Gdb(number) + "\n");
  return 0;
}

int Kill(const std::string& socket, const Words& words) {
  if (words.size() != 1) throw UsageError("kill takes one node");
  const uint32_t number = ParseNumber(words[0]);
  Client::Connect(socket).Kill(number);
  return 0;
}

struct RunOptions {
  NodeSpec spec;
  NetworkKind session_network = NetworkKind::kAutomatic;
  bool verbose = false;
};

PortForward ParseForward(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) throw UsageError("--forward is HOST:PORT");
  const uint32_t host = ParseNumber(text.substr(0, colon));
  const uint32_t guest = ParseNumber(text.substr(colon + 1));
  if (host > 65535 || guest > 65535) throw UsageError("ports end at 65535");
  return {.protocol = Protocol::kTcp,
          .host_port = static_cast<uint16_t>(host),
          .guest_port = static_cast<uint16_t>(guest)};
}

// Applies an option without a value. False if there is none of that name.
bool ApplyFlag(const std::string& option, RunOptions& options) {
  if (option == "--verbose") {
    options.verbose = true;
  } else if (option == "--dhcp") {
    options.spec.dhcp = true;
  } else if (option == "--no-offload") {
    options.spec.nic.checksum_offload = false;
    options.spec.nic.segmentation_offload = false;
  } else {
    return false;
  }
  return true;
}

void ApplyOption(const std::string& option, const std::string& value,
                 RunOptions& options) {
  NodeSpec& spec = options.spec;
  if (option == "--memory") {
    spec.memory_mib = ParseNumber(value);
  } else if (option == "--cores") {
    spec.cores = ParseNumber(value);
  } else if (option == "--machine") {
    spec.machine = ParseMachine(value);
  } else if (option == "--network") {
    options.session_network = ParseNetwork(value);
  } else if (option == "--word") {
    spec.words.push_back(value);
  } else if (option == "--forward") {
    spec.forwards.push_back(ParseForward(value));
  } else if (option == "--queues") {
    spec.nic.queues = static_cast<uint16_t>(ParseNumber(value));
  } else {
    throw UsageError("unknown option " + option);
  }
}

RunOptions ParseRun(const Words& words) {
  RunOptions options;
  size_t i = 0;
  for (; i < words.size() && words[i] != "--"; ++i) {
    if (!words[i].starts_with("-")) {
      if (!options.spec.image.empty()) throw UsageError("run takes one image");
      options.spec.image = std::filesystem::absolute(words[i]).string();
    } else if (!ApplyFlag(words[i], options)) {
      if (i + 1 == words.size()) throw UsageError(words[i] + " needs a value");
      ApplyOption(words[i], words[i + 1], options);
      ++i;
    }
  }
  if (options.spec.image.empty()) throw UsageError("run needs an image");
  if (i < words.size()) {
    options.spec.arguments.assign(words.begin() + static_cast<long>(i) + 1,
                                  words.end());
  }
  // A session always has a network; a node may do without.
  if (options.session_network == NetworkKind::kNone) {
    options.spec.network = NetworkKind::kNone;
    options.session_network = NetworkKind::kUserNetworking;
  }
  return options;
}

void Describe(const NodeInfo& info) {
  std::fprintf(stderr, "iaasctl: node %u at %s/%u, %s, accelerator %s\n",
               info.id, info.address.c_str(), info.prefix, info.mac.c_str(),
               info.accelerator.c_str());
  for (const auto& forward : info.forwards) {
    std::fprintf(stderr, "iaasctl: 127.0.0.1:%u leads to port %u\n",
                 forward.host_port, forward.guest_port);
  }
  if (!info.notes.empty()) {
    std::fprintf(stderr, "iaasctl: %s\n", info.notes.c_str());
  }
}

int ExitCodeOf(const NodeExit& exit) {
  if (exit.kind == ExitKind::kGuestExit) return exit.code;
  std::fprintf(stderr, "iaasctl: %s\n", exit.reason.c_str());
  return exit.kind == ExitKind::kKilled ? kExitKilled : kExitNotStarted;
}

// Waits for the node's end; a signal to end this command ends the node.
NodeExit AwaitEnd(std::future<NodeExit> ended, const sigset_t& signals,
                  Node& node) {
  constexpr auto kLookAtSignals = std::chrono::milliseconds(20);
  while (ended.wait_for(kLookAtSignals) != std::future_status::ready) {
    const timespec no_wait{};
    if (sigtimedwait(&signals, nullptr, &no_wait) > 0) node.Kill();
  }
  return ended.get();
}

int Run(const std::string& socket, const Words& words) {
  RunOptions options = ParseRun(words);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  auto client = EnsureDaemon({.socket = socket});
  auto session = client.OpenSession("iaasctl run", options.session_network);
  if (options.verbose && !session.Network().limits.empty()) {
    std::fprintf(stderr, "iaasctl: %s\n", session.Network().limits.c_str());
  }
  std::promise<NodeExit> ended;
  auto node = session.Allocate(
      options.spec,
      {.started =
           [&](const NodeInfo& info) {
             if (options.verbose) Describe(info);
           },
       .failed = [&](std::exception_ptr error) { ended.set_exception(error); },
       .died = [&](const NodeExit& exit) { ended.set_value(exit); },
       .console = Print});
  return ExitCodeOf(AwaitEnd(ended.get_future(), signals, node));
}

int Dispatch(std::string socket, Words words) {
  if (words.size() >= 2 && words[0] == "--socket") {
    socket = words[1];
    words.erase(words.begin(), words.begin() + 2);
  }
  if (words.empty()) throw UsageError("no command");
  const std::string command = words[0];
  words.erase(words.begin());
  if (command == "console") return ShowConsole(socket, words);
  if (command == "kill") return Kill(socket, words);
  if (command == "gdb") return Gdb(socket, words);
  if (command == "run") return Run(socket, words);
  if (command == "list" && words == Words{"--json"}) return ListJson(socket);
  if (!words.empty()) throw UsageError(command + " takes no arguments");
  if (command == "list") return List(socket);
  if (command == "info") return ShowInfo(socket);
  throw UsageError("unknown command " + command);
}

int Main(const Words& words) {
  if (words.size() == 1 && (words[0] == "--help" || words[0] == "-h")) {
    Print(kUsage);
    return 0;
  }
  try {
    return Dispatch(DefaultSocketPath(), words);
  } catch (const UsageError& error) {
    std::fprintf(stderr, "iaasctl: %s\n%s", error.what(), kUsage);
    return kExitUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "iaasctl: %s\n", error.what());
    return kExitFailure;
  }
}

}  // namespace
}  // namespace ebbrt::iaas

int main(int argc, char** argv) {
  return ebbrt::iaas::Main({argv + 1, argv + argc});
}
