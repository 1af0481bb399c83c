// FileServiceTest: a FileService that has granted a directory, to be asked.
#pragma once

#include <capnp/message.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "common/file_system.h"
#include "hosted/file_service.h"

namespace ebbrt::hosted {

inline constexpr NodeId kNode = 7;
namespace fs = std::filesystem;

/// A directory beside a secret that nobody may reach.
class FileServiceTest : public testing::Test {
 protected:
  FileServiceTest() {
    char name[] = "/tmp/ebbrt-files-XXXXXX";
    top_ = mkdtemp(name);
    fs::create_directory(top_ / "granted");
    Put(top_ / "secret", "secret");
    Put(top_ / "granted/file", "content");
    fs::create_directory(top_ / "granted/inner");
    service_.Grant(top_ / "granted");
  }
  ~FileServiceTest() override { fs::remove_all(top_); }

  static void Put(const fs::path& path, std::string_view text) {
    std::ofstream(path) << text;
  }
  static std::string Contents(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  /// What the service answers; the reply lives until the next.
  FileReply::Reader Ask(FileOperation operation, std::string_view path,
                        std::string_view other = "", uint32_t flags = 0,
                        uint32_t file = 0, uint64_t offset = 0,
                        uint64_t size = 0, std::string_view data = "",
                        NodeId node = kNode) {
    return AskWith(
        operation,
        [&](FileRequest::Builder in) {
          in.setPath(kj::StringPtr(std::string(path).c_str(), path.size()));
          in.setOther(kj::StringPtr(std::string(other).c_str(), other.size()));
          in.setFlags(flags);
          in.setMode(0644);
          in.setFile(file);
          in.setOffset(offset);
          in.setSize(size);
          in.setData(kj::arrayPtr(
              reinterpret_cast<const kj::byte*>(data.data()), data.size()));
        },
        node);
  }
  /// The same for a request that `fill` completes.
  template <typename Fill>
  FileReply::Reader AskWith(FileOperation operation, Fill fill,
                            NodeId node = kNode) {
    capnp::MallocMessageBuilder request;
    auto in = request.initRoot<FileRequest>();
    in.setOperation(operation);
    fill(in);
    reply_ = std::make_unique<capnp::MallocMessageBuilder>();
    auto out = reply_->initRoot<FileReply>();
    service_.Serve(node, in.asReader(), out);
    return out.asReader();
  }
  uint32_t Error(FileOperation operation, std::string_view path,
                 std::string_view other = "", uint32_t flags = 0) {
    return Ask(operation, path, other, flags).getError();
  }
  FileReply::Reader OnFile(FileOperation operation, uint32_t file,
                           uint64_t offset = 0, uint64_t size = 0,
                           std::string_view data = "") {
    return Ask(operation, "", "", 0, file, offset, size, data);
  }

  fs::path top_;
  FileService service_;
  std::unique_ptr<capnp::MallocMessageBuilder> reply_;
};

}  // namespace ebbrt::hosted
