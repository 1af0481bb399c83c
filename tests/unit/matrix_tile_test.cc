// What is computed with tiles, against the plainest way to compute it.
#include "apps/sage-matrix/tile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <type_traits>
#include <utility>

namespace ebbrt::matrix {
namespace {

Tile Random(size_t rows, size_t columns, uint64_t seed) {
  Tile tile(rows, columns);
  FillRandom(tile, 0, 0, seed);
  return tile;
}

double At(const Tile& tile, size_t i, size_t j) {
  return tile.Of<double>()(i, j);
}

/// All that can be asked for.
Reduction ReduceAll(const Tile& tile) {
  Reduction all = Reduce(tile, Reducing::kExtremes);
  all.sum = Reduce(tile, Reducing::kSum).sum;
  all.squares = Reduce(tile, Reducing::kSquares).squares;
  return all;
}

TEST(MatrixTile, AnElementIsTheSameInEveryTiling) {
  Tile whole(40, 30);
  FillRandom(whole, 0, 0, 7);
  Tile part(13, 11);
  FillRandom(part, 20, 15, 7);
  for (size_t i = 0; i < 13; ++i) {
    for (size_t j = 0; j < 11; ++j) {
      EXPECT_EQ(At(part, i, j), At(whole, 20 + i, 15 + j));
    }
  }
  Tile other(40, 30);
  FillRandom(other, 0, 0, 8);
  EXPECT_NE(At(other, 0, 0), At(whole, 0, 0));
}

TEST(MatrixTile, RandomElementsAreUniform) {
  Tile tile = Random(300, 300, 1);
  Reduction all = ReduceAll(tile);
  EXPECT_GE(all.least, 0);
  EXPECT_LT(all.greatest, 1);
  EXPECT_NEAR(all.sum.real() / 90'000, 0.5, 0.005);
  EXPECT_NEAR(all.squares / 90'000, 1.0 / 3, 0.005);
}

TEST(MatrixTile, IdentityOfAnyPlace) {
  for (auto [row, column] :
       {std::pair(0, 0), {4, 0}, {0, 4}, {6, 8}, {50, 3}}) {
    Tile tile(5, 7);
    FillIdentity(tile, row, column);
    for (int i = 0; i < 5; ++i) {
      for (int j = 0; j < 7; ++j) {
        EXPECT_EQ(At(tile, i, j), row + i == column + j ? 1 : 0);
      }
    }
  }
}

template <typename E>
void ExpectProductsOfAllShapes(ElementType type, double bound,
                               Vectors vectors) {
  for (auto [rows, inner, columns] : {std::tuple(1, 1, 1),
                                      {3, 5, 7},
                                      {64, 64, 64},
                                      {65, 300, 259},
                                      {53, 256, 24},
                                      {3, 5, 1000},
                                      {1, 300, 1},
                                      {2, 0, 3},
                                      {0, 2, 3}}) {
    Tile left(rows, inner, type);
    FillRandom(left, 0, 0, 1);
    Tile right(inner, columns, type);
    FillRandom(right, 0, 0, 2);
    Tile product(rows, columns, type);
    FillConstant(product, 1);
    int pauses = 0;
    MultiplyAdd(
        left, right, product, [&] { ++pauses; }, vectors);
    if (rows > 0) {
      EXPECT_EQ(pauses > 0, inner > 0);
    }
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < columns; ++j) {
        Number sum = 1;
        for (int k = 0; k < inner; ++k) {
          sum += Number(left.Of<E>()(i, k)) * Number(right.Of<E>()(k, j));
        }
        ASSERT_NEAR(std::abs(Number(product.Of<E>()(i, j)) - sum), 0,
                    bound * (inner + 1));
      }
    }
  }
}

void ExpectProductsOfAllTypes(Vectors vectors) {
  using enum ElementType;
  ExpectProductsOfAllShapes<float>(kFloat32, 1e-5, vectors);
  ExpectProductsOfAllShapes<double>(kFloat64, 1e-14, vectors);
  ExpectProductsOfAllShapes<std::complex<float>>(kComplex64, 1e-5, vectors);
  ExpectProductsOfAllShapes<Number>(kComplex128, 1e-14, vectors);
}

TEST(MatrixTile, ProductsOfAllShapesAndTypes) {
  ExpectProductsOfAllTypes(Vectors::kBaseline);
}

TEST(MatrixTile, ProductsWithWideVectors) {
  if (BestVectors() != Vectors::kAvx2) {
    GTEST_SKIP() << "this processor has no AVX2 or no FMA";
  }
  ExpectProductsOfAllTypes(Vectors::kAvx2);
}

TEST(MatrixTile, PartsStraightAndTransposed) {
  Tile source = Random(70, 50, 3);
  Tile straight(40, 40);
  FillConstant(straight, -1);
  CopyPart(source, {10, 5, 33, 34}, false, straight, 2, 3);
  Tile turned(60, 60);
  FillConstant(turned, -1);
  CopyPart(source, {10, 5, 33, 34}, true, turned, 4, 1);
  for (size_t i = 0; i < 33; ++i) {
    for (size_t j = 0; j < 34; ++j) {
      EXPECT_EQ(At(straight, 2 + i, 3 + j), At(source, 10 + i, 5 + j));
      EXPECT_EQ(At(turned, 4 + j, 1 + i), At(source, 10 + i, 5 + j));
    }
  }
  EXPECT_EQ(At(straight, 1, 3), -1);
  EXPECT_EQ(At(straight, 2, 37), -1);
  EXPECT_EQ(At(turned, 38, 1), -1);
}

TEST(MatrixTile, WhatLiesWithin) {
  Tile tile(3, 4);
  EXPECT_TRUE((Rectangle{0, 0, 3, 4}.Within(tile)));
  EXPECT_TRUE((Rectangle{3, 4, 0, 0}.Within(tile)));
  EXPECT_FALSE((Rectangle{1, 0, 3, 4}.Within(tile)));
  EXPECT_FALSE((Rectangle{0, SIZE_MAX, 1, 2}.Within(tile)));
  EXPECT_FALSE((Rectangle{0, 1, 1, SIZE_MAX}.Within(tile)));
}

TEST(MatrixTile, Reductions) {
  Tile tile(2, 2);
  tile.Of<double>()(0, 0) = -3;
  tile.Of<double>()(0, 1) = 4;
  tile.Of<double>()(1, 0) = 0.5;
  tile.Of<double>()(1, 1) = std::numeric_limits<double>::infinity();
  Reduction all = ReduceAll(tile);
  EXPECT_EQ(all.least, -3);
  EXPECT_EQ(all.greatest, At(tile, 1, 1));
  EXPECT_FALSE(all.nan);
  tile.Of<double>()(1, 1) = std::numeric_limits<double>::quiet_NaN();
  all = ReduceAll(tile);
  EXPECT_TRUE(all.nan);
  EXPECT_NE(all.sum.real(), all.sum.real());
}

/// Every length of a row, and every place of its extremes.
TEST(MatrixTile, ReductionsOfEveryLength) {
  for (size_t n = 1; n < 12; ++n) {
    for (size_t place = 0; place < n; ++place) {
      for (double extreme : {-50.0, 50.0}) {
        Tile narrow(2, n, ElementType::kFloat32);
        Tile wide(2, n);
        FillConstant(narrow, 1.5);
        FillConstant(wide, 1.5);
        narrow.Of<float>()(1, place) = extreme;
        wide.Of<double>()(1, place) = extreme;
        for (const Tile* tile : {&narrow, &wide}) {
          Reduction all = ReduceAll(*tile);
          EXPECT_EQ(all.sum, Number(1.5 * (2 * n - 1) + extreme));
          EXPECT_EQ(all.squares, 2.25 * (2 * n - 1) + 2500);
          EXPECT_EQ(all.least, std::min(extreme, 1.5));
          EXPECT_EQ(all.greatest, std::max(extreme, 1.5));
        }
        wide.Of<double>()(0, place) = NAN;
        Reduction all = ReduceAll(wide);
        EXPECT_TRUE(all.nan);
      }
      Tile tile(2, n, ElementType::kComplex128);
      FillConstant(tile, {1, -2});
      tile.Of<Number>()(0, place) = {3, 4};
      Reduction all = ReduceAll(tile);
      const double others = 2 * n - 1;
      EXPECT_EQ(all.sum, Number(3 + others, 4 - 2 * others));
      EXPECT_EQ(all.squares, 25 + 5 * others);
    }
  }
}

TEST(MatrixTile, TypesThatMeet) {
  using enum ElementType;
  constexpr ElementType kAll[] = {kFloat32, kFloat64, kComplex64, kComplex128};
  static_assert(std::size(kAll) == kElementTypes);
  const ElementType expected[4][4] = {
      {kFloat32, kFloat64, kComplex64, kComplex128},
      {kFloat64, kFloat64, kComplex128, kComplex128},
      {kComplex64, kComplex128, kComplex64, kComplex128},
      {kComplex128, kComplex128, kComplex128, kComplex128}};
  const size_t bytes[] = {4, 8, 8, 16};
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j)
      EXPECT_EQ(Common(kAll[i], kAll[j]), expected[i][j]);
    EXPECT_EQ(BytesOf(kAll[i]), bytes[i]);
    Tile tile(3, 5, kAll[i]);
    EXPECT_EQ(tile.Type(), kAll[i]);
    EXPECT_EQ(tile.BytesOfRow(), 5 * bytes[i]);
    EXPECT_EQ(tile.Row(2) - tile.Row(0), 10 * static_cast<long>(bytes[i]));
  }
  EXPECT_EQ(RealOf(kComplex64), kFloat32);
  EXPECT_EQ(RealOf(kComplex128), kFloat64);
  EXPECT_EQ(RealOf(kFloat64), kFloat64);
}

TEST(MatrixTile, RandomElementsOfEveryType) {
  const Tile doubles = Random(20, 20, 9);
  Tile floats(20, 20, ElementType::kFloat32);
  FillRandom(floats, 0, 0, 9);
  Tile complex(20, 20, ElementType::kComplex128);
  FillRandom(complex, 0, 0, 9);
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 20; ++j) {
      EXPECT_LE(floats.Of<float>()(i, j), At(doubles, i, j));
      EXPECT_NEAR(floats.Of<float>()(i, j), At(doubles, i, j), 0x1p-23);
      Number element = complex.Of<Number>()(i, j);
      EXPECT_EQ(element.real(), At(doubles, i, j));
      EXPECT_NE(element.imag(), element.real());
    }
  }
  const Reduction all = ReduceAll(complex);
  EXPECT_NEAR(all.sum.imag() / 400, 0.5, 0.05);
}

/// What each function makes of one element.
template <typename R, typename E>
R Of(Unary function, E element, Number operand) {
  Tile from(1, 1,
            std::is_same_v<E, Number> ? ElementType::kComplex128
                                      : ElementType::kFloat64);
  from.Of<E>()(0, 0) = element;
  Tile to(1, 1, ValuesOf(function, from.Type()));
  Apply(function, operand, from, to);
  return to.Of<R>()(0, 0);
}

TEST(MatrixTile, EveryFunctionOfComplexElements) {
  const Number x(1, 2);
  const Number y(3, -1);
  auto near = [](Number a, Number b) { EXPECT_LT(std::abs(a - b), 1e-13); };
  const std::pair<Unary, Number> expected[] = {
      {Unary::kAdd, x + y},
      {Unary::kMultiply, x * y},
      {Unary::kDivide, x / y},
      {Unary::kReverseSubtract, y - x},
      {Unary::kReverseDivide, y / x},
      {Unary::kPower, std::pow(x, y)},
      {Unary::kReversePower, std::pow(y, x)},
      {Unary::kSqrt, std::sqrt(x)},
      {Unary::kExp, std::exp(x)},
      {Unary::kLog, std::log(x)},
      {Unary::kSin, std::sin(x)},
      {Unary::kCos, std::cos(x)},
      {Unary::kTanh, std::tanh(x)},
      {Unary::kConjugate, {1, -2}},
      {Unary::kNegate, -x},
  };
  for (auto [function, value] : expected)
    near(Of<Number>(function, x, y), value);
  EXPECT_EQ(Of<double>(Unary::kAbs, Number(3, 4), 0), 5);
  EXPECT_EQ(Of<double>(Unary::kReal, x, 0), 1);
  EXPECT_EQ(Of<double>(Unary::kImaginary, x, 0), 2);
  EXPECT_EQ(Of<double>(Unary::kReal, 7.0, 0), 7);
  EXPECT_EQ(Of<double>(Unary::kImaginary, 7.0, 0), 0);
  EXPECT_EQ(Of<double>(Unary::kConjugate, 7.0, 0), 7);

  Tile left(1, 1, ElementType::kComplex128);
  Tile right(1, 1, ElementType::kComplex128);
  FillConstant(left, x);
  FillConstant(right, y);
  const std::pair<Binary, Number> of_two[] = {{Binary::kAdd, x + y},
                                              {Binary::kSubtract, x - y},
                                              {Binary::kMultiply, x * y},
                                              {Binary::kDivide, x / y}};
  for (auto [function, value] : of_two) {
    Tile to(1, 1, ElementType::kComplex128);
    Combine(function, left, right, to);
    near(to.Of<Number>()(0, 0), value);
  }
  Tile equal(1, 1);
  Combine(Binary::kEqual, left, right, equal);
  EXPECT_EQ(At(equal, 0, 0), 0);
  Combine(Binary::kEqual, left, left, equal);
  EXPECT_EQ(At(equal, 0, 0), 1);
  FillConstant(left, 0);
  MultiplyAdd(right, right, left);
  near(left.Of<Number>()(0, 0), y * y);
}

/// As NumPy has it, where C++ doesn't.
TEST(MatrixTile, ComplexZerosAndSigns) {
  const Number one(1, 0);
  EXPECT_TRUE(std::signbit(Of<Number>(Unary::kNegate, one, 0).imag()));
  EXPECT_EQ(Of<Number>(Unary::kDivide, Number(1, -2), 0),
            Number(INFINITY, -INFINITY));
  EXPECT_EQ(Of<Number>(Unary::kReverseDivide, Number(0, 0), Number(1, 1)),
            Number(INFINITY, INFINITY));
  EXPECT_EQ(Of<Number>(Unary::kPower, Number(0, 0), 0), one);
  EXPECT_EQ(Of<Number>(Unary::kReversePower, Number(0, 0), Number(0, 0)), one);
}

TEST(MatrixTile, FromOneTypeToAnother) {
  const Number value(0.1, 0.7);
  for (int from = 0; from < kElementTypes; ++from) {
    for (int to = 0; to < kElementTypes; ++to) {
      Tile a(2, 3, static_cast<ElementType>(from));
      Tile b(2, 3, static_cast<ElementType>(to));
      if (IsComplex(a.Type()) && !IsComplex(b.Type())) continue;
      FillConstant(a, value);
      Apply(Unary::kConvert, 0, a, b);
      Number made = b.Visit([](auto& all) { return Number(all(1, 2)); });
      EXPECT_NEAR(made.real(), 0.1, 1e-7);
      EXPECT_NEAR(made.imag(), IsComplex(a.Type()) ? 0.7 : 0, 1e-7);
    }
  }
}

TEST(MatrixTile, LongWorkPauses) {
  Tile a = Random(300, 300, 1);
  Tile b(300, 300);
  int pauses = 0;
  auto pause = [&pauses] { ++pauses; };
  auto paused = [&pauses] { return std::exchange(pauses, 0) > 1; };
  FillConstant(b, 1, pause);
  EXPECT_TRUE(paused());
  FillRandom(b, 0, 0, 1, pause);
  EXPECT_TRUE(paused());
  Apply(Unary::kExp, 0, a, b, pause);
  EXPECT_TRUE(paused());
  Combine(Binary::kAdd, a, a, b, pause);
  EXPECT_TRUE(paused());
  Reduce(a, Reducing::kSum, pause);
  EXPECT_TRUE(paused());
  CopyPart(a, {0, 0, 300, 300}, false, b, 0, 0, pause);
  EXPECT_TRUE(paused());
  CopyPart(a, {0, 0, 300, 300}, true, b, 0, 0, pause);
  EXPECT_TRUE(paused());
  for (auto type : {ElementType::kFloat64, ElementType::kComplex128}) {
    Tile wide(4, 20'000, type);
    FillConstant(wide, 1);
    Tile left(4, 4, type);
    FillConstant(left, 1);
    Tile product(4, 20'000, type);
    FillConstant(product, 0);
    MultiplyAdd(left, wide, product, pause);
    EXPECT_GT(std::exchange(pauses, 0), 3);
  }
}

TEST(MatrixTile, EveryFunction) {
  Tile from(1, 1);
  Tile to(1, 1);
  from.Of<double>()(0, 0) = 2;
  const std::pair<Unary, double> expected[] = {
      {Unary::kAdd, 2 + 3},
      {Unary::kMultiply, 2 * 3},
      {Unary::kDivide, 2.0 / 3},
      {Unary::kReverseSubtract, 3 - 2},
      {Unary::kReverseDivide, 3.0 / 2},
      {Unary::kPower, 8},
      {Unary::kReversePower, 9},
      {Unary::kAbs, 2},
      {Unary::kSqrt, std::sqrt(2.0)},
      {Unary::kExp, std::exp(2.0)},
      {Unary::kLog, std::log(2.0)},
      {Unary::kSin, std::sin(2.0)},
      {Unary::kCos, std::cos(2.0)},
      {Unary::kTanh, std::tanh(2.0)},
      {Unary::kReal, 2},
      {Unary::kImaginary, 0},
      {Unary::kConjugate, 2},
      {Unary::kNegate, -2},
  };
  // And kConvert, which is of two types.
  EXPECT_EQ(std::size(expected) + 1, kUnaries);
  for (auto [function, value] : expected) {
    Apply(function, 3, from, to);
    EXPECT_EQ(At(to, 0, 0), value) << static_cast<int>(function);
  }
  Tile right(1, 1);
  right.Of<double>()(0, 0) = 8;
  const std::pair<Binary, double> of_two[] = {{Binary::kAdd, 10},
                                              {Binary::kSubtract, -6},
                                              {Binary::kMultiply, 16},
                                              {Binary::kDivide, 0.25},
                                              {Binary::kEqual, 0}};
  EXPECT_EQ(std::size(of_two), kBinaries);
  for (auto [function, value] : of_two) {
    Combine(function, from, right, to);
    EXPECT_EQ(At(to, 0, 0), value);
  }
}

}  // namespace
}  // namespace ebbrt::matrix
