#include "monitor_commands.h"

#include <kj/debug.h>

#include <charconv>
#include <string_view>

namespace ebbrt::iaas {
namespace {

constexpr std::string_view kId = "\"id\": \"ebbrt-";
constexpr std::string_view kDescription = "\"desc\": \"";

kj::Exception Failed(std::string_view why) {
  return kj::Exception(
      kj::Exception::Type::FAILED, __FILE__, __LINE__,
      kj::str("QEMU: ", kj::heapString(why.data(), why.size())));
}

// The text behind `key` up to the next quotation mark. It is for people, so an
// escaped one may cut it short.
std::string_view TextBehind(std::string_view line, std::string_view key) {
  const size_t at = line.find(key);
  if (at == line.npos) return "it gave no reason";
  const std::string_view rest = line.substr(at + key.size());
  return rest.substr(0, rest.find('"'));
}

}  // namespace

kj::Promise<std::string> MonitorCommands::Execute(
    kj::AsyncCapabilityStream& stream, const std::string& name,
    const std::string& arguments, int fd) {
  const uint32_t id = ++last_;
  auto answer = kj::newPromiseAndFulfiller<std::string>();
  waiting_.emplace(id, kj::mv(answer.fulfiller));
  auto text = kj::str("{\"execute\": \"", name.c_str(), "\", \"id\": \"ebbrt-",
                      id, "\", \"arguments\": ", arguments.c_str(), "}\n");
  auto fds = kj::heapArray<int>(fd < 0 ? 0 : 1);
  if (fd >= 0) fds[0] = fd;
  auto written =
      fd < 0 ? stream.write(text.begin(), text.size())
             : stream.writeWithFds(text.asBytes(), nullptr, fds.asPtr());
  return written.attach(kj::mv(text), kj::mv(fds))
      .then([answer = kj::mv(answer.promise)]() mutable {
        return kj::mv(answer);
      });
}

bool MonitorCommands::TakeLine(const std::string& line) {
  const size_t at = line.find(kId);
  if (at == std::string::npos) return false;
  uint32_t id = 0;
  std::from_chars(line.data() + at + kId.size(), line.data() + line.size(), id);
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return false;
  auto fulfiller = kj::mv(found->second);
  waiting_.erase(found);
  if (line.find("\"error\": ") != std::string::npos) {
    fulfiller->reject(Failed(TextBehind(line, kDescription)));
  } else {
    fulfiller->fulfill(std::string(line));
  }
  return true;
}

void MonitorCommands::End() {
  for (auto& [id, fulfiller] : waiting_)
    fulfiller->reject(Failed("it has ended"));
  waiting_.clear();
}

}  // namespace ebbrt::iaas
