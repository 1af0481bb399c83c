// The front-end of test_ebbs.py: ebbs_frontend IMAGE PART [CORES] boots one
// back-end for PART and ends with its exit code; parts that take more say so.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/node_allocator.h"
#include "common/runtime.h"
#include "tests/system/ebbs/shared.h"

namespace ebbs {

void Report::Say(NodeId from, Line::Reader in, Line::Builder) {
  std::printf("node %u: %s\n", from, in.getText().cStr());
  std::fflush(stdout);
}

ebbrt::Future<> Report::End(NodeId, Line::Reader in, Line::Builder) {
  auto id = static_cast<EbbId>(std::stoul(in.getText().cStr()));
  return Mortal::Destroy(EbbRef<Mortal>(id));
}

}  // namespace ebbs

void ebbrt::AppMain() {
  const auto& arguments = runtime::Arguments();
  if (arguments.size() < 2) {
    std::fprintf(stderr, "usage: ebbs_frontend IMAGE PART [CORES]\n");
    runtime::Exit(2);
  }
  global_id_map->Set(ebbs::configured.Id(), "for all").Get();
  global_id_map->Set(ebbs::configured_per_core.Id(), "for each").Get();
  auto mortal = ebbs::Mortal::Create();
  global_id_map->Set(ebbs::kMortal, std::to_string(mortal.Id())).Get();
  NodeSpec spec{.image = arguments[0], .arguments = {arguments[1]}};
  if (arguments.size() > 2) spec.cores = std::stoul(arguments[2]);
  auto node = node_allocator->Allocate(std::move(spec)).Get();
  runtime::Exit(node->Ended().Get());
}
