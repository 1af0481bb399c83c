// A Linux core: what an event-loop thread has besides its EventManager.
#pragma once

#include <boost/asio/io_context.hpp>

#include "common/types.h"

namespace ebbrt::hosted {

/// The reactor of the calling core. Handlers that run in it must only hand work
/// to the EventManager: the loop may continue on another stack, and Asio's own
/// bookkeeping of nested calls does not survive that. On cores only.
boost::asio::io_context& Reactor();

/// Fixes the number of cores, before any exists.
void MakeCores(size_t count);

/// Makes the calling thread core `core` < the number of cores and runs its
/// event loop until StopAllCores. At most one thread per core.
void RunCore(CoreId core);

/// Sends `signal` to the thread of `core`; false if none runs it. From any
/// thread.
bool SignalCore(CoreId core, int signal);

/// Makes every RunCore return. From any thread.
void StopAllCores();

}  // namespace ebbrt::hosted
