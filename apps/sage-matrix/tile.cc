#include "apps/sage-matrix/tile.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ebbrt::matrix {
namespace {

/// Rows of the right factor that stay in a first-level cache with a stripe of
/// the result.
constexpr size_t kBlock = 64;
constexpr size_t kStripe = 256;
/// Tiles of a transposition.
constexpr size_t kTurn = 32;

double* RowOf(Tile& tile, size_t row) {
  return tile.data().begin() + row * tile.size2();
}
const double* RowOf(const Tile& tile, size_t row) {
  return tile.data().begin() + row * tile.size2();
}

/// A finalizer of good avalanche (Steele and Vigna's splitmix64).
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

template <typename F>
void ForEach(const Tile& from, Tile& to, F f) {
  std::transform(from.data().begin(), from.data().end(), to.data().begin(), f);
}

template <typename F>
void ForBoth(const Tile& left, const Tile& right, Tile& to, F f) {
  std::transform(left.data().begin(), left.data().end(), right.data().begin(),
                 to.data().begin(), f);
}

}  // namespace

void FillConstant(Tile& tile, double value) {
  std::fill(tile.data().begin(), tile.data().end(), value);
}

void FillIdentity(Tile& tile, uint64_t row, uint64_t column) {
  FillConstant(tile, 0);
  for (size_t i = 0; i < tile.size1(); ++i) {
    uint64_t j = row + i - column;  // wraps far beyond the tile's width
    if (j < tile.size2()) tile(i, j) = 1;
  }
}

double RandomElement(uint64_t row, uint64_t column, uint64_t seed) {
  uint64_t bits = Mix(Mix(Mix(seed) ^ row) ^ column);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

void FillRandom(Tile& tile, uint64_t row, uint64_t column, uint64_t seed) {
  const uint64_t mixed = Mix(seed);
  for (size_t i = 0; i < tile.size1(); ++i) {
    const uint64_t of_row = Mix(mixed ^ (row + i));
    double* to = RowOf(tile, i);
    for (size_t j = 0; j < tile.size2(); ++j) {
      to[j] = static_cast<double>(Mix(of_row ^ (column + j)) >> 11) * 0x1p-53;
    }
  }
}

void Apply(Unary function, double operand, const Tile& from, Tile& to) {
  switch (function) {
    case Unary::kAdd:
      return ForEach(from, to, [=](double x) { return x + operand; });
    case Unary::kMultiply:
      return ForEach(from, to, [=](double x) { return x * operand; });
    case Unary::kDivide:
      return ForEach(from, to, [=](double x) { return x / operand; });
    case Unary::kReverseSubtract:
      return ForEach(from, to, [=](double x) { return operand - x; });
    case Unary::kReverseDivide:
      return ForEach(from, to, [=](double x) { return operand / x; });
    case Unary::kPower:
      return ForEach(from, to, [=](double x) { return std::pow(x, operand); });
    case Unary::kReversePower:
      return ForEach(from, to, [=](double x) { return std::pow(operand, x); });
    case Unary::kAbs:
      return ForEach(from, to, [](double x) { return std::fabs(x); });
    case Unary::kSqrt:
      return ForEach(from, to, [](double x) { return std::sqrt(x); });
    case Unary::kExp:
      return ForEach(from, to, [](double x) { return std::exp(x); });
    case Unary::kLog:
      return ForEach(from, to, [](double x) { return std::log(x); });
    case Unary::kSin:
      return ForEach(from, to, [](double x) { return std::sin(x); });
    case Unary::kCos:
      return ForEach(from, to, [](double x) { return std::cos(x); });
    case Unary::kTanh:
      return ForEach(from, to, [](double x) { return std::tanh(x); });
  }
}

void Combine(Binary function, const Tile& left, const Tile& right, Tile& to) {
  switch (function) {
    case Binary::kAdd:
      return ForBoth(left, right, to, std::plus());
    case Binary::kSubtract:
      return ForBoth(left, right, to, std::minus());
    case Binary::kMultiply:
      return ForBoth(left, right, to, std::multiplies());
    case Binary::kDivide:
      return ForBoth(left, right, to, std::divides());
    case Binary::kEqual:
      return ForBoth(left, right, to, std::equal_to());
  }
}

void MultiplyAdd(const Tile& left, const Tile& right, Tile& to,
                 const Pause& pause) {
  const size_t rows = to.size1();
  const size_t columns = to.size2();
  const size_t inner = left.size2();
  for (size_t k0 = 0; k0 < inner; k0 += kBlock) {
    const size_t k1 = std::min(k0 + kBlock, inner);
    for (size_t j0 = 0; j0 < columns; j0 += kStripe) {
      const size_t width = std::min(kStripe, columns - j0);
      for (size_t i = 0; i < rows; ++i) {
        double* sum = RowOf(to, i) + j0;
        const double* factors = RowOf(left, i);
        for (size_t k = k0; k < k1; ++k) {
          const double factor = factors[k];
          const double* row = RowOf(right, k) + j0;
          for (size_t j = 0; j < width; ++j) sum[j] += factor * row[j];
        }
      }
      if (pause) pause();
    }
  }
}

Reduction Reduce(const Tile& tile) {
  Reduction result;
  result.least = std::numeric_limits<double>::infinity();
  result.greatest = -result.least;
  for (size_t i = 0; i < tile.size1(); ++i) {
    // A sum for each row: less is lost in large tiles.
    double sum = 0;
    double squares = 0;
    for (double x : std::span(RowOf(tile, i), tile.size2())) {
      sum += x;
      squares += x * x;
      result.least = std::min(result.least, x);
      result.greatest = std::max(result.greatest, x);
      result.nans += x != x;
    }
    result.sum += sum;
    result.squares += squares;
  }
  return result;
}

void CopyPart(const Tile& source, const Rectangle& from, bool transposed,
              Tile& to, size_t row, size_t column) {
  if (!transposed) {
    for (size_t i = 0; i < from.rows; ++i) {
      const double* begin = RowOf(source, from.row + i) + from.column;
      std::copy_n(begin, from.columns, RowOf(to, row + i) + column);
    }
    return;
  }
  for (size_t i0 = 0; i0 < from.rows; i0 += kTurn) {
    for (size_t j0 = 0; j0 < from.columns; j0 += kTurn) {
      const size_t i1 = std::min(i0 + kTurn, from.rows);
      const size_t j1 = std::min(j0 + kTurn, from.columns);
      for (size_t i = i0; i < i1; ++i) {
        const double* begin = RowOf(source, from.row + i) + from.column;
        for (size_t j = j0; j < j1; ++j) {
          RowOf(to, row + j)[column + i] = begin[j];
        }
      }
    }
  }
}

}  // namespace ebbrt::matrix
