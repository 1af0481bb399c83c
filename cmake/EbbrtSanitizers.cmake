# -DEBBRT_SANITIZE=address,undefined or =thread: everything of this build tree is
# instrumented.
set(EBBRT_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
if(EBBRT_SANITIZE)
  add_compile_options(-O1 -fsanitize=${EBBRT_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${EBBRT_SANITIZE})
  if(EBBRT_SANITIZE MATCHES thread)
    # ThreadSanitizer doesn't understand fences. Asio's are not what its own or
    # our threads synchronize by: that is locks and atomic variables.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # GCC loses track of values through its own instrumentation; the plain build
    # has the warning.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()

# -DEBBRT_FUZZ=ON, with Clang: everything tells libFuzzer where it goes.
option(EBBRT_FUZZ "Build for fuzzing; adds the target `fuzzers`" OFF)
if(EBBRT_FUZZ)
  # The compiler that the code is written for is GCC: its warnings are the rule.
  add_compile_options(
    -fsanitize=fuzzer-no-link -Wno-error
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include ${PROJECT_SOURCE_DIR}/tests/fuzz/kj_equality.h>")
endif()
