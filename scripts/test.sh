#!/bin/bash
# Runs every test of a build directory; ends with `N passed, N failed, N skipped`.
set -uo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

ctest --test-dir "$build" --output-on-failure --no-tests=error | tee "$log"
status=${PIPESTATUS[0]}

total=$(sed -n 's/.*tests failed out of \([0-9]*\)$/\1/p' "$log" | tail -1)
failed=$(sed -n 's/.*tests passed, \([0-9]*\) tests failed.*/\1/p' "$log" | tail -1)
skipped=$(grep -cE '\*\*\*Skipped' "$log")
passed=$((${total:-0} - ${failed:-0} - skipped))
if [ "$status" -ne 0 ] && [ "${failed:-0}" -eq 0 ]; then failed=1; fi
echo "$passed passed, ${failed:-0} failed, $skipped skipped"
exit "$status"
