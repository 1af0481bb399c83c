#include "native/boot_chart.h"

#include "native/console_line.h"
#include "native/cpu.h"
#include "native/fixed_list.h"
#include "native/platform_info.h"
#include "native/time_source.h"

extern "C" uint64_t boot_entry_tsc;  // entry.S

namespace ebbrt {
namespace {

struct Stage {
  const char* name;
  uint64_t tsc;
};
constinit FixedList<Stage, 32> stages;
bool printing;

void Print(const Stage& stage) {
  ConsoleLine().Text("ebbrt: boot: ")
      .Decimal(TicksToNanoseconds(stage.tsc - boot_entry_tsc) / 1000)
      .Text(" us ").Text(stage.name);
}

}  // namespace

void RecordStage(const char* name) {
  Stage stage{name, cpu::ReadTsc()};
  if (printing) {
    Print(stage);
  } else {
    stages.Add(stage);
  }
}

void PrintBootChart() {
  printing = Platform().Argument("ebbrt.bootchart").has_value();
  if (!printing) return;
  for (const Stage& stage : stages) Print(stage);
}

}  // namespace ebbrt
