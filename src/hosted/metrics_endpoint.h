// MetricsEndpoint: a front-end's metrics over HTTP, for Prometheus.
//
// A thread of its own listens; for each request it has core 0 make the page
// (front_end_metrics.h). Without one nothing of this runs.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace ebbrt::hosted {

class MetricsEndpoint {
 public:
  /// Serves /metrics at `address`, "PORT" of 127.0.0.1 or "ADDRESS:PORT"; port
  /// 0 is a free one. Throws std::runtime_error, which names EBBRT_METRICS.
  explicit MetricsEndpoint(const std::string& address);
  /// Ends the thread; requests that wait get no answer.
  ~MetricsEndpoint();
  MetricsEndpoint(const MetricsEndpoint&) = delete;
  MetricsEndpoint& operator=(const MetricsEndpoint&) = delete;

  /// ADDRESS:PORT.
  const std::string& Where() const { return where_; }

 private:
  std::string where_;
  std::function<void()> stop_;
  std::thread thread_;
};

}  // namespace ebbrt::hosted
