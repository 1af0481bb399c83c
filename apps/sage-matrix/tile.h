// Tile: a dense rectangle of numbers, and what can be computed with it. Pure;
// it runs on the back-ends, and as a Linux process in the tests.
#pragma once

#include <boost/numeric/ublas/matrix.hpp>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <variant>

namespace ebbrt::matrix {

/// What uBLAS asks of an allocator, which C++20's own no longer has.
template <typename E>
struct ElementAllocator : std::allocator<E> {
  template <typename U>
  struct rebind {
    using other = ElementAllocator<U>;
  };
  static void construct(E* at, E value) { *at = value; }
  static void destroy(E*) {}
};

template <typename E>
using Elements = boost::numeric::ublas::matrix<
    E, boost::numeric::ublas::row_major,
    boost::numeric::ublas::unbounded_array<E, ElementAllocator<E>>>;

template <typename E>
E* RowOf(Elements<E>& elements, size_t row) {
  return elements.data().begin() + row * elements.size2();
}
template <typename E>
const E* RowOf(const Elements<E>& elements, size_t row) {
  return elements.data().begin() + row * elements.size2();
}

/// NumPy's types of these names, and in the order of a Tile's alternatives.
enum class ElementType : uint16_t {
  kFloat32,
  kFloat64,
  kComplex64,
  kComplex128,
};
inline constexpr uint16_t kElementTypes =
    static_cast<uint16_t>(ElementType::kComplex128) + 1;

constexpr bool IsComplex(ElementType type) {
  return type >= ElementType::kComplex64;
}
/// The type of the parts of a complex one; of others the type itself.
constexpr ElementType RealOf(ElementType type) {
  return static_cast<ElementType>(static_cast<uint16_t>(type) % 2);
}
/// The smallest that holds what both hold.
constexpr ElementType Common(ElementType a, ElementType b) {
  const bool complex = IsComplex(a) || IsComplex(b);
  const bool wide =
      RealOf(a) == ElementType::kFloat64 || RealOf(b) == ElementType::kFloat64;
  return static_cast<ElementType>(2 * complex + wide);
}
constexpr size_t BytesOf(ElementType type) {
  return (IsComplex(type) ? 2 : 1) * (RealOf(type) == ElementType::kFloat32
                                          ? sizeof(float)
                                          : sizeof(double));
}

/// One number for elements of any type, which it is rounded to; of real ones
/// the imaginary part is left out.
using Number = std::complex<double>;

/// Row by row. Memory is not initialised.
class Tile {
 public:
  /// Throws std::bad_alloc.
  Tile(size_t rows, size_t columns, ElementType type = ElementType::kFloat64);

  size_t Rows() const { return rows_; }
  size_t Columns() const { return columns_; }
  ElementType Type() const { return static_cast<ElementType>(all_.index()); }
  size_t BytesOfRow() const { return columns_ * BytesOf(Type()); }
  /// Throws std::bad_variant_access if the elements are of another type.
  template <typename E>
  Elements<E>& Of() {
    return std::get<Elements<E>>(all_);
  }
  template <typename E>
  const Elements<E>& Of() const {
    return std::get<Elements<E>>(all_);
  }
  /// Calls `f` with the Elements.
  template <typename F>
  decltype(auto) Visit(F f) {
    return std::visit(f, all_);
  }
  template <typename F>
  decltype(auto) Visit(F f) const {
    return std::visit(f, all_);
  }

  std::byte* Row(size_t row) {
    return Visit([=](auto& elements) {
      return reinterpret_cast<std::byte*>(RowOf(elements, row));
    });
  }
  const std::byte* Row(size_t row) const {
    return const_cast<Tile*>(this)->Row(row);
  }

 private:
  size_t rows_;
  size_t columns_;
  std::variant<Elements<float>, Elements<double>, Elements<std::complex<float>>,
               Elements<std::complex<double>>>
      all_;
};

/// Called during long work, so that the node can do something else meanwhile;
/// may be empty.
using Pause = std::function<void()>;

// --- making ------------------------------------------------------------------
void FillConstant(Tile& tile, Number value, const Pause& pause = {});
/// As the part of an identity matrix whose first element is at (row, column).
void FillIdentity(Tile& tile, uint64_t row, uint64_t column);
/// Of [0, 1), uniformly: the element at a place of the whole matrix depends on
/// the seed and that place alone, however it is tiled. Of complex elements both
/// parts are random; of elements of 32 bits the last bits are left out.
void FillRandom(Tile& tile, uint64_t row, uint64_t column, uint64_t seed,
                const Pause& pause = {});

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
  kReal,
  kImaginary,
  kConjugate,
  kNegate,
  kConvert,  ///< to another type; of complex ones to complex ones only
};
inline constexpr uint16_t kUnaries = static_cast<uint16_t>(Unary::kConvert) + 1;
/// The type of the function's values; of kConvert whatever it converts to.
ElementType ValuesOf(Unary function, ElementType elements);
/// `to` has the shape of `from`, and elements of ValuesOf.
void Apply(Unary function, Number operand, const Tile& from, Tile& to,
           const Pause& pause = {});

enum class Binary : uint16_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kEqual,  ///< 1 where they are, else 0
};
inline constexpr uint16_t kBinaries = static_cast<uint16_t>(Binary::kEqual) + 1;
ElementType ValuesOf(Binary function, ElementType elements);
/// Of two tiles of one shape and type; `to` has that shape, and ValuesOf.
void Combine(Binary function, const Tile& left, const Tile& right, Tile& to,
             const Pause& pause = {});

// --- together ----------------------------------------------------------------
/// Vector registers that products of real elements are made with.
enum class Vectors {
  kBaseline,  ///< which every x86-64 has
  kAvx2,      ///< and FMA
};
/// The best that this processor has.
Vectors BestVectors();

/// to += left * right, all of one type. Blocked: uBLAS's own product walks the
/// right factor by columns.
void MultiplyAdd(const Tile& left, const Tile& right, Tile& to,
                 const Pause& pause = {}, Vectors vectors = BestVectors());

enum class Reducing : uint16_t { kSum, kSquares, kExtremes };
inline constexpr uint16_t kReducings =
    static_cast<uint16_t>(Reducing::kExtremes) + 1;
/// Of all elements, in double precision; as much of it as was asked for.
struct Reduction {
  Number sum;
  double squares = 0;  ///< of the absolute values
  /// Of elements that are numbers and not complex.
  double least = std::numeric_limits<double>::infinity();
  double greatest = -std::numeric_limits<double>::infinity();
  bool nan = false;  ///< there are others
};
Reduction Reduce(const Tile& tile, Reducing what, const Pause& pause = {});

struct Rectangle {
  size_t row = 0;
  size_t column = 0;
  size_t rows = 0;
  size_t columns = 0;

  bool Within(const Tile& tile) const {
    return row <= tile.Rows() && rows <= tile.Rows() - row &&
           column <= tile.Columns() && columns <= tile.Columns() - column;
  }
};
/// Copies a part of `source`, transposed if asked, to (row, column) of `to`, a
/// tile of the same type where it must fit.
void CopyPart(const Tile& source, const Rectangle& from, bool transposed,
              Tile& to, size_t row, size_t column, const Pause& pause = {});

}  // namespace ebbrt::matrix
