// The front-end's streams, terminal, signals and files that change.
#include <csignal>
#include <iostream>
#include <map>
#include <string>

#include "common/event_manager.h"
#include "common/file_system.h"
#include "tests/system/files/parts.h"

using ebbrt::file_system;

void StreamStatus() {
  for (int stream = 0; stream < 3; ++stream) {
    auto state = file_system->StreamStatus(stream).Get();
    std::cout << stream << ' ' << std::oct << (state.mode >> 12) << std::dec
              << ' ' << state.terminal << ' ' << state.columns << ' '
              << state.rows << std::endl;
  }
}

/// Tells of the signals that come, and ends with SIGTERM.
void Signals() {
  const std::map<int, std::string> kNames = {{SIGINT, "SIGINT"},
                                             {SIGUSR1, "SIGUSR1"},
                                             {SIGWINCH, "SIGWINCH"},
                                             {SIGTERM, "SIGTERM"}};
  for (const auto& [signal, name] : kNames) {
    file_system->CatchSignal(signal, true).Get();
  }
  std::cout << "catching" << std::endl;
  for (std::string name; name != "SIGTERM";) {
    name = kNames.at(file_system->NextSignal().Get());
    std::cout << name << std::endl;
  }
}

void CatchAndEnd() { file_system->CatchSignal(SIGINT, true).Get(); }

/// Catches and takes none, and waits to be killed.
void CatchAndHang() {
  CatchAndEnd();
  std::cout << "hanging" << std::endl;
  ebbrt::EventContext never;
  ebbrt::event_manager->SaveContext(never);
}

/// Tells what changes in the granted directory until "stop" comes up.
void Watch() {
  auto watch = file_system->Watch("/").Get();
  std::cout << "watching" << std::endl;
  for (std::string name; name != "stop";) {
    auto change = file_system->NextChange(watch).Get();
    name = change.name;
    bool renamed = change.kind == ebbrt::FileChange::Kind::kRenamed;
    std::cout << (renamed ? "renamed " : "changed ") << name << std::endl;
  }
  file_system->Unwatch(watch).Get();
}

/// Reads a key, not a line, and leaves the terminal as it is then.
void RawTerminal() {
  file_system->SetTerminalMode(0, ebbrt::TerminalMode::kRaw).Get();
  std::cout << "raw" << std::endl;
  auto key = file_system->ReadStream(1).Get();
  std::cout << "key " << static_cast<char>(key.Bytes()[0]) << std::endl;
  key = file_system->ReadStream(1).Get();
}
