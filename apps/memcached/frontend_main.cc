// memcached_frontend [IMAGE]: boots the server on a machine of its own and says
// where it serves; ends on Ctrl-C, or with an error when the machine does.
//
//   -m MIB         the machine's memory (512): with the image and all packets
//   -t N           the machine's processors (1); also --cores N
//   -p PORT        the port to serve (11211)
//   --statistics SECONDS  how often a line tells how it goes (0: never; 1 if a
//                         terminal shows it)
//   -U, -c, -I, -M, -v, --patience   as of the server
//   --machine M    microvm (default), pc or q35
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>

#include "apps/memcached/launch_report.h"
#include "apps/memcached/options.h"
#include "apps/memcached/service.h"
#include "common/node_allocator.h"
#include "common/runtime.h"
#include "common/timer.h"

namespace ebbrt::memcached {
namespace {

/// From a server's start to its report; the machine has booted before that.
constexpr std::chrono::seconds kReportDeadline{10};

/// The image of the build tree whose hosted half this program is in.
std::string ImageBesideThisProgram() {
  auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  auto image = here / "../../../native/apps/memcached/memcached.elf";
  return image.lexically_normal().string();
}

/// What items may take of a machine's memory: the rest is for the image, for
/// packets on their way and for the allocator's rounding.
unsigned ItemMemory(unsigned machine_mib) {
  return machine_mib - machine_mib / 4 - 4;
}

NodeSpec ReadArguments() {
  using enum Options::Kind;
  constexpr Options::Known kKnown[] = {
      {"-p"},        {"-m"},         {"-t"},           {"--cores"},
      {"--machine"}, {"--patience"}, {"--statistics"}, {"-U"},
      {"-c"},        {"-I"},         {"-M", kFlag},    {"-v", kFlag}};
  Options options(runtime::Arguments(), kKnown);
  auto memory = static_cast<unsigned>(options.Number("-m", 512, 16, 1 << 20));
  auto port =
      static_cast<uint16_t>(options.Number("-p", kDefaultPort, 1, 65535));
  auto threads = options.Number("-t", 1, 1, 128);
  NodeSpec spec{
      .image = options.Word() ? *options.Word() : ImageBesideThisProgram(),
      .arguments = {"-p", std::to_string(port), "-m",
                    std::to_string(ItemMemory(memory))},
      .boot_words = {},
      .cores =
          static_cast<unsigned>(options.Number("--cores", threads, 1, 128)),
      .memory_mib = memory,
      .machine = options.Text("--machine", "microvm"),
      .ports = {port},
  };
  auto interval =
      options.Number("--statistics", isatty(STDOUT_FILENO), 0, 86400);
  spec.arguments.insert(spec.arguments.end(),
                        {"--statistics", std::to_string(interval)});
  for (const char* option : {"-U", "-c", "-I", "--patience"}) {
    auto value = options.Text(option, "");
    if (!value.empty())
      spec.arguments.insert(spec.arguments.end(), {option, value});
  }
  for (const char* flag : {"-M", "-v"}) {
    for (unsigned i = options.Count(flag); i > 0; --i) {
      spec.arguments.emplace_back(flag);
    }
  }
  return spec;
}

[[noreturn]] void Fail(const std::string& why, int code) {
  std::fprintf(stderr, "memcached: %s\n", why.c_str());
  runtime::Exit(code);
}

void Run() {
  auto node = node_allocator->Allocate(ReadArguments()).Get();
  auto ended = node->Ended().Then([](int code) {
    Fail("the machine has ended" +
             (code < 0 ? std::string()
                       : ", with exit code " + std::to_string(code)),
         1);
  });
  Timer deadline;
  deadline.Start(kReportDeadline, [] {
    Fail("the server did not report within " +
             std::to_string(kReportDeadline.count()) + " s",
         1);
  });
  uint16_t port = launch_report->Served().Get();
  deadline.Stop();
  std::printf("memcached: serving at %s\n",
              node->Reach(port).ToString().c_str());
  std::fflush(stdout);
  ended.Get();
}

}  // namespace
}  // namespace ebbrt::memcached

void ebbrt::AppMain() {
  try {
    memcached::Run();
  } catch (const memcached::UsageError& error) {
    memcached::Fail(
        std::string(error.what()) +
            "\nusage: memcached_frontend [IMAGE] [-p PORT] [-U PORT]"
            " [-m MIB] [-c N] [-I SIZE] [-t N] [-M] [-v]"
            " [--machine microvm|pc|q35] [--patience SECONDS]"
            " [--statistics SECONDS]",
        2);
  } catch (const std::exception& error) {
    memcached::Fail(error.what(), 1);
  }
}
