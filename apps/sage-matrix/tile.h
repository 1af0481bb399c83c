// Tile: a dense rectangle of doubles, and what can be computed with it. Pure;
// it runs on the back-ends, and as a Linux process in the tests.
#pragma once

#include <boost/numeric/ublas/matrix.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace ebbrt::matrix {

/// What uBLAS asks of an allocator, which C++20's own no longer has.
struct ElementAllocator : std::allocator<double> {
  template <typename U>
  struct rebind {
    using other = ElementAllocator;
  };
  static void construct(double* at, double value) { *at = value; }
  static void destroy(double*) {}
};

/// Row by row. Memory is not initialised.
using Tile = boost::numeric::ublas::matrix<
    double, boost::numeric::ublas::row_major,
    boost::numeric::ublas::unbounded_array<double, ElementAllocator>>;

/// Called between rows of long work, so that the node can do something else
/// meanwhile.
using Pause = std::function<void()>;

// --- making ------------------------------------------------------------------
void FillConstant(Tile& tile, double value);
/// As the part of an identity matrix whose first element is at (row, column).
void FillIdentity(Tile& tile, uint64_t row, uint64_t column);
/// Of [0, 1), uniformly: the element at a place of the whole matrix depends on
/// the seed and that place alone, however it is tiled.
void FillRandom(Tile& tile, uint64_t row, uint64_t column, uint64_t seed);
/// The random element at one place.
double RandomElement(uint64_t row, uint64_t column, uint64_t seed);

// --- element by element ------------------------------------------------------
/// Functions of one element and a number; the names are those of NumPy.
enum class Unary : uint16_t {
  kAdd,              ///< x + operand
  kMultiply,         ///< x * operand
  kDivide,           ///< x / operand
  kReverseSubtract,  ///< operand - x
  kReverseDivide,    ///< operand / x
  kPower,            ///< x ** operand
  kReversePower,     ///< operand ** x
  kAbs,
  kSqrt,
  kExp,
  kLog,
  kSin,
  kCos,
  kTanh,
};
inline constexpr uint16_t kUnaries = static_cast<uint16_t>(Unary::kTanh) + 1;
void Apply(Unary function, double operand, const Tile& from, Tile& to);

enum class Binary : uint16_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kEqual,  ///< 1 where they are, else 0
};
inline constexpr uint16_t kBinaries = static_cast<uint16_t>(Binary::kEqual) + 1;
void Combine(Binary function, const Tile& left, const Tile& right, Tile& to);

// --- together ----------------------------------------------------------------
/// to += left * right. Blocked: uBLAS's own product walks the right factor by
/// columns. `pause` may be empty.
void MultiplyAdd(const Tile& left, const Tile& right, Tile& to,
                 const Pause& pause);

/// Of all elements; NaNs count in `nans` and, as in NumPy, make the rest NaN.
struct Reduction {
  double sum = 0;
  double least = 0;
  double greatest = 0;
  double squares = 0;
  uint64_t nans = 0;
};
Reduction Reduce(const Tile& tile);

struct Rectangle {
  size_t row = 0;
  size_t column = 0;
  size_t rows = 0;
  size_t columns = 0;

  bool Within(const Tile& tile) const {
    return row <= tile.size1() && rows <= tile.size1() - row &&
           column <= tile.size2() && columns <= tile.size2() - column;
  }
};
/// Copies a part of `source`, transposed if asked, to (row, column) of `to`,
/// where it must fit.
void CopyPart(const Tile& source, const Rectangle& from, bool transposed,
              Tile& to, size_t row, size_t column);

}  // namespace ebbrt::matrix
