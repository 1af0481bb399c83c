#include "apps/sage-matrix/tile_worker.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "common/concat.h"
#include "common/event_manager.h"
#include "common/future.h"
#include "platform/clock.h"

namespace ebbrt::matrix {
namespace {

/// Work that goes on for so long lets other events run.
constexpr std::chrono::milliseconds kTurn{5};

[[noreturn]] void Refuse(std::string_view what) {
  throw std::invalid_argument(Concat({"tile worker: ", what}));
}

/// A tile without values. Throws std::runtime_error that names what it wanted.
std::shared_ptr<Tile> Make(size_t rows, size_t columns, ElementType type) {
  try {
    return std::make_shared<Tile>(rows, columns, type);
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(Concat(
        {kOutOfMemory, "a tile of ", rows, " x ", columns, " takes ",
         rows * columns * BytesOf(type) >> 10, " KiB more than the node has"}));
  }
}

/// Lets other events run when this one has gone on for long.
class Patience {
 public:
  void operator()() {
    if (Clock::now() - since_ < kTurn) return;
    Promise<> turn;
    auto comes = turn.GetFuture();
    event_manager->SpawnLocal(
        [turn = std::move(turn)]() mutable { turn.SetValue(); });
    comes.Get();
    since_ = Clock::now();
  }

 private:
  Clock::time_point since_ = Clock::now();
};

template <typename E>
E Checked(uint16_t value, uint16_t limit) {
  if (value >= limit) Refuse("no such function or type");
  return static_cast<E>(value);
}

Rectangle ToRectangle(wire::Rectangle::Reader in) {
  return {in.getRow(), in.getColumn(), in.getRows(), in.getColumns()};
}

ElementType ToType(uint16_t value) {
  return Checked<ElementType>(value, kElementTypes);
}

Number ToNumber(wire::Number::Reader in) {
  return {in.getReal(), in.getImaginary()};
}

bool SameShape(const Tile& a, const Tile& b) {
  return a.Rows() == b.Rows() && a.Columns() == b.Columns();
}

void RequireOneType(const Tile& a, const Tile& b) {
  if (a.Type() != b.Type()) Refuse("two tiles of different types");
}

}  // namespace

TileWorker::TilePointer TileWorker::Find(uint64_t number) const {
  auto found = tiles_.find(number);
  if (found == tiles_.end()) Refuse("a tile is not there");
  return found->second;
}

/// The tile, wherever it is. Another's is copied here and not kept.
TileWorker::TilePointer TileWorker::Fetch(wire::Source::Reader source) {
  const uint64_t number = source.getTile();
  if (source.getWorker() == Id()) return Find(number);
  EbbRef<TileWorker> other(source.getWorker());
  auto shape = other->Call<&TileWorker::ShapeOf>(
      [&](auto in) { in.setTile(number); }, kPatience);
  auto answer = shape.Get();
  auto tile = Make(answer.Read().getRows(), answer.Read().getColumns(),
                   ToType(answer.Read().getType()));
  const size_t step = RowsAtOnce(tile->BytesOfRow());
  for (size_t row = 0; row < tile->Rows(); row += step) {
    const size_t rows = std::min(step, tile->Rows() - row);
    auto part = other->Call<&TileWorker::Read>(
        [&](auto in) {
          in.setTile(number);
          auto from = in.initFrom();
          from.setRow(row);
          from.setRows(rows);
          from.setColumns(tile->Columns());
        },
        kPatience);
    auto contents = part.Get();
    auto data = contents.Read().getData();
    if (data.size() != rows * tile->BytesOfRow()) {
      Refuse("another worker gave a part of another size");
    }
    std::memcpy(tile->Row(row), data.begin(), data.size());
  }
  return tile;
}

void TileWorker::Keep(uint64_t number, std::shared_ptr<Tile> tile) {
  if (!tiles_.emplace(number, std::move(tile)).second) {
    Refuse("a tile is there already");
  }
}

void TileWorker::Fill(NodeId, wire::Fill::Reader in, wire::Nothing::Builder) {
  Patience patience;
  auto tile = Make(in.getRows(), in.getColumns(), ToType(in.getType()));
  switch (in.getPattern()) {
    case wire::Pattern::CONSTANT:
      FillConstant(*tile, ToNumber(in.getValue()), std::ref(patience));
      break;
    case wire::Pattern::IDENTITY:
      FillIdentity(*tile, in.getFirstRow(), in.getFirstColumn());
      break;
    case wire::Pattern::RANDOM:
      FillRandom(*tile, in.getFirstRow(), in.getFirstColumn(), in.getSeed(),
                 std::ref(patience));
      break;
    default:
      Refuse("no such pattern");
  }
  Keep(in.getTile(), std::move(tile));
}

void TileWorker::Apply(NodeId, wire::Apply::Reader in, wire::Nothing::Builder) {
  auto function = Checked<Unary>(in.getFunction(), kUnaries);
  const ElementType type = ToType(in.getType());
  auto source = Fetch(in.getSource());
  const bool possible = function == Unary::kConvert
                            ? IsComplex(type) || !IsComplex(source->Type())
                            : type == ValuesOf(function, source->Type());
  if (!possible) Refuse("values of another type");
  auto tile = Make(source->Rows(), source->Columns(), type);
  Patience patience;
  matrix::Apply(function, ToNumber(in.getOperand()), *source, *tile,
                std::ref(patience));
  Keep(in.getTile(), std::move(tile));
}

void TileWorker::Combine(NodeId, wire::Combine::Reader in,
                         wire::Nothing::Builder) {
  auto function = Checked<Binary>(in.getFunction(), kBinaries);
  auto left = Fetch(in.getLeft());
  auto right = Fetch(in.getRight());
  if (!SameShape(*left, *right)) Refuse("two tiles of different shapes");
  RequireOneType(*left, *right);
  auto tile =
      Make(left->Rows(), left->Columns(), ValuesOf(function, left->Type()));
  Patience patience;
  matrix::Combine(function, *left, *right, *tile, std::ref(patience));
  Keep(in.getTile(), std::move(tile));
}

void TileWorker::Multiply(NodeId, wire::Multiply::Reader in,
                          wire::Nothing::Builder) {
  std::shared_ptr<Tile> sum;
  Patience patience;
  for (auto pair : in.getPairs()) {
    auto left = Fetch(pair.getLeft());
    auto right = Fetch(pair.getRight());
    if (left->Columns() != right->Rows()) Refuse("two tiles that don't match");
    RequireOneType(*left, *right);
    if (sum == nullptr) {
      sum = Make(left->Rows(), right->Columns(), left->Type());
      FillConstant(*sum, 0, std::ref(patience));
    }
    RequireOneType(*sum, *left);
    if (sum->Rows() != left->Rows() || sum->Columns() != right->Columns()) {
      Refuse("products of different shapes");
    }
    MultiplyAdd(*left, *right, *sum, std::ref(patience));
  }
  if (sum == nullptr) Refuse("a product of nothing");
  Keep(in.getTile(), std::move(sum));
}

void TileWorker::Assemble(NodeId, wire::Assemble::Reader in,
                          wire::Nothing::Builder) {
  auto tile = Make(in.getRows(), in.getColumns(), ToType(in.getType()));
  Patience patience;
  FillConstant(*tile, 0, std::ref(patience));
  for (auto part : in.getParts()) {
    auto source = Fetch(part.getSource());
    RequireOneType(*source, *tile);
    Rectangle from = ToRectangle(part.getFrom());
    Rectangle to{part.getRow(), part.getColumn(), from.rows, from.columns};
    if (part.getTransposed()) std::swap(to.rows, to.columns);
    if (!from.Within(*source) || !to.Within(*tile)) {
      Refuse("a part beyond its tile");
    }
    CopyPart(*source, from, part.getTransposed(), *tile, to.row, to.column,
             std::ref(patience));
  }
  Keep(in.getTile(), std::move(tile));
}

void TileWorker::Write(NodeId, wire::Write::Reader in, wire::Nothing::Builder) {
  const size_t columns = in.getColumns();
  const size_t row = in.getRow();
  const ElementType type = ToType(in.getType());
  auto data = in.getData();
  if (row == 0) Keep(in.getTile(), Make(in.getRows(), columns, type));
  auto tile = std::const_pointer_cast<Tile>(Find(in.getTile()));
  const size_t bytes_of_row = columns * BytesOf(type);
  const size_t rows = bytes_of_row == 0 ? 0 : data.size() / bytes_of_row;
  if (type != tile->Type() || rows * bytes_of_row != data.size() ||
      columns != tile->Columns() ||
      !Rectangle{row, 0, rows, columns}.Within(*tile)) {
    Refuse("rows that don't fit their tile");
  }
  std::memcpy(tile->Row(row), data.begin(), data.size());
}

void TileWorker::Read(NodeId, wire::Read::Reader in,
                      wire::Contents::Builder out) {
  auto tile = Find(in.getTile());
  Rectangle from = ToRectangle(in.getFrom());
  const size_t element = BytesOf(tile->Type());
  const size_t bytes = from.columns * element;
  if (!from.Within(*tile) || from.rows * bytes > RowsAtOnce(bytes) * bytes) {
    Refuse("a part beyond its tile or a message");
  }
  auto data = out.initData(from.rows * bytes);
  for (size_t i = 0; i < from.rows; ++i) {
    std::memcpy(data.begin() + i * bytes,
                tile->Row(from.row + i) + from.column * element, bytes);
  }
}

void TileWorker::Reduce(NodeId, wire::Reduce::Reader in,
                        wire::Reduction::Builder out) {
  auto what = Checked<Reducing>(in.getWhat(), kReducings);
  auto tile = Find(in.getTile());
  Patience patience;
  Reduction result = matrix::Reduce(*tile, what, std::ref(patience));
  out.initSum().setReal(result.sum.real());
  out.getSum().setImaginary(result.sum.imag());
  out.setLeast(result.least);
  out.setGreatest(result.greatest);
  out.setSquares(result.squares);
  out.setNan(result.nan);
}

void TileWorker::Release(NodeId, wire::Release::Reader in,
                         wire::Nothing::Builder) {
  for (uint64_t number : in.getTiles()) tiles_.erase(number);
}

void TileWorker::ShapeOf(NodeId, wire::Measure::Reader in,
                         wire::Shape::Builder out) {
  auto tile = Find(in.getTile());
  out.setRows(tile->Rows());
  out.setColumns(tile->Columns());
  out.setType(static_cast<uint16_t>(tile->Type()));
}

}  // namespace ebbrt::matrix
