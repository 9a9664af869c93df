# Halide 21 from its PyPI wheel: HalideConfig.cmake wants a newer CMake than Debian's, so the target is made here.

set(MLC_HALIDE_ROOT ${MLC_SITE_PACKAGES}/halide CACHE PATH "Root of a Halide 21 installation (include/, lib64/)")
find_library(MLC_HALIDE_LIBRARY Halide PATHS ${MLC_HALIDE_ROOT}/lib64 ${MLC_HALIDE_ROOT}/lib NO_DEFAULT_PATH)
if(NOT MLC_HALIDE_LIBRARY)
  message(FATAL_ERROR "Halide 21 was not found under ${MLC_HALIDE_ROOT}. Run `make setup`, or pass -DMLC_HALIDE_ROOT=.")
endif()
add_library(Halide SHARED IMPORTED)
set_target_properties(Halide PROPERTIES
  IMPORTED_LOCATION ${MLC_HALIDE_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${MLC_HALIDE_ROOT}/include)
