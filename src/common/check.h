// Broken invariants: EBBRT_CHECK stops the node with a message and a backtrace.
//
// For errors that a caller can handle throw an exception; for a user's mistake
// give a message that names the thing and the remedy. This is for the third
// kind: states that cannot be, where going on would lose data.
#pragma once

#include "platform/panic.h"

/// Stops the node unless `condition` holds. `message` is a string literal that
/// says what is broken. May be used in every context, interrupts included.
#define EBBRT_CHECK(condition, message)              \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::ebbrt::platform::Panic(__FILE__, __LINE__, #condition, message))
