#include "hosted/file_server.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cerrno>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "common/file_system.h"
#include "common/messenger.h"
#include "hosted/file_service.h"

namespace ebbrt {
namespace {

// Disks and terminals make whoever asks wait: not the event loop.
constexpr size_t kThreads = 4;

/// Lives until the process ends: a thread may be waiting for a disk.
struct Server {
  hosted::FileService service;
  boost::asio::thread_pool files{kThreads};
  boost::asio::thread_pool output{1};  // in order
  boost::asio::thread_pool input{1};
};

Server& TheServer() {
  static auto* server = [] {
    messenger->OnNodeLost([](NodeId node, const std::string&) {
      TheServer().service.Forget(node);
    });
    return new Server;
  }();
  return *server;
}

uint32_t WriteStandard(FileRequest::Reader in) {
  int fd = in.getOffset() == STDERR_FILENO ? STDERR_FILENO : STDOUT_FILENO;
  auto data = in.getData();
  for (size_t done = 0; done < data.size();) {
    ssize_t put = write(fd, data.begin() + done, data.size() - done);
    if (put < 0 && errno != EINTR) return static_cast<uint32_t>(errno);
    if (put > 0) done += static_cast<size_t>(put);
  }
  return 0;
}

uint32_t ReadStandard(FileRequest::Reader in, FileReply::Builder out) {
  std::vector<char> data(
      std::min<uint64_t>(in.getSize(), FileSystem::kMaxTransfer));
  ssize_t got;
  do {
    got = read(STDIN_FILENO, data.data(), data.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) return static_cast<uint32_t>(errno);
  auto size = static_cast<size_t>(got);
  std::copy_n(data.begin(), size, out.initData(size).asChars().begin());
  return 0;
}

/// Runs `work` on a thread of `pool`; ready when it is done.
template <typename Work>
Future<> On(boost::asio::thread_pool& pool, Work work) {
  auto promise = std::make_shared<Promise<>>();
  auto future = promise->GetFuture();
  boost::asio::post(pool, [work = std::move(work), promise]() mutable {
    try {
      work();
      promise->SetValue();
    } catch (...) {
      promise->SetException(std::current_exception());
    }
  });
  return future;
}

}  // namespace

Future<> FileSystem::Serve(NodeId from, FileRequest::Reader in,
                           FileReply::Builder out) {
  Server& server = TheServer();
  switch (in.getOperation()) {
    case FileOperation::WRITE_STREAM:
      return On(server.output,
                [in, out]() mutable { out.setError(WriteStandard(in)); });
    case FileOperation::READ_STREAM:
      return On(server.input,
                [in, out]() mutable { out.setError(ReadStandard(in, out)); });
    default:
      return On(server.files, [&server, from, in, out]() mutable {
        server.service.Serve(from, in, out);
      });
  }
}

void hosted::GrantFiles(const std::string& directory) {
  TheServer().service.Grant(directory);
}

size_t hosted::OpenFiles() { return TheServer().service.OpenFiles(); }

}  // namespace ebbrt
