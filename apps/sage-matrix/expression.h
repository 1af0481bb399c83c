// Expression: a matrix as what it is computed from, and the tiles of it that
// have been computed.
//
// Immutable. A tile is computed when somebody asks for it, once, on the worker
// of its place, from tiles of other expressions, which are asked for in turn;
// all tiles that don't wait for each other are under way at once. When a worker
// is lost its tiles are computed again when they are next asked for, as long as
// what they were computed from is known.
//
// On the front-end's core 0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/sage-matrix/worker_pool.h"

namespace ebbrt::matrix {

/// Shapes that don't go together, an index out of range.
class ShapeError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// Tiles are gone with their machine, and can't be computed again.
class MatrixLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A matrix in tiles: all of them of one size but for those at the lower and
/// right edges. Sizes may be zero, those of tiles not.
struct Grid {
  uint64_t rows = 0;
  uint64_t columns = 0;
  uint32_t tile_rows = 1;
  uint32_t tile_columns = 1;
  ElementType type = ElementType::kFloat64;

  size_t Down() const { return (rows + tile_rows - 1) / tile_rows; }
  size_t Across() const { return (columns + tile_columns - 1) / tile_columns; }
  size_t Tiles() const { return Down() * Across(); }
  uint32_t RowsOf(size_t i) const {
    return std::min<uint64_t>(tile_rows, rows - i * tile_rows);
  }
  uint32_t ColumnsOf(size_t j) const {
    return std::min<uint64_t>(tile_columns, columns - j * tile_columns);
  }
  bool operator==(const Grid&) const = default;
};

/// A computed tile; lives on its worker as long as this does.
class StoredTile {
 public:
  StoredTile(std::shared_ptr<Worker> worker, uint64_t number)
      : worker_(std::move(worker)), number_(number) {}
  ~StoredTile();
  StoredTile(const StoredTile&) = delete;
  StoredTile& operator=(const StoredTile&) = delete;

  Worker& At() const { return *worker_; }
  std::shared_ptr<Worker> Shared() const { return worker_; }
  uint64_t Number() const { return number_; }
  void Describe(wire::Source::Builder out) const {
    out.setWorker(worker_->EbbNumber());
    out.setTile(number_);
  }

 private:
  std::shared_ptr<Worker> worker_;
  uint64_t number_;
};
using TilePointer = std::shared_ptr<const StoredTile>;

class Expression : public std::enable_shared_from_this<Expression> {
 public:
  using Pointer = std::shared_ptr<Expression>;
  /// Computes the tile (i, j).
  using Compute = std::function<Future<TilePointer>(size_t i, size_t j)>;

  /// `sources` is what `compute` asks for tiles. Throws ShapeError for more
  /// tiles than kMostTiles.
  Expression(WorkerPool& pool, Grid grid, std::vector<Pointer> sources,
             Compute compute);
  ~Expression();
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  static constexpr size_t kMostTiles = size_t{1} << 18;

  const Grid& Shape() const { return grid_; }

  /// Somebody outside holds it, or no longer does. What nobody holds, and no
  /// expression still waits for, keeps no tiles.
  void AddHolder() { ++holders_; }
  void RemoveHolder();
  /// `made`, once it is computed if the row of expressions that it waits for is
  /// long: that is then forgotten.
  static Future<Pointer> Bounded(Pointer made);

  Future<TilePointer> TileAt(size_t i, size_t j);
  /// Ready when all tiles are.
  Future<> Evaluate();

  // --- expressions of no other -----------------------------------------------
  static Pointer Constant(WorkerPool& pool, Grid grid, Number value);
  static Pointer Identity(WorkerPool& pool, Grid grid);
  static Pointer Random(WorkerPool& pool, Grid grid, uint64_t seed);
  /// `elements`, row by row. Sent to its tiles at once and then forgotten, so
  /// that it can't be computed again.
  static Pointer Of(WorkerPool& pool, Grid grid,
                    std::shared_ptr<const std::vector<std::byte>> elements);

  // --- of others; throw ShapeError. Elements of two types become those of the
  // smallest that holds both. ------------------------------------------------
  Pointer Apply(Unary function, Number operand);
  /// With elements of another type; not from complex to real ones.
  Pointer Convert(ElementType type);
  Pointer Combine(Binary function, Pointer right);
  Pointer Multiply(Pointer right);
  Pointer Transpose();
  /// The part, in tiles of the same size.
  Pointer Part(uint64_t row, uint64_t column, uint64_t rows, uint64_t columns);
  /// The same with `part` put over it, which is not complex if this isn't.
  Pointer WithPart(uint64_t row, uint64_t column, Pointer part);
  /// The same matrix in other tiles.
  Pointer InTiles(uint32_t rows, uint32_t columns);

  // --- values ----------------------------------------------------------------
  Future<Number> Element(uint64_t row, uint64_t column);
  Future<Reduction> Reduce(Reducing what);
  /// All elements, row by row, to `out`, which has room for them and lives
  /// until the future is ready.
  Future<> CopyTo(std::byte* out);

 private:
  struct Slot {
    TilePointer tile;                     // computed
    SharedFuture<TilePointer> under_way;  // valid while it is
  };

  Pointer Applying(Unary function, Number operand, ElementType type);
  Pointer Derive(Grid grid, std::vector<Pointer> sources, Compute compute);
  void Computed(size_t index, TilePointer tile);
  void ReleaseSources();
  void DropTilesIfUnneeded();
  void Forget();

  WorkerPool& pool_;
  const Grid grid_;
  std::vector<Pointer> sources_;
  unsigned depth_;   // expressions between this and what needs none
  Compute compute_;  // empty: nobody knows how any more
  std::vector<Slot> slots_;
  size_t missing_;  // tiles that have not been computed yet
  unsigned holders_ = 0;
  unsigned waiting_ = 0;   // expressions that are not all computed from this
  bool released_ = false;  // its sources need not wait for it
};

}  // namespace ebbrt::matrix
