# Install rules and package files: `cmake --install build/release --prefix DIR`. The tree may be moved afterwards.

include(CMakePackageConfigHelpers)
set(MLC_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/mlc)

install(TARGETS mlc_runtime EXPORT mlcTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
set_target_properties(mlc_runtime PROPERTIES EXPORT_NAME runtime)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/runtime/include/mlc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT mlcTargets NAMESPACE mlc:: DESTINATION ${MLC_CMAKE_DIR})

configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/mlcConfig.cmake.in ${CMAKE_BINARY_DIR}/mlcConfig.cmake
  INSTALL_DESTINATION ${MLC_CMAKE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/mlcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/mlcConfig.cmake ${CMAKE_BINARY_DIR}/mlcConfigVersion.cmake
  DESTINATION ${MLC_CMAKE_DIR})
configure_file(${CMAKE_SOURCE_DIR}/cmake/mlc.pc.in ${CMAKE_BINARY_DIR}/mlc.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/mlc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Tools and the compiler, where they are part of the build.
foreach(tool mlc-run mlc-bench mlc-opt)
  if(TARGET ${tool})
    install(TARGETS ${tool} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
if(TARGET mlc_compiler)
  get_target_property(kind mlc_compiler TYPE)
  if(kind STREQUAL "SHARED_LIBRARY")
    # MLIR and LLVM are the system's, in a folder of their own. Halide comes from a Python wheel, whose environment may
    # go away: it is installed beside the compiler.
    set_property(TARGET mlc_compiler APPEND PROPERTY INSTALL_RPATH "$ORIGIN" ${LLVM_LIBRARY_DIR})
    if(MLC_HALIDE_LIBRARY)
      install(FILES ${MLC_HALIDE_LIBRARY} TYPE LIB)
    endif()
    set_target_properties(mlc_compiler PROPERTIES EXPORT_NAME compiler)
    install(TARGETS mlc_compiler EXPORT mlcTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    if(EXISTS ${CMAKE_SOURCE_DIR}/compiler/include/mlc)
      install(DIRECTORY ${CMAKE_SOURCE_DIR}/compiler/include/mlc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    endif()
  endif()
endif()

# `pip`-less use: PYTHONPATH=<prefix>/share/mlc/python.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/python/mlc_compiler DESTINATION ${CMAKE_INSTALL_DATADIR}/mlc/python
  PATTERN __pycache__ EXCLUDE)

# The wheel (pyproject.toml): the libraries beside the package's sources, under plain names, as wheels hold no links.
# Halide is the wheel of that name, MLIR and LLVM are the system's.
if(SKBUILD)
  foreach(library mlc_runtime mlc_compiler)
    set_target_properties(${library} PROPERTIES VERSION "" SOVERSION "" NO_SONAME ON)
    install(TARGETS ${library} LIBRARY DESTINATION mlc_compiler COMPONENT python)
  endforeach()
  set_target_properties(mlc_runtime PROPERTIES INSTALL_RPATH "$ORIGIN")
  set_target_properties(mlc_compiler PROPERTIES INSTALL_RPATH "$ORIGIN;$ORIGIN/../halide/lib64;${LLVM_LIBRARY_DIR}")
endif()
