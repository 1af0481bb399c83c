#include "common/node_counts.h"

#include <vector>

#include "common/event_manager.h"
#include "common/local_id_map.h"
#include "common/message.h"
#include "common/run_on.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

/// Of one core.
struct Sample {
  EventManager::Counts loop;
  std::optional<NetworkTotals> network;
};
using Samples = std::vector<Sample>;

void EncodeCores(const Samples& samples, NodeCounts::Builder counts) {
  auto cores = counts.initCores(static_cast<unsigned>(samples.size()));
  for (unsigned i = 0; i < samples.size(); ++i) {
    const auto& counted = samples[i].loop;
    cores[i].setEvents(counted.events);
    if (!counted.counts_more) continue;
    auto loop = cores[i].initLoop();
    loop.setRemote(counted.remote);
    loop.setTimers(counted.timers);
    loop.setBlocked(static_cast<uint32_t>(counted.blocked));
  }
}

/// The sum of all cores that have one, if any has.
void EncodeNetwork(const Samples& samples, NodeCounts::Builder counts) {
  NetworkTotals sum;
  bool is_there = false;
  for (const Sample& sample : samples) {
    if (!sample.network) continue;
    is_there = true;
    sum.received_frames += sample.network->received_frames;
    sum.received_bytes += sample.network->received_bytes;
    sum.sent_frames += sample.network->sent_frames;
    sum.sent_bytes += sample.network->sent_bytes;
    sum.interrupts += sample.network->interrupts;
    sum.connections += sample.network->connections;
    sum.buffers += sample.network->buffers;
  }
  if (!is_there) return;
  auto out = counts.initNetwork();
  out.setReceivedFrames(sum.received_frames);
  out.setReceivedBytes(sum.received_bytes);
  out.setSentFrames(sum.sent_frames);
  out.setSentBytes(sum.sent_bytes);
  out.setInterrupts(sum.interrupts);
  out.setConnections(static_cast<uint32_t>(sum.connections));
  out.setBuffers(static_cast<uint32_t>(sum.buffers));
}

std::unique_ptr<IOBuf> Encode(const Samples& samples, PortCounts port) {
  MessageBuilder message;
  auto counts = message.initRoot<NodeCounts>();
  EncodeCores(samples, counts);
  EncodeNetwork(samples, counts);
  counts.setEbbs(static_cast<uint32_t>(local_id_map->Size()));
  if (port.machine != nullptr) port.machine(counts);
  return EncodeMessage(message);
}

}  // namespace

Future<std::unique_ptr<IOBuf>> CountNode(PortCounts port) {
  auto samples = std::make_shared<Samples>(platform::CoreCount());
  return RunOnEveryCore([samples, port] {
           Sample& own = (*samples)[platform::CurrentCore()];
           own.loop = event_manager->Count();
           if (port.network != nullptr) own.network = port.network();
         })
      .Then([samples, port] { return Encode(*samples, port); });
}

}  // namespace ebbrt
