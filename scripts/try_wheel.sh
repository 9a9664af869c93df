#!/bin/bash
# try_wheel.sh FOLDER: installs the wheel of a folder into a fresh environment, and compiles and runs a model there, away
# from the checkout. A softmax goes through Halide.
set -euo pipefail
wheel=$(echo "$(realpath "$1")"/mlc_compiler-*.whl)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "$wheel"
cd "$work"
cat >softmax.mlir <<'END'
func.func @f(%x: tensor<3x8xf32> {mlc.name = "x"}) -> (tensor<3x8xf32> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
  %0 = mlc.softmax %x {axis = 1} : (tensor<3x8xf32>) -> tensor<3x8xf32>
  return %0 : tensor<3x8xf32>
}
END
cat >try.py <<'END'
import numpy as np

import mlc_compiler as mlc

y = mlc.compile("softmax.mlir", cache=False, threads=1)(np.zeros((3, 8), np.float32))["y"]
np.testing.assert_allclose(y, np.full((3, 8), 0.125))
mlc.compile_file("softmax.mlir", "softmax.mlc", cache=False)
END
venv/bin/python3 try.py
venv/bin/mlc-opt softmax.mlir --compile-to=import >/dev/null

# Modules run with neither LLVM nor Halide in the process.
cat >run.py <<'END'
import numpy as np

import mlc_compiler as mlc

mlc.load("softmax.mlc", threads=1)(np.zeros((3, 8), np.float32))
maps = open("/proc/self/maps").read()
assert "libmlc_runtime.so" in maps
assert not any(name in maps for name in ("libLLVM", "libMLIR", "libHalide", "libmlc_compiler")), maps
END
venv/bin/python3 run.py
for library in venv/lib/python3*/site-packages/mlc_compiler/*.so; do
  if ldd "$library" | grep "not found"; then
    echo "$library needs what is listed above" >&2
    exit 1
  fi
done
echo "$(basename "$wheel"), $(($(stat -c %s "$wheel") >> 20)) MB: works in a fresh environment"
