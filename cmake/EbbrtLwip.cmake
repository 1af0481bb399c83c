# lwIP as this system compiles it: a copy of the source that the toolchain keeps,
# with our patches.
set(EBBRT_LWIP ${PROJECT_SOURCE_DIR}/src/native/network)

# ebbrt_lwip_copy(COPY FILES [PATCHES...]): makes COPY of ${EBBRT_LWIP_SOURCE}, of
# which FILES are compiled (full names below COPY), with PATCHES besides ours.
function(ebbrt_lwip_copy copy files)
  file(GLOB patches CONFIGURE_DEPENDS ${EBBRT_LWIP}/patches/*.patch)
  list(APPEND patches ${ARGN})
  set(apply)
  foreach(patch IN LISTS patches)
    list(APPEND apply COMMAND patch --quiet --strip=1 --directory=${copy}
         --input=${patch})
  endforeach()
  add_custom_command(
    OUTPUT ${files}
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${copy}
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${EBBRT_LWIP_SOURCE} ${copy}
    # Some of lwIP's files have DOS line ends, which patches can't be written for.
    COMMAND find ${copy} -name "*.[ch]" -exec sed -i "s/\\r$//" {} +
    ${apply}
    DEPENDS ${patches}
    COMMENT "Patching a copy of lwIP"
    VERBATIM)
endfunction()
