// A QEMU plugin that counts the instructions a guest executes, exactly and for
// each virtual core, and notes the count whenever a core comes to a *mark*: the
// address of an instruction. What lies between two marks has then cost so many
// instructions, however loaded the machine is.
//
//   -plugin instruction_counter.so,out=FILE[,mark=ADDRESS]...
//       [,profile=FIRST:LAST][,precise=on][,control=SOCKET][,sharing=on]
//
// out      the report is written there when QEMU ends
// mark     an address, decimal or 0x...; may be given many times
// profile  also count the executions of each run of instructions while the
//          number of marks passed is at least FIRST and less than LAST (0 is
//          the start of the machine; LAST may be left out)
// precise  count instruction by instruction instead of by runs. Only a run
//          that is left in its middle by a fault makes a difference.
//
// control  a Unix socket is made there; for each byte that is sent to it the
//          counts so far come back, as a line "INSTRUCTIONS NANOSECONDS" (for
//          what is driven from outside; exact while the guest is idle)
//
// sharing  also count, for each instruction, how often it was executed with a
// lock
//          (a LOCK prefix, or XCHG with memory), and how often it touched a
//          line of 64 bytes that another core had touched meanwhile: read one
//          that another has written since, or written one that another has read
//          or written since. As if every core had an endless cache, and lines
//          went between them as in the MESI protocol. A byte 's' sent to the
//          control socket is answered by what was counted so far, in a line of
//          words "ADDRESS:LOCKED:REMOTE". Up to eight cores.
//
// A string instruction with a repeat prefix is one instruction, as it is for a
// processor's own counter; QEMU executes it once per element, which is counted
// apart under "repeats".
//
// The report is lines of words:
//   core INDEX INSTRUCTIONS REPEATS
//   mark ADDRESS CORE INSTRUCTIONS REPEATS NANOSECONDS
//                          before the instruction there is executed, all cores
//                          together; nanoseconds of the host's monotonic clock
//   end NANOSECONDS
//   run ADDRESS LENGTH EXECUTIONS
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "qemu_plugin_api.h"

int qemu_plugin_version = 1;

namespace {

/// Written by its core's thread alone; on a cache line of its own.
struct alignas(64) Core {
  std::atomic<uint64_t> instructions{0};
  std::atomic<uint64_t> repeats{0};
  // The repeated instruction executed last, and the count after it: when
  // neither has changed since, this is another turn of the same one.
  uint64_t repeating_at = 0;
  uint64_t repeating_count = 0;
};

/// Instructions that are executed one after the other.
struct Run {
  uint64_t address;
  uint64_t length;
  std::atomic<uint64_t> executions{0};
};

/// An instruction that has a lock or accesses memory. One for all translations.
struct Site {
  uint64_t address;
  std::atomic<uint64_t> locked{0};
  std::atomic<uint64_t> remote{0};
};

/// Which cores have a line of memory in their caches, a bit each.
class Lines {
 public:
  /// As many as make a gibibyte; others share their places.
  Lines() : holders_(new std::atomic<uint8_t>[kCount]()) {}

  /// Whether `core` had to get the line from another one, or take it away.
  bool Touch(uint64_t address, unsigned core, bool writes) {
    auto& holders = holders_[address / 64 % kCount];
    const auto own = static_cast<uint8_t>(1 << core);
    uint8_t before = holders.load(std::memory_order_relaxed);
    if (writes) {
      if (before == own) return false;
      return (holders.exchange(own) & ~own) != 0;
    }
    if ((before & own) != 0) return false;
    return holders.fetch_or(own) != 0;
  }

 private:
  static constexpr size_t kCount = size_t{1} << 24;
  std::unique_ptr<std::atomic<uint8_t>[]> holders_;
};

struct MarkPassed {
  uint64_t address;
  unsigned core;
  uint64_t instructions;
  uint64_t repeats;
  uint64_t nanoseconds;
};

struct Options {
  std::string out;
  std::string control;
  std::set<uint64_t> marks;
  bool precise = false;
  bool profile = false;
  bool sharing = false;
  size_t profile_first = 0;
  size_t profile_last = SIZE_MAX;
};

struct Counter {
  Options options;
  std::unique_ptr<Core[]> cores;
  int core_count = 0;
  std::atomic<bool> profiling{false};
  std::unique_ptr<Lines> lines;  // only if asked for

  std::mutex lock;  // guards what follows
  std::map<std::pair<uint64_t, uint64_t>, std::unique_ptr<Run>> runs;
  std::map<uint64_t, std::unique_ptr<Site>> sites;
  std::vector<MarkPassed> marks_passed;
};

// Never destroyed: the report is asked for when the process's static objects
// are gone already, and virtual cores may still be running.
Counter& counter = *new Counter;

uint64_t Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t{1'000'000'000} * static_cast<uint64_t>(time.tv_sec) +
         static_cast<uint64_t>(time.tv_nsec);
}

/// No other thread writes `count`.
uint64_t Add(std::atomic<uint64_t>& count, uint64_t n) {
  uint64_t sum = count.load(std::memory_order_relaxed) + n;
  count.store(sum, std::memory_order_relaxed);
  return sum;
}

uint64_t Sum(std::atomic<uint64_t> Core::*count) {
  uint64_t sum = 0;
  for (int i = 0; i < counter.core_count; ++i) {
    sum += (counter.cores[i].*count).load(std::memory_order_relaxed);
  }
  return sum;
}

// --- while the guest runs ----------------------------------------------------

void CountProfile(Run& run) {
  if (counter.profiling.load(std::memory_order_relaxed)) {
    run.executions.fetch_add(1, std::memory_order_relaxed);
  }
}

void OnRun(unsigned core, void* data) {
  Run& run = *static_cast<Run*>(data);
  Add(counter.cores[core].instructions, run.length);
  CountProfile(run);
}

void OnRepeated(unsigned index, void* data) {
  Run& run = *static_cast<Run*>(data);
  Core& core = counter.cores[index];
  uint64_t count = core.instructions.load(std::memory_order_relaxed);
  if (core.repeating_at == run.address && core.repeating_count == count) {
    Add(core.repeats, 1);
    return;
  }
  core.repeating_at = run.address;
  core.repeating_count = Add(core.instructions, 1);
  CountProfile(run);
}

void OnMark(unsigned core, void* data) {
  uint64_t now = Now();
  std::lock_guard guard(counter.lock);
  counter.marks_passed.push_back({reinterpret_cast<uint64_t>(data), core,
                                  Sum(&Core::instructions), Sum(&Core::repeats),
                                  now});
  counter.profiling =
      counter.options.profile &&
      counter.marks_passed.size() >= counter.options.profile_first &&
      counter.marks_passed.size() < counter.options.profile_last;
}

void OnLocked(unsigned, void* data) {
  static_cast<Site*>(data)->locked.fetch_add(1, std::memory_order_relaxed);
}

void OnAccess(unsigned core, qemu_plugin_meminfo_t info, uint64_t address,
              void* data) {
  const auto* where = qemu_plugin_get_hwaddr(info, address);
  if (where == nullptr || qemu_plugin_hwaddr_is_io(where)) return;
  if (counter.lines->Touch(qemu_plugin_hwaddr_phys_addr(where), core,
                           qemu_plugin_mem_is_store(info))) {
    static_cast<Site*>(data)->remote.fetch_add(1, std::memory_order_relaxed);
  }
}

// --- while a block is translated ---------------------------------------------

/// Whether these bytes are a string instruction with a repeat prefix (AMD64
/// Architecture Programmer's Manual 3, §1.2.6).
bool IsRepeated(const uint8_t* bytes, size_t size) {
  bool repeat = false;
  for (size_t i = 0; i < size; ++i) {
    uint8_t byte = bytes[i];
    if (byte == 0xF2 || byte == 0xF3) {
      repeat = true;
    } else if (byte == 0x66 || byte == 0x67 || (byte & 0xF0) == 0x40 ||
               byte == 0x26 || byte == 0x2E || byte == 0x36 || byte == 0x3E ||
               byte == 0x64 || byte == 0x65) {
      continue;  // operand, address, REX and segment prefixes
    } else {
      bool string = (byte >= 0xA4 && byte <= 0xA7) ||
                    (byte >= 0xAA && byte <= 0xAF) ||
                    (byte >= 0x6C && byte <= 0x6F);
      return repeat && string;
    }
  }
  return false;
}

/// Whether the processor locks the bus, or a line, for it: a LOCK prefix, or
/// XCHG with memory, which is locked without one (APM 3, §1.2.5).
bool IsLocked(const qemu_plugin_insn* instruction) {
  const auto* bytes =
      static_cast<const uint8_t*>(qemu_plugin_insn_data(instruction));
  const size_t size = qemu_plugin_insn_size(instruction);
  for (size_t i = 0; i < size; ++i) {
    uint8_t byte = bytes[i];
    if (byte == 0xF0) return true;
    bool prefix = byte == 0x66 || byte == 0x67 || (byte & 0xF0) == 0x40 ||
                  byte == 0xF2 || byte == 0xF3 || byte == 0x64 || byte == 0x65;
    if (prefix) continue;
    constexpr uint8_t kRegisterOnly = 0xC0;  // ModRM's mode
    return (byte == 0x86 || byte == 0x87) && i + 1 < size &&
           (bytes[i + 1] & kRegisterOnly) != kRegisterOnly;
  }
  return false;
}

bool IsRepeated(const qemu_plugin_insn* instruction) {
  return IsRepeated(
      static_cast<const uint8_t*>(qemu_plugin_insn_data(instruction)),
      qemu_plugin_insn_size(instruction));
}

Run* FindRun(uint64_t address, uint64_t length) {
  std::lock_guard guard(counter.lock);
  auto& run = counter.runs[{address, length}];
  if (run == nullptr) run.reset(new Run{address, length});
  return run.get();
}

void WatchSharing(qemu_plugin_insn* instruction) {
  uint64_t address = qemu_plugin_insn_vaddr(instruction);
  Site* site;
  {
    std::lock_guard guard(counter.lock);
    auto& found = counter.sites[address];
    if (found == nullptr) found.reset(new Site{address});
    site = found.get();
  }
  if (IsLocked(instruction)) {
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, &OnLocked,
                                           QEMU_PLUGIN_CB_NO_REGS, site);
  }
  qemu_plugin_register_vcpu_mem_cb(
      instruction, &OnAccess, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, site);
}

bool IsMark(const qemu_plugin_insn* instruction) {
  return counter.options.marks.contains(qemu_plugin_insn_vaddr(instruction));
}

/// Splits the block into runs, so that each mark and each repeated instruction
/// begins one.
void OnTranslation(qemu_plugin_id_t, qemu_plugin_tb* block) {
  const size_t count = qemu_plugin_tb_n_insns(block);
  for (size_t i = 0; counter.options.sharing && i < count; ++i) {
    WatchSharing(qemu_plugin_tb_get_insn(block, i));
  }
  for (size_t begin = 0; begin < count;) {
    auto* first = qemu_plugin_tb_get_insn(block, begin);
    uint64_t address = qemu_plugin_insn_vaddr(first);
    if (IsMark(first)) {
      qemu_plugin_register_vcpu_insn_exec_cb(first, &OnMark,
                                             QEMU_PLUGIN_CB_NO_REGS,
                                             reinterpret_cast<void*>(address));
    }
    bool repeated = IsRepeated(first);
    size_t end = begin + 1;
    while (!repeated && !counter.options.precise && end < count) {
      auto* next = qemu_plugin_tb_get_insn(block, end);
      if (IsMark(next) || IsRepeated(next)) break;
      ++end;
    }
    qemu_plugin_register_vcpu_insn_exec_cb(
        first, repeated ? &OnRepeated : &OnRun, QEMU_PLUGIN_CB_NO_REGS,
        FindRun(address, end - begin));
    begin = end;
  }
}

// --- asked from outside
// --------------------------------------------------------

std::string SharingSoFar() {
  std::string words;
  std::lock_guard guard(counter.lock);
  for (const auto& [address, site] : counter.sites) {
    if (site->locked == 0 && site->remote == 0) continue;
    words += std::to_string(address) + ":" + std::to_string(site->locked) +
             ":" + std::to_string(site->remote) + " ";
  }
  return words + "\n";
}

/// One after the other; QEMU's end ends it.
void ServeControl(int listener) {
  for (;;) {
    int peer = accept(listener, nullptr, nullptr);
    if (peer < 0) return;
    char question;
    while (read(peer, &question, 1) == 1) {
      std::string answer = question == 's'
                               ? SharingSoFar()
                               : std::to_string(Sum(&Core::instructions)) +
                                     " " + std::to_string(Now()) + "\n";
      if (send(peer, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
    }
    close(peer);
  }
}

bool StartControl(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
          0 ||
      listen(listener, 1) != 0) {
    return false;
  }
  std::thread(&ServeControl, listener).detach();
  return true;
}

// --- beginning and end -------------------------------------------------------

void WriteReport(qemu_plugin_id_t, void*) {
  uint64_t now = Now();
  std::FILE* out = std::fopen(counter.options.out.c_str(), "w");
  if (out == nullptr) {
    std::perror(("instruction_counter: " + counter.options.out).c_str());
    return;
  }
  auto number = [](uint64_t n) { return static_cast<unsigned long long>(n); };
  for (int i = 0; i < counter.core_count; ++i) {
    std::fprintf(out, "core %d %llu %llu\n", i,
                 number(counter.cores[i].instructions),
                 number(counter.cores[i].repeats));
  }
  std::lock_guard guard(counter.lock);
  for (const MarkPassed& mark : counter.marks_passed) {
    std::fprintf(out, "mark %#llx %u %llu %llu %llu\n", number(mark.address),
                 mark.core, number(mark.instructions), number(mark.repeats),
                 number(mark.nanoseconds));
  }
  std::fprintf(out, "end %llu\n", number(now));
  for (const auto& [key, run] : counter.runs) {
    if (run->executions == 0) continue;
    std::fprintf(out, "run %#llx %llu %llu\n", number(run->address),
                 number(run->length), number(run->executions));
  }
  if (std::fclose(out) != 0) std::perror("instruction_counter");
}

/// Takes a decimal or 0x... number off the front of `text`.
bool TakeNumber(std::string_view& text, uint64_t& number) {
  std::string copy(text);
  char* end;
  number = std::strtoull(copy.c_str(), &end, 0);
  size_t taken = static_cast<size_t>(end - copy.c_str());
  text.remove_prefix(taken);
  return taken > 0;
}

bool ParseProfile(std::string_view value) {
  counter.options.profile = true;
  uint64_t number;
  if (!TakeNumber(value, number)) return false;
  counter.options.profile_first = number;
  if (value.empty() || value[0] != ':') return false;
  value.remove_prefix(1);
  if (value.empty()) return true;
  if (!TakeNumber(value, number)) return false;
  counter.options.profile_last = number;
  return value.empty();
}

bool ParseOption(std::string_view argument) {
  size_t equals = argument.find('=');
  if (equals == argument.npos) return false;
  std::string_view name = argument.substr(0, equals);
  std::string_view value = argument.substr(equals + 1);
  if (name == "out") {
    counter.options.out = value;
    return true;
  }
  if (name == "control") {
    counter.options.control = value;
    return true;
  }
  if (name == "mark") {
    uint64_t address;
    if (!TakeNumber(value, address) || !value.empty()) return false;
    counter.options.marks.insert(address);
    return true;
  }
  if (name == "profile") return ParseProfile(value);
  if (name == "sharing") {
    counter.options.sharing = value == "on";
    return value == "on" || value == "off";
  }
  if (name == "precise") {
    counter.options.precise = value == "on";
    return value == "on" || value == "off";
  }
  return false;
}

}  // namespace

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int argc,
                        char** argv) {
  for (int i = 0; i < argc; ++i) {
    if (!ParseOption(argv[i])) {
      std::fprintf(stderr, "instruction_counter: bad argument \"%s\"\n",
                   argv[i]);
      return 1;
    }
  }
  if (counter.options.out.empty() || !info->system_emulation) {
    std::fprintf(stderr,
                 "instruction_counter: needs out=FILE and a system emulator\n");
    return 1;
  }
  counter.core_count = info->system.max_vcpus;
  counter.cores =
      std::make_unique<Core[]>(static_cast<size_t>(counter.core_count));
  if (counter.options.sharing) counter.lines = std::make_unique<Lines>();
  counter.profiling = counter.options.profile &&
                      counter.options.profile_first == 0 &&
                      counter.options.profile_last > 0;
  if (!counter.options.control.empty() &&
      !StartControl(counter.options.control)) {
    std::perror(("instruction_counter: " + counter.options.control).c_str());
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, &OnTranslation);
  qemu_plugin_register_atexit_cb(id, &WriteReport, nullptr);
  return 0;
}
