// The client library's thread: an event loop with one connection.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/function.h>
#include <kj/io.h>

#include <chrono>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "client.h"
#include "iaas.capnp.h"
#include "private_daemon.h"

namespace ebbrt::iaas {

// A node as the loop's thread sees it. Dropping it ends the node.
struct RemoteNode {
  rpc::Node::Client node;
  bool started = false;
  kj::Promise<void> progress;  // from the request to the notice of the end
};

// Everything that belongs to the loop's thread.
struct LoopState {
  rpc::Iaas::Client iaas;
  kj::TaskSet& tasks;
  std::map<uint64_t, rpc::Session::Client> sessions;
  std::map<uint64_t, RemoteNode> nodes;
};

// What to tell the user of a failed call to the daemon at `socket_path`.
Error ToError(const std::string& socket_path, const kj::Exception& exception);

// Capabilities live and die on the loop's thread; whoever holds one elsewhere
// holds its number in LoopState.
class ClientLoop {
 public:
  using Work = kj::Function<void(LoopState&)>;

  // Starts the thread on a connected socket. `socket_path` is for errors.
  ClientLoop(kj::AutoCloseFd socket, std::string socket_path,
             std::shared_ptr<PrivateDaemon> daemon);
  // Ends the connection and the thread; waits for it, unless it runs on it.
  ~ClientLoop();
  ClientLoop(const ClientLoop&) = delete;
  ClientLoop& operator=(const ClientLoop&) = delete;

  // Has the thread do `work` later, in order of the calls; any thread may call
  // it. When the loop has ended the work is dropped.
  void Post(Work work);
  // Whether the daemon was there when last heard of. Any thread.
  bool Connected() const;
  // A number for a session or a node.
  uint64_t NewId();

  // Does `ask` on the thread and waits for the answer, for at most `timeout`.
  // Throws Error, or std::logic_error on the thread itself.
  template <typename T>
  T Ask(kj::Function<kj::Promise<T>(LoopState&)> ask,
        std::optional<std::chrono::milliseconds> timeout = std::nullopt);

  const std::string& SocketPath() const { return socket_path_; }

 private:
  struct Shared;

  static void Run(std::shared_ptr<Shared> shared, kj::AutoCloseFd socket);

  std::shared_ptr<Shared> shared_;
  std::string socket_path_;
  std::shared_ptr<PrivateDaemon> daemon_;
  std::thread thread_;
};

template <typename T>
T ClientLoop::Ask(kj::Function<kj::Promise<T>(LoopState&)> ask,
                  std::optional<std::chrono::milliseconds> timeout) {
  if (std::this_thread::get_id() == thread_.get_id()) {
    throw std::logic_error(
        "a blocking call of the IaaS client in one of its callbacks");
  }
  auto answer = std::make_shared<std::promise<T>>();
  auto future = answer->get_future();
  Post([path = socket_path_, ask = kj::mv(ask),
        answer](LoopState& state) mutable {
    state.tasks.add(ask(state).then(
        [answer](T value) { answer->set_value(kj::mv(value)); },
        [path, answer](kj::Exception&& exception) {
          answer->set_exception(
              std::make_exception_ptr(ToError(path, exception)));
        }));
  });
  answer = nullptr;
  if (timeout && future.wait_for(*timeout) != std::future_status::ready) {
    throw Error("the daemon at " + socket_path_ + " doesn't answer");
  }
  try {
    return future.get();
  } catch (const std::future_error&) {
    throw Error("the connection to the daemon at " + socket_path_ +
                " was closed");
  }
}

}  // namespace ebbrt::iaas
