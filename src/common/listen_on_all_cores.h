// ListenOnAllCores: one listening port that every core serves.
//
//   auto listener = ListenOnAllCores({{}, 7}, [](auto connection) {
//     new Echo(std::move(connection));   // on the connection's own core
//   });
//
// Natively an image that calls this has a whole network stack on each core for
// which the network device has queues: a connection lives on the core whose
// queue its first segment came to, and no lock is between it and the others. On
// a device with one pair of queues, and on Linux, all is on the calling core.
// An image that doesn't call it links nothing of it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "common/network_manager.h"

namespace ebbrt {

/// As NetworkManager::Listen. `accept` is copied, runs on each connection's
/// core, on several at once, and must set the connection's handler. Returns
/// when all listen; may block its event. On core 0; the listener ends there,
/// and the other cores' shortly after: until then they may still call `accept`,
/// so what it refers to has to outlive the listener.
std::unique_ptr<TcpListener> ListenOnAllCores(
    Endpoint local,
    const std::function<void(std::unique_ptr<TcpConnection>)>& accept);

/// On how many cores that is, from core 0 on. In an event; may block it.
size_t ListeningCores();

}  // namespace ebbrt
