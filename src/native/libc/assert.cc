// What a failed assert() of C or C++ code does here: the same as our own check,
// with a backtrace. newlib's prints through stdio, which would be in every image.

#include "platform/panic.h"

extern "C" {

// newlib's <assert.h> calls the first; the second is for code compiled without a
// function's name.
[[noreturn]] void __assert_func(const char* file, int line, const char*,
                                const char* condition) {
  ebbrt::platform::Panic(file, line, condition, "an assertion failed");
}

[[noreturn]] void __assert(const char* file, int line, const char* condition) {
  ebbrt::platform::Panic(file, line, condition, "an assertion failed");
}

}  // extern "C"
