#include "hosted/front_end_metrics.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/deadline.h"
#include "common/message.h"
#include "common/messenger.h"
#include "common/node_counts.h"
#include "common/runtime.h"
#include "hosted/node_totals.h"
#include "tools/iaasd/metrics_page.h"

namespace ebbrt::hosted {
namespace {

using namespace std::chrono_literals;
using iaas::MetricsPage;
using enum iaas::MetricKind;

/// How long a node may take to answer. Whoever reads metrics waits 10 s as a
/// rule.
constexpr auto kAnswerDeadline = 2s;

/// What was heard of each node; nothing of one that has not answered.
using Answers = std::map<NodeId, std::optional<Message<NodeCounts>>>;

Future<RawMessage> Ask(NodeId node) {
  if (node == runtime::ThisNode()) {
    return WithDeadline(CountNode({}), kAnswerDeadline)
        .Then([](std::unique_ptr<IOBuf> bytes) {
          return RawMessage::FromBytes(std::move(bytes));
        });
  }
  return messenger->Call({node, kNoEbb, ProtocolId(kNodeCountsProtocol), 0},
                         nullptr, kAnswerDeadline);
}

Future<Answers> AskAll() {
  std::vector<NodeId> nodes = messenger->Nodes();
  nodes.push_back(runtime::ThisNode());
  std::vector<std::pair<NodeId, Future<RawMessage>>> asked;
  for (NodeId node : nodes) asked.emplace_back(node, Ask(node));
  Answers answers;
  for (auto& [node, answer] : asked) {
    auto& place = answers[node];
    try {
      place.emplace(co_await std::move(answer));
      place->Read().totalSize();  // throws if any of it is no such message
    } catch (const std::exception&) {
      place.reset();  // as if it had said nothing
    }
  }
  co_return answers;
}

void Nodes(MetricsPage& page, const Answers& answers) {
  page.Alone("nodes", kGauge, "Back-ends that are connected.",
             answers.size() - 1);
  page.Alone("nodes_allocated_total", kCounter,
             "Back-ends that were asked for and came up.",
             node_totals.allocated.load());
  page.Alone("nodes_failed_total", kCounter,
             "Back-ends that were asked for and did not come up.",
             node_totals.failed.load());
  page.Family("nodes_ended_total", kCounter,
              "Back-ends that came up and ended, by how: by themselves, or "
              "given back.");
  page.Sample({{"how", "itself"}}, node_totals.ended.load());
  page.Sample({{"how", "freed"}}, node_totals.freed.load());
  page.Family("node_answers", kGauge,
              "1 for a node that has told what it counts, else 0.");
  for (const auto& [node, answer] : answers) {
    page.Sample({{"node", std::to_string(node)}}, answer ? 1 : 0);
  }
}

void Messages(MetricsPage& page) {
  const auto traffic = messenger->TrafficByNode();
  const auto family = [&](const char* name, const char* help, auto sent,
                          auto received) {
    page.Family(name, kCounter, help);
    for (const auto& [node, counts] : traffic) {
      const auto peer = std::to_string(node);
      page.Sample({{"peer", peer}, {"direction", "sent"}}, counts.*sent);
      page.Sample({{"peer", peer}, {"direction", "received"}},
                  counts.*received);
    }
  };
  using Traffic = Messenger::Traffic;
  family("messages_total",
         "Frames of the messenger, between the front-end and a connected node.",
         &Traffic::sent_messages, &Traffic::received_messages);
  family("message_bytes_total", "Bytes of these frames.", &Traffic::sent_bytes,
         &Traffic::received_bytes);
}

/// A family with samples of each node; `add(counts, node)` adds a node's.
template <typename F>
void OfNodes(MetricsPage& page, Answers& answers, const char* name,
             iaas::MetricKind kind, const char* help, F add) {
  page.Family(name, kind, help);
  for (auto& [node, answer] : answers) {
    if (answer) add(answer->Read(), std::to_string(node));
  }
}

/// One with a sample of each core for which there is a `value(counts)`, an
/// optional.
template <typename F>
void OfCores(MetricsPage& page, Answers& answers, const char* name,
             iaas::MetricKind kind, const char* help, F value) {
  OfNodes(page, answers, name, kind, help,
          [&](NodeCounts::Reader counts, const std::string& node) {
            unsigned core = 0;
            for (auto each : counts.getCores()) {
              const auto label = std::to_string(core++);
              if (std::optional<uint64_t> found = value(each)) {
                page.Sample({{"node", node}, {"core", label}}, *found);
              }
            }
          });
}

/// One with a sample of each core whose loop counts that.
template <typename F>
void OfLoops(MetricsPage& page, Answers& answers, const char* name,
             iaas::MetricKind kind, const char* help, F value) {
  OfCores(page, answers, name, kind, help,
          [&](CoreCounts::Reader core) -> std::optional<uint64_t> {
            if (!core.hasLoop()) return std::nullopt;
            return value(core.getLoop());
          });
}

void Events(MetricsPage& page, Answers& answers) {
  OfCores(page, answers, "events_total", kCounter,
          "Events that a core has taken from its queue.",
          [](CoreCounts::Reader core) { return core.getEvents(); });
  OfLoops(page, answers, "remote_events_total", kCounter,
          "Of them, those that other cores or threads have sent.",
          [](auto loop) { return loop.getRemote(); });
  OfLoops(page, answers, "timers_total", kCounter, "Timers that have run.",
          [](auto loop) { return loop.getTimers(); });
  OfLoops(page, answers, "blocked_events", kGauge, "Events that wait.",
          [](auto loop) { return loop.getBlocked(); });
  OfNodes(page, answers, "ebbs", kGauge,
          "Ebbs that the node's LocalIdMap knows.",
          [&](NodeCounts::Reader counts, const std::string& node) {
            page.Sample({{"node", node}}, counts.getEbbs());
          });
}

template <typename F>
void OfMemory(MetricsPage& page, Answers& answers, const char* name,
              const char* help, F value) {
  OfNodes(page, answers, name, kGauge, help,
          [&](NodeCounts::Reader counts, const std::string& node) {
            if (!counts.hasMemory()) return;
            page.Sample({{"node", node}}, value(counts.getMemory()));
          });
}

template <typename F>
void OfNetworks(MetricsPage& page, Answers& answers, const char* name,
                iaas::MetricKind kind, const char* help, F add) {
  OfNodes(page, answers, name, kind, help,
          [&](NodeCounts::Reader counts, const std::string& node) {
            if (counts.hasNetwork()) add(counts.getNetwork(), node);
          });
}

void Machines(MetricsPage& page, Answers& answers) {
  OfMemory(page, answers, "memory_bytes",
           "Memory that the node allocates from.",
           [](auto memory) { return memory.getTotalBytes(); });
  OfMemory(page, answers, "memory_free_bytes",
           "Of it, what is in no allocator's hands.",
           [](auto memory) { return memory.getFreeBytes(); });
  const auto add = [&](const std::string& node, uint64_t received,
                       uint64_t sent) {
    page.Sample({{"node", node}, {"direction", "received"}}, received);
    page.Sample({{"node", node}, {"direction", "sent"}}, sent);
  };
  OfNetworks(page, answers, "network_frames_total", kCounter,
             "Frames of the node's network device.",
             [&](auto network, const auto& node) {
               add(node, network.getReceivedFrames(), network.getSentFrames());
             });
  OfNetworks(page, answers, "network_bytes_total", kCounter,
             "Bytes of these frames.", [&](auto network, const auto& node) {
               add(node, network.getReceivedBytes(), network.getSentBytes());
             });
  OfNetworks(page, answers, "network_interrupts_total", kCounter,
             "Interrupts of the node's network device.",
             [&](auto network, const auto& node) {
               page.Sample({{"node", node}}, network.getInterrupts());
             });
  OfNetworks(page, answers, "network_connections", kGauge,
             "TCP connections that are open.",
             [&](auto network, const auto& node) {
               page.Sample({{"node", node}}, network.getConnections());
             });
  OfNetworks(page, answers, "network_buffers", kGauge,
             "Buffers for receiving that are in the device's ring, or still in "
             "use.",
             [&](auto network, const auto& node) {
               page.Sample({{"node", node}}, network.getBuffers());
             });
}

}  // namespace

Future<std::string> FrontEndMetrics() {
  Answers answers = co_await AskAll();
  MetricsPage page("ebbrt_");
  Nodes(page, answers);
  Messages(page);
  Events(page, answers);
  Machines(page, answers);
  co_return page.Take();
}

}  // namespace ebbrt::hosted
