// The program `node`: node [OPTION...] [SCRIPT | -e TEXT] [ARGUMENT...]
#include <node.h>

#include "engine_flags.h"

int ProgramMain(int argc, char** argv) {
  SetEngineFlags();
  static char name[] = "node";
  argv[0] = name;
  return node::Start(argc, argv);
}
