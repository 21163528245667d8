# wsl_protobuf_c(TARGET a.proto b.proto...): a static library of the generated C, headers in the build tree.
find_program(PROTOC_C NAMES protoc-c REQUIRED)
function(wsl_protobuf_c target)
  set(sources)
  foreach(proto ${ARGN})
    get_filename_component(name ${proto} NAME_WE)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}.pb-c)
    add_custom_command(OUTPUT ${out}.c ${out}.h
      COMMAND ${PROTOC_C} --c_out=${CMAKE_CURRENT_BINARY_DIR} --proto_path=${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
      DEPENDS ${ARGN} VERBATIM)
    list(APPEND sources ${out}.c ${out}.h)
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${target} PUBLIC PkgConfig::PROTOBUF_C)
endfunction()
