#include "apps/sage-matrix/expression.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "common/concat.h"
#include "common/messenger.h"
#include "common/when_all.h"

namespace ebbrt::matrix {
namespace {

/// Expressions that wait for each other in a row: each is some frames of a
/// stack.
constexpr unsigned kDeepest = 64;

using WorkerPointer = std::shared_ptr<Worker>;
using Pointer = Expression::Pointer;

/// Calls a worker; its answer. A worker that can't be reached is lost.
template <auto kMethod, typename Fill>
auto Ask(WorkerPointer worker, Fill fill) {
  return worker->Ebb()
      ->template Call<kMethod>(std::move(fill), kPatience)
      .Finally([worker](auto answer) {
        try {
          return answer.Get();
        } catch (const NodeLost&) {
          worker->End();
          throw;
        }
      });
}

uint64_t NewNumber() {
  static uint64_t last = 0;
  return ++last;
}

/// Has `worker` make a tile by a call whose parameters `fill` completes.
template <auto kMethod, typename Fill>
Future<TilePointer> MakeTile(WorkerPointer worker, Fill fill) {
  uint64_t number = NewNumber();
  co_await worker->Enter();
  Permit permit(worker);
  co_await Ask<kMethod>(worker, [&](auto in) {
    in.setTile(number);
    fill(in);
  });
  co_return std::make_shared<const StoredTile>(std::move(worker), number);
}

void Put(wire::Number::Builder out, Number value) {
  out.setReal(value.real());
  out.setImaginary(value.imag());
}

uint16_t ToWire(ElementType type) { return static_cast<uint16_t>(type); }

size_t Place(const Grid& grid, size_t i, size_t j) {
  return i * grid.Across() + j;
}

Future<TilePointer> Filled(WorkerPool& pool, Grid grid, size_t i, size_t j,
                           wire::Pattern pattern, Number value, uint64_t seed) {
  auto worker = co_await pool.At(Place(grid, i, j));
  co_return co_await MakeTile<&TileWorker::Fill>(worker, [&](auto in) {
    in.setRows(grid.RowsOf(i));
    in.setColumns(grid.ColumnsOf(j));
    in.setFirstRow(i * grid.tile_rows);
    in.setFirstColumn(j * grid.tile_columns);
    in.setPattern(pattern);
    Put(in.initValue(), value);
    in.setSeed(seed);
    in.setType(ToWire(grid.type));
  });
}

Future<TilePointer> Applied(WorkerPool& pool, Pointer source, ElementType type,
                            size_t i, size_t j, Unary function,
                            Number operand) {
  auto tile = co_await source->TileAt(i, j);
  auto worker = co_await pool.At(Place(source->Shape(), i, j));
  co_return co_await MakeTile<&TileWorker::Apply>(worker, [&](auto in) {
    tile->Describe(in.initSource());
    in.setFunction(static_cast<uint16_t>(function));
    Put(in.initOperand(), operand);
    in.setType(ToWire(type));
  });
}

Future<TilePointer> Combined(WorkerPool& pool, Pointer left, Pointer right,
                             size_t i, size_t j, Binary function) {
  auto of_left = left->TileAt(i, j);
  auto of_right = right->TileAt(i, j);
  auto a = co_await std::move(of_left);
  auto b = co_await std::move(of_right);
  auto worker = co_await pool.At(Place(left->Shape(), i, j));
  co_return co_await MakeTile<&TileWorker::Combine>(worker, [&](auto in) {
    a->Describe(in.initLeft());
    b->Describe(in.initRight());
    in.setFunction(static_cast<uint16_t>(function));
  });
}

Future<TilePointer> Multiplied(WorkerPool& pool, Pointer left, Pointer right,
                               Grid grid, size_t i, size_t j) {
  std::vector<Future<TilePointer>> factors;
  for (size_t k = 0; k < left->Shape().Across(); ++k) {
    factors.push_back(left->TileAt(i, k));
    factors.push_back(right->TileAt(k, j));
  }
  auto tiles = co_await WhenAll(std::move(factors));
  auto worker = co_await pool.At(Place(grid, i, j));
  co_return co_await MakeTile<&TileWorker::Multiply>(worker, [&](auto in) {
    auto pairs = in.initPairs(tiles.size() / 2);
    for (unsigned k = 0; k < pairs.size(); ++k) {
      tiles[2 * k]->Describe(pairs[k].initLeft());
      tiles[2 * k + 1]->Describe(pairs[k].initRight());
    }
  });
}

/// A part of a tile of another expression, and where it goes.
struct Piece {
  TilePointer tile;
  Rectangle from;
  size_t row;
  size_t column;
  bool transposed = false;
};

Future<TilePointer> Assembled(WorkerPool& pool, Grid grid, size_t i, size_t j,
                              std::vector<Piece> pieces) {
  auto worker = co_await pool.At(Place(grid, i, j));
  co_return co_await MakeTile<&TileWorker::Assemble>(worker, [&](auto in) {
    in.setRows(grid.RowsOf(i));
    in.setColumns(grid.ColumnsOf(j));
    in.setType(ToWire(grid.type));
    auto parts = in.initParts(pieces.size());
    for (unsigned k = 0; k < parts.size(); ++k) {
      const Piece& piece = pieces[k];
      piece.tile->Describe(parts[k].initSource());
      auto from = parts[k].initFrom();
      from.setRow(piece.from.row);
      from.setColumn(piece.from.column);
      from.setRows(piece.from.rows);
      from.setColumns(piece.from.columns);
      parts[k].setRow(piece.row);
      parts[k].setColumn(piece.column);
      parts[k].setTransposed(piece.transposed);
    }
  });
}

Future<TilePointer> Transposed(WorkerPool& pool, Pointer source, Grid grid,
                               size_t i, size_t j) {
  auto tile = co_await source->TileAt(j, i);
  Rectangle whole{0, 0, grid.ColumnsOf(j), grid.RowsOf(i)};
  std::vector<Piece> pieces{{std::move(tile), whole, 0, 0, true}};
  co_return co_await Assembled(pool, grid, i, j, std::move(pieces));
}

/// A part of a matrix, in its own rows and columns.
struct Area {
  uint64_t top;
  uint64_t left;
  uint64_t bottom;
  uint64_t right;
};

/// Adds the pieces of `source` that make up `area`, which go to (row, column).
/// `pieces` outlives the future.
Future<> Gather(Pointer source, Area area, size_t row, size_t column,
                std::vector<Piece>& pieces) {
  const Grid& of = source->Shape();
  for (uint64_t y = area.top; y < area.bottom;) {
    const size_t i = y / of.tile_rows;
    const uint64_t top = i * uint64_t{of.tile_rows};
    const uint64_t end = std::min(area.bottom, top + of.tile_rows);
    for (uint64_t x = area.left; x < area.right;) {
      const size_t j = x / of.tile_columns;
      const uint64_t left = j * uint64_t{of.tile_columns};
      const uint64_t last = std::min(area.right, left + of.tile_columns);
      auto tile = co_await source->TileAt(i, j);
      pieces.push_back({std::move(tile),
                        {y - top, x - left, end - y, last - x},
                        row + (y - area.top),
                        column + (x - area.left)});
      x = last;
    }
    y = end;
  }
}

/// Where tile (i, j) of a matrix lies.
Area AreaOf(const Grid& grid, size_t i, size_t j) {
  const uint64_t top = i * uint64_t{grid.tile_rows};
  const uint64_t left = j * uint64_t{grid.tile_columns};
  return {top, left, top + grid.RowsOf(i), left + grid.ColumnsOf(j)};
}

/// The part of `source` that begins at (row, column) and is tile (i, j) of a
/// matrix in `grid` that begins there.
Future<TilePointer> Cut(WorkerPool& pool, Pointer source, uint64_t row,
                        uint64_t column, Grid grid, size_t i, size_t j) {
  Area area = AreaOf(grid, i, j);
  area = {area.top + row, area.left + column, area.bottom + row,
          area.right + column};
  std::vector<Piece> pieces;
  co_await Gather(source, area, 0, 0, pieces);
  co_return co_await Assembled(pool, grid, i, j, std::move(pieces));
}

/// Tile (i, j) of `source` with `part` put over it at (row, column).
Future<TilePointer> Covered(WorkerPool& pool, Pointer source, Pointer part,
                            uint64_t row, uint64_t column, size_t i, size_t j) {
  const Grid grid = source->Shape();
  const Area tile = AreaOf(grid, i, j);
  const Area over{std::max(tile.top, row), std::max(tile.left, column),
                  std::min(tile.bottom, row + part->Shape().rows),
                  std::min(tile.right, column + part->Shape().columns)};
  if (over.top >= over.bottom || over.left >= over.right) {
    co_return co_await source->TileAt(i, j);
  }
  std::vector<Piece> pieces;
  co_await Gather(source, tile, 0, 0, pieces);
  Area of_part{over.top - row, over.left - column, over.bottom - row,
               over.right - column};
  co_await Gather(part, of_part, over.top - tile.top, over.left - tile.left,
                  pieces);
  co_return co_await Assembled(pool, grid, i, j, std::move(pieces));
}

/// Where row `row` of tile (i, j) begins in the bytes of all elements.
size_t Offset(const Grid& grid, size_t i, size_t j, size_t row) {
  return ((i * grid.tile_rows + row) * grid.columns + j * grid.tile_columns) *
         BytesOf(grid.type);
}

Future<TilePointer> Sent(WorkerPool& pool,
                         std::shared_ptr<const std::vector<std::byte>> elements,
                         Grid grid, size_t i, size_t j) {
  auto worker = co_await pool.At(Place(grid, i, j));
  // Given back also if the last rows don't get there.
  auto tile = std::make_shared<const StoredTile>(worker, NewNumber());
  co_await worker->Enter();
  Permit permit(worker);
  const size_t rows = grid.RowsOf(i);
  const size_t columns = grid.ColumnsOf(j);
  const size_t bytes = columns * BytesOf(grid.type);
  const size_t step = RowsAtOnce(bytes);
  for (size_t row = 0; row < rows; row += step) {
    const size_t count = std::min(step, rows - row);
    co_await Ask<&TileWorker::Write>(worker, [&](auto in) {
      in.setTile(tile->Number());
      in.setRows(rows);
      in.setColumns(columns);
      in.setRow(row);
      in.setType(ToWire(grid.type));
      auto data = in.initData(count * bytes);
      for (size_t k = 0; k < count; ++k) {
        std::memcpy(data.begin() + k * bytes,
                    elements->data() + Offset(grid, i, j, row + k), bytes);
      }
    });
  }
  co_return tile;
}

Future<> Received(Pointer source, size_t i, size_t j, std::byte* out) {
  const Grid& grid = source->Shape();
  auto tile = co_await source->TileAt(i, j);
  auto worker = tile->Shared();
  co_await worker->Enter();
  Permit permit(worker);
  const size_t rows = grid.RowsOf(i);
  const size_t columns = grid.ColumnsOf(j);
  const size_t bytes = columns * BytesOf(grid.type);
  const size_t step = RowsAtOnce(bytes);
  for (size_t row = 0; row < rows; row += step) {
    const size_t count = std::min(step, rows - row);
    auto answer = co_await Ask<&TileWorker::Read>(worker, [&](auto in) {
      in.setTile(tile->Number());
      auto from = in.initFrom();
      from.setRow(row);
      from.setRows(count);
      from.setColumns(columns);
    });
    auto data = answer.Read().getData();
    if (data.size() != count * bytes) {
      throw std::runtime_error("a worker gave rows of another size");
    }
    for (size_t k = 0; k < count; ++k) {
      std::memcpy(out + Offset(grid, i, j, row + k), data.begin() + k * bytes,
                  bytes);
    }
  }
}

Future<Reduction> Reduced(TilePointer tile, Reducing what) {
  auto answer = co_await Ask<&TileWorker::Reduce>(tile->Shared(), [&](auto in) {
    in.setTile(tile->Number());
    in.setWhat(static_cast<uint16_t>(what));
  });
  auto of = answer.Read();
  Number sum(of.getSum().getReal(), of.getSum().getImaginary());
  co_return Reduction{sum, of.getSquares(), of.getLeast(), of.getGreatest(),
                      of.getNan()};
}

std::string Text(const Grid& grid) {
  return Concat({grid.rows, " x ", grid.columns});
}

}  // namespace

StoredTile::~StoredTile() {
  if (worker_->Lost()) return;
  auto released = Ask<&TileWorker::Release>(
      worker_, [this](auto in) { in.initTiles(1).set(0, number_); });
  // The worker lives until it has heard of it; if it is lost, so is the tile.
  (void)std::move(released).Finally([worker = worker_](auto) {});
}

Expression::Expression(WorkerPool& pool, Grid grid,
                       std::vector<Pointer> sources, Compute compute)
    : pool_(pool),
      grid_(grid),
      sources_(std::move(sources)),
      depth_(0),
      compute_(std::move(compute)),
      missing_(grid.Tiles()) {
  if (grid.Tiles() > kMostTiles) {
    throw ShapeError(
        Concat({"a ", Text(grid), " matrix would have ", grid.Tiles(),
                " tiles, and may have ", kMostTiles, ": take larger ones"}));
  }
  slots_.resize(grid.Tiles());
  for (auto& source : sources_) {
    ++source->waiting_;
    depth_ = std::max(depth_, source->depth_ + 1);
  }
}

Expression::~Expression() {
  if (!released_) ReleaseSources();
}

void Expression::RemoveHolder() {
  --holders_;
  DropTilesIfUnneeded();
}

/// What this is computed from is no longer waited for.
void Expression::ReleaseSources() {
  if (!std::exchange(released_, true)) {
    for (auto& source : sources_) --source->waiting_;
  }
  for (auto& source : sources_) source->DropTilesIfUnneeded();
}

void Expression::DropTilesIfUnneeded() {
  if (holders_ > 0 || waiting_ > 0 || !compute_) return;
  for (Slot& slot : slots_) slot.tile = nullptr;
}

void Expression::Computed(size_t index, TilePointer tile) {
  slots_[index].tile = std::move(tile);
  if (missing_ > 0) --missing_;
  if (missing_ == 0) ReleaseSources();
  DropTilesIfUnneeded();
}

Future<TilePointer> Expression::TileAt(size_t i, size_t j) {
  const size_t index = Place(grid_, i, j);
  Slot& slot = slots_[index];
  if (slot.tile != nullptr && !slot.tile->At().Lost()) {
    return MakeReadyFuture(slot.tile);
  }
  slot.tile = nullptr;
  if (slot.under_way.Valid()) return slot.under_way.Fork();
  if (!compute_) {
    return MakeFailedFuture<TilePointer>(std::make_exception_ptr(
        MatrixLost(Concat({"a part of the ", Text(grid_),
                           " matrix was lost with its node, and what it was "
                           "computed from is no longer known"}))));
  }
  ++pool_.Tiles().asked;
  slot.under_way = SharedFuture<TilePointer>(compute_(i, j));
  auto told = slot.under_way.Fork();
  auto result = slot.under_way.Fork();
  (void)std::move(told).Finally(
      [self = shared_from_this(), index](Future<TilePointer> done) {
        ++self->pool_.Tiles().done;
        // Who comes after an error tries again.
        self->slots_[index].under_way = {};
        if (!done.Failed()) self->Computed(index, done.Get());
      });
  return result;
}

Future<> Expression::Evaluate() {
  std::vector<Future<TilePointer>> tiles;
  for (size_t i = 0; i < grid_.Down(); ++i) {
    for (size_t j = 0; j < grid_.Across(); ++j) tiles.push_back(TileAt(i, j));
  }
  return WhenAll(std::move(tiles)).Then([](std::vector<TilePointer>) {});
}

/// What this is computed from is not needed again.
void Expression::Forget() {
  compute_ = {};
  ReleaseSources();
  sources_.clear();
  depth_ = 0;
}

Future<Pointer> Expression::Bounded(Pointer made) {
  if (made->depth_ <= kDeepest) return MakeReadyFuture(std::move(made));
  made->AddHolder();  // so that it keeps its tiles until it is given away
  return made->Evaluate().Finally([made](Future<> done) {
    --made->holders_;
    done.Get();
    made->Forget();
    return made;
  });
}

Pointer Expression::Derive(Grid grid, std::vector<Pointer> sources,
                           Compute compute) {
  return std::make_shared<Expression>(pool_, grid, std::move(sources),
                                      std::move(compute));
}

Pointer Expression::Constant(WorkerPool& pool, Grid grid, Number value) {
  return std::make_shared<Expression>(
      pool, grid, std::vector<Pointer>(),
      [&pool, grid, value](size_t i, size_t j) {
        return Filled(pool, grid, i, j, wire::Pattern::CONSTANT, value, 0);
      });
}

Pointer Expression::Identity(WorkerPool& pool, Grid grid) {
  return std::make_shared<Expression>(
      pool, grid, std::vector<Pointer>(), [&pool, grid](size_t i, size_t j) {
        return Filled(pool, grid, i, j, wire::Pattern::IDENTITY, 0, 0);
      });
}

Pointer Expression::Random(WorkerPool& pool, Grid grid, uint64_t seed) {
  return std::make_shared<Expression>(
      pool, grid, std::vector<Pointer>(),
      [&pool, grid, seed](size_t i, size_t j) {
        return Filled(pool, grid, i, j, wire::Pattern::RANDOM, 0, seed);
      });
}

Pointer Expression::Of(WorkerPool& pool, Grid grid,
                       std::shared_ptr<const std::vector<std::byte>> elements) {
  auto made =
      std::make_shared<Expression>(pool, grid, std::vector<Pointer>(),
                                   [&pool, grid, elements](size_t i, size_t j) {
                                     return Sent(pool, elements, grid, i, j);
                                   });
  made->AddHolder();
  (void)made->Evaluate().Finally([made](Future<> done) {
    --made->holders_;
    if (!done.Failed()) made->Forget();  // else who asks for values is told
  });
  return made;
}

Pointer Expression::Apply(Unary function, Number operand) {
  return Applying(function, operand, ValuesOf(function, grid_.type));
}

Pointer Expression::Convert(ElementType type) {
  if (type == grid_.type) return shared_from_this();
  if (IsComplex(grid_.type) && !IsComplex(type)) {
    throw ShapeError("complex elements don't become real ones");
  }
  return Applying(Unary::kConvert, 0, type);
}

Pointer Expression::Applying(Unary function, Number operand, ElementType type) {
  Grid grid = grid_;
  grid.type = type;
  return Derive(grid, {shared_from_this()},
                [&pool = pool_, self = shared_from_this(), type, function,
                 operand](size_t i, size_t j) {
                  return Applied(pool, self, type, i, j, function, operand);
                });
}

Pointer Expression::Combine(Binary function, Pointer right) {
  if (grid_.rows != right->grid_.rows ||
      grid_.columns != right->grid_.columns) {
    throw ShapeError(Concat(
        {"the shapes differ: ", Text(grid_), " and ", Text(right->grid_)}));
  }
  Grid grid = grid_;
  grid.type = Common(grid_.type, right->grid_.type);
  auto left = Convert(grid.type);
  right =
      right->Convert(grid.type)->InTiles(grid_.tile_rows, grid_.tile_columns);
  grid.type = ValuesOf(function, grid.type);
  return Derive(grid, {left, right},
                [&pool = pool_, left, right, function](size_t i, size_t j) {
                  return Combined(pool, left, right, i, j, function);
                });
}

Pointer Expression::Multiply(Pointer right) {
  if (grid_.columns != right->grid_.rows) {
    throw ShapeError(
        Concat({"a ", Text(grid_), " matrix can't be multiplied by a ",
                Text(right->grid_), " one"}));
  }
  const Grid grid{grid_.rows, right->grid_.columns, grid_.tile_rows,
                  right->grid_.tile_columns,
                  Common(grid_.type, right->grid_.type)};
  if (grid_.columns == 0) return Constant(pool_, grid, 0);
  auto left = Convert(grid.type);
  right =
      right->Convert(grid.type)->InTiles(grid_.tile_columns, grid.tile_columns);
  return Derive(grid, {left, right},
                [&pool = pool_, left, right, grid](size_t i, size_t j) {
                  return Multiplied(pool, left, right, grid, i, j);
                });
}

Pointer Expression::Transpose() {
  Grid grid{grid_.columns, grid_.rows, grid_.tile_columns, grid_.tile_rows,
            grid_.type};
  return Derive(
      grid, {shared_from_this()},
      [&pool = pool_, self = shared_from_this(), grid](size_t i, size_t j) {
        return Transposed(pool, self, grid, i, j);
      });
}

Pointer Expression::Part(uint64_t row, uint64_t column, uint64_t rows,
                         uint64_t columns) {
  if (row > grid_.rows || rows > grid_.rows - row || column > grid_.columns ||
      columns > grid_.columns - column) {
    throw ShapeError(Concat({"no such part of a ", Text(grid_), " matrix"}));
  }
  Grid grid{rows, columns, grid_.tile_rows, grid_.tile_columns, grid_.type};
  return Derive(grid, {shared_from_this()},
                [&pool = pool_, self = shared_from_this(), row, column, grid](
                    size_t i, size_t j) {
                  return Cut(pool, self, row, column, grid, i, j);
                });
}

Pointer Expression::WithPart(uint64_t row, uint64_t column, Pointer part) {
  const Grid& of_part = part->grid_;
  if (row > grid_.rows || of_part.rows > grid_.rows - row ||
      column > grid_.columns || of_part.columns > grid_.columns - column) {
    throw ShapeError(Concat({"a ", Text(of_part), " part does not fit a ",
                             Text(grid_), " matrix there"}));
  }
  part = part->Convert(grid_.type);
  return Derive(grid_, {shared_from_this(), part},
                [&pool = pool_, self = shared_from_this(), part, row, column](
                    size_t i, size_t j) {
                  return Covered(pool, self, part, row, column, i, j);
                });
}

Pointer Expression::InTiles(uint32_t rows, uint32_t columns) {
  Grid grid{grid_.rows, grid_.columns, rows, columns, grid_.type};
  if (grid == grid_) return shared_from_this();
  return Derive(
      grid, {shared_from_this()},
      [&pool = pool_, self = shared_from_this(), grid](size_t i, size_t j) {
        return Cut(pool, self, 0, 0, grid, i, j);
      });
}

Future<Number> Expression::Element(uint64_t row, uint64_t column) {
  auto self = shared_from_this();  // until the element is there
  const size_t i = row / grid_.tile_rows;
  const size_t j = column / grid_.tile_columns;
  auto tile = co_await TileAt(i, j);
  auto answer = co_await Ask<&TileWorker::Read>(tile->Shared(), [&](auto in) {
    in.setTile(tile->Number());
    auto from = in.initFrom();
    from.setRow(row - i * grid_.tile_rows);
    from.setColumn(column - j * grid_.tile_columns);
    from.setRows(1);
    from.setColumns(1);
  });
  auto data = answer.Read().getData();
  Tile element(1, 1, grid_.type);
  if (data.size() != element.BytesOfRow()) {
    throw std::runtime_error("a worker gave an element of another size");
  }
  std::memcpy(element.Row(0), data.begin(), data.size());
  co_return element.Visit([](auto& of) { return Number(of(0, 0)); });
}

Future<Reduction> Expression::Reduce(Reducing what) {
  std::vector<Future<Reduction>> parts;
  for (size_t i = 0; i < grid_.Down(); ++i) {
    for (size_t j = 0; j < grid_.Across(); ++j) {
      parts.push_back(TileAt(i, j).Then(
          [what](TilePointer tile) { return Reduced(std::move(tile), what); }));
    }
  }
  auto reductions = co_await WhenAll(std::move(parts));
  Reduction all;
  for (const Reduction& part : reductions) {
    all.sum += part.sum;
    all.least = std::min(all.least, part.least);
    all.greatest = std::max(all.greatest, part.greatest);
    all.squares += part.squares;
    all.nan |= part.nan;
  }
  co_return all;
}

Future<> Expression::CopyTo(std::byte* out) {
  std::vector<Future<>> parts;
  for (size_t i = 0; i < grid_.Down(); ++i) {
    for (size_t j = 0; j < grid_.Across(); ++j) {
      parts.push_back(Received(shared_from_this(), i, j, out));
    }
  }
  return WhenAll(std::move(parts));
}

}  // namespace ebbrt::matrix
