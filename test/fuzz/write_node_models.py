"""Writes the models of the onnx wheel's node tests into a folder: one for each op and variant, for a fuzzer to start from."""

import pathlib
import sys
import warnings

from onnx.backend.test.case.node import collect_testcases

_MOST_BYTES = 8192


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, in how some expected values are computed
        tests = collect_testcases(None)
    for test in tests:
        model = test.model.SerializeToString()
        if len(model) <= _MOST_BYTES:
            (folder / test.name).write_bytes(model)


if __name__ == "__main__":
    main()
