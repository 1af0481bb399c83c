#include "hosted/file_server.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cerrno>
#include <climits>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "common/file_system.h"
#include "common/messenger.h"
#include "hosted/file_service.h"
#include "hosted/signal_relay.h"
#include "hosted/terminals.h"

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
  std::atomic<int> exit_code{-1};  // none told
};

Server& TheServer() {
  static auto* server = [] {
    messenger->OnNodeLost([](NodeId node, const std::string&) {
      TheServer().service.Forget(node);
      hosted::SignalRelay::Get().Forget(node);
      hosted::Terminals::Get().Forget(node);
    });
    return new Server;
  }();
  return *server;
}

/// The standard stream that a request names; -1 if it is none.
int StreamOf(FileRequest::Reader in) {
  return in.getOffset() <= STDERR_FILENO ? static_cast<int>(in.getOffset())
                                         : -1;
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

void TellStream(FileRequest::Reader in, FileReply::Builder out) {
  auto state = hosted::StatusOfStream(StreamOf(in));
  auto stream = out.initStream();
  stream.setMode(state.mode);
  stream.setTerminal(state.terminal);
  stream.setColumns(state.columns);
  stream.setRows(state.rows);
}

/// Calls f(), which throws std::system_error for what is to be answered.
template <typename F>
void Answer(FileReply::Builder out, F f) {
  try {
    f();
  } catch (const std::system_error& error) {
    out.setError(static_cast<uint32_t>(error.code().value()));
  }
}

/// The same for what f() gives a future of: calls tell(its value).
template <typename F, typename Tell>
Future<> AnswerLater(FileReply::Builder out, F f, Tell tell) {
  try {
    return f().Finally([out, tell](auto future) mutable {
      Answer(out, [&] { tell(future.Get()); });
    });
  } catch (const std::system_error& error) {
    out.setError(static_cast<uint32_t>(error.code().value()));
    return MakeReadyFuture();
  }
}

Future<> ServeSignal(NodeId from, FileReply::Builder out) {
  return AnswerLater(
      out, [from] { return hosted::SignalRelay::Get().Next(from); },
      [out](int signal) mutable {
        out.setOffset(static_cast<uint64_t>(signal));
      });
}

Future<> ServeChange(NodeId from, FileRequest::Reader in,
                     FileReply::Builder out) {
  return AnswerLater(
      out,
      [from, in] { return TheServer().service.NextChange(from, in.getFile()); },
      [out](const FileChange& change) mutable {
        out.setText(change.name);
        out.setChange(static_cast<uint32_t>(change.kind));
        out.setLost(change.lost);
      });
}

void ServeCatch(NodeId from, FileRequest::Reader in) {
  int signal = static_cast<int>(std::min<uint64_t>(in.getOffset(), INT_MAX));
  hosted::SignalRelay::Get().Catch(from, signal, in.getFlags() != 0);
}

void ServeTerminalMode(NodeId from, FileRequest::Reader in) {
  hosted::Terminals::Get().SetMode(from, StreamOf(in),
                                   static_cast<TerminalMode>(in.getMode()));
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
    case FileOperation::STREAM_STATUS:
      Answer(out, [&] { TellStream(in, out); });
      return MakeReadyFuture();
    case FileOperation::SET_TERMINAL_MODE:
      // In order with the output, and as slow.
      return On(server.output, [from, in, out]() mutable {
        Answer(out, [&] { ServeTerminalMode(from, in); });
      });
    case FileOperation::CATCH_SIGNAL:
      Answer(out, [&] { ServeCatch(from, in); });
      return MakeReadyFuture();
    case FileOperation::NEXT_SIGNAL:
      return ServeSignal(from, out);
    case FileOperation::NEXT_CHANGE:
      return ServeChange(from, in, out);
    case FileOperation::TELL_EXIT_CODE:
      server.exit_code = static_cast<int>(in.getOffset() & 0xff);
      return MakeReadyFuture();
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

std::optional<int> hosted::ToldExitCode() {
  int code = TheServer().exit_code;
  return code < 0 ? std::nullopt : std::optional(code);
}

}  // namespace ebbrt
