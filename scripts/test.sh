#!/bin/bash
# Runs every test of a build directory; ends with `N passed, N failed, N skipped`.
set -uo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}

ctest --test-dir "$build" --output-on-failure --no-tests=error
status=$?
python3 scripts/count_tests.py "$build" || status=1
exit "$status"
