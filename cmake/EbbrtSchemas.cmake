# ebbrt_schemas(TARGET FILE...): compiles Cap'n Proto schemas and adds the result
# to TARGET. The compiler runs on the machine that builds, for both targets. A
# schema DIR/x.capnp is included as "DIR/x.capnp.h", DIR as seen from the
# source root or from src/.
find_program(EBBRT_CAPNP capnp REQUIRED)
find_program(EBBRT_CAPNPC_CXX capnpc-c++ REQUIRED)

function(ebbrt_schemas target)
  foreach(schema IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH schema)
    set(root ${PROJECT_SOURCE_DIR})
    if(schema MATCHES "^${PROJECT_SOURCE_DIR}/src/")
      set(root ${PROJECT_SOURCE_DIR}/src)
    endif()
    cmake_path(RELATIVE_PATH schema BASE_DIRECTORY ${root} OUTPUT_VARIABLE name)
    set(output ${PROJECT_BINARY_DIR}/schemas)
    add_custom_command(
      OUTPUT ${output}/${name}.h ${output}/${name}.c++
      COMMAND ${CMAKE_COMMAND} -E make_directory ${output}
      COMMAND ${EBBRT_CAPNP} compile -I/usr/include --src-prefix=${root}
              -o${EBBRT_CAPNPC_CXX}:${output} ${schema}
      DEPENDS ${schema}
      COMMENT "Compiling schema ${name}"
      VERBATIM)
    target_sources(${target} PRIVATE ${output}/${name}.c++ ${output}/${name}.h)
    set_source_files_properties(${output}/${name}.c++ PROPERTIES
                                COMPILE_OPTIONS -w)
    target_include_directories(${target} SYSTEM PUBLIC
                               $<BUILD_INTERFACE:${output}>)
  endforeach()
endfunction()
