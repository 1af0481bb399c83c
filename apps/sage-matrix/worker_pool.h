// WorkerPool: the back-ends that hold tiles, booted when a tile first needs one
// and ended when the last tile on them goes. On the front-end's core 0.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/sage-matrix/tile_worker.h"
#include "common/future.h"
#include "common/node_allocator.h"
#include "common/shared_future.h"

namespace ebbrt::matrix {

/// A back-end. Destroying it ends the machine.
class Worker {
 public:
  /// `lost` is set when the node ends.
  Worker(std::unique_ptr<Node> node, EbbId ebb, std::shared_ptr<bool> lost)
      : node_(std::move(node)), ebb_(ebb), lost_(std::move(lost)) {}

  EbbRef<TileWorker> Ebb() const { return EbbRef<TileWorker>(ebb_); }
  uint32_t EbbNumber() const { return ebb_; }
  /// The machine has ended: what it held is gone.
  bool Lost() const { return *lost_; }
  /// Ends the machine now; also one that a call could not reach.
  void End() {
    *lost_ = true;
    node_.reset();
  }

  /// Ready when few enough calls are under way here: each takes memory there.
  Future<> Enter();
  void Leave();

 private:
  std::unique_ptr<Node> node_;
  EbbId ebb_;
  std::shared_ptr<bool> lost_;
  unsigned calls_ = 0;
  std::deque<Promise<>> waiting_;
};

/// One of the calls that may be under way at a worker.
class Permit {
 public:
  /// After worker->Enter().
  explicit Permit(std::shared_ptr<Worker> worker)
      : worker_(std::move(worker)) {}
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;
  ~Permit() { worker_->Leave(); }

 private:
  std::shared_ptr<Worker> worker_;
};

/// Tiles since the beginning: asked for, and of those computed or failed. Of
/// any thread.
struct Progress {
  std::atomic<uint64_t> asked = 0;
  std::atomic<uint64_t> done = 0;
};

class WorkerPool {
 public:
  struct Settings {
    NodeSpec spec;       ///< of each back-end
    unsigned nodes = 4;  ///< at most so many
  };

  explicit WorkerPool(Settings settings)
      : settings_(std::move(settings)), places_(settings_.nodes) {}

  /// The worker for tiles of this place, the same for `place` modulo the number
  /// of nodes as long as somebody holds it. Fails with AllocationFailed.
  Future<std::shared_ptr<Worker>> At(size_t place);

  /// A back-end has said which its worker is.
  void Ready(NodeId node, EbbId worker);

  /// Ends all of them, for good; ready when those that boot have gone, too.
  Future<> EndAll();

  Progress& Tiles() { return tiles_; }

  /// How many there are now.
  size_t Running() const;

 private:
  struct Place {
    std::weak_ptr<Worker> worker;
    SharedFuture<std::shared_ptr<Worker>> booting;  // while it boots
  };

  Future<std::shared_ptr<Worker>> Boot(size_t place);
  Future<EbbId> WorkerOf(NodeId node);
  void Forsake(NodeId node, const char* why);

  Settings settings_;
  std::vector<Place> places_;
  std::map<NodeId, Promise<EbbId>> awaited_;
  std::map<NodeId, EbbId> ready_;  // and not asked for yet
  Progress tiles_;
  bool ending_ = false;
};

}  // namespace ebbrt::matrix
