// Message<T>: a Cap'n Proto message of root type T that has arrived.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/array.h>

#include <memory>

#include "common/iobuf.h"

namespace ebbrt {

/// The words of an arrived message, and who reads them. Moved, never copied;
/// readers stay valid as long as the Message lives, also across a move.
class RawMessage {
 public:
  /// Takes the bytes of an encoded message; null is an empty one. Throws
  /// kj::Exception (a std::exception) when they are not one.
  static RawMessage FromBytes(std::unique_ptr<IOBuf> bytes);
  /// An equal message, without a connection between.
  static RawMessage FromBuilder(capnp::MessageBuilder& builder);

  template <typename T>
  typename T::Reader As() {
    return reader_->getRoot<T>();
  }

 private:
  explicit RawMessage(kj::Array<capnp::word> words);

  std::unique_ptr<kj::Array<capnp::word>> words_;
  std::unique_ptr<capnp::FlatArrayMessageReader> reader_;
};

/// Where a message is put together. Most are small: more room than this comes
/// when it is needed, and room costs, since it has to be zeroed.
struct MessageBuilder : capnp::MallocMessageBuilder {
  static constexpr unsigned kFirstWords = 64;
  MessageBuilder() : MallocMessageBuilder(kFirstWords) {}
};

/// `builder`'s message as bytes, with room in front for a frame's header.
std::unique_ptr<IOBuf> EncodeMessage(capnp::MessageBuilder& builder);

template <typename T>
class Message {
 public:
  explicit Message(RawMessage raw) : raw_(std::move(raw)) {}

  typename T::Reader Read() { return raw_.As<T>(); }

 private:
  RawMessage raw_;
};

}  // namespace ebbrt
