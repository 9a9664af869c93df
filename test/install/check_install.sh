#!/bin/sh
# check_install.sh BUILD_DIR WRITE_EXAMPLE C_COMPILER CXX_COMPILER
# Installs, moves the installed tree, and uses it: find_package(mlc), pkg-config, installed tools.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1 write_example=$2 cc=$3 cxx=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"
"$write_example" "$work/example.mlc"

cmake -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_C_COMPILER="$cc" \
  -DCMAKE_CXX_COMPILER="$cxx" >/dev/null
cmake --build "$work/build" >/dev/null
"$work/build/embedder" "$work/example.mlc"

pc=$(find "$work/moved" -name mlc.pc)
flags=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs mlc)
# shellcheck disable=SC2086 # several words
"$cc" "$here/../capi/client.c" -o "$work/client" $flags -Wl,-rpath,"$(dirname "$(dirname "$pc")")"
"$work/client" "$work/example.mlc"

"$work/moved/bin/mlc-run" "$work/example.mlc" --verify >/dev/null
"$work/moved/bin/mlc-bench" "$work/example.mlc" --bucket 0 --threads 1 --seconds 0.01 >/dev/null

# A softmax goes through Halide; the build folder and its Python environment play no part.
cat >"$work/softmax.mlir" <<'END'
func.func @f(%x: tensor<3x8xf32> {mlc.name = "x"}) -> (tensor<3x8xf32> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
  %0 = mlc.softmax %x {axis = 1} : (tensor<3x8xf32>) -> tensor<3x8xf32>
  return %0 : tensor<3x8xf32>
}
END
"$work/moved/bin/mlc-opt" "$work/softmax.mlir" -o "$work/softmax.mlc"
"$work/moved/bin/mlc-run" "$work/softmax.mlc" --input x=random:1 >/dev/null
if ldd "$work/moved/lib/libmlc_compiler.so" | grep -E "not found|$(realpath "$here/../..")"; then
  echo "the installed compiler needs what is listed above" >&2
  exit 1
fi
echo "installed tree works from another place"
