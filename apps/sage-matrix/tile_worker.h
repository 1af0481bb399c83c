// TileWorker: the Ebb of a back-end that holds tiles and computes with them.
// The front-end calls it by its id, and workers call each other for the tiles
// they need, so that elements go straight from one back-end to another.
//
// A tile is written once, by the call that makes it, and then only read; its
// number is the front-end's choice and is not used again. Calls run at once, as
// events of core 0, and pause between rows of long work.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <unordered_map>

#include "apps/sage-matrix/matrix.capnp.h"
#include "apps/sage-matrix/tile.h"
#include "common/home_ebb.h"

namespace ebbrt::matrix {

/// Texts of RemoteError that begin so are about memory.
inline constexpr std::string_view kOutOfMemory = "out of memory: ";
/// Bytes of elements that travel in one message, which are in memory a few
/// times on their way.
inline constexpr size_t kMostBytes = size_t{1} << 20;
/// Rows that fit a message.
constexpr size_t RowsAtOnce(size_t bytes_of_row) {
  return std::max<size_t>(kMostBytes / std::max<size_t>(bytes_of_row, 1), 1);
}
/// Workers are given all the time that they need: that one is lost is told.
inline constexpr std::chrono::hours kPatience{24 * 365};

class TileWorker : public HomeEbb<TileWorker> {
 public:
  static constexpr std::string_view kProtocol = "tile worker";
  using HomeEbb::HomeEbb;

  void Fill(NodeId, wire::Fill::Reader in, wire::Nothing::Builder);
  void Apply(NodeId, wire::Apply::Reader in, wire::Nothing::Builder);
  void Combine(NodeId, wire::Combine::Reader in, wire::Nothing::Builder);
  void Multiply(NodeId, wire::Multiply::Reader in, wire::Nothing::Builder);
  void Assemble(NodeId, wire::Assemble::Reader in, wire::Nothing::Builder);
  void Write(NodeId, wire::Write::Reader in, wire::Nothing::Builder);
  void Read(NodeId, wire::Read::Reader in, wire::Contents::Builder out);
  void Reduce(NodeId, wire::Reduce::Reader in, wire::Reduction::Builder out);
  /// Of tiles that are not there nothing is said.
  void Release(NodeId, wire::Release::Reader in, wire::Nothing::Builder);
  void ShapeOf(NodeId, wire::Measure::Reader in, wire::Shape::Builder out);

  using Methods =
      MethodList<&TileWorker::Fill, &TileWorker::Apply, &TileWorker::Combine,
                 &TileWorker::Multiply, &TileWorker::Assemble,
                 &TileWorker::Write, &TileWorker::Read, &TileWorker::Reduce,
                 &TileWorker::Release, &TileWorker::ShapeOf>;

 private:
  using TilePointer = std::shared_ptr<const Tile>;

  TilePointer Find(uint64_t number) const;
  TilePointer Fetch(wire::Source::Reader source);
  void Keep(uint64_t number, std::shared_ptr<Tile> tile);

  std::unordered_map<uint64_t, TilePointer> tiles_;
};

/// At home on the front-end: a back-end that is ready tells its worker's id.
class Workers : public HomeEbb<Workers> {
 public:
  static constexpr std::string_view kProtocol = "tile workers";
  static constexpr bool kFrontEndOnly = true;
  using HomeEbb::HomeEbb;

  void Ready(NodeId from, wire::Worker::Reader in, wire::Nothing::Builder);
  using Methods = MethodList<&Workers::Ready>;
};

inline constexpr EbbRef<Workers> workers{ApplicationEbbId(21)};

}  // namespace ebbrt::matrix
