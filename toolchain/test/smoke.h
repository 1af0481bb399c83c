// One test of the smoke test: registered by its definition, run by main.
#pragma once

namespace smoke {

struct Case {
  Case(const char* name, bool (*run)());
  const char* name;
  bool (*run)();
  Case* next = nullptr;
};

}  // namespace smoke

// SMOKE(Name) { ... return true when it works; }
#define SMOKE(name)                                   \
  static bool name();                                 \
  static smoke::Case name##_case(#name, &name);       \
  static bool name()
