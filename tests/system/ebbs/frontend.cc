// The front-end of test_ebbs.py: ebbs_frontend IMAGE PART [CORES [NODES]] boots
// that many back-ends (1 unless told) for PART and ends with the exit code of
// the first. A node that says "hanging" is killed.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/node_allocator.h"
#include "common/runtime.h"
#include "tests/system/ebbs/shared.h"

namespace ebbs {
namespace {

std::map<NodeId, std::unique_ptr<ebbrt::Node>> nodes;

/// Boots a node, says so and waits until it is lost; then boots another.
void OutliveTheDaemon(const ebbrt::NodeSpec& spec) {
  for (int turn = 0; turn < 2; ++turn) {
    auto node = ebbrt::node_allocator->Allocate(spec).Get();
    std::printf("turn %d\n", turn);
    std::fflush(stdout);
    if (turn == 1) return;
    std::printf("ended with %d\n", node->Ended().Get());
  }
}

}  // namespace

void Report::Say(NodeId from, Line::Reader in, Line::Builder) {
  std::printf("node %u: %s\n", from, in.getText().cStr());
  std::fflush(stdout);
  if (in.getText() == "hanging") nodes.erase(from);
}

ebbrt::Future<> Report::End(NodeId, Line::Reader in, Line::Builder) {
  auto id = static_cast<EbbId>(std::stoul(in.getText().cStr()));
  return Mortal::Destroy(EbbRef<Mortal>(id));
}

}  // namespace ebbs

void ebbrt::AppMain() {
  const auto& arguments = runtime::Arguments();
  if (arguments.size() < 2) {
    std::fprintf(stderr, "usage: ebbs_frontend IMAGE PART [CORES [NODES]]\n");
    runtime::Exit(2);
  }
  global_id_map->Set(ebbs::configured.Id(), "for all").Get();
  global_id_map->Set(ebbs::configured_per_core.Id(), "for each").Get();
  auto mortal = ebbs::Mortal::Create();
  global_id_map->Set(ebbs::kMortal, std::to_string(mortal.Id())).Get();
  NodeSpec spec{.image = arguments[0], .arguments = {arguments[1]}};
  // A program of this machine is not an image.
  if (!spec.image.ends_with(".elf")) spec.machine = "process";
  if (arguments.size() > 2) spec.cores = std::stoul(arguments[2]);
  size_t count = arguments.size() > 3 ? std::stoul(arguments[3]) : 1;
  spec.arguments.push_back(std::to_string(count + 1));  // the last node's id
  if (arguments[1] == "wait") {
    ebbs::OutliveTheDaemon(spec);
    runtime::Exit(0);
  }
  std::vector<Future<std::unique_ptr<Node>>> booting;
  for (size_t i = 0; i < count; ++i) {
    booting.push_back(node_allocator->Allocate(spec));
  }
  NodeId first = kNoNode;
  for (auto& future : booting) {
    auto node = future.Get();
    NodeId id = node->Id();
    if (first == kNoNode) first = id;
    ebbs::nodes[id] = std::move(node);
  }
  runtime::Exit(ebbs::nodes.at(first)->Ended().Get());
}
