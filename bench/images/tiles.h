// The work of bench/sage-work, for an image and for Linux programs: what a node
// does with one tile of a matrix (apps/sage-matrix/tile.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace tiles {

/// Told of each piece of work, "zero 100", that was done `n` and then 2n times
/// between marks (measure.h); `nanoseconds` is how long one of the latter took.
using Report = std::function<void(const std::string& name, uint64_t n,
                                  uint64_t nanoseconds)>;

/// Tiles are squares of up to `largest` rows.
void MeasureAll(unsigned largest, const Report& report);

/// Fills one with zeros and with random numbers, and gives its sum.
double WorkOnce(unsigned size);

}  // namespace tiles
