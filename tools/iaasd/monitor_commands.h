// Commands to QEMU's monitor (QMP), and which line answers which.
#pragma once

#include <kj/async-io.h>

#include <cstdint>
#include <map>
#include <string>

namespace ebbrt::iaas {

// Of one monitor, whose lines are read elsewhere. On the event loop's thread.
class MonitorCommands {
 public:
  // Has QEMU execute `name` with `arguments`, a JSON object; `fd`, unless -1,
  // travels with it (for getfd). Gives the answer's line; rejected with QEMU's
  // words. `stream` lives until the answer has come.
  kj::Promise<std::string> Execute(kj::AsyncCapabilityStream& stream,
                                   const std::string& name,
                                   const std::string& arguments, int fd = -1);

  // Whether `line` is the answer to a command, which then goes on.
  bool TakeLine(const std::string& line);

  // No further line will come.
  void End();

 private:
  uint32_t last_ = 0;
  std::map<uint32_t, kj::Own<kj::PromiseFulfiller<std::string>>> waiting_;
};

}  // namespace ebbrt::iaas
