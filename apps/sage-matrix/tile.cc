#include "apps/sage-matrix/tile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "apps/sage-matrix/real_product.h"

namespace ebbrt::matrix {
namespace {

/// Rows of the right factor of a complex product that stay in a cache.
constexpr size_t kBlock = 16;
/// Tiles of a transposition.
constexpr size_t kTurn = 32;
/// Elements between two pauses.
constexpr size_t kElements = size_t{1} << 14;

/// f(begin, end) for all from 0 to n, with pauses.
template <typename F>
void InParts(size_t n, size_t part, const Pause& pause, F f) {
  for (size_t begin = 0; begin < n; begin += part) {
    f(begin, std::min(begin + part, n));
    if (pause) pause();
  }
}

/// Rows of so many elements between two pauses.
size_t RowsBetween(size_t columns) {
  return kElements / std::max<size_t>(columns, 1) + 1;
}

template <typename E>
struct PartOf {
  using type = E;
};
template <typename R>
struct PartOf<std::complex<R>> {
  using type = R;
};
/// Of a complex type that of its parts, of others the type itself.
template <typename E>
using Part = typename PartOf<E>::type;
template <typename E>
constexpr bool kComplex = !std::is_same_v<E, Part<E>>;

template <typename E>
E To(Number value) {
  if constexpr (kComplex<E>) {
    return E(value);
  } else {
    return static_cast<E>(value.real());
  }
}

/// A finalizer of good avalanche (Steele and Vigna's splitmix64).
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

/// Of [0, 1): the bits are the fraction of a number of [1, 2).
template <typename R>
R Fraction(uint64_t bits) {
  using Bits = std::conditional_t<sizeof(R) == 4, uint32_t, uint64_t>;
  constexpr int kDigits = std::numeric_limits<R>::digits - 1;
  Bits fraction = bits >> (64 - kDigits);
  return std::bit_cast<R>(std::bit_cast<Bits>(R{1}) | fraction) - R{1};
}

template <typename E>
E Random(uint64_t bits) {
  if constexpr (kComplex<E>) {
    using R = Part<E>;
    return {Fraction<R>(bits), Fraction<R>(Mix(bits))};
  } else {
    return Fraction<E>(bits);
  }
}

/// As NumPy: by zero the parts become infinite or no numbers.
template <typename E>
E Quotient(E a, E b) {
  if constexpr (kComplex<E>) {
    if (b == E{})
      return {a.real() / std::abs(b.real()), a.imag() / std::abs(b.real())};
  }
  return a / b;
}

/// Of complex numbers, too, the power of 0 is 1.
template <typename E>
E Power(E base, E exponent) {
  if (kComplex<E> && exponent == E{}) return 1;
  return std::pow(base, exponent);
}

template <typename E, typename R, typename F>
void ForEach(const Elements<E>& from, Elements<R>& to, const Pause& pause,
             F f) {
  const E* in = from.data().begin();
  R* out = to.data().begin();
  InParts(from.data().size(), kElements, pause, [=](size_t begin, size_t end) {
    std::transform(in + begin, in + end, out + begin, f);
  });
}

template <typename E>
void Convert(const Elements<E>& from, Tile& to, const Pause& pause) {
  to.Visit([&]<typename R>(Elements<R>& values) {
    if constexpr (kComplex<R> || !kComplex<E>) {
      ForEach(from, values, pause, [](E x) {
        if constexpr (kComplex<R> && !kComplex<E>) {
          return R(static_cast<Part<R>>(x));
        } else {
          return static_cast<R>(x);
        }
      });
    }
  });
}

template <typename E>
void ApplyTo(Unary function, E operand, const Elements<E>& from, Tile& to,
             const Pause& pause) {
  auto each = [&](auto f) { ForEach(from, to.Of<E>(), pause, f); };
  auto part = [&](auto f) { ForEach(from, to.Of<Part<E>>(), pause, f); };
  switch (function) {
    case Unary::kAdd:
      return each([=](E x) { return x + operand; });
    case Unary::kMultiply:
      return each([=](E x) { return x * operand; });
    case Unary::kDivide:
      return each([=](E x) { return Quotient(x, operand); });
    case Unary::kReverseSubtract:
      return each([=](E x) { return operand - x; });
    case Unary::kReverseDivide:
      return each([=](E x) { return Quotient(operand, x); });
    case Unary::kPower:
      return each([=](E x) { return Power(x, operand); });
    case Unary::kReversePower:
      return each([=](E x) { return Power(operand, x); });
    case Unary::kAbs:
      return part([](E x) { return std::abs(x); });
    case Unary::kSqrt:
      return each([](E x) { return std::sqrt(x); });
    case Unary::kExp:
      return each([](E x) { return std::exp(x); });
    case Unary::kLog:
      return each([](E x) { return std::log(x); });
    case Unary::kSin:
      return each([](E x) { return std::sin(x); });
    case Unary::kCos:
      return each([](E x) { return std::cos(x); });
    case Unary::kTanh:
      return each([](E x) { return std::tanh(x); });
    case Unary::kReal:
      return part([](E x) { return std::real(x); });
    case Unary::kImaginary:
      return part([](E x) { return std::imag(x); });
    case Unary::kConjugate:
      return each([](E x) {
        if constexpr (kComplex<E>) return std::conj(x);
        return x;
      });
    case Unary::kNegate:
      return each([](E x) { return -x; });
    case Unary::kConvert:
      return Convert(from, to, pause);
  }
}

template <typename E>
void CombineTo(Binary function, const Elements<E>& left,
               const Elements<E>& right, Tile& to, const Pause& pause) {
  auto both = [&](auto& values, auto f) {
    const E* a = left.data().begin();
    const E* b = right.data().begin();
    auto* out = values.data().begin();
    InParts(left.data().size(), kElements, pause,
            [=](size_t begin, size_t end) {
              std::transform(a + begin, a + end, b + begin, out + begin, f);
            });
  };
  switch (function) {
    case Binary::kAdd:
      return both(to.Of<E>(), std::plus());
    case Binary::kSubtract:
      return both(to.Of<E>(), std::minus());
    case Binary::kMultiply:
      return both(to.Of<E>(), std::multiplies());
    case Binary::kDivide:
      return both(to.Of<E>(), [](E a, E b) { return Quotient(a, b); });
    case Binary::kEqual:
      return both(to.Of<Part<E>>(), std::equal_to());
  }
}

/// Complex ones, whose products the compiler's vectorizer does well enough.
template <typename E>
void MultiplyAddTo(const Elements<E>& left, const Elements<E>& right,
                   Elements<E>& to, const Pause& pause) {
  const size_t rows = to.size1();
  const size_t columns = to.size2();
  const size_t inner = left.size2();
  for (size_t k0 = 0; k0 < inner; k0 += kBlock) {
    const size_t k1 = std::min(k0 + kBlock, inner);
    InParts(rows, RowsBetween(columns), pause, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        E* sum = RowOf(to, i);
        const E* factors = RowOf(left, i);
        for (size_t k = k0; k < k1; ++k) {
          const E factor = factors[k];
          const E* row = RowOf(right, k);
          for (size_t j = 0; j < columns; ++j) sum[j] += factor * row[j];
        }
      }
    });
  }
}

/// Rows and vectors that fill the 16 registers.
template <typename E>
[[gnu::target("avx2,fma")]] void MultiplyAddWide(const Elements<E>& left,
                                                 const Elements<E>& right,
                                                 Elements<E>& to,
                                                 const Pause& pause) {
  RealProduct<E, 32, 4, 3>::Add(left, right, to, pause);
}

template <typename E>
void MultiplyAddNarrow(const Elements<E>& left, const Elements<E>& right,
                       Elements<E>& to, const Pause& pause) {
  RealProduct<E, 16, 4, 2>::Add(left, right, to, pause);
}

/// Two numbers at a time, in a register: the compiler's own vectorizer leaves
/// sums as they are written.
using Pair = double __attribute__((vector_size(2 * sizeof(double))));
using PairOfBits = int64_t __attribute__((vector_size(2 * sizeof(int64_t))));

/// What pairs come to, each half for itself: Take() adds one, Single() is that
/// of one number, AddTo() tells. Of complex numbers the second half is
/// imaginary.
struct SumOfPairs {
  Pair sum{};

  void Take(Pair x) { sum += x; }
  static Pair Single(double x) { return Pair{x, 0}; }
  void AddTo(Reduction& result, bool complex) const {
    result.sum += complex ? Number(sum[0], sum[1]) : Number(sum[0] + sum[1]);
  }
};

struct SquaresOfPairs {
  Pair sum{};

  void Take(Pair x) { sum += x * x; }
  static Pair Single(double x) { return Pair{x, 0}; }
  void AddTo(Reduction& result, bool) const {
    result.squares += sum[0] + sum[1];
  }
};

struct ExtremesOfPairs {
  Pair least = Pair{} + std::numeric_limits<double>::infinity();
  Pair greatest = Pair{} - std::numeric_limits<double>::infinity();
  PairOfBits nan{};

  void Take(Pair x) {
    least = x < least ? x : least;
    greatest = x > greatest ? x : greatest;
    nan |= x != x;
  }
  static Pair Single(double x) { return Pair{x, x}; }
  void AddTo(Reduction& result, bool) const {
    for (int k : {0, 1}) {
      result.least = std::min<double>(result.least, least[k]);
      result.greatest = std::max<double>(result.greatest, greatest[k]);
      result.nan |= nan[k] != 0;
    }
  }
};

/// Adds a row of `n` numbers to `result`, of which every second is imaginary if
/// `complex`. Each row for itself: less is lost in sums of large tiles.
template <typename Pairs, typename R>
void ReduceRow(const R* row, size_t n, bool complex, Reduction& result) {
  Pairs some;  // two, which don't wait for each other
  Pairs others;
  auto pair = [row](size_t j) {
    return Pair{static_cast<double>(row[j]), static_cast<double>(row[j + 1])};
  };
  size_t j = 0;
  for (; j + 4 <= n; j += 4) {
    some.Take(pair(j));
    others.Take(pair(j + 2));
  }
  if (j + 2 <= n) {
    some.Take(pair(j));
    j += 2;
  }
  if (j < n) others.Take(Pairs::Single(row[j]));
  some.AddTo(result, complex);
  others.AddTo(result, complex);
}

template <typename Pairs>
Reduction ReduceTo(const Tile& tile, const Pause& pause) {
  Reduction result;
  tile.Visit([&]<typename E>(const Elements<E>& elements) {
    const size_t parts = elements.size2() * (kComplex<E> ? 2 : 1);
    InParts(elements.size1(), RowsBetween(parts), pause,
            [&](size_t begin, size_t end) {
              for (size_t i = begin; i < end; ++i) {
                ReduceRow<Pairs>(
                    reinterpret_cast<const Part<E>*>(RowOf(elements, i)), parts,
                    kComplex<E>, result);
              }
            });
  });
  return result;
}

}  // namespace

Tile::Tile(size_t rows, size_t columns, ElementType type)
    : rows_(rows), columns_(columns) {
  switch (type) {
    case ElementType::kFloat32:
      all_.emplace<Elements<float>>(rows, columns);
      break;
    case ElementType::kFloat64:
      all_.emplace<Elements<double>>(rows, columns);
      break;
    case ElementType::kComplex64:
      all_.emplace<Elements<std::complex<float>>>(rows, columns);
      break;
    case ElementType::kComplex128:
      all_.emplace<Elements<std::complex<double>>>(rows, columns);
      break;
  }
}

void FillConstant(Tile& tile, Number value, const Pause& pause) {
  tile.Visit([&]<typename E>(Elements<E>& elements) {
    E* all = elements.data().begin();
    InParts(elements.data().size(), kElements, pause,
            [all, value = To<E>(value)](size_t begin, size_t end) {
              std::fill(all + begin, all + end, value);
            });
  });
}

void FillIdentity(Tile& tile, uint64_t row, uint64_t column) {
  FillConstant(tile, 0);
  tile.Visit([row, column](auto& elements) {
    for (size_t i = 0; i < elements.size1(); ++i) {
      uint64_t j = row + i - column;  // wraps far beyond the tile's width
      if (j < elements.size2()) elements(i, j) = 1;
    }
  });
}

void FillRandom(Tile& tile, uint64_t row, uint64_t column, uint64_t seed,
                const Pause& pause) {
  const uint64_t mixed = Mix(seed);
  tile.Visit([&]<typename E>(Elements<E>& elements) {
    const size_t columns = elements.size2();
    InParts(elements.size1(), RowsBetween(columns), pause,
            [&](size_t begin, size_t end) {
              for (size_t i = begin; i < end; ++i) {
                const uint64_t of_row = Mix(mixed ^ (row + i));
                E* to = RowOf(elements, i);
                for (size_t j = 0; j < columns; ++j) {
                  to[j] = Random<E>(Mix(of_row ^ (column + j)));
                }
              }
            });
  });
}

ElementType ValuesOf(Unary function, ElementType elements) {
  const bool parts = function == Unary::kAbs || function == Unary::kReal ||
                     function == Unary::kImaginary;
  return parts ? RealOf(elements) : elements;
}

ElementType ValuesOf(Binary function, ElementType elements) {
  return function == Binary::kEqual ? RealOf(elements) : elements;
}

void Apply(Unary function, Number operand, const Tile& from, Tile& to,
           const Pause& pause) {
  from.Visit([&]<typename E>(const Elements<E>& elements) {
    ApplyTo(function, To<E>(operand), elements, to, pause);
  });
}

void Combine(Binary function, const Tile& left, const Tile& right, Tile& to,
             const Pause& pause) {
  left.Visit([&]<typename E>(const Elements<E>& elements) {
    CombineTo(function, elements, right.Of<E>(), to, pause);
  });
}

Vectors BestVectors() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
             ? Vectors::kAvx2
             : Vectors::kBaseline;
}

void MultiplyAdd(const Tile& left, const Tile& right, Tile& to,
                 const Pause& pause, Vectors vectors) {
  left.Visit([&]<typename E>(const Elements<E>& elements) {
    if constexpr (kComplex<E>) {
      MultiplyAddTo(elements, right.Of<E>(), to.Of<E>(), pause);
    } else if (vectors == Vectors::kAvx2) {
      MultiplyAddWide(elements, right.Of<E>(), to.Of<E>(), pause);
    } else {
      MultiplyAddNarrow(elements, right.Of<E>(), to.Of<E>(), pause);
    }
  });
}

Reduction Reduce(const Tile& tile, Reducing what, const Pause& pause) {
  switch (what) {
    case Reducing::kSum:
      return ReduceTo<SumOfPairs>(tile, pause);
    case Reducing::kSquares:
      return ReduceTo<SquaresOfPairs>(tile, pause);
    case Reducing::kExtremes:
      return ReduceTo<ExtremesOfPairs>(tile, pause);
  }
  return {};
}

void CopyPart(const Tile& source, const Rectangle& from, bool transposed,
              Tile& to, size_t row, size_t column, const Pause& pause) {
  source.Visit([&]<typename E>(const Elements<E>& elements) {
    Elements<E>& copies = to.Of<E>();
    if (!transposed) {
      InParts(from.rows, RowsBetween(from.columns), pause,
              [&](size_t begin, size_t end) {
                for (size_t i = begin; i < end; ++i) {
                  std::copy_n(RowOf(elements, from.row + i) + from.column,
                              from.columns, RowOf(copies, row + i) + column);
                }
              });
      return;
    }
    InParts(from.rows, kTurn, pause, [&](size_t i0, size_t i1) {
      for (size_t j0 = 0; j0 < from.columns; j0 += kTurn) {
        const size_t j1 = std::min(j0 + kTurn, from.columns);
        for (size_t i = i0; i < i1; ++i) {
          const E* begin = RowOf(elements, from.row + i) + from.column;
          for (size_t j = j0; j < j1; ++j) {
            RowOf(copies, row + j)[column + i] = begin[j];
          }
        }
      }
    });
  });
}

}  // namespace ebbrt::matrix
