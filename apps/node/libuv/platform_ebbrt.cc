// libuv's platform for the library OS: what its POSIX layer leaves to each system.
//
// The rest of libuv is as it is on Linux: its loop waits in epoll_wait, which blocks
// the loop's context until an event of the network, a pipe or a stream makes one of
// the loop's descriptors ready (native/posix/poll.cc), so nothing ticks.
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <vector>

#include "common/network_manager.h"
#include "common/spin_lock.h"
#include "native/posix/socket.h"

extern "C" {
int uv__epoll_init(uv_loop_t* loop);
char* uv__strdup(const char* text);
void* uv__calloc(size_t count, size_t size);
void uv__free(void* block);
}

namespace {

struct Interface {
  const char* name;
  bool internal;
  ebbrt::IpAddress address;
};

std::vector<Interface> Interfaces() {
  std::vector<Interface> all = {
      {"lo", true, ebbrt::Ipv4Address{0x7F000001}},
      {"lo", true, ebbrt::IpAddress(0, 1)},
  };
  for (auto& address : ebbrt::network_manager->Addresses()) {
    all.push_back({"eth0", false, address});
  }
  return all;
}

/// The mask of an address's network, as far as its kind tells.
ebbrt::IpAddress MaskOf(const Interface& interface) {
  if (interface.address.IsV4()) {
    return ebbrt::Ipv4Address{interface.internal ? 0xFF000000 : 0xFFFFFF00};
  }
  return interface.internal ? ebbrt::IpAddress(~0ull, ~0ull)
                            : ebbrt::IpAddress(~0ull, 0);
}

void Fill(uv_interface_address_t& out, const Interface& in) {
  out.name = uv__strdup(in.name);
  out.is_internal = in.internal;
  int family = in.address.IsV4() ? AF_INET : AF_INET6;
  auto address = ebbrt::libc::ToName({in.address, 0}, family);
  auto mask = ebbrt::libc::ToName({MaskOf(in), 0}, family);
  std::memcpy(&out.address, &address.storage, address.size);
  std::memcpy(&out.netmask, &mask.storage, mask.size);
}

std::string& Title() {
  static auto* title = new std::string;
  return *title;
}
ebbrt::SpinLock title_lock;  // guards it

uint64_t Bytes(int pages) {
  return static_cast<uint64_t>(sysconf(pages)) *
         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

extern "C" {

int uv__platform_loop_init(uv_loop_t* loop) {
  loop->inotify_fd = -1;
  loop->inotify_watchers = nullptr;
  return uv__epoll_init(loop);
}

void uv__platform_loop_delete(uv_loop_t* loop) {
  if (loop->inotify_fd != -1) close(loop->inotify_fd);
  loop->inotify_fd = -1;
}

char** uv_setup_args(int argc, char** argv) {
  if (argc > 0) Title() = argv[0];
  return argv;
}

void uv__process_title_cleanup() {}

int uv_set_process_title(const char* title) {
  std::lock_guard guard(title_lock);
  Title() = title;
  return 0;
}

int uv_get_process_title(char* buffer, size_t size) {
  if (buffer == nullptr || size == 0) return UV_EINVAL;
  std::lock_guard guard(title_lock);
  if (size <= Title().size()) return UV_ENOBUFS;
  std::memcpy(buffer, Title().c_str(), Title().size() + 1);
  return 0;
}

/// Nothing forks.
int uv__io_fork(uv_loop_t*) { return UV_ENOSYS; }

int uv__random_devurandom(void* buffer, size_t size) {
  constexpr size_t kMost = 256;
  auto* at = static_cast<char*>(buffer);
  for (size_t done = 0; done < size; done += kMost) {
    if (getentropy(at + done, std::min(kMost, size - done)) != 0) {
      return uv_translate_sys_error(errno);
    }
  }
  return 0;
}

int uv_uptime(double* seconds) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  *seconds = static_cast<double>(now.tv_sec) +
             static_cast<double>(now.tv_nsec) / 1e9;
  return 0;
}

/// Nobody measures it.
void uv_loadavg(double average[3]) { std::fill_n(average, 3, 0.0); }

uint64_t uv_get_total_memory() { return Bytes(_SC_PHYS_PAGES); }
uint64_t uv_get_free_memory() { return Bytes(_SC_AVPHYS_PAGES); }
uint64_t uv_get_constrained_memory() { return 0; }

int uv_resident_set_memory(size_t* bytes) {
  *bytes = uv_get_total_memory() - uv_get_free_memory();
  return 0;
}

/// The image has no name among the front-end's files.
int uv_exepath(char* buffer, size_t* size) {
  if (buffer == nullptr || size == nullptr || *size == 0) return UV_EINVAL;
  constexpr char kPath[] = "/ebbrt/image";
  size_t count = std::min(*size - 1, sizeof kPath - 1);
  std::memcpy(buffer, kPath, count);
  buffer[count] = '\0';
  *size = count;
  return 0;
}

int uv_cpu_info(uv_cpu_info_t** infos, int* count) {
  int cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  *infos = static_cast<uv_cpu_info_t*>(
      uv__calloc(static_cast<size_t>(cores), sizeof **infos));
  if (*infos == nullptr) return UV_ENOMEM;
  for (int i = 0; i < cores; ++i) (*infos)[i].model = uv__strdup("x86_64");
  *count = cores;
  return 0;
}

int uv_interface_addresses(uv_interface_address_t** addresses, int* count) {
  *addresses = nullptr;
  *count = 0;
  try {
    auto all = Interfaces();
    *addresses = static_cast<uv_interface_address_t*>(
        uv__calloc(all.size(), sizeof **addresses));
    if (*addresses == nullptr) return UV_ENOMEM;
    for (const Interface& each : all) Fill((*addresses)[(*count)++], each);
  } catch (const std::exception&) {
    return UV_ENODEV;
  }
  return 0;
}

void uv_free_interface_addresses(uv_interface_address_t* addresses,
                                 int count) {
  for (int i = 0; i < count; ++i) uv__free(addresses[i].name);
  uv__free(addresses);
}

}  // extern "C"
