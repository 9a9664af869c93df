# Flags that every target shares.

# Debian's LLVM is an NDEBUG build whose class layouts depend on it: ours must be one too.
# Invariants of ours are checked with MLC_CHECK (support/Check.h), which is always on.
add_compile_definitions(NDEBUG)
add_compile_options(-Wall -Wextra -Wno-unused-parameter -fno-omit-frame-pointer -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)

find_program(MLC_LLD NAMES ld.lld-22 ld.lld PATHS /usr/lib/llvm-22/bin NO_DEFAULT_PATH)
if(MLC_LLD AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(--ld-path=${MLC_LLD})
endif()

# What tells one build of the compiler from another (codegen/cache).
add_link_options(-Wl,--build-id)

if(MLC_SANITIZE)
  # vptr needs RTTI of LLVM's classes across the uninstrumented shared libraries.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr,function -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()
if(MLC_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Python packages (Halide, the ONNX schema, test tools) live in a virtual environment that `make setup` creates.
set(MLC_VENV ${CMAKE_SOURCE_DIR}/.venv CACHE PATH "Virtual environment made by `make setup`")
file(GLOB MLC_SITE_PACKAGES ${MLC_VENV}/lib/python3*/site-packages)
set(MLC_PYTHON ${MLC_VENV}/bin/python3)
