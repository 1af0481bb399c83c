// What a node wrote to its console.
#pragma once

#include <kj/async.h>
#include <kj/refcount.h>

#include <cstdint>
#include <string>
#include <vector>

#include "iaas.capnp.h"

namespace ebbrt::iaas {

// The last bytes of a stream, by their offset from its start, for any number of
// readers. Writers never wait for readers; a reader that is too slow misses
// bytes and can tell from the offsets.
class ConsoleLog : public kj::Refcounted {
 public:
  // Keeps at least the last `capacity` bytes, at most twice as many.
  explicit ConsoleLog(size_t capacity) : capacity_(capacity) {}

  void Append(kj::ArrayPtr<const char> data);
  // Nothing more will come.
  void End();

  bool Ended() const { return ended_; }
  uint64_t EndOffset() const { return start_ + data_.size(); }

  struct Chunk {
    uint64_t offset = 0;  // of the first byte; `offset` asked for, or larger
    kj::ArrayPtr<const char> data;  // valid until the next Append
  };
  // Up to `max` bytes from `offset` on.
  Chunk Read(uint64_t offset, size_t max) const;
  // Resolves once there are bytes behind `offset` or the stream has ended.
  kj::Promise<void> WhenMore(uint64_t offset);
  // The last `lines` lines.
  std::string Tail(size_t lines) const;

 private:
  void WakeReaders();

  size_t capacity_;
  uint64_t start_ = 0;
  std::string data_;
  bool ended_ = false;
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> waiting_;
};

enum class FollowConsole { kNo, kYes };

// Writes the log from `offset` on to `sink`, each chunk after the sink has
// answered to the one before; following, until the log has ended. Resolves to
// the offset behind the last byte written.
kj::Promise<uint64_t> StreamConsole(kj::Own<ConsoleLog> log, uint64_t offset,
                                    FollowConsole follow,
                                    rpc::ConsoleSink::Client sink);

}  // namespace ebbrt::iaas
