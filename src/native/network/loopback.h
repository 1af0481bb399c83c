// Loopback: a node's way to itself, 127.0.0.0/8, which needs no device.
//
// A packet that leaves for the node's own is kept here and comes in by an event
// of its own, so that lwIP is never entered from inside itself and two ends
// that answer each other leave room for everybody else.
//
// The packet is copied once, into an IOBuf that then travels up as a received
// one does, without further copies. The one copy is lwIP's price: what a
// segment refers to is the sender's until it is acknowledged, lwIP's input
// writes to the headers, and the sender may have to send both again.
//
// Nothing is summed: the bytes never leave this node's memory.
//
// On the stack's core, in events.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "common/iobuf.h"
#include "common/ring_queue.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"

namespace ebbrt::network {

class Loopback {
 public:
  /// Packets that wait; more are lost, as in a full ring.
  static constexpr size_t kLimit = 4096;

  /// `on_batch` runs after each batch of packets has gone through lwIP. It may
  /// block: nothing of the loopback waits for it.
  explicit Loopback(std::function<void()> on_batch)
      : on_batch_(std::move(on_batch)) {}
  ~Loopback();
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;

  /// Adds the netif to lwIP.
  void Start();

  /// Lets a copy of `packet`, which begins with its IP header, come in by
  /// `arrival` in a later event. ERR_MEM when memory or room is short; the
  /// packet is then lost. May be called inside lwIP.
  err_t Take(netif* arrival, const pbuf* packet);

 private:
  struct Packet {
    netif* arrival = nullptr;
    std::unique_ptr<IOBuf> bytes;
  };

  static err_t Init(netif* interface);

  void PlanTurn();
  void Turn();

  std::function<void()> on_batch_;
  netif netif_{};
  RingQueue<Packet> queue_;
  bool turn_spawned_ = false;
};

}  // namespace ebbrt::network
