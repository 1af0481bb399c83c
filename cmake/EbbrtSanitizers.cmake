# -DEBBRT_SANITIZE=address,undefined or =thread: everything of this build tree is
# instrumented.
set(EBBRT_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
if(EBBRT_SANITIZE)
  add_compile_options(-fsanitize=${EBBRT_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${EBBRT_SANITIZE})
endif()
