// The small integer types that every part of the system speaks in.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ebbrt {

/// A core of this node, counted from 0. On Linux an event-loop thread is a
/// core.
using CoreId = uint32_t;
/// What platform::CurrentCore() gives on a thread that is no core (Linux only).
inline constexpr CoreId kNoCore = ~CoreId{0};

/// A node of the application. The front-end is kFrontEndNode, back-ends follow.
using NodeId = uint16_t;
inline constexpr NodeId kNoNode = 0;
inline constexpr NodeId kFrontEndNode = 1;

/// System-wide name of an Ebb: the high 16 bits name the range of the node that
/// allocated it, so that nodes allocate without asking each other (seed paper,
/// "Ebb namespace"). 0 is never a valid id.
using EbbId = uint32_t;
inline constexpr EbbId kNoEbb = 0;

}  // namespace ebbrt
