# mlc_add_library(NAME SOURCES a.cpp ... [LINK lib ...] [DEPENDS target ...] [MLIR])
#
# A static, position-independent library of one folder. MLIR: its sources include MLIR; it then links the shared
# MLIR and LLVM (static and shared ones mixed abort) and reuses the project's precompiled header.
function(mlc_add_library name)
  cmake_parse_arguments(ARG "MLIR" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  if(ARG_MLIR)
    target_link_libraries(${name} PUBLIC MLIR LLVM)
    mlc_use_pch(${name})
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

function(mlc_use_pch target)
  target_precompile_headers(${target} REUSE_FROM mlc_pch)
  # -fPIC: executables would be compiled -fPIE, and the header was not.
  target_compile_options(${target} PRIVATE -fPIC "SHELL:-Xclang -fno-pch-timestamp")
endfunction()
