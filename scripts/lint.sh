#!/bin/bash
# Checks that the tree is formatted (clang-format) and runs clang-tidy over it, in a build folder of its own: clang-tidy
# wants the generated headers, and no precompiled one. `scripts/lint.sh FILE.cpp ...` looks at these files alone.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/lint

mapfile -t formatted < <(git ls-files '*.cpp' '*.h' '*.hpp' '*.c')
clang-format-22 --dry-run -Werror "${formatted[@]}"

mkdir -p build
cmake --preset dev -B "$build" -Wno-dev -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >build/lint.log 2>&1 ||
  { cat build/lint.log; exit 1; }
ninja -C "$build" mlc-generated >build/lint.log 2>&1 || { cat build/lint.log; exit 1; }

if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git ls-files '*.cpp'); fi
# Only what is compiled: examples and the installation test have projects of their own.
checked=()
for file in "${files[@]}"; do
  if grep -qF "\"file\": \"$PWD/$file\"" "$build/compile_commands.json"; then checked+=("^$PWD/$file\$"); fi
done
echo "clang-tidy: ${#checked[@]} files"
set +e
run-clang-tidy-22 -quiet -p "$build" -j "${JOBS:-$(nproc)}" "${checked[@]}" 2>build/lint.log | grep -E "(error|warning|note):"
status=${PIPESTATUS[0]}
[ "$status" -eq 0 ] && echo "lint: clean" || echo "lint: findings above (log: build/lint.log)"
exit "$status"
