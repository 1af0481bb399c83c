# The shared core's list of sources, and how an application's programs are made:
#   ebbrt_frontend(NAME sources...)  a Linux process; only in the hosted build
#   ebbrt_image(NAME sources...)     a back-end's image; only in the native build
#                                    (see src/native/CMakeLists.txt)
set(EBBRT_COMMON ${PROJECT_SOURCE_DIR}/src/common)
file(GLOB EBBRT_COMMON_SOURCES CONFIGURE_DEPENDS ${EBBRT_COMMON}/*.cc)
# Those of them that run once, or when something fails.
set(EBBRT_COLD_SOURCES boot_arguments.cc concat.cc deadline.cc digits.cc
    ebb_allocator.cc ebb_end.cc endpoint.cc file_error.cc file_system.cc frame.cc
    future.cc
    global_id_map.cc home_ebb.cc local_id_map.cc messenger.cc node_counts.cc node_directory.cc protocol.cc
    resolver.cc runtime.cc signal_number.cc stall_detector.cc)
set(EBBRT_COMMON_SCHEMAS ${EBBRT_COMMON}/file_system.capnp
                         ${EBBRT_COMMON}/global_id_map.capnp
                         ${EBBRT_COMMON}/messenger.capnp
                         ${EBBRT_COMMON}/node_counts.capnp
                         ${EBBRT_COMMON}/resolver.capnp)

function(ebbrt_frontend name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE ebbrt_main)
endfunction()
