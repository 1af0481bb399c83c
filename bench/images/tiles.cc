#include "bench/images/tiles.h"

#include <algorithm>
#include <chrono>

#include "apps/sage-matrix/tile.h"

extern "C" {
void EbbrtBenchBegin();
void EbbrtBenchEnd();
}

namespace tiles {
namespace {

using ebbrt::matrix::Tile;

constexpr unsigned kSizes[] = {100, 200, 400, 1000, 2000, 4000};
/// Products of larger tiles take minutes on an emulated processor.
constexpr unsigned kLargestProduct = 400;
constexpr uint64_t kTurns = 20'000'000;
/// Of so many elements, small tiles are made several times.
constexpr uint64_t kElements = 2'000'000;

template <typename T>
void Use(T& value) {
  asm volatile("" : "+m"(value) : : "memory");
}

void Measure(const std::string& name, uint64_t n, const Report& report,
             const std::function<void()>& work) {
  auto run = [&work](uint64_t times) {
    EbbrtBenchBegin();
    for (; times > 0; --times) work();
    EbbrtBenchEnd();
  };
  work();
  run(n);
  auto begin = std::chrono::steady_clock::now();
  run(2 * n);
  std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - begin;
  report(name, n, spent.count() / (2 * n));
}

/// What an emulated processor costs by itself: nothing but additions.
void AddIntegers() {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < kTurns; ++i) {
    sum += i;
    asm volatile("" : "+r"(sum));
  }
}

/// Four sums that don't wait for each other, as a real processor likes them.
void AddDoubles() {
  double a = 0, b = 0, c = 0, d = 0;
  for (uint64_t i = 0; i < kTurns; i += 4) {
    a += 1.5;
    b += 1.5;
    c += 1.5;
    d += 1.5;
    asm volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d));
  }
}

}  // namespace

void MeasureAll(unsigned largest, const Report& report) {
  Measure("integers 0", 1, report, &AddIntegers);
  Measure("doubles 0", 1, report, &AddDoubles);
  for (unsigned size : kSizes) {
    if (size > largest) break;
    const std::string of_size = " " + std::to_string(size);
    const uint64_t n = std::max<uint64_t>(kElements / (size * size), 1);
    Measure("zero" + of_size, n, report, [size] {
      Tile tile(size, size);
      FillConstant(tile, 0);
      Use(*tile.Row(0));
    });
    Measure("randomize" + of_size, n, report, [size] {
      Tile tile(size, size);
      FillRandom(tile, 0, 0, 1);
      Use(*tile.Row(0));
    });
    Tile tile(size, size);
    FillRandom(tile, 0, 0, 1);
    Measure("sum" + of_size, n, report, [&tile] {
      auto all = ebbrt::matrix::Reduce(tile, ebbrt::matrix::Reducing::kSum);
      Use(all.sum);
    });
    if (size > kLargestProduct) continue;
    Measure("multiply" + of_size, 1, report, [&tile, size] {
      Tile product(size, size);
      FillConstant(product, 0);
      MultiplyAdd(tile, tile, product, {});
      Use(*product.Row(0));
    });
    Measure("multiply-ublas" + of_size, 1, report, [&tile, size] {
      Tile product(size, size);
      const auto& factor = tile.Of<double>();
      noalias(product.Of<double>()) = prod(factor, factor);
      Use(*product.Row(0));
    });
  }
}

double WorkOnce(unsigned size) {
  Tile tile(size, size);
  FillConstant(tile, 0);
  FillRandom(tile, 0, 0, 1);
  return ebbrt::matrix::Reduce(tile, ebbrt::matrix::Reducing::kSum).sum.real();
}

}  // namespace tiles
