// The program `node`: node [OPTION...] [SCRIPT | -e TEXT] [ARGUMENT...]
#include <node.h>

int ProgramMain(int argc, char** argv) {
  // One thread: what others would do concurrently is done in turn.
  v8::V8::SetFlagsFromString("--single-threaded");
  // Code is written, then executed: no page is ever both.
  v8::V8::SetFlagsFromString("--no-write-code-using-rwx");
  static char name[] = "node";
  argv[0] = name;
  return node::Start(argc, argv);
}
