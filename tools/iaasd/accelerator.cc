#include "accelerator.h"

#include <time.h>
#include <x86intrin.h>

#include "helper_process.h"
#include "kvm_probe.h"

namespace ebbrt::iaas {
namespace {

// Covers making the virtual machine as well as running it.
constexpr auto kProbeDeadline = 500 * kj::MILLISECONDS;
// Long enough that an error of 100 ns at either end is below 10 ppm.
constexpr auto kTscWindow = 40 * kj::MILLISECONDS;
constexpr int kTscTries = 16;

uint64_t RawNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(now.tv_nsec);
}

// The time stamp counter and the clock at one instant.
struct TscSample {
  uint64_t tsc = 0;
  uint64_t nanoseconds = 0;
};

// Takes the try in which the least time passed between the two reads of the
// clock around the counter: the others were interrupted.
TscSample SampleTsc() {
  TscSample best;
  uint64_t best_gap = ~uint64_t{0};
  for (int i = 0; i < kTscTries; ++i) {
    const uint64_t before = RawNanoseconds();
    const uint64_t tsc = __rdtsc();
    const uint64_t after = RawNanoseconds();
    if (after - before >= best_gap) continue;
    best_gap = after - before;
    best = {tsc, before + best_gap / 2};
  }
  return best;
}

kj::Promise<uint64_t> MeasureTscKhz(kj::Timer& timer) {
  const TscSample start = SampleTsc();
  return timer.afterDelay(kTscWindow).then([start]() {
    const TscSample end = SampleTsc();
    return (end.tsc - start.tsc) * 1'000'000 /
           (end.nanoseconds - start.nanoseconds);
  });
}

Accelerator Judge(const HelperResult& result) {
  Accelerator tcg;
  const std::string& text = result.reply.text;
  if (result.failure == HelperFailure::kAlarm ||
      result.failure == HelperFailure::kDeadline) {
    tcg.reason =
        "KVM runs no hardware here: a guest's loop of a million turns was not "
        "done after " +
        std::to_string(kKvmRunMilliseconds) + " ms (hardware takes about 1)";
  } else if (result.failure != HelperFailure::kNone) {
    tcg.reason = "the KVM probe crashed";
  } else if (text.starts_with("ok ")) {
    return {.kind = AcceleratorKind::kKvm,
            .reason = "KVM ran a guest's loop of a million turns in " +
                      text.substr(3) + " us",
            .tsc_khz = 0};
  } else {
    tcg.reason = "KVM can't be used: " + text.substr(3);
  }
  return tcg;
}

}  // namespace

const char* Name(AcceleratorKind kind) {
  return kind == AcceleratorKind::kKvm ? "kvm" : "tcg";
}

kj::Promise<Accelerator> ChooseAccelerator(kj::UnixEventPort& port,
                                           kj::Timer& timer,
                                           AcceleratorChoice choice) {
  // The counter is measured while the probe runs. With KVM too: a user who may
  // not open /dev/kvm gets TCG.
  auto tsc = MeasureTscKhz(timer);
  kj::Promise<Accelerator> judged = Accelerator{
      .kind = choice == AcceleratorChoice::kKvm ? AcceleratorKind::kKvm
                                                : AcceleratorKind::kTcg,
      .reason = "asked for with --accel"};
  if (choice == AcceleratorChoice::kAutomatic) {
    judged =
        RunHelper(port, timer, OwnCredentials(), kProbeDeadline, []() {
          return HelperReply{.text = ProbeKvm(), .file = kj::AutoCloseFd()};
        }).then([](HelperResult result) { return Judge(result); });
  }
  return judged.then([tsc = kj::mv(tsc)](Accelerator accelerator) mutable {
    return tsc.then([accelerator](uint64_t khz) mutable {
      accelerator.tsc_khz = khz;
      return accelerator;
    });
  });
}

}  // namespace ebbrt::iaas
