#include "common/runtime.h"

#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "common/concat.h"
#include "common/frame.h"
#include "common/messenger.h"
#include "common/network_manager.h"
#include "common/stall_detector.h"
#include "platform/log.h"
#include "platform/runtime_port.h"

namespace ebbrt::runtime {
namespace {

BootArguments boot;
std::atomic<bool> at_home{false};
std::array<std::atomic<void (*)(int)>, kExitFunctions> before_exit{};

void Report(const std::string& what) {
  platform::WriteConsole(Concat({"ebbrt: ", what, "\n"}));
}

/// Connects to the front-end that booted us; throws if that can't be done.
void GoHome() {
  if (boot.protocol && *boot.protocol != kProtocolVersion) {
    throw std::runtime_error(
        Concat({"the front-end speaks protocol version ", *boot.protocol,
                ", this image ", kProtocolVersion, "; rebuild the image"}));
  }
  network_manager->Up().Get();
  messenger->OnNodeLost([](NodeId node, const std::string& why) {
    if (node != kFrontEndNode) return;
    at_home = false;
    Report(Concat({"the front-end is gone (", why, "), so this node ends"}));
    Exit(kNodeFailed);
  });
  messenger->Listen(boot.secret, boot.port);  // for the other back-ends
  messenger->DialHome(*boot.front_end, boot.secret).Get();
  at_home = true;
}

}  // namespace

NodeId ThisNode() { return boot.node; }
const std::vector<std::string>& Arguments() { return boot.arguments; }
const BootArguments& Boot() { return boot; }
void SetBoot(BootArguments arguments) { boot = std::move(arguments); }

bool IsAtHome() { return at_home; }

void BeforeExit(void (*function)(int)) {
  for (auto& place : before_exit) {
    void (*none)(int) = nullptr;
    if (place.compare_exchange_strong(none, function)) return;
  }
}

void Exit(int code) {
  for (auto& place : before_exit) {
    if (auto* function = place.exchange(nullptr)) function(code);
  }
  platform::Exit(code);
}

void Main() {
  try {
    if (boot.stall_ms != 0) {
      StartStallDetector(std::chrono::milliseconds(boot.stall_ms));
    }
    if (boot.front_end) GoHome();
    if (AppMain != nullptr) AppMain();
  } catch (const std::exception& error) {
    Report(error.what());
    Exit(kNodeFailed);
  }
}

}  // namespace ebbrt::runtime
