# CMake toolchain file for back-end images:
#   cmake -DCMAKE_TOOLCHAIN_FILE=$(toolchain/build --print-prefix)/share/ebbrt.cmake
set(CMAKE_SYSTEM_NAME EbbRT)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(EBBRT TRUE)

get_filename_component(EBBRT_PREFIX "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}/cmake")

set(_ebbrt_tool "${EBBRT_PREFIX}/bin/x86_64-ebbrt-elf-")
set(CMAKE_C_COMPILER "${_ebbrt_tool}gcc")
set(CMAKE_CXX_COMPILER "${_ebbrt_tool}g++")
set(CMAKE_ASM_COMPILER "${_ebbrt_tool}gcc")
foreach(_ebbrt_name AR RANLIB NM OBJCOPY OBJDUMP STRIP ADDR2LINE READELF)
  string(TOLOWER "${_ebbrt_name}" _ebbrt_lower)
  set(CMAKE_${_ebbrt_name} "${_ebbrt_tool}${_ebbrt_lower}" CACHE FILEPATH "")
endforeach()
set(CMAKE_LINKER "${_ebbrt_tool}ld" CACHE FILEPATH "")

# An image needs a linker script and the library OS, which a check has not.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

# Headers, libraries and packages of the target only; programs of the host.
set(CMAKE_FIND_ROOT_PATH "${EBBRT_PREFIX}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
