// What V8 is told on this system before it starts, by each program of node's. A snapshot
// and the code that is cached in it are used only under the flags they were made with.
#ifndef EBBRT_APPS_NODE_ENGINE_FLAGS_H_
#define EBBRT_APPS_NODE_ENGINE_FLAGS_H_

#include <v8.h>

inline void SetEngineFlags() {
  // One thread: what others would do concurrently is done in turn.
  v8::V8::SetFlagsFromString("--single-threaded");
  // Code is written, then executed: no page is ever both.
  v8::V8::SetFlagsFromString("--no-write-code-using-rwx");
}

#endif  // EBBRT_APPS_NODE_ENGINE_FLAGS_H_
