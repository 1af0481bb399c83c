// HomeEbb<T>: the Ebb shape with a home, called from every node.
//
// The Ebb lives on one node, its home (the front-end for fixed ids, the node
// that made it else). A call made elsewhere travels there as a typed Cap'n
// Proto message and comes back as a future. This is all an application writes:
//
//   class Hello : public HomeEbb<Hello> {
//    public:
//     static constexpr std::string_view kProtocol = "hello";
//     using HomeEbb::HomeEbb;
//     // Runs at home, in an event of its own; may block, may throw.
//     void Greet(NodeId from, Greeting::Reader in, Answer::Builder out);
//     using Methods = MethodList<&Hello::Greet>;
//   };
//   inline constexpr EbbRef<Hello> hello{ApplicationEbbId(1)};
//
//   // anywhere:
//   hello->Call<&Hello::Greet>([](Greeting::Builder in) { in.setText("hi"); })
//
// With `static constexpr bool kFrontEndOnly = true;` the Ebb is at home on the
// front-end and nowhere else; its methods need then not be linked into images.
//
// A method may also return Future<>; its results go back when that is ready,
// and `in` and `out` stay valid until then.
//
// A call on the home node itself takes the same way but for the wire.
#pragma once

#include <capnp/message.h>

#include <array>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "common/ebb_allocator.h"
#include "common/ebb_ref.h"
#include "common/local_id_map.h"
#include "common/message.h"
#include "common/messenger.h"
#include "common/protocol.h"
#include "common/shared_ebb.h"
#include "platform/clock.h"
#include "platform/runtime_port.h"

namespace ebbrt {

/// The methods of a protocol; a method's number is its place. New ones go last.
template <auto... kMethods>
struct MethodList {};

namespace detail {

template <typename M>
struct MethodTraits;
template <typename C, typename R, typename In, typename Out>
struct MethodTraits<R (C::*)(NodeId, In, Out)> {
  using Parameters = typename In::Reads;
  using Results = typename Out::Builds;
  static constexpr bool kIsAsynchronous = !std::is_void_v<R>;
};

/// Serves one call of method kMethod of `ebb`.
template <auto kMethod, typename T>
Future<std::unique_ptr<IOBuf>> ServeMethod(T& ebb, IncomingCall call) {
  using Traits = MethodTraits<decltype(kMethod)>;
  struct Running {
    RawMessage parameters;
    std::shared_ptr<T> alive;  // the Ebb may be destroyed meanwhile
    MessageBuilder results{};
  };
  auto running = std::make_unique<Running>(std::move(call.parameters),
                                           ebb.shared_from_this());
  auto in = running->parameters.template As<typename Traits::Parameters>();
  auto out = running->results.template initRoot<typename Traits::Results>();
  if constexpr (Traits::kIsAsynchronous) {
    return (ebb.*kMethod)(call.from, in, out)
        .Then([running = std::move(running)] {
          return EncodeMessage(running->results);
        });
  } else {
    (ebb.*kMethod)(call.from, in, out);
    return MakeReadyFuture(EncodeMessage(running->results));
  }
}

template <typename T, typename Methods>
struct MethodTable;
template <typename T, auto... kMethods>
struct MethodTable<T, MethodList<kMethods...>> {
  static constexpr size_t kCount = sizeof...(kMethods);
  using Server = Future<std::unique_ptr<IOBuf>> (*)(T&, IncomingCall);
  static constexpr std::array<Server, sizeof...(kMethods)> kServers = {
      &ServeMethod<kMethods, T>...};

  template <auto kMethod>
  static constexpr uint16_t NumberOf() {
    uint16_t number = 0;
    bool found = ((IsSame<kMethod, kMethods>() || (++number, false)) || ...);
    return found ? number : throw "the method is not in the Ebb's Methods";
  }

 private:
  template <auto kA, auto kB>
  static constexpr bool IsSame() {
    if constexpr (std::is_same_v<decltype(kA), decltype(kB)>) return kA == kB;
    return false;
  }
};

/// What the Ebbs of all types have in common.
class HomeEbbBase {
 protected:
  struct Protocol {
    std::string_view name;
    ProtocolServer serve;
  };

  explicit HomeEbbBase(EbbId id) : id_(id) {}

  EbbId Id() const { return id_; }
  /// Sends a call to the Ebb's home, this node or another.
  static Future<RawMessage> Send(EbbId id, const Protocol& protocol,
                                 uint16_t method,
                                 capnp::MessageBuilder& parameters,
                                 Clock::duration deadline);
  /// Throws std::runtime_error unless the Ebb is at home here and its protocol
  /// has so many methods, std::logic_error if it is of another type.
  static void CheckCall(const IncomingCall& call, LocalIdMap::Type type,
                        std::string_view protocol, size_t methods);
  /// Throws std::runtime_error: a node that is no front-end was made the home.
  [[noreturn]] static void RefuseFrontEndOnly(EbbId id);

 private:
  EbbId id_;
};

}  // namespace detail

/// T derives from HomeEbb<T> and has kProtocol and Methods. One representative
/// per node; its methods run only at home.
template <typename T>
class HomeEbb : public SharedEbb<T>, private detail::HomeEbbBase {
 public:
  /// Calls kMethod at the Ebb's home with the parameters that `fill` writes;
  /// gives Future<Message<results>>. Fails with NodeLost, with RemoteError (at
  /// home itself: the method's own exception), or with DeadlineExceeded if
  /// there is no answer in time. In events on any core.
  template <auto kMethod, typename Fill>
  auto Call(Fill fill, Clock::duration deadline = Messenger::kCallDeadline) {
    using Traits = detail::MethodTraits<decltype(kMethod)>;
    constexpr uint16_t kNumber = Table<>::template NumberOf<kMethod>();
    EbbId id = Id();  // `fill` may block, and the Ebb end meanwhile
    MessageBuilder builder;
    fill(builder.initRoot<typename Traits::Parameters>());
    return Send(id, {T::kProtocol, &Serve}, kNumber, builder, deadline)
        .Then([](RawMessage results) {
          return Message<typename Traits::Results>(std::move(results));
        });
  }

  /// Initialised before main, in every program that mentions it: the calls of
  /// T's protocol find their way here. EbbRef<T> does the mentioning.
  static inline const bool kServed = [] {
    RegisterProtocol(T::kProtocol, &HomeEbb::Serve);
    return true;
  }();

  /// Ends the Ebb on every node. On its home, in an event on any core; throws
  /// std::logic_error elsewhere and for a fixed id. A call that comes too late
  /// fails with EbbDestroyed, from other nodes with RemoteError. Ready when the
  /// cores of all connected nodes have dropped it; the id is then free for
  /// another Ebb, and no reference to it may be used again.
  static Future<> Destroy(EbbRef<T> ebb) {
    return detail::EndOnAllNodes(ebb.Id());
  }

  /// Public so that T can take it over with `using HomeEbb::HomeEbb`.
  explicit HomeEbb(EbbId id) : HomeEbbBase(id) { (void)kServed; }

 protected:
  using HomeEbbBase::Id;

 private:
  // A template, because T is still being defined when this class is.
  template <typename U = T>
  using Table = detail::MethodTable<U, typename U::Methods>;

  static Future<std::unique_ptr<IOBuf>> Serve(IncomingCall call) {
    CheckCall(call, LocalIdMap::TypeOf<T>(), T::kProtocol, Table<>::kCount);
    if constexpr (platform::kMayBeFrontEnd || !requires { T::kFrontEndOnly; }) {
      T& ebb = EbbRef<T>(call.ebb).Rep();
      return Table<>::kServers[call.method](ebb, std::move(call));
    } else {
      RefuseFrontEndOnly(call.ebb);
    }
  }
};

}  // namespace ebbrt
