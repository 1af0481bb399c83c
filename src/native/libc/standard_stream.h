// StandardStream: descriptors 0, 1 and 2 once a program opens others or polls.
//
// They are the front-end's streams (FileSystem::ReadStream, WriteStream); without a
// front-end the node's console, at whose end of input nobody types.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/file_system.h"
#include "native/libc/description.h"

namespace ebbrt::libc {

class StandardStream final
    : public Description,
      public std::enable_shared_from_this<StandardStream> {
 public:
  explicit StandardStream(int stream) : stream_(stream) {}

  ssize_t Read(std::span<std::byte> to) override;
  ssize_t Write(std::span<const std::byte> data) override;
  void Status(struct stat& status) override;
  short Ready() override;
  void Want(short events) override;
  ssize_t Available() override;
  bool IsTerminal() const override;
  int Number() const { return stream_; }
  /// What the front-end says of it now.
  StreamState State() const;

  TerminalMode mode = TerminalMode::kNormal;

 private:
  static constexpr size_t kReadSize = 64 * 1024;

  ssize_t TakeInput(std::span<std::byte> to);
  void AskForInput();

  const int stream_;
  mutable std::optional<StreamState> state_;
  SpinLock lock_;  // guards:
  std::string input_;
  size_t input_begin_ = 0;
  bool asking_ = false;
  bool ended_ = false;
  int error_ = 0;
};

}  // namespace ebbrt::libc
