#include "hosted/signal_relay.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <system_error>
#include <thread>

namespace ebbrt::hosted {
namespace {

using namespace std::chrono_literals;

std::atomic<int> handled{0};

void Count(int) { ++handled; }

/// Sets a handler of its own, as a program has it before any node catches.
class Handler {
 public:
  explicit Handler(int signal) : signal_(signal) {
    handled = 0;
    struct sigaction action {};
    action.sa_handler = &Count;
    sigaction(signal, &action, &former_);
  }
  ~Handler() { sigaction(signal_, &former_, nullptr); }

 private:
  int signal_;
  struct sigaction former_;
};

/// Nodes of one test, which go with it.
class SignalRelayTest : public testing::Test {
 protected:
  SignalRelayTest() {
    static NodeId next = 100;
    first_ = next++;
    second_ = next++;
  }
  ~SignalRelayTest() override {
    relay_.Forget(first_);
    relay_.Forget(second_);
  }
  static int ErrorOf(const std::function<void()>& call) {
    try {
      call();
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }
  static void Send(int signal) { kill(getpid(), signal); }

  SignalRelay& relay_ = SignalRelay::Get();
  NodeId first_;
  NodeId second_;
};

TEST_F(SignalRelayTest, GivesASignalToWhoCatchesIt) {
  Handler handler(SIGUSR1);
  relay_.Catch(first_, SIGUSR1, true);
  Send(SIGUSR1);
  EXPECT_EQ(relay_.Next(first_).Get(), SIGUSR1);
  auto waiting = relay_.Next(first_);
  EXPECT_FALSE(waiting.Ready());
  Send(SIGUSR1);
  EXPECT_EQ(waiting.Get(), SIGUSR1);
  EXPECT_EQ(handled, 0);
  relay_.Catch(first_, SIGUSR1, false);
  raise(SIGUSR1);
  EXPECT_EQ(handled, 1);
}

TEST_F(SignalRelayTest, AllNumbersThatComeTogetherAreGiven) {
  Handler one(SIGUSR1), two(SIGUSR2), window(SIGWINCH);
  for (int signal : {SIGUSR1, SIGUSR2, SIGWINCH}) {
    relay_.Catch(first_, signal, true);
    relay_.Catch(second_, signal, true);
  }
  for (int signal : {SIGWINCH, SIGUSR2, SIGUSR1}) Send(signal);
  for (NodeId node : {first_, second_}) {
    int sum = 0;
    for (int i = 0; i < 3; ++i) sum += relay_.Next(node).Get();
    EXPECT_EQ(sum, SIGUSR1 + SIGUSR2 + SIGWINCH);
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(SignalRelayTest, EachNumberWaitsOnce) {
  Handler handler(SIGUSR1);
  relay_.Catch(first_, SIGUSR1, true);
  relay_.Catch(second_, SIGUSR1, true);
  for (int i = 0; i < 5; ++i) {
    Send(SIGUSR1);
    EXPECT_EQ(relay_.Next(second_).Get(), SIGUSR1);
  }
  EXPECT_EQ(relay_.Next(first_).Get(), SIGUSR1);
  EXPECT_FALSE(relay_.Next(first_).Ready());
}

TEST_F(SignalRelayTest, WhatWasBeforeIsBackWhenNobodyCatchesAnyMore) {
  Handler handler(SIGHUP);
  relay_.Catch(first_, SIGHUP, true);
  relay_.Catch(second_, SIGHUP, true);
  relay_.Catch(first_, SIGHUP, false);
  Send(SIGHUP);
  EXPECT_EQ(relay_.Next(second_).Get(), SIGHUP);
  relay_.Forget(second_);
  raise(SIGHUP);
  EXPECT_EQ(handled, 1);
  relay_.Catch(first_, SIGHUP, true);
  raise(SIGHUP);
  EXPECT_EQ(relay_.Next(first_).Get(), SIGHUP);
  EXPECT_EQ(handled, 1);
}

TEST_F(SignalRelayTest, EverySignalThatANodeMayCatch) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGUSR1, SIGUSR2,
                     SIGCONT, SIGQUIT, SIGPIPE}) {
    SCOPED_TRACE(signal);
    struct sigaction before, now;
    sigaction(signal, nullptr, &before);
    relay_.Catch(first_, signal, true);
    Send(signal);
    EXPECT_EQ(relay_.Next(first_).Get(), signal);
    relay_.Catch(first_, signal, false);
    sigaction(signal, nullptr, &now);
    EXPECT_EQ(now.sa_handler, before.sa_handler);
  }
  for (int signal : {0, SIGKILL, SIGSTOP, SIGSEGV, SIGCHLD, SIGTTOU, 64, -1}) {
    EXPECT_EQ(ErrorOf([&] { relay_.Catch(first_, signal, true); }), EINVAL);
  }
}

TEST_F(SignalRelayTest, OneWaitsAtATimeAndNobodyWhenTheNodeIsGone) {
  auto waiting = relay_.Next(first_);
  EXPECT_EQ(ErrorOf([&] { (void)relay_.Next(first_); }), EBUSY);
  relay_.Forget(first_);
  EXPECT_EQ(ErrorOf([&] { waiting.Get(); }), ESTALE);
  EXPECT_EQ(ErrorOf([&] { relay_.Catch(first_, SIGUSR1, true); }), ESTALE);
  EXPECT_EQ(ErrorOf([&] { (void)relay_.Next(first_); }), ESTALE);
}

TEST_F(SignalRelayTest, ManySignalsWhileNodesComeAndGo) {
  Handler handler(SIGUSR1);
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    while (!stop) {
      raise(SIGUSR1);
      std::this_thread::sleep_for(100us);
    }
  });
  for (int i = 0; i < 300; ++i) {
    relay_.Catch(first_, SIGUSR1, true);
    EXPECT_EQ(relay_.Next(first_).Get(), SIGUSR1);
    relay_.Catch(first_, SIGUSR1, false);
  }
  // The last ones go to a node: none is sent again when the handler is gone.
  relay_.Catch(first_, SIGUSR1, true);
  stop = true;
  sender.join();
  relay_.Catch(first_, SIGUSR2, true);
  raise(SIGUSR2);
  while (relay_.Next(first_).Get() != SIGUSR2) {
  }
  relay_.Catch(first_, SIGUSR2, false);
}

}  // namespace
}  // namespace ebbrt::hosted
