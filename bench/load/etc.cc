// The load of bench/memcached's latencies: requests of Facebook's ETC pool at a
// fixed rate (open_loop.h).
//
//   etc ADDRESS PORT CONNECTIONS KEYS
//
// Stores KEYS items, says "ready" and obeys its input.
//
// Sizes of keys and values, and the part of sets, are those that the pool's
// measurement gives: Atikoglu et al., "Workload Analysis of a Large-Scale
// Key-Value Store", SIGMETRICS 2012, section 5 (the key size's generalized
// extreme value distribution, the value size's generalized Pareto one).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "open_loop.h"

namespace {

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
  std::string Next() {
    size_t key = random_() % keys_.size();
    return Uniform() < kSets ? Set(key) : "get " + keys_[key] + "\r\n";
  }

  load::Answer Judge(std::string_view text) const {
    if (text.ends_with("ERROR\r\n")) return load::Answer::kError;
    bool whole = text == "STORED\r\n" ||
                 (text.ends_with("END\r\n") &&
                  (text.size() == 5 || text.starts_with("VALUE ")));
    return whole ? load::Answer::kWhole : load::Answer::kPart;
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: etc ADDRESS PORT CONNECTIONS KEYS\n");
    return 2;
  }
  Pool pool(std::strtoul(argv[4], nullptr, 10));
  load::OpenLoop work(pool, load::ParseServer(argv[1], argv[2]),
                      std::strtoul(argv[3], nullptr, 10));
  for (size_t key = 0; key < pool.Keys(); ++key) work.SendNow(pool.Set(key));
  work.Finish();
  work.Serve();
}
