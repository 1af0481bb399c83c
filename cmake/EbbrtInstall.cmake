# `cmake --install build/hosted --prefix PREFIX`: what another project needs to
# make front-ends of its own, found there by find_package(EbbRT).
include(CMakePackageConfigHelpers)
set(ebbrt_package ${CMAKE_INSTALL_LIBDIR}/cmake/EbbRT)
set(ebbrt_headers ${CMAKE_INSTALL_INCLUDEDIR}/ebbrt)

install(TARGETS ebbrt ebbrt_shared ebbrt_main ebbrt_shared_main
        EXPORT EbbRTTargets)
install(EXPORT EbbRTTargets NAMESPACE EbbRT:: DESTINATION ${ebbrt_package})
install(TARGETS iaasd iaasctl)

foreach(room common hosted)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/${room}/
          DESTINATION ${ebbrt_headers}/${room}
          FILES_MATCHING PATTERN *.h PATTERN platform EXCLUDE)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/hosted/platform
        DESTINATION ${ebbrt_headers} FILES_MATCHING PATTERN *.h)
foreach(schema IN LISTS EBBRT_COMMON_SCHEMAS)
  cmake_path(GET schema FILENAME name)
  install(FILES ${schema} ${PROJECT_BINARY_DIR}/schemas/common/${name}.h
          DESTINATION ${ebbrt_headers}/common)
endforeach()

configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/EbbRTConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/EbbRTConfig.cmake
  INSTALL_DESTINATION ${ebbrt_package})
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/EbbRTConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/EbbRTConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/EbbRTConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/EbbrtSchemas.cmake
        DESTINATION ${ebbrt_package})
