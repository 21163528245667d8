# The warnings of our C, and what every target of ours is compiled with.
add_library(wsl_flags INTERFACE)
target_compile_options(wsl_flags INTERFACE
  $<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Werror;-Wshadow;-Wconversion;-Wsign-conversion;-Wstrict-prototypes;-Wmissing-prototypes;-Wpointer-arith;-Wcast-qual;-Wwrite-strings;-Wvla;-Wformat=2;-Wundef;-Wnull-dereference;-fno-common>
  $<$<AND:$<COMPILE_LANGUAGE:C>,$<C_COMPILER_ID:GNU>>:-Wduplicated-cond;-Wlogical-op>
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Werror>
  -fno-omit-frame-pointer)
target_compile_definitions(wsl_flags INTERFACE _GNU_SOURCE $<$<CONFIG:Debug>:WSL_DEBUG=1>)
target_include_directories(wsl_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/common ${CMAKE_SOURCE_DIR}/common/include)
if(WIESEL_MARCH)
  target_compile_options(wsl_flags INTERFACE -march=${WIESEL_MARCH})
endif()
if(WIESEL_SANITIZE)
  target_compile_options(wsl_flags INTERFACE -fsanitize=${WIESEL_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(wsl_flags INTERFACE -fsanitize=${WIESEL_SANITIZE})
  if(WIESEL_SANITIZE MATCHES "thread")
    target_compile_definitions(wsl_flags INTERFACE WSL_TSAN=1)
  endif()
  # gcc's flow warnings are unreliable in instrumented code
  target_compile_options(wsl_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-Wno-null-dereference;-Wno-maybe-uninitialized>)
endif()
