#include "state_directory.h"

#include <fcntl.h>
#include <kj/io.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "route_socket.h"

namespace ebbrt::iaas {
namespace {

constexpr char kProcessPrefix[] = "process-";
constexpr char kLinkPrefix[] = "link-";
// How long a killed process may take to end.
constexpr int kEndMilliseconds = 5000;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// Field 22 of /proc/PID/stat: when the process started, in clock ticks since
// boot. Empty if there is no such process. proc(5).
std::string StartTime(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  // The name in parentheses, field 2, may itself hold spaces and parentheses.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  return fields ? field : std::string();
}

std::string BootId() {
  return ReadFile("/proc/sys/kernel/random/boot_id").substr(0, 36);
}

std::string ProcessRecord(pid_t pid) { return StartTime(pid) + " " + BootId(); }

std::string LinkRecord(const MacAddress& mac) {
  return ToString(mac) + " " + NetworkNamespaceId();
}

}  // namespace

std::string NetworkNamespaceId() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/ns/net", error).string() +
         " " + BootId();
}

StateDirectory::StateDirectory(std::string path) : path_(std::move(path)) {
  if (mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) {
    throw std::system_error(errno, std::generic_category(),
                            "can't make the state directory " + path_);
  }
}

void StateDirectory::Remove() noexcept { rmdir(path_.c_str()); }

void StateDirectory::Write(const std::string& name,
                           const std::string& content) {
  const std::string path = path_ + "/" + name;
  const kj::AutoCloseFd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd.get() < 0 || write(fd.get(), content.data(), content.size()) !=
                          static_cast<ssize_t>(content.size())) {
    throw std::system_error(errno, std::generic_category(),
                            "can't write the record " + path);
  }
}

void StateDirectory::RememberLink(const std::string& name,
                                  const MacAddress& mac) {
  Write(kLinkPrefix + name, LinkRecord(mac));
}

void StateDirectory::ForgetLink(const std::string& name) noexcept {
  unlink((path_ + "/" + kLinkPrefix + name).c_str());
}

void StateDirectory::RememberProcess(pid_t pid) {
  Write(kProcessPrefix + std::to_string(pid), ProcessRecord(pid));
}

void StateDirectory::ForgetProcess(pid_t pid) noexcept {
  unlink((path_ + "/" + kProcessPrefix + std::to_string(pid)).c_str());
}

std::vector<std::string> StateDirectory::Names(
    const std::string& prefix) const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix)) names.push_back(name);
  }
  return names;
}

std::string StateDirectory::ReadRecord(const std::string& name) const {
  return ReadFile(path_ + "/" + name);
}

void StateDirectory::CleanUp(
    const std::function<void(const std::string&)>& tell) {
  // Processes first: a tap goes with the process that holds it.
  for (const auto& record : Names(kProcessPrefix)) CleanUpProcess(record, tell);
  for (const auto& record : Names(kLinkPrefix)) CleanUpLink(record, tell);
}

void StateDirectory::CleanUpProcess(
    const std::string& record,
    const std::function<void(const std::string&)>& tell) {
  const std::string number = record.substr(sizeof kProcessPrefix - 1);
  pid_t pid = 0;
  std::from_chars(number.data(), number.data() + number.size(), pid);
  if (pid <= 0) return;
  // The descriptor is opened before the look at the start time: from then on
  // the number can't come to mean another process.
  const kj::AutoCloseFd pidfd(
      static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd.get() >= 0 && ReadRecord(record) == ProcessRecord(pid)) {
    tell("ending process " + number + " that an earlier daemon left");
    syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    pollfd ended{pidfd.get(), POLLIN, 0};
    poll(&ended, 1, kEndMilliseconds);
  }
  ForgetProcess(pid);
}

void StateDirectory::CleanUpLink(
    const std::string& record,
    const std::function<void(const std::string&)>& tell) {
  const std::string name = record.substr(sizeof kLinkPrefix - 1);
  try {
    RouteSocket route;
    const auto link = route.FindLink(name);
    if (link && ReadRecord(record) == LinkRecord(link->mac)) {
      tell("removing network link " + name + " that an earlier daemon left");
      route.Delete(link->index);
    }
  } catch (const std::system_error& error) {
    // A link that stays is no reason not to serve.
    tell("network link " + name +
         ", which an earlier daemon left, stays: " + error.what());
  }
  ForgetLink(name);
}

}  // namespace ebbrt::iaas
