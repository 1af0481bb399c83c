// The C++ library and the unwinder.
#include <any>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <coroutine>
#include <filesystem>
#include <future>
#include <iostream>
#include <map>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <random>
#include <ranges>
#include <regex>
#include <semaphore>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "smoke.h"

namespace {

int unwound;

struct Counted {
  ~Counted() { ++unwound; }
};

[[gnu::noinline]] void Throw(int depth) {
  Counted counted;
  if (depth == 0) throw std::out_of_range("deep");
  Throw(depth - 1);
}

struct Base {
  virtual ~Base() = default;
};
struct Left : virtual Base {};
struct Right : virtual Base {};
struct Both : Left, Right {};

struct Constructed {
  Constructed() : value(42) {}
  int value;
};
Constructed constructed;

thread_local std::string local_text = "per core";
thread_local int local_number = 11;
thread_local int local_zero;

struct Task {
  struct promise_type {
    Task get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(int v) { value = v; }
    void unhandled_exception() { throw; }
    int value = 0;
  };
  std::coroutine_handle<promise_type> handle;
};

Task Answer() {
  co_await std::suspend_always{};
  co_return 42;
}

}  // namespace

SMOKE(GlobalConstructor) { return constructed.value == 42; }

SMOKE(DeepException) {
  unwound = 0;
  try {
    Throw(50);
  } catch (const std::logic_error& e) {
    return unwound == 51 && std::string(e.what()) == "deep";
  }
  return false;
}

SMOKE(NestedException) {
  try {
    try {
      Throw(0);
    } catch (...) {
      std::throw_with_nested(std::runtime_error("outer"));
    }
  } catch (const std::runtime_error& e) {
    try {
      std::rethrow_if_nested(e);
    } catch (const std::out_of_range&) {
      return std::uncaught_exceptions() == 0;
    }
  }
  return false;
}

SMOKE(ExceptionPointer) {
  std::exception_ptr pointer;
  try {
    Throw(3);
  } catch (...) {
    pointer = std::current_exception();
  }
  try {
    std::rethrow_exception(pointer);
  } catch (const std::out_of_range&) {
    return true;
  }
}

SMOKE(BadAllocation) {
  try {
    volatile size_t size = size_t{1} << 62;
    char* volatile memory = new char[size];  // Else the pair is optimised away.
    delete[] memory;
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}

SMOKE(RunTimeTypes) {
  Both both;
  Left* left = &both;
  return dynamic_cast<Right*>(left) == &both && typeid(*left) == typeid(Both);
}

SMOKE(Streams) {
  std::stringstream stream;
  stream << std::hex << 255 << ' ' << 1.5 << ' ' << true;
  std::string hex, real;
  bool flag = false;
  stream >> hex >> real >> flag;
  std::cout << "cout works" << std::endl;
  return hex == "ff" && real == "1.5" && flag;
}

SMOKE(ThreadLocals) {
  local_number += 1;
  return local_text == "per core" && local_number == 12 && local_zero == 0;
}

SMOKE(Threads) {
  std::mutex mutex;
  std::condition_variable changed;
  int sum = 0;
  std::vector<std::thread> threads;
  for (int i = 1; i <= 3; ++i) {
    threads.emplace_back([&, i] {
      std::lock_guard lock(mutex);
      sum += i;
      changed.notify_all();
    });
  }
  for (auto& thread : threads) thread.join();
  std::unique_lock lock(mutex);
  bool timed_out = !changed.wait_for(lock, std::chrono::milliseconds(1),
                                     [] { return false; });
  std::jthread stoppable([](std::stop_token) {});
  return sum == 6 && timed_out && std::thread::hardware_concurrency() == 1;
}

SMOKE(Once) {
  std::once_flag flag;
  int calls = 0;
  try {
    std::call_once(flag, [] { throw 1; });
  } catch (int) {
  }
  for (int i = 0; i < 3; ++i) std::call_once(flag, [&] { ++calls; });
  return calls == 1;
}

SMOKE(Futures) {
  auto future = std::async(std::launch::async, [] { return 5; });
  std::promise<int> promise;
  promise.set_exception(std::make_exception_ptr(std::runtime_error("x")));
  try {
    promise.get_future().get();
    return false;
  } catch (const std::runtime_error&) {
  }
  return future.get() == 5;
}

SMOKE(Semaphore) {
  std::counting_semaphore<4> semaphore(1);
  semaphore.acquire();
  bool empty = !semaphore.try_acquire();
  semaphore.release();
  return empty && semaphore.try_acquire();
}

SMOKE(Coroutine) {
  Task task = Answer();
  task.handle.resume();
  task.handle.resume();
  int value = task.handle.promise().value;
  task.handle.destroy();
  return value == 42;
}

SMOKE(Filesystem) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path path = fs::path("/a/./b/../c.txt").lexically_normal();
  return path == "/a/c.txt" && path.extension() == ".txt" &&
         !fs::exists("/nothing", error) && error;
}

SMOKE(Regex) {
  std::smatch match;
  std::string text = "key=value";
  return std::regex_match(text, match, std::regex("(\\w+)=(\\w+)")) &&
         match[2] == "value";
}

SMOKE(Characters) {
  double real = 0;
  std::string text = "2.5e3";
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), real);
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + 32, 0.1).ptr;
  return parsed.ec == std::errc() && real == 2500 &&
         std::string(buffer, end) == "0.1";
}

SMOKE(Containers) {
  std::pmr::monotonic_buffer_resource pool;
  std::pmr::map<int, std::pmr::string> map(&pool);
  map[2] = "two";
  std::unordered_map<std::string, std::any> anything{{"x", 3}};
  auto even = std::views::iota(1, 10) |
              std::views::filter([](int i) { return i % 2 == 0; });
  return map.at(2) == "two" && std::any_cast<int>(anything["x"]) == 3 &&
         std::ranges::distance(even) == 4;
}

SMOKE(Random) {
  std::random_device device;
  std::mt19937 engine(device());
  std::uniform_int_distribution<int> die(1, 6);
  int value = die(engine);
  return value >= 1 && value <= 6;
}

SMOKE(Atomics) {
  std::atomic<int> value{1};
  value.wait(0);
  value.notify_all();
  std::atomic<long double> wide{1.5L};
  return value.fetch_add(2) == 1 && value == 3 && sizeof(wide) == 16;
}
