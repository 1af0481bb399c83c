// The program that writes the snapshot of node's heap, as C++ source:
// node_mksnapshot FILE. It is node's own (tools/snapshot).
#include "engine_flags.h"

int NodeMksnapshotMain(int argc, char** argv);

int ProgramMain(int argc, char** argv) {
  SetEngineFlags();
  return NodeMksnapshotMain(argc, argv);
}
