// The marks of bench/images/measure.h, for Linux programs.
extern "C" {
[[gnu::noipa]] void EbbrtBenchBegin() { asm volatile(""); }
[[gnu::noipa]] void EbbrtBenchEnd() { asm volatile("nop"); }
}
