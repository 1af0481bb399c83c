// What is computed with tiles, against the plainest way to compute it.
#include "apps/sage-matrix/tile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ebbrt::matrix {
namespace {

Tile Random(size_t rows, size_t columns, uint64_t seed) {
  Tile tile(rows, columns);
  FillRandom(tile, 0, 0, seed);
  return tile;
}

TEST(MatrixTile, AnElementIsTheSameInEveryTiling) {
  Tile whole(40, 30);
  FillRandom(whole, 0, 0, 7);
  Tile part(13, 11);
  FillRandom(part, 20, 15, 7);
  for (size_t i = 0; i < 13; ++i) {
    for (size_t j = 0; j < 11; ++j) {
      EXPECT_EQ(part(i, j), whole(20 + i, 15 + j));
      EXPECT_EQ(part(i, j), RandomElement(20 + i, 15 + j, 7));
    }
  }
  Tile other(40, 30);
  FillRandom(other, 0, 0, 8);
  EXPECT_NE(other(0, 0), whole(0, 0));
}

TEST(MatrixTile, RandomElementsAreUniform) {
  Tile tile = Random(300, 300, 1);
  Reduction all = Reduce(tile);
  EXPECT_GE(all.least, 0);
  EXPECT_LT(all.greatest, 1);
  EXPECT_NEAR(all.sum / 90'000, 0.5, 0.005);
  EXPECT_NEAR(all.squares / 90'000, 1.0 / 3, 0.005);
}

TEST(MatrixTile, IdentityOfAnyPlace) {
  for (auto [row, column] :
       {std::pair(0, 0), {4, 0}, {0, 4}, {6, 8}, {50, 3}}) {
    Tile tile(5, 7);
    FillIdentity(tile, row, column);
    for (int i = 0; i < 5; ++i) {
      for (int j = 0; j < 7; ++j) {
        EXPECT_EQ(tile(i, j), row + i == column + j ? 1 : 0);
      }
    }
  }
}

TEST(MatrixTile, ProductsOfAllShapes) {
  for (auto [rows, inner, columns] : {std::tuple(1, 1, 1),
                                      {3, 5, 7},
                                      {64, 64, 64},
                                      {65, 130, 259},
                                      {1, 300, 1},
                                      {2, 0, 3}}) {
    Tile left = Random(rows, inner, 1);
    Tile right = Random(inner, columns, 2);
    Tile product(rows, columns);
    FillConstant(product, 1);
    int pauses = 0;
    MultiplyAdd(left, right, product, [&] { ++pauses; });
    EXPECT_EQ(pauses > 0, inner > 0);
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < columns; ++j) {
        double sum = 1;
        for (int k = 0; k < inner; ++k) sum += left(i, k) * right(k, j);
        ASSERT_NEAR(product(i, j), sum, 1e-12 * (inner + 1));
      }
    }
  }
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
      EXPECT_EQ(straight(2 + i, 3 + j), source(10 + i, 5 + j));
      EXPECT_EQ(turned(4 + j, 1 + i), source(10 + i, 5 + j));
    }
  }
  EXPECT_EQ(straight(1, 3), -1);
  EXPECT_EQ(straight(2, 37), -1);
  EXPECT_EQ(turned(38, 1), -1);
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
  tile(0, 0) = -3;
  tile(0, 1) = 4;
  tile(1, 0) = 0.5;
  tile(1, 1) = std::numeric_limits<double>::infinity();
  Reduction all = Reduce(tile);
  EXPECT_EQ(all.least, -3);
  EXPECT_EQ(all.greatest, tile(1, 1));
  EXPECT_EQ(all.nans, 0u);
  tile(1, 1) = std::numeric_limits<double>::quiet_NaN();
  all = Reduce(tile);
  EXPECT_EQ(all.nans, 1u);
  EXPECT_NE(all.sum, all.sum);
}

TEST(MatrixTile, EveryFunction) {
  Tile from(1, 1);
  Tile to(1, 1);
  from(0, 0) = 2;
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
  };
  EXPECT_EQ(std::size(expected), kUnaries);
  for (auto [function, value] : expected) {
    Apply(function, 3, from, to);
    EXPECT_EQ(to(0, 0), value) << static_cast<int>(function);
  }
  Tile right(1, 1);
  right(0, 0) = 8;
  const std::pair<Binary, double> of_two[] = {{Binary::kAdd, 10},
                                              {Binary::kSubtract, -6},
                                              {Binary::kMultiply, 16},
                                              {Binary::kDivide, 0.25},
                                              {Binary::kEqual, 0}};
  EXPECT_EQ(std::size(of_two), kBinaries);
  for (auto [function, value] : of_two) {
    Combine(function, from, right, to);
    EXPECT_EQ(to(0, 0), value);
  }
}

}  // namespace
}  // namespace ebbrt::matrix
