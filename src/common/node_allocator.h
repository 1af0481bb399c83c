// NodeAllocator: machines as easily as objects.
//
// Asks an IaaS for a virtual machine that boots an image of this application.
// The bundled IaaS is iaasd (tools/iaasd); another cloud is another
// implementation of this interface. A node can also be a process of the
// front-end's machine: for tests without virtual machines, and the sanitizers.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base_ebbs.h"
#include "common/ebb_ref.h"
#include "common/endpoint.h"
#include "common/future.h"
#include "common/types.h"

namespace ebbrt {

/// A node could not be had; what() names what was asked for and the remedy.
class AllocationFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What to boot, and on what.
struct NodeSpec {
  static constexpr unsigned kMostQueues = 64;  ///< that the IaaS gives

  std::string image;                     ///< path of the image's file
  std::vector<std::string> arguments{};  ///< the application's
  std::string boot_words{};  ///< further ebbrt.* words, see boot_arguments.h
  unsigned cores = 1;
  size_t memory_mib = 64;
  std::string machine = "microvm";    ///< or pc, q35; or process: then `image`
                                      ///< is a program of this machine, linked
                                      ///< with the hosted library
  std::vector<uint16_t> ports{};      ///< TCP ports to publish on the host
                                      ///< where nodes have no address of
                                      ///< their own there (user networking)
  unsigned queues = 1;  ///< pairs of queues of the network device: so many
                        ///< cores can have a stack (listen_on_all_cores.h).
                        ///< Where the session's network can't have several
                        ///< (user networking) it is one; more than 1 needs pc
                        ///< or q35, more than kMostQueues are refused
  std::chrono::seconds deadline{30};  ///< from Allocate to up
  bool console = true;  ///< what the node writes to its console is written to
                        ///< this process's, line by line with its id
};

/// A running node. Destroying it ends the virtual machine.
class Node {
 public:
  virtual ~Node() = default;
  virtual NodeId Id() const = 0;
  /// Where the node's `port` is reached from the front-end's machine: on the
  /// node's own address, or a published port of the host's.
  virtual Endpoint Reach(uint16_t port) const = 0;
  /// Ready when the machine has ended by itself, with its exit code (0..127),
  /// or -1 when it ended in another way. Once.
  virtual Future<int> Ended() = 0;
};

/// One representative per node of the application; on the front-end only for
/// now: on a back-end Allocate fails with AllocationFailed.
class NodeAllocator {
 public:
  static NodeAllocator& HandleFault(EbbId id);
  virtual ~NodeAllocator() = default;

  /// Boots a node; ready when it is up: has connected, has proved its secret,
  /// and the IaaS has told where it is reached. Fails with AllocationFailed;
  /// when the IaaS has gone with all its nodes, the next call looks for
  /// another. In events on core 0.
  virtual Future<std::unique_ptr<Node>> Allocate(NodeSpec spec) = 0;
};

inline constexpr EbbRef<NodeAllocator> node_allocator{kNodeAllocatorId};

}  // namespace ebbrt
