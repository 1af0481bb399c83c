// A Linux process as a node of the application: mostly its front-end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/move_function.h"

namespace ebbrt::hosted {

/// The environment variable `name`; empty if there is none.
std::string FromEnvironment(const char* name);

struct Options {
  /// Event-loop threads; at least 1.
  unsigned cores = 1;
  /// What runtime::Arguments() gives.
  std::vector<std::string> arguments;
  /// Events that hold a core for so many milliseconds are reported
  /// (stall_detector.h); 0: none are.
  uint32_t stall_ms = 0;
  /// Where a front-end serves metrics for Prometheus, "PORT" of 127.0.0.1 or
  /// "ADDRESS:PORT" (metrics_endpoint.h); empty: nowhere.
  std::string metrics = FromEnvironment("EBBRT_METRICS");
  /// The file to which a front-end writes, when it ends, what its cores have
  /// done lately (trace_file.h); empty: none.
  std::string trace = FromEnvironment("EBBRT_TRACE");
  /// SIGINT and SIGTERM end the node. Not where another program, as an
  /// interpreter, deals with signals.
  bool handle_signals = true;
};

/// Makes this process the front-end of an application of its own, or, when a
/// front-end has started it as a node, that back-end: starts the
/// event loops, runs `main` as the first event on core 0 (usually
/// runtime::Main, which calls AppMain), and returns the code that
/// runtime::Exit was called with. SIGINT and SIGTERM call Exit(130) and
/// Exit(143), unless told otherwise or a node catches them (file_system.h).
/// Throws std::runtime_error, before anything runs, if metrics or trace can't
/// be. Once per process; from a thread that is not a core and becomes core 0.
int Run(Options options, MoveFunction<void()> main);

}  // namespace ebbrt::hosted
