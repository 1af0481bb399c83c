#include "daemon_metrics.h"

#include <unistd.h>

#include "metrics_page.h"
#include "process_usage.h"

namespace ebbrt::iaas {
namespace {

using enum MetricKind;

void NodeCounts(MetricsPage& page, const NodeHost& host, size_t connections) {
  const auto totals = host.Count();
  page.Family("nodes", kGauge, "Machines that run, or are being started.");
  page.Sample({{"state", "running"}}, totals.running);
  page.Sample({{"state", "starting"}}, totals.starting);
  page.Alone("nodes_started_total", kCounter, "Machines that were started.",
             totals.started);
  page.Family("nodes_ended_total", kCounter,
              "Machines that have ended, by how: the guest itself, on request, "
              "or QEMU failed.");
  page.Sample({{"how", "guest_exit"}}, totals.ended_by_guest);
  page.Sample({{"how", "killed"}}, totals.ended_by_request);
  page.Sample({{"how", "crashed"}}, totals.ended_by_crash);
  page.Alone("sessions", kGauge, "Private networks that are open.",
             totals.sessions);
  page.Alone("connections", kGauge, "Clients that are connected.", connections);
  page.Alone("promised_memory_bytes", kGauge,
             "Memory of the machines that run.", totals.promised_memory);
}

// A family with a sample for each node that runs; `value` tells it.
template <typename F>
void OfNodes(MetricsPage& page, const std::vector<const VirtualMachine*>& nodes,
             const char* name, MetricKind kind, const char* help, F value) {
  page.Family(name, kind, help);
  for (const auto* node : nodes) {
    page.Sample({{"node", std::to_string(node->Facts().id)}}, value(*node));
  }
}

void NodeCosts(MetricsPage& page,
               const std::vector<const VirtualMachine*>& nodes) {
  OfNodes(page, nodes, "node_uptime_seconds", kGauge,
          "Since the machine was started.", [](const VirtualMachine& node) {
            return static_cast<double>(node.Uptime().count()) / 1000;
          });
  OfNodes(page, nodes, "node_cores", kGauge, "Processors of the machine.",
          [](const VirtualMachine& node) { return node.Facts().cores; });
  OfNodes(page, nodes, "node_memory_bytes", kGauge, "Memory of the machine.",
          [](const VirtualMachine& node) {
            return uint64_t{node.Facts().memory_mib} << 20;
          });
  OfNodes(page, nodes, "node_cpu_seconds_total", kCounter,
          "Processor time that the machine's QEMU has taken of the host.",
          [](const VirtualMachine& node) {
            return UsageOf(node.Pid()).cpu_seconds;
          });
  OfNodes(page, nodes, "node_resident_bytes", kGauge,
          "Memory of the host that the machine's QEMU holds.",
          [](const VirtualMachine& node) {
            return UsageOf(node.Pid()).resident_bytes;
          });
}

}  // namespace

std::string DaemonMetrics(const NodeHost& host, size_t connections) {
  MetricsPage page("ebbrt_iaasd_");
  NodeCounts(page, host, connections);
  NodeCosts(page, host.Running());
  const ProcessUsage own = UsageOf(getpid());
  page.Alone("cpu_seconds_total", kCounter,
             "Processor time that the daemon itself has taken.",
             own.cpu_seconds);
  page.Alone("resident_bytes", kGauge, "Memory that the daemon itself holds.",
             own.resident_bytes);
  return page.Take();
}

}  // namespace ebbrt::iaas
