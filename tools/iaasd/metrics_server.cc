#include "metrics_server.h"

#include <unistd.h>

#include <utility>

#include "log.h"
#include "process_usage.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kNotFound[] = "The metrics are at /metrics.\n";

// One family at a time: its two comments, then its samples.
class Page {
 public:
  void Family(const std::string& name, const char* type, const char* help) {
    name_ = "ebbrt_iaasd_" + name;
    text_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " " + type +
             "\n";
  }
  template <typename T>
  void Sample(const std::string& labels, T value) {
    text_ += name_ + labels + " " + std::to_string(value) + "\n";
  }
  template <typename T>
  void Alone(const char* name, const char* type, const char* help, T value) {
    Family(name, type, help);
    Sample("", value);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

std::string NodeLabel(const VirtualMachine& machine) {
  return "{node=\"" + std::to_string(machine.Facts().id) + "\"}";
}

// Letters would be a name, which somebody would have to be asked for.
bool IsNumeric(const std::string& address) {
  return !address.empty() &&
         address.find_first_not_of("0123456789abcdefABCDEF.:[]") ==
             std::string::npos;
}

std::string Completed(const std::string& address) {
  const bool alone =
      address.find_first_not_of("0123456789") == std::string::npos;
  return alone ? "127.0.0.1:" + address : address;
}

kj::Own<kj::ConnectionReceiver> Listen(kj::AsyncIoContext& io,
                                       const std::string& address) {
  const auto fail = [&](const std::string& why) -> UserError {
    return UserError("--metrics " + address + ": " + why +
                     "; it takes PORT or ADDRESS:PORT, such as 9470 or "
                     "127.0.0.1:9470");
  };
  const std::string completed = Completed(address);
  if (!IsNumeric(address) || completed.find(':') == std::string::npos) {
    throw fail("not a numeric address with a port");
  }
  try {
    return io.provider->getNetwork()
        .parseAddress(completed)
        .wait(io.waitScope)
        ->listen();
  } catch (const kj::Exception& exception) {
    throw fail(exception.getDescription().cStr());
  }
}

void NodeCounts(Page& page, const NodeHost& host, size_t connections) {
  const auto totals = host.Count();
  page.Family("nodes", "gauge", "Machines that run, or are being started.");
  page.Sample("{state=\"running\"}", totals.running);
  page.Sample("{state=\"starting\"}", totals.starting);
  page.Alone("nodes_started_total", "counter", "Machines that were started.",
             totals.started);
  page.Family("nodes_ended_total", "counter",
              "Machines that have ended, by how: the guest itself, on request, "
              "or QEMU failed.");
  page.Sample("{how=\"guest_exit\"}", totals.ended_by_guest);
  page.Sample("{how=\"killed\"}", totals.ended_by_request);
  page.Sample("{how=\"crashed\"}", totals.ended_by_crash);
  page.Alone("sessions", "gauge", "Private networks that are open.",
             totals.sessions);
  page.Alone("connections", "gauge", "Clients that are connected.",
             connections);
  page.Alone("promised_memory_bytes", "gauge",
             "Memory of the machines that run.", totals.promised_memory);
}

// A family with a sample for each node that runs; `value` tells it.
template <typename F>
void OfNodes(Page& page, const std::vector<const VirtualMachine*>& nodes,
             const char* name, const char* type, const char* help, F value) {
  page.Family(name, type, help);
  for (const auto* node : nodes) page.Sample(NodeLabel(*node), value(*node));
}

void NodeCosts(Page& page, const std::vector<const VirtualMachine*>& nodes) {
  OfNodes(page, nodes, "node_uptime_seconds", "gauge",
          "Since the machine was started.", [](const VirtualMachine& node) {
            return static_cast<double>(node.Uptime().count()) / 1000;
          });
  OfNodes(page, nodes, "node_cores", "gauge", "Processors of the machine.",
          [](const VirtualMachine& node) { return node.Facts().cores; });
  OfNodes(page, nodes, "node_memory_bytes", "gauge", "Memory of the machine.",
          [](const VirtualMachine& node) {
            return uint64_t{node.Facts().memory_mib} << 20;
          });
  OfNodes(page, nodes, "node_cpu_seconds_total", "counter",
          "Processor time that the machine's QEMU has taken of the host.",
          [](const VirtualMachine& node) {
            return UsageOf(node.Pid()).cpu_seconds;
          });
  OfNodes(page, nodes, "node_resident_bytes", "gauge",
          "Memory of the host that the machine's QEMU holds.",
          [](const VirtualMachine& node) {
            return UsageOf(node.Pid()).resident_bytes;
          });
}

}  // namespace

std::string MetricsText(const NodeHost& host, size_t connections) {
  Page page;
  NodeCounts(page, host, connections);
  NodeCosts(page, host.Running());
  const ProcessUsage own = UsageOf(getpid());
  page.Alone("cpu_seconds_total", "counter",
             "Processor time that the daemon itself has taken.",
             own.cpu_seconds);
  page.Alone("resident_bytes", "gauge", "Memory that the daemon itself holds.",
             own.resident_bytes);
  return page.Take();
}

class MetricsServer::Service final : public kj::HttpService {
 public:
  Service(kj::HttpHeaderTable& table, std::function<std::string()> text)
      : table_(table), text_(std::move(text)) {}

  kj::Promise<void> request(kj::HttpMethod method, kj::StringPtr url,
                            const kj::HttpHeaders&, kj::AsyncInputStream&,
                            Response& response) override {
    const bool reads =
        method == kj::HttpMethod::GET || method == kj::HttpMethod::HEAD;
    if (!reads) return Answer(response, 405, "Method Not Allowed", kNotFound);
    if (url != "/metrics") {
      return Answer(response, 404, "Not Found", kNotFound);
    }
    return Answer(response, 200, "OK", text_());
  }

 private:
  kj::Promise<void> Answer(Response& response, unsigned status,
                           kj::StringPtr word, std::string text) {
    kj::HttpHeaders headers(table_);
    headers.set(kj::HttpHeaderId::CONTENT_TYPE, kContentType);
    auto body = kj::heap<std::string>(std::move(text));
    auto stream = response.send(status, word, headers, body->size());
    auto written = stream->write(body->data(), body->size());
    return written.attach(kj::mv(stream), kj::mv(body));
  }

  kj::HttpHeaderTable& table_;
  std::function<std::string()> text_;
};

MetricsServer::MetricsServer(kj::AsyncIoContext& io, const std::string& address,
                             std::function<std::string()> text)
    : receiver_(Listen(io, address)),
      service_(kj::heap<Service>(headers_, std::move(text))),
      server_(io.provider->getTimer(), headers_, *service_) {
  Log("metrics at port " + std::to_string(receiver_->getPort()) + " of " +
      Completed(address));
}

}  // namespace ebbrt::iaas
