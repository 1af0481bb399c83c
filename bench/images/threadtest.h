// The patterns of bench/memory, for an image and for a Linux program: what each
// of several threads (here: cores) does with malloc and free.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace threadtest {

/// Runs `work(thread)` on `threads` threads at once; returns when all are done.
/// The platform's.
using RunOnAll = std::function<void(unsigned threads,
                                    const std::function<void(unsigned)>& work)>;

/// Does all patterns between marks (measure.h) with `threads` threads. `report`
/// is called after each with its name and how many blocks were allocated and
/// freed between the first two marks.
void MeasureAll(
    unsigned threads, const RunOnAll& run_on_all,
    const std::function<void(const std::string&, uint64_t)>& report);

}  // namespace threadtest

extern "C" {
void EbbrtBenchBegin();
void EbbrtBenchEnd();
}
