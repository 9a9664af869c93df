#!/usr/bin/env python3
"""Counts the tests inside of ctest's tests: prints `N passed, N failed, N skipped` for a build directory's last run.

Each ctest test is a runner of many (GoogleTest, lit, pytest, the ONNX conformance tests), whose last words tell how many;
one that tells nothing counts as one. Usage: count_tests.py BUILD_DIRECTORY
"""

import pathlib
import re
import sys

# (pattern, which count it is); every match of a block is added.
COUNTERS = [
    (r"^\[  PASSED  \] (\d+) tests?\.", "passed"),
    (r"^\[  FAILED  \] (\d+) tests?, listed below", "failed"),
    (r"^\[  SKIPPED \] (\d+) tests?, listed below", "skipped"),
    (r"^ +Passed +: +(\d+) ", "passed"),
    (r"^ +Failed +: +(\d+) ", "failed"),
    (r"^ +(?:Unsupported|Skipped) +: +(\d+) ", "skipped"),
]
# pytest's summary and that of test/conformance/run.py.
WORDS = re.compile(r"(\d+) (passed|failed|skipped|errors?|xfailed|xpassed)\b")


def count(block):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for pattern, kind in COUNTERS:
        for number in re.findall(pattern, block, re.MULTILINE):
            counts[kind] += int(number)
    if not any(counts.values()):
        lines = [line for line in block.splitlines() if re.search(r"\d+ (passed|failed|skipped)\b", line)]
        for number, kind in WORDS.findall(lines[-1]) if lines else []:
            kind = {"error": "failed", "errors": "failed", "xfailed": "skipped", "xpassed": "passed"}.get(kind, kind)
            counts[kind] += int(number)
    passed = re.search(r"^Test Passed\.$", block, re.MULTILINE) is not None
    skipped = re.search(r"^Test Skipped\.$", block, re.MULTILINE) is not None
    if not any(counts.values()):
        counts["passed" if passed else "skipped" if skipped else "failed"] = 1
    elif not passed and not skipped and not counts["failed"]:
        counts["failed"] = 1  # a crash, a time-out: what it counted before does not make it right
    return counts


def main():
    log = (pathlib.Path(sys.argv[1]) / "Testing/Temporary/LastTest.log").read_text(errors="replace")
    blocks = re.split(r"^\d+/\d+ Test(?:ing)?: ", log, flags=re.MULTILINE)[1:]
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    # ctest writes a block twice for each test: "N/M Testing: name" with its output, and "N/M Test: name" with its command.
    for block in blocks:
        if re.search(r"^Test (Passed|Failed|Skipped)", block, re.MULTILINE):
            for kind, number in count(block).items():
                totals[kind] += number
    print(", ".join(f"{number} {kind}" for kind, number in totals.items()))


if __name__ == "__main__":
    main()
