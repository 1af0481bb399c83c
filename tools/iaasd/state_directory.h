// What the daemon has made, written down before it is made, so that the next
// daemon can remove what a killed one left.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "address_pool.h"

namespace ebbrt::iaas {

// A directory with one small file per thing made. Only the holder of the
// socket's lock uses it. Functions throw std::system_error naming the file.
class StateDirectory {
 public:
  // Makes the directory (mode 0700) if it isn't there.
  explicit StateDirectory(std::string path);

  // Removes the directory, which is empty once everything is forgotten.
  void Remove() noexcept;

  // A link of ours, recognised later by its name and its hardware address. It
  // is only looked for in the network namespace it was made in.
  void RememberLink(const std::string& name, const MacAddress& mac);
  void ForgetLink(const std::string& name) noexcept;

  // A process of ours, recognised later by its number and its start time.
  void RememberProcess(pid_t pid);
  void ForgetProcess(pid_t pid) noexcept;

  // Ends the processes and removes the links that a predecessor recorded and
  // left, tells each to `tell`, and forgets them. A recorded thing that is gone
  // or is not the one recorded is left alone.
  void CleanUp(const std::function<void(const std::string&)>& tell);

 private:
  void Write(const std::string& name, const std::string& content);
  std::vector<std::string> Names(const std::string& prefix) const;
  std::string ReadRecord(const std::string& name) const;
  void CleanUpProcess(const std::string& record,
                      const std::function<void(const std::string&)>& tell);
  void CleanUpLink(const std::string& record,
                   const std::function<void(const std::string&)>& tell);

  std::string path_;
};

// Identifies this process's network namespace on this boot of the machine.
std::string NetworkNamespaceId();

}  // namespace ebbrt::iaas
