#!/bin/bash
# fuzz.sh BUILD SECONDS: runs every libFuzzer target of a build for so long, all at the same time. What they learnt stays
# in BUILD/corpus and is where the next run begins; what they find is in BUILD/found.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1 seconds=$2

export ASAN_OPTIONS=allow_user_poisoning=0 # as test/CMakeLists.txt says of MLIR's allocators
.venv/bin/python3 test/fuzz/write_seeds.py "$build/corpus"
declare -A running
for target in onnx checkpoint module; do
  corpus=$build/corpus/$target found=$build/found/$target
  mkdir -p "$corpus" "$found"
  "$build/bin/mlc_replay_$target" --write-seeds "$corpus"
  "$build/bin/mlc_fuzz_$target" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096 -malloc_limit_mb=2048 \
    -max_len=65536 -use_value_profile=1 -print_final_stats=1 -artifact_prefix="$found/" "$corpus" \
    >"$build/fuzz-$target.log" 2>&1 &
  running[$target]=$!
done

status=0
for target in "${!running[@]}"; do
  if wait "${running[$target]}"; then
    echo "$target: nothing found in $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/fuzz-$target.log") runs"
  else
    status=1
    grep -m1 -E 'ERROR|internal error|runtime error' "$build/fuzz-$target.log" || tail -n 5 "$build/fuzz-$target.log"
    echo "$target: see $build/fuzz-$target.log; once it is mended, put the file of $build/found/$target that shows it into" \
      "test/fuzz/found/$target"
  fi
done
exit $status
