// The load of bench/memcached's latencies: requests of Facebook's ETC pool at a
// fixed rate, whether or not earlier ones have been answered (an open loop).
//
//   etc ADDRESS PORT CONNECTIONS KEYS
//
// Stores KEYS items and says "ready". For every line "RATE SECONDS" on its
// input sends RATE requests a second, at random moments (a Poisson process),
// each on the connection that has been idle longest, and prints what it saw:
// requests done, requests per second, and the mean, 50th, 95th and 99th
// percentile and maximum of their latencies in nanoseconds. A latency is
// counted from the moment for which a request was chosen, also if no connection
// was idle then.
//
// Sizes of keys and values, and the part of sets, are those that the pool's
// measurement gives: Atikoglu et al., "Workload Analysis of a Large-Scale
// Key-Value Store", SIGMETRICS 2012, section 5 (the key size's generalized
// extreme value distribution, the value size's generalized Pareto one).
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "connect.h"

namespace {

using Clock = std::chrono::steady_clock;

using load::Fail;

/// The pool's distributions, by the inverse of each.
class Pool {
 public:
  explicit Pool(size_t keys) {
    for (size_t i = 0; i < keys; ++i) {
      std::string key = std::to_string(i);
      key.resize(std::max(key.size(), KeySize()), 'k');
      keys_.push_back(std::move(key));
    }
  }

  size_t Keys() const { return keys_.size(); }

  std::string Set(size_t key) {
    size_t size = ValueSize();
    return "set " + keys_[key] + " 0 0 " + std::to_string(size) + "\r\n" +
           std::string(size, 'v') + "\r\n";
  }

  /// A get, or at times a set, of some key.
  std::string Any() {
    size_t key = random_() % keys_.size();
    return Uniform() < kSets ? Set(key) : "get " + keys_[key] + "\r\n";
  }

  Clock::duration Pause(double rate) {
    return std::chrono::nanoseconds(
        static_cast<int64_t>(-std::log(1 - Uniform()) / rate * 1e9));
  }

 private:
  static constexpr double kSets = 1.0 / 31;  // GET : SET = 30 : 1

  double Uniform() { return std::uniform_real_distribution<>()(random_); }

  size_t KeySize() {
    constexpr double kPlace = 30.7984, kScale = 8.20449, kShape = 0.078688;
    double size = kPlace + kScale *
                               (std::pow(-std::log(Uniform()), -kShape) - 1) /
                               kShape;
    return std::clamp<size_t>(static_cast<size_t>(size), 1, 250);
  }

  size_t ValueSize() {
    constexpr double kScale = 214.476, kShape = 0.348238;
    double size = kScale * (std::pow(1 - Uniform(), -kShape) - 1) / kShape;
    return std::min<size_t>(static_cast<size_t>(size), 1 << 20);
  }

  std::mt19937_64 random_{1};
  std::vector<std::string> keys_;
};

struct Connection {
  int fd = -1;
  bool busy = false;
  Clock::time_point chosen;  // when the request under way was to be sent
  std::string unsent;
  std::string answer;
};

/// Whether `text` is a whole answer to one get or set.
bool IsWhole(const std::string& text) {
  if (text == "STORED\r\n") return true;
  return text.ends_with("END\r\n") &&
         (text.size() == 5 || text.starts_with("VALUE "));
}

class Load {
 public:
  Load(const sockaddr_in& server, size_t connections, size_t keys)
      : pool_(keys), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (size_t i = 0; i < connections; ++i) Open(server, i);
    for (size_t key = 0; key < pool_.Keys(); ++key) {
      while (idle_.empty()) Poll(1000);
      Send(Clock::now(), pool_.Set(key));
    }
    while (idle_.size() < connections_.size()) Poll(1000);
  }

  void Run(double rate, double seconds) {
    latencies_.clear();
    auto begin = Clock::now();
    auto end = begin + std::chrono::nanoseconds(int64_t(seconds * 1e9));
    std::deque<Clock::time_point> waiting;
    auto next = begin + pool_.Pause(rate);
    for (;;) {
      auto now = Clock::now();
      for (; next <= now && next < end; next += pool_.Pause(rate)) {
        waiting.push_back(next);
      }
      while (!waiting.empty() && !idle_.empty()) {
        Send(waiting.front(), pool_.Any());
        waiting.pop_front();
      }
      bool over = next >= end;
      if (over && waiting.empty() && idle_.size() == connections_.size()) break;
      auto pause =
          over || !waiting.empty() ? Clock::duration::max() : next - now;
      // Without sleep before the next one: a timer would be late.
      Poll(pause > std::chrono::milliseconds(2) ? 1 : 0);
    }
    double took = std::chrono::duration<double>(Clock::now() - begin).count();
    Report(took);
  }

 private:
  void Open(const sockaddr_in& server, size_t index) {
    int fd = load::Connect(server);
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
    if (connection.answer.ends_with("ERROR\r\n")) {
      errno = EPROTO;
      Fail("the server's answer is an error");
    }
    if (!IsWhole(connection.answer)) return;
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

  Pool pool_;
  int epoll_;
  std::vector<Connection> connections_;
  std::deque<size_t> idle_;
  std::vector<int64_t> latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: etc ADDRESS PORT CONNECTIONS KEYS\n");
    return 2;
  }
  Load work(load::ParseServer(argv[1], argv[2]),
            std::strtoul(argv[3], nullptr, 10),
            std::strtoul(argv[4], nullptr, 10));
  load::SayReady();
  double rate, seconds;
  while (std::scanf("%lf %lf", &rate, &seconds) == 2) work.Run(rate, seconds);
}
