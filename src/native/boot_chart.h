// The boot chart: when each stage of the boot was done.
//
// Recording costs a dozen instructions. With the boot argument ebbrt.bootchart
// what there is is printed in the first event, and later stages as they come.
#pragma once

#include <cstdint>

namespace ebbrt {

/// Notes that the boot has come to `name` (a string literal). On core 0. At most
/// 32 before the first event.
void RecordStage(const char* name);

/// Prints the stages with the time since the first instruction, if asked for.
/// Once, in the first event.
void PrintBootChart();

}  // namespace ebbrt
