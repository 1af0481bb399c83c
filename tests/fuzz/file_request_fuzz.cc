// Fuzzes what the front-end does with requests for its files: as messages from
// the wire, or, so that more of them mean something, as fields with paths made
// of a few names. Whatever is asked for, nothing beside the granted directory
// is read or touched.
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/file_system.h"
#include "common/message.h"
#include "hosted/file_service.h"
#include "tests/fuzz/bytes.h"

namespace {

namespace fs = std::filesystem;
using ebbrt::FileReply;
using ebbrt::FileRequest;
using ebbrt::fuzz::Bytes;
using ebbrt::hosted::FileService;

constexpr ebbrt::NodeId kNode = 2;
constexpr std::string_view kSecret = "secret";

/// A directory to be granted, with a secret beside it.
class World {
 public:
  World() {
    char name[] = "/tmp/ebbrt-fuzz-XXXXXX";
    top_ = mkdtemp(name);
    fs::create_directories(top_ / "granted/d");
    std::ofstream(top_ / "secret") << kSecret;
    std::ofstream(top_ / "granted/f") << "content";
    fs::create_symlink("..", top_ / "granted/up");
    fs::create_symlink(top_ / "secret", top_ / "granted/s");
  }
  ~World() { fs::remove_all(top_); }
  World(const World&) = delete;

  fs::path Granted() const { return top_ / "granted"; }
  bool IsUntouched() const {
    std::ifstream in(top_ / "secret");
    std::string text{std::istreambuf_iterator<char>(in), {}};
    return text == kSecret &&
           std::distance(fs::directory_iterator(top_), {}) == 2;
  }

 private:
  fs::path top_;
};

std::string Path(Bytes& bytes) {
  static const char* const kNames[] = {"f", "d", "..", "up", "s",
                                       "n", ".", "",   "/",  "XXXXXX"};
  std::string path;
  for (unsigned left = bytes.Next() % 5; left > 0; --left) {
    path += kNames[bytes.Next() % std::size(kNames)];
    if (left > 1) path += '/';
  }
  return path;
}

void Serve(FileService& service, FileRequest::Reader in) {
  capnp::MallocMessageBuilder reply;
  auto out = reply.initRoot<FileReply>();
  service.Serve(kNode, in, out);
  bool has_result =
      out.hasData() || out.hasText() || out.hasEntries() || out.getFile() != 0;
  ebbrt::fuzz::Check(out.getError() == 0 || !has_result,
                     "an error comes without results");
  const auto data = out.getData().asChars();
  ebbrt::fuzz::Check(data.size() <= ebbrt::FileSystem::kMaxTransfer,
                     "a reply holds no more than it may");
  ebbrt::fuzz::Check(
      std::string_view(data.begin(), data.size()).find(kSecret) ==
          std::string_view::npos,
      "what isn't granted isn't read");
}

void ServeFields(FileService& service, Bytes& bytes) {
  capnp::MallocMessageBuilder request;
  auto in = request.initRoot<FileRequest>();
  in.setOperation(static_cast<ebbrt::FileOperation>(bytes.Next() % 40));
  in.setPath(Path(bytes).c_str());
  in.setOther(Path(bytes).c_str());
  in.setFile(bytes.Next() % 4);
  in.setFlags(bytes.Next());
  in.setMode(0700 | bytes.Next());
  in.setUid(bytes.Next());
  in.setGid(bytes.Next());
  in.setAccessed(bytes.Next());
  in.setOffset(uint64_t{bytes.Next()} << bytes.Next() % 64);
  in.setSize(uint64_t{bytes.Next()} << bytes.Next() % 32);
  in.setData(kj::StringPtr("data").asBytes());
  Serve(service, in.asReader());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 512) return 0;
  World world;
  FileService service;
  service.Grant(world.Granted());
  if (data[0] % 2 == 0) {
    try {
      auto message = ebbrt::RawMessage::FromBytes(
          ebbrt::IOBuf::Copy(ebbrt::fuzz::Text(data + 1, size - 1)));
      Serve(service, message.As<FileRequest>());
    } catch (const kj::Exception&) {
      // No message: the messenger closes the connection.
    }
  } else {
    Bytes bytes(data + 1, size - 1);
    while (!bytes.AtEnd()) ServeFields(service, bytes);
  }
  ebbrt::fuzz::Check(world.IsUntouched(), "what isn't granted is untouched");
  service.Forget(kNode);
  ebbrt::fuzz::Check(service.OpenFiles() == 0, "a node's files are closed");
  ebbrt::fuzz::Check(service.Watches() == 0, "its watches are given back");
  return 0;
}
