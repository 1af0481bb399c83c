// Standard input, output and error of a node that has a front-end: the
// front-end's.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace ebbrt::libc {

/// Sends `data` to the front-end's stream `fd`, 1 or 2, in the order of the
/// calls. Doesn't wait for it, so that printf may be called where nothing may
/// block, unless more than 1 MiB is on its way; runtime::Exit waits. What can't
/// be sent goes to the console. Gives `size`. In events.
ssize_t WriteToFrontEnd(int fd, const void* data, size_t size);

/// Waits for what the front-end's standard input has next; 0 at its end, or -1
/// with errno. In events that may block.
ssize_t ReadFromFrontEnd(void* data, size_t size);

}  // namespace ebbrt::libc
