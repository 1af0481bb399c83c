// The parts of test_files.py: each uses files as any C or C++ program would,
// and says what is wrong, ending with 1.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/file_system.h"
#include "common/run_on.h"
#include "common/runtime.h"
#include "platform/core.h"
#include "tests/system/files/parts.h"

void Require(bool condition, const std::string& what) {
  if (condition) return;
  throw std::runtime_error(what + " (errno " + std::to_string(errno) + ", " +
                           std::strerror(errno) + ")");
}

namespace {

namespace fs = std::filesystem;

std::string Contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The byte at `offset` of the test's large files.
char ByteAt(uint64_t offset) {
  return static_cast<char>(offset * 7 + offset / 251 + offset / 65536);
}

void Stdio() {
  FILE* file = std::fopen("/hello.txt", "r");
  Require(file != nullptr, "fopen");
  char line[100];
  Require(std::fgets(line, sizeof(line), file) != nullptr, "fgets");
  Require(std::string(line) == "first line\n", "the first line");
  Require(std::fseek(file, 6, SEEK_SET) == 0, "fseek");
  Require(std::fgetc(file) == 'l' && std::ftell(file) == 7, "fgetc, ftell");
  Require(std::fseek(file, 0, SEEK_END) == 0 && std::ftell(file) == 23,
          "the end");
  Require(std::fgetc(file) == EOF && std::feof(file), "end of file");
  std::fclose(file);
  file = std::fopen("made.txt", "w+");
  Require(file != nullptr, "fopen to write");
  Require(std::fprintf(file, "%d lines\n", 42) == 9, "fprintf");
  std::rewind(file);
  int number = 0;
  Require(std::fscanf(file, "%d", &number) == 1 && number == 42, "fscanf");
  Require(std::fflush(file) == 0 && fsync(fileno(file)) == 0, "fsync");
  std::fclose(file);
  file = std::fopen("made.txt", "a");
  std::fputs("more\n", file);
  std::fclose(file);
  Require(Contents("made.txt") == "42 lines\nmore\n", "appended text");
  Require(std::rename("made.txt", "renamed.txt") == 0, "rename");
  Require(std::remove("hello.txt") == 0, "remove");
}

void Streams() {
  std::ifstream in("/numbers.txt");
  int sum = 0;
  for (int number; in >> number;) sum += number;
  Require(sum == 500500, "the sum of the numbers, " + std::to_string(sum));
  std::ofstream out("/sums.txt");
  out << "sum " << sum << '\n';
  out.close();
  Require(out.good() && Contents("/sums.txt") == "sum 500500\n", "ofstream");
  std::ifstream missing("/missing.txt");
  Require(!missing.is_open(), "a missing file was opened");
}

void Directories() {
  Require(fs::create_directories("/a/b/c"), "create_directories");
  std::ofstream("/a/b/c/file") << "12345";
  Require(fs::file_size("/a/b/c/file") == 5, "file_size");
  Require(fs::is_directory("/a/b") && fs::is_regular_file("/a/b/c/file"),
          "status");
  fs::create_symlink("b/c", "/a/link");
  Require(fs::read_symlink("/a/link") == "b/c", "read_symlink");
  Require(fs::is_symlink("/a/link"), "symlink_status");
  Require(fs::canonical("/a/link/../c/file") == "/a/b/c/file", "canonical");
  fs::copy_file("/a/b/c/file", "/a/copy");
  Require(Contents("/a/copy") == "12345", "copy_file");
  fs::resize_file("/a/copy", 2);
  Require(Contents("/a/copy") == "12", "resize_file");
  fs::rename("/a/copy", "/a/b/moved");
  fs::permissions("/a/b/moved", fs::perms::owner_read);
  Require(fs::status("/a/b/moved").permissions() == fs::perms::owner_read,
          "permissions");
  fs::current_path("/a/b");
  Require(fs::current_path() == "/a/b" && fs::exists("moved"), "current_path");
  fs::current_path("/");
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator("/a")) {
    names.insert(entry.path().string());
  }
  Require(names == std::set<std::string>{"/a/b", "/a/b/c", "/a/b/c/file",
                                         "/a/b/moved", "/a/link"},
          "recursive_directory_iterator");
  size_t many = 0;
  for (const auto& entry : fs::directory_iterator("/many")) {
    Require(entry.is_regular_file(), "an entry's type");
    ++many;
  }
  Require(many == 2500, "many entries: " + std::to_string(many));
  Require(fs::remove_all("/a") == 6, "remove_all");
  Require(!fs::exists("/a"), "what was removed is there");
}

void ExpectErrno(int error, int result, const std::string& what) {
  int told = errno;
  if (result != -1 || told != error) {
    throw std::runtime_error(what + ": " + std::to_string(result) + ", errno " +
                             std::to_string(told) + ", not " +
                             std::to_string(error));
  }
}

void Errors() {
  ExpectErrno(ENOENT, open("/missing", O_RDONLY), "open a missing file");
  ExpectErrno(ENOENT, open("", O_RDONLY), "open nothing");
  ExpectErrno(EISDIR, open("/", O_WRONLY), "write a directory");
  ExpectErrno(ENOTDIR, open("/hello.txt/x", O_RDONLY), "below a file");
  ExpectErrno(EEXIST, open("/hello.txt", O_CREAT | O_EXCL | O_WRONLY, 0600),
              "exclusively");
  ExpectErrno(ENOTEMPTY, rmdir("/many"), "rmdir");
  ExpectErrno(ELOOP, open("/loop", O_RDONLY), "a link to itself");
  ExpectErrno(ENAMETOOLONG, open(std::string(300, 'n').c_str(), O_RDONLY),
              "a long name");
  ExpectErrno(EBADF, close(77), "close nothing");
  int fd = open("/hello.txt", O_RDONLY);
  Require(fd >= 3, "open");
  ExpectErrno(EBADF, static_cast<int>(write(fd, "x", 1)), "write to read-only");
  ExpectErrno(EINVAL, static_cast<int>(lseek(fd, -5, SEEK_SET)), "lseek");
  Require(isatty(fd) == 0 && errno == ENOTTY, "isatty of a file");
  auto output = ebbrt::file_system->StreamStatus(1).Get();
  Require(isatty(1) == (output.terminal ? 1 : 0), "isatty");
  struct stat status;
  Require(fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
              status.st_size == 23 && status.st_mtime > 1'600'000'000,
          "fstat");
  int copy = dup(fd);
  char c = 0;
  Require(read(fd, &c, 1) == 1 && read(copy, &c, 1) == 1 && c == 'i',
          "a duplicate shares the position");
  Require(close(fd) == 0 && read(copy, &c, 1) == 1 && close(copy) == 0,
          "close");
}

void Escapes() {
  for (auto path : {"/../secret", "../secret", "/out/secret", "/absolute",
                    "/sub/../../secret"}) {
    ExpectErrno(ENOENT, open(path, O_RDONLY), path);
    ExpectErrno(ENOENT, open(path, O_WRONLY | O_TRUNC, 0600), path);
  }
  ExpectErrno(ENOENT, std::rename("/../secret", "/stolen"), "rename");
  Require(!std::ifstream("/absolute").is_open(), "ifstream");
}

void Large() {
  // Written in odd pieces, read in others, in order and not.
  constexpr uint64_t kSize = 3'000'001;
  {
    std::ofstream out("/large", std::ios::binary);
    std::string piece;
    for (uint64_t at = 0; at < kSize; at += piece.size()) {
      piece.resize(std::min<uint64_t>(12'345, kSize - at));
      for (size_t i = 0; i < piece.size(); ++i) piece[i] = ByteAt(at + i);
      out << piece;
    }
  }
  int fd = open("/large", O_RDWR);
  Require(fd >= 3, "open");
  std::vector<char> buffer(100'000);
  uint64_t at = 0;
  for (;;) {
    ssize_t got = read(fd, buffer.data(), 70'001);
    Require(got >= 0, "read");
    if (got == 0) break;
    for (ssize_t i = 0; i < got; ++i) {
      Require(buffer[i] == ByteAt(at + i), "byte " + std::to_string(at + i));
    }
    at += got;
  }
  Require(at == kSize, "the size, " + std::to_string(at));
  for (uint64_t offset : {2'999'000u, 65'535u, 1u, 1'500'000u, 65'535u}) {
    ssize_t got = pread(fd, buffer.data(), 1'500, static_cast<off_t>(offset));
    Require(
        got == static_cast<ssize_t>(std::min<uint64_t>(1'500, kSize - offset)),
        "pread");
    for (ssize_t i = 0; i < got; ++i) {
      Require(buffer[i] == ByteAt(offset + i), "pread's bytes");
    }
  }
  // What is written is read, in this descriptor and another, cached or not.
  int other = open("/large", O_RDONLY);
  char c = 0;
  Require(pread(other, &c, 1, 65'536) == 1 && c == ByteAt(65'536), "other");
  Require(pwrite(fd, "!", 1, 65'536) == 1, "pwrite");
  Require(pread(fd, &c, 1, 65'536) == 1 && c == '!', "own write");
  Require(pread(other, &c, 1, 65'536) == 1 && c == '!', "own write, other");
  // A file that grows is followed beyond its end.
  Require(pread(other, &c, 1, kSize) == 0, "the end");
  Require(pwrite(fd, "+", 1, kSize) == 1 && pread(other, &c, 1, kSize) == 1 &&
              c == '+',
          "beyond the end");
  Require(ftruncate(fd, 10) == 0 && pread(other, &c, 1, 65'536) == 0,
          "truncated");
  // Beyond what 32 bits hold.
  constexpr off_t kFar = off_t{5} << 30;
  Require(pwrite(fd, "far", 3, kFar) == 3 && lseek(fd, 0, SEEK_END) == kFar + 3,
          "5 GiB");
  Require(pread(other, buffer.data(), 10, kFar - 2) == 5 &&
              std::memcmp(buffer.data(), "\0\0far", 5) == 0,
          "around 5 GiB");
  Require(fsync(fd) == 0 && close(fd) == 0 && close(other) == 0, "close");
}

void DiskFull() {
  int fd = open("/full/file", O_WRONLY | O_CREAT, 0600);
  Require(fd >= 3, "open");
  std::vector<char> piece(1 << 20, 'x');
  ssize_t got;
  int pieces = 0;
  while ((got = write(fd, piece.data(), piece.size())) > 0) ++pieces;
  Require(got == -1 && errno == ENOSPC && pieces >= 3, "write on a full disk");
  Require(ftruncate(fd, 0) == 0 && write(fd, "x", 1) == 1, "after making room");
  close(fd);
}

/// Opens files, closes none, and waits to be killed.
void Hold() {
  for (int i = 0; i < 10; ++i) {
    Require(open("/hello.txt", O_RDONLY) >= 3, "open");
  }
  std::cout << "holding" << std::endl;
  ebbrt::EventContext never;
  ebbrt::event_manager->SaveContext(never);
}

void StandardStreams() {
  std::string line;
  while (std::getline(std::cin, line)) std::cout << "read: " << line << '\n';
  std::cout.flush();
  std::fprintf(stderr, "to standard error\n");
  for (int i = 0; i < 200; ++i) std::printf("line %d\n", i);
  std::printf("without an end of line");
}

/// All cores read and write files of their own, and read one together.
void Cores() {
  ebbrt::RunOnEveryCore([] {
    auto name = "/of-core-" + std::to_string(ebbrt::platform::CurrentCore());
    for (int round = 0; round < 10; ++round) {
      auto text = name + std::to_string(round);
      std::ofstream(name) << text;
      Require(Contents(name) == text, name);
      Require(Contents("/hello.txt") == "first line\nsecond line\n",
              "hello.txt");
    }
  }).Get();
}

void NoFiles() {
  ExpectErrno(ENODEV, open("/hello.txt", O_RDONLY), "without a grant");
  std::error_code error;
  Require(!fs::exists("/hello.txt", error), "exists");
  Require(error.value() == ENODEV, "the error of exists");
}

const std::map<std::string, std::function<void()>> kParts = {
    {"attributes", Attributes},
    {"temporary-files", TemporaryFiles},
    {"stream-status", StreamStatus},
    {"signals", Signals},
    {"catch-and-end", CatchAndEnd},
    {"catch-and-hang", CatchAndHang},
    {"watch", Watch},
    {"raw-terminal", RawTerminal},
    {"stdio", Stdio},
    {"streams", Streams},
    {"directories", Directories},
    {"errors", Errors},
    {"escapes", Escapes},
    {"large", Large},
    {"disk-full", DiskFull},
    {"hold", Hold},
    {"standard-streams", StandardStreams},
    {"cores", Cores},
    {"no-files", NoFiles}};

}  // namespace

void ebbrt::AppMain() {
  const auto& arguments = runtime::Arguments();
  auto part = arguments.empty() ? kParts.end() : kParts.find(arguments[0]);
  if (part == kParts.end()) runtime::Exit(2);
  int code = 0;
  try {
    part->second();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", arguments[0].c_str(), error.what());
    code = 1;
  }
  std::exit(code);
}
