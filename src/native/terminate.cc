// What std::terminate does: name the exception, then abort.
//
// This takes the place of libsupc++'s handler, which prints through stdio and
// brings the demangler along (60 KB); function names in the report are readable
// anyway.

#include <cstdlib>
#include <cxxabi.h>
#include <exception>
#include <typeinfo>

#include "native/console_line.h"

namespace {

void Terminate() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) {
    ebbrt::ConsoleLine().Text("ebbrt: std::terminate was called");
    std::abort();
  }
  try {
    throw;
  } catch (const std::exception& error) {
    ebbrt::ConsoleLine().Text("ebbrt: nobody catches a ").Text(type->name())
        .Text(": ").Text(error.what());
  } catch (...) {
    ebbrt::ConsoleLine().Text("ebbrt: nobody catches a ").Text(type->name());
  }
  std::abort();
}

}  // namespace

namespace __cxxabiv1 {

/// libsupc++'s variable of this name; std::set_terminate changes it.
extern std::terminate_handler __terminate_handler;
std::terminate_handler __terminate_handler = &Terminate;

}  // namespace __cxxabiv1
