// OpenLoop: requests at a fixed rate, whether or not earlier ones have been
// answered.
//
// Requests are sent at random moments (a Poisson process), each on the
// connection that has been idle longest. A latency is counted from the moment
// for which a request was chosen, also if no connection was idle then. One
// thread, which doesn't sleep while a request is nearly due: a timer would be
// late.
#pragma once

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connect.h"

namespace load {

enum class Answer { kPart, kWhole, kError };

/// What is asked for. `Next` gives a request, `Judge` what an answer's bytes so
/// far are.
template <typename T>
concept Protocol = requires(T& protocol, std::string_view text) {
  { protocol.Next() } -> std::convertible_to<std::string>;
  { protocol.Judge(text) } -> std::same_as<Answer>;
};

/// Exits with a message when a connection or an answer fails.
template <Protocol P>
class OpenLoop {
 public:
  /// Makes the connections. `protocol` outlives this.
  OpenLoop(P& protocol, const sockaddr_in& server, size_t connections)
      : protocol_(protocol), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (size_t i = 0; i < connections; ++i) Open(server, i);
  }

  OpenLoop(const OpenLoop&) = delete;
  OpenLoop& operator=(const OpenLoop&) = delete;

  /// Sends a request as soon as a connection is idle.
  void SendNow(std::string request) {
    while (idle_.empty()) Poll(kSecond);
    Send(Clock::now(), std::move(request));
  }

  /// Waits until all is answered.
  void Finish() {
    while (idle_.size() < connections_.size()) Poll(kSecond);
  }

  /// For every line "RATE SECONDS" on this process's input sends RATE requests
  /// a second, and prints what it saw: requests done, requests per second, and
  /// the mean, 50th, 95th and 99th percentile and maximum of their latencies in
  /// nanoseconds.
  void Serve() {
    SayReady();
    double rate, seconds;
    while (std::scanf("%lf %lf", &rate, &seconds) == 2) Run(rate, seconds);
  }

 private:
  using Clock = std::chrono::steady_clock;

  static constexpr int kSecond = 1000;  // milliseconds

  struct Connection {
    int fd = -1;
    bool busy = false;
    Clock::time_point chosen;  // when the request under way was to be sent
    std::string unsent;
    std::string answer;
  };

  void Run(double rate, double seconds) {
    latencies_.clear();
    auto begin = Clock::now();
    auto end = begin + std::chrono::nanoseconds(int64_t(seconds * 1e9));
    std::deque<Clock::time_point> waiting;
    auto next = begin + Pause(rate);
    for (;;) {
      auto now = Clock::now();
      for (; next <= now && next < end; next += Pause(rate)) {
        waiting.push_back(next);
      }
      while (!waiting.empty() && !idle_.empty()) {
        Send(waiting.front(), protocol_.Next());
        waiting.pop_front();
      }
      bool over = next >= end;
      if (over && waiting.empty() && idle_.size() == connections_.size()) break;
      auto pause =
          over || !waiting.empty() ? Clock::duration::max() : next - now;
      Poll(pause > std::chrono::milliseconds(2) ? 1 : 0);
    }
    Report(std::chrono::duration<double>(Clock::now() - begin).count());
  }

  Clock::duration Pause(double rate) {
    double uniform = std::uniform_real_distribution<>()(random_);
    return std::chrono::nanoseconds(
        static_cast<int64_t>(-std::log(1 - uniform) / rate * 1e9));
  }

  void Open(const sockaddr_in& server, size_t index) {
    int fd = Connect(server);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Fail("epoll_ctl");
    connections_.emplace_back().fd = fd;
    idle_.push_back(index);
  }

  void Send(Clock::time_point chosen, std::string request) {
    Connection& connection = connections_[idle_.front()];
    idle_.pop_front();
    connection.busy = true;
    connection.chosen = chosen;
    connection.unsent = std::move(request);
    connection.answer.clear();
    Write(connection);
  }

  void Write(Connection& connection) {
    while (!connection.unsent.empty()) {
      ssize_t put = write(connection.fd, connection.unsent.data(),
                          connection.unsent.size());
      if (put < 0 && errno == EAGAIN) return;  // the next Poll tries again
      if (put < 0) Fail("write");
      connection.unsent.erase(0, static_cast<size_t>(put));
    }
  }

  void Read(size_t index) {
    Connection& connection = connections_[index];
    char buffer[65536];
    ssize_t got = read(connection.fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 || !connection.busy) {
      errno = got < 0 ? errno : EPROTO;
      Fail("read");
    }
    connection.answer.append(buffer, static_cast<size_t>(got));
    Answer answer = protocol_.Judge(connection.answer);
    if (answer == Answer::kError) {
      errno = EPROTO;
      Fail("the server's answer is an error");
    }
    if (answer == Answer::kPart) return;
    connection.busy = false;
    idle_.push_back(index);
    latencies_.push_back((Clock::now() - connection.chosen).count());
  }

  void Poll(int milliseconds) {
    epoll_event events[64];
    int count = epoll_wait(epoll_, events, 64, milliseconds);
    if (count < 0 && errno != EINTR) Fail("epoll_wait");
    for (int i = 0; i < count; ++i) Read(events[i].data.u64);
    for (Connection& connection : connections_) {
      if (!connection.unsent.empty()) Write(connection);
    }
  }

  void Report(double seconds) {
    std::sort(latencies_.begin(), latencies_.end());
    size_t n = latencies_.size();
    double sum = 0;
    for (int64_t latency : latencies_) sum += static_cast<double>(latency);
    auto at = [&](double part) {
      if (n == 0) return int64_t{0};
      auto index = static_cast<size_t>(part * static_cast<double>(n));
      return latencies_[std::min(n - 1, index)];
    };
    std::printf(
        "%zu %.1f %.0f %lld %lld %lld %lld\n", n,
        static_cast<double>(n) / seconds,
        n == 0 ? 0 : sum / static_cast<double>(n),
        static_cast<long long>(at(0.5)), static_cast<long long>(at(0.95)),
        static_cast<long long>(at(0.99)), static_cast<long long>(at(1)));
    std::fflush(stdout);
  }

  P& protocol_;
  std::mt19937_64 random_{1};
  int epoll_;
  std::vector<Connection> connections_;
  std::deque<size_t> idle_;
  std::vector<int64_t> latencies_;
};

}  // namespace load
