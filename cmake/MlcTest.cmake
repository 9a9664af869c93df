# mlc_add_unit_test(NAME SOURCES a.cpp ... LINK lib ... [MLIR])
#
# The GoogleTest executable mlc_NAME_tests, run by ctest as NAME, built by the target mlc-unit-tests. MLIR: its sources
# include MLIR, and reuse the project's precompiled header.
function(mlc_add_unit_test name)
  cmake_parse_arguments(ARG "MLIR" "" "SOURCES;LINK" ${ARGN})
  set(target mlc_${name}_tests)
  add_executable(${target} ${ARG_SOURCES})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/runtime/include)
  target_link_libraries(${target} PRIVATE ${ARG_LINK} GTest::gtest_main ${CMAKE_DL_LIBS})
  if(ARG_MLIR)
    mlc_use_pch(${target})
  endif()
  add_test(NAME ${name} COMMAND ${target})
  if(NOT TARGET mlc-unit-tests)
    add_custom_target(mlc-unit-tests)
  endif()
  add_dependencies(mlc-unit-tests ${target})
endfunction()

# mlc_sanitize_test(TEST TARGET): `make test-asan` builds TARGET and runs TEST. For what reads what users give.
function(mlc_sanitize_test test target)
  # Memory of MLIR's allocators is poisoned by our code, inlined from its headers, and unpoisoned by nobody in its shared
  # library, which is not instrumented.
  set_tests_properties(${test} PROPERTIES LABELS sanitize ENVIRONMENT "ASAN_OPTIONS=allow_user_poisoning=0")
  if(NOT TARGET mlc-sanitize-tests)
    add_custom_target(mlc-sanitize-tests)
  endif()
  add_dependencies(mlc-sanitize-tests ${target})
endfunction()

# mlc_emulate_amx(TEST [VARIABLE=value ...]): TEST, of this folder, runs AMX instructions on CPUs that have none, too.
function(mlc_emulate_amx test)
  if(NOT MLC_SANITIZE) # sanitizers want to be loaded first
    set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT "LD_PRELOAD=$<TARGET_FILE:mlc_amx_emulator>" ${ARGN})
  endif()
endfunction()
