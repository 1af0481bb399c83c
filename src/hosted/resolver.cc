#include "hosted/resolver.h"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <utility>

#include "common/resolver.h"
#include "hosted/name_lookup.h"

namespace ebbrt {
namespace {

/// Lookups wait for servers, for up to some seconds each.
constexpr size_t kThreads = 8;

/// Runs `work` on a thread that may wait; ready when it is done.
template <typename Work>
Future<> Aside(Work work) {
  // Lives until the process ends: a thread may be waiting for a server.
  static auto* pool = new boost::asio::thread_pool(kThreads);
  auto promise = std::make_shared<Promise<>>();
  auto future = promise->GetFuture();
  boost::asio::post(*pool, [work = std::move(work), promise]() mutable {
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

Future<> Resolver::ServeName(NodeId, NameRequest::Reader in,
                             NameReply::Builder out) {
  return Aside([in, out]() mutable { hosted::LookUpName(in, out); });
}

Future<> Resolver::ServeAddress(NodeId, AddressRequest::Reader in,
                                AddressReply::Builder out) {
  return Aside([in, out]() mutable { hosted::LookUpAddress(in, out); });
}

void hosted::GrantNames() { (void)Resolver::kServed; }

}  // namespace ebbrt
