// What a front-end is told before a daemon is asked. The system tests allocate.
#include "common/node_allocator.h"

#include <gtest/gtest.h>

#include <string>

#include "common/future.h"

namespace ebbrt {
namespace {

std::string Refused(NodeSpec spec) {
  try {
    node_allocator->Allocate(std::move(spec)).Get();
  } catch (const AllocationFailed& error) {
    return error.what();
  }
  return "";
}

TEST(NodeAllocator, QueuesThatNoMachineHas) {
  EXPECT_EQ(Refused({.image = "x", .queues = 2}),
            "2 pairs of queues on a microvm: it has 1; ask for a pc or q35");
  EXPECT_EQ(Refused({.image = "x", .machine = "q35", .queues = 0}),
            "0 pairs of queues on a q35: expected 1 to 64");
  EXPECT_EQ(Refused({.image = "x", .machine = "q35", .queues = 65}),
            "65 pairs of queues on a q35: expected 1 to 64");
  EXPECT_EQ(Refused({.image = "x", .machine = "pc", .queues = 65537}),
            "65537 pairs of queues on a pc: expected 1 to 64");
}

}  // namespace
}  // namespace ebbrt
