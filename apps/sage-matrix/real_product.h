// The product of two matrices of real elements: Elements (tile.h) in, blocks
// that stay in caches and registers. Compiled once for each kind of vector
// registers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "apps/sage-matrix/tile.h"

namespace ebbrt::matrix {

/// to += left * right in blocks, after Goto and van de Geijn, "Anatomy of
/// High-Performance Matrix Multiplication" (2008). Some rows of the right
/// factor, packed in panels, stay in a cache; some rows and one panel's columns
/// of the result stay in registers of `kBytes`.
template <typename E, size_t kBytes, size_t kRows, size_t kVectors>
class RealProduct {
 public:
  [[gnu::always_inline]] static void Add(const Elements<E>& left,
                                         const Elements<E>& right,
                                         Elements<E>& to, const Pause& pause) {
    const size_t inner = left.size2();
    std::vector<E> packed(kDepth * kWidth);
    for (size_t j = 0; j < to.size2(); j += kWidth) {
      const size_t end_column = std::min(j + kWidth, to.size2());
      for (size_t k = 0; k < inner; k += kDepth) {
        const size_t depth = std::min(kDepth, inner - k);
        Pack(right, k, depth, j, end_column, packed.data());
        for (size_t i = 0; i < to.size1(); i += kHeight) {
          const size_t end = std::min(i + kHeight, to.size1());
          const E* panel = packed.data();
          for (size_t column = j; column < end_column; column += kColumns) {
            AddPanel(left, i, end, k, depth, panel, to, column);
            panel += kColumns * depth;
            if (pause) pause();
          }
        }
      }
    }
  }

 private:
  using Vector [[gnu::vector_size(kBytes)]] = E;
  using Unaligned
      [[gnu::vector_size(kBytes), gnu::aligned(alignof(E)), gnu::may_alias]] =
          E;
  static constexpr size_t kLanes = kBytes / sizeof(E);
  static constexpr size_t kColumns = kVectors * kLanes;
  static constexpr size_t kDepth = 256;  // of a panel: a first-level cache
  static constexpr size_t kHeight = 48;  // of the left: a second-level one
  static constexpr size_t kWidth = 40 * kColumns;  // of the right at once

  /// `depth` rows from `k`, panel by panel; zeros beyond the last column.
  static void Pack(const Elements<E>& right, size_t k, size_t depth, size_t j,
                   size_t end, E* to) {
    for (; j < end; j += kColumns) {
      const size_t width = std::min(kColumns, end - j);
      for (size_t row = k; row < k + depth; ++row) {
        std::copy_n(RowOf(right, row) + j, width, to);
        std::fill(to + width, to + kColumns, E{});
        to += kColumns;
      }
    }
  }

  /// Rows `i` to `end` and the columns from `j`.
  [[gnu::always_inline]] static void AddPanel(const Elements<E>& left, size_t i,
                                              size_t end, size_t k,
                                              size_t depth, const E* panel,
                                              Elements<E>& to, size_t j) {
    const size_t width = std::min(kColumns, to.size2() - j);
    for (; i + kRows <= end; i += kRows) {
      AddRows<kRows>(RowOf(left, i) + k, left.size2(), depth, panel,
                     RowOf(to, i) + j, to.size2(), width);
    }
    for (; i < end; ++i) {
      AddRows<1>(RowOf(left, i) + k, left.size2(), depth, panel,
                 RowOf(to, i) + j, to.size2(), width);
    }
  }

  /// Rows of `stride_left` and `stride` elements.
  template <size_t kCount>
  [[gnu::always_inline]] static void AddRows(const E* left, size_t stride_left,
                                             size_t depth, const E* panel,
                                             E* to, size_t stride,
                                             size_t width) {
    Vector sums[kCount][kVectors] = {};
    for (size_t k = 0; k < depth; ++k, panel += kColumns) {
      Vector factors[kVectors];
      for (size_t v = 0; v < kVectors; ++v) {
        factors[v] = *reinterpret_cast<const Unaligned*>(panel + v * kLanes);
      }
      for (size_t i = 0; i < kCount; ++i) {
        const Vector factor = left[i * stride_left + k] - Vector{};
        for (size_t v = 0; v < kVectors; ++v) sums[i][v] += factor * factors[v];
      }
    }
    for (size_t i = 0; i < kCount; ++i, to += stride) {
      if (width == kColumns) {
        for (size_t v = 0; v < kVectors; ++v) {
          *reinterpret_cast<Unaligned*>(to + v * kLanes) += sums[i][v];
        }
      } else {
        for (size_t j = 0; j < width; ++j) {
          to[j] += sums[i][j / kLanes][j % kLanes];
        }
      }
    }
  }
};

}  // namespace ebbrt::matrix
