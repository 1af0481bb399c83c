#include "common/event_trace.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "common/check.h"
#include "platform/clock.h"

namespace ebbrt {
namespace {

uint64_t Now() {
  return static_cast<uint64_t>(Clock::now().time_since_epoch().count());
}

}  // namespace

EventTrace::EventTrace(size_t slices)
    : size_(slices), slices_(std::make_unique<Slice[]>(slices)) {
  EBBRT_CHECK(std::has_single_bit(slices), "a ring's size is a power of two");
}

void EventTrace::Begin(Kind kind, const void* what, uint16_t detail) {
  const uint64_t now = Now();
  if (in_slice_) Record(now);
  current_ = {.begin = now,
              .end = 0,
              .what = what,
              .event = 0,
              .detail = detail,
              .kind = kind,
              .flags = 0};
  if (kind == Kind::kIdle) current_.detail = 1;
  in_slice_ = true;
}

void EventTrace::End() {
  if (in_slice_) Record(Now());
}

EventTrace::Event EventTrace::Block() {
  if (!in_slice_) return {};
  if (current_.event == 0) {
    if (++last_event_ == 0) ++last_event_;
    current_.event = last_event_;
  }
  current_.flags |= Slice::kBlocks;
  Event event{.what = current_.what,
              .event = current_.event,
              .detail = current_.detail,
              .kind = current_.kind};
  Record(Now());
  return event;
}

void EventTrace::Continue(const Event& event) {
  if (event.event == 0) return;
  Begin(event.kind, event.what, event.detail);
  current_.event = event.event;
  current_.flags = Slice::kContinues;
}

/// The current slice ends. Turns of idle callbacks would fill the ring: the
/// next one of the same callback makes the last slice longer.
void EventTrace::Record(uint64_t now) {
  in_slice_ = false;
  current_.end = now;
  if (current_.kind == Kind::kIdle && current_.flags == 0 && recorded_ != 0) {
    Slice& last = slices_[(recorded_ - 1) & (size_ - 1)];
    if (last.kind == Kind::kIdle && last.what == current_.what &&
        last.flags == 0) {
      last.end = now;
      if (last.detail != std::numeric_limits<uint16_t>::max()) ++last.detail;
      return;
    }
  }
  slices_[recorded_++ & (size_ - 1)] = current_;
}

std::vector<EventTrace::Slice> EventTrace::Slices() const {
  std::vector<Slice> slices;
  for (uint64_t i = Lost(); i < recorded_; ++i) {
    slices.push_back(slices_[i & (size_ - 1)]);
  }
  if (in_slice_) slices.push_back(current_);
  return slices;
}

}  // namespace ebbrt
