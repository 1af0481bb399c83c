// WhenAll: one future for many.
//
//   std::vector<Future<int>> answers = ...;
//   std::vector<int> all = WhenAll(std::move(answers)).Get();
//
// It is ready when all of them are, whatever became of each; none is left
// behind that still uses what its starter has given up. If any failed, it fails
// with the error of the first of those, in their order. Nothing is ended early.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/future.h"

namespace ebbrt {
namespace detail {

/// Keeps `futures` until all are ready, then sets `promise` with finish().
template <typename Result, typename Finish>
class Gathering {
 public:
  Gathering(size_t count, Finish finish)
      : left_(count), finish_(std::move(finish)) {}

  Future<Result> Start() { return promise_.GetFuture(); }

  /// One more is ready. The last one ends the gathering, on its own core.
  void Arrived() {
    // Each has written its own place before; the last sees them all.
    if (left_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    try {
      if constexpr (std::is_void_v<Result>) {
        finish_();
        promise_.SetValue();
      } else {
        promise_.SetValue(finish_());
      }
    } catch (...) {
      promise_.SetException(std::current_exception());
    }
  }

 private:
  std::atomic<size_t> left_;
  Finish finish_;
  Promise<Result> promise_;
};

template <typename T>
struct AllOf {
  using Type = std::vector<T>;
};
template <>
struct AllOf<void> {
  using Type = void;
};

}  // namespace detail

/// The values in the order of `futures` (nothing for void). Ready at once when
/// there are none. On a core; continues there.
template <typename T>
Future<typename detail::AllOf<T>::Type> WhenAll(
    std::vector<Future<T>> futures) {
  using Result = typename detail::AllOf<T>::Type;
  size_t count = futures.size();
  auto ready = std::make_shared<std::vector<Future<T>>>(count);
  auto finish = [ready]() -> Result {
    if constexpr (std::is_void_v<T>) {
      for (auto& future : *ready) future.Get();
    } else {
      Result values;
      values.reserve(ready->size());
      for (auto& future : *ready) values.push_back(future.Get());
      return values;
    }
  };
  auto gathering =
      std::make_shared<detail::Gathering<Result, decltype(finish)>>(
          count + 1, std::move(finish));
  auto all = gathering->Start();
  for (size_t i = 0; i < count; ++i) {
    (void)std::move(futures[i]).Finally([=](Future<T> done) {
      (*ready)[i] = std::move(done);
      gathering->Arrived();
    });
  }
  gathering->Arrived();  // all have been asked: with none, that is all
  return all;
}

/// The same for futures of different types: gives a tuple of the values, in
/// which a void one is std::monostate-like (detail::Unit).
template <typename... T>
Future<std::tuple<detail::Stored<T>...>> WhenAll(Future<T>... futures) {
  using Result = std::tuple<detail::Stored<T>...>;
  auto ready = std::make_shared<std::tuple<Future<T>...>>();
  auto finish = [ready]() -> Result {
    auto value = []<typename V>(Future<V>& future) -> detail::Stored<V> {
      if constexpr (std::is_void_v<V>) {
        future.Get();
        return {};
      } else {
        return future.Get();
      }
    };
    return std::apply([&](auto&... each) { return Result{value(each)...}; },
                      *ready);
  };
  auto gathering =
      std::make_shared<detail::Gathering<Result, decltype(finish)>>(
          sizeof...(T) + 1, std::move(finish));
  auto all = gathering->Start();
  auto wait = [&](auto& place, auto future) {
    using Each = decltype(future);
    (void)std::move(future).Finally([gathering, ready, &place](Each done) {
      place = std::move(done);
      gathering->Arrived();
    });
  };
  std::apply([&](auto&... places) { (wait(places, std::move(futures)), ...); },
             *ready);
  gathering->Arrived();
  return all;
}

}  // namespace ebbrt
