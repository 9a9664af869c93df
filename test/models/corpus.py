#!/usr/bin/env python3
"""Exports networks with seeded weights, and trained ones that packages ship, compiles and runs each, and compares with
onnxruntime or torch, and with an evaluation in f64, under the contract of docs/numerics.md.

    corpus.py                    all cases; writes status.jsonl as they end, so that a run may be interrupted
    corpus.py --only 'GPT-2'     cases whose name matches
    corpus.py --list             their names

A case that is refused, or outside of the contract, fails the run. At its end the tables of docs/models.md are written anew.
`make models` installs what this needs.
"""
import argparse
import concurrent.futures
import importlib.metadata
import multiprocessing
import os
import pathlib
import re
import sys
import tempfile
import time
import traceback
import warnings

import models_doc
import status

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]


def check_versions():
    """The document says what was measured with what: nothing but the pinned versions."""
    for line in (HERE / "requirements.txt").read_text().splitlines():
        if "==" in line:
            name, wanted = line.split("==")
            if (found := importlib.metadata.version(name)) != wanted:
                sys.exit(f"corpus.py: error: {name} is {found}, requirements.txt says {wanted}; use `make models`")


def all_cases():
    """Case by name. A case has `row`, what the status file says of it before it ran, and `run(tools, work)`, what comes to
    that."""
    import checkpoints
    import decoders
    import exported
    import text
    import trained
    import vision

    networks = [*text.networks(), *decoders.networks(), *vision.networks()]
    cases = [*exported.cases(networks), *trained.cases(), *checkpoints.cases()]
    return {case.name: case for case in cases}


# In a worker.
cases = {}


def start_worker():
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    import logging

    import torch
    import transformers

    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    cases.update(all_cases())


def run_case(name, binaries):
    import judge

    case, start = cases[name], time.monotonic()
    row = {"case": name, **case.row}
    try:
        with tempfile.TemporaryDirectory() as work:
            row |= case.run(judge.Tools(binaries), pathlib.Path(work))
    except judge.Refused as refusal:
        row["refused"] = str(refusal)
    except Exception as error:  # whatever an exporter or a peer throws is this case's result
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = (str(error).strip().splitlines() or [""])[0][:200]
        row["not_run"] = f"{type(error).__name__}: {text} ({pathlib.Path(place.filename).name})"
    return row, time.monotonic() - start


def verdict(row):
    if not status.is_within(row):
        return row.get("refused") or row.get("not_run") or "outside: " + models_doc.errors(row)
    return "within: " + models_doc.errors(row)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="PATTERN", help="regular expression: cases whose name matches")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    check_versions()
    known = all_cases()
    names = [name for name in known if re.search(arguments.only or "", name)]
    if arguments.list or not names:
        print("\n".join(names) if names else f"corpus.py: error: no case matches '{arguments.only}'; --list prints them")
        return 0 if names else 1
    rows = {name: row for name, row in status.read().items() if name in known}
    bad, start = [], time.monotonic()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MLC_CACHE_DIR"] = cache  # exports of one network share their kernels
        pool = concurrent.futures.ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("spawn"), start_worker)
        try:
            futures = [pool.submit(run_case, name, arguments.bin.resolve()) for name in names]
            for number, future in enumerate(concurrent.futures.as_completed(futures), 1):
                row, seconds = future.result()
                rows[row["case"]] = row
                status.write(rows)
                print(f"{number}/{len(names)} {seconds:5.1f} s  {row['case']}: {verdict(row)}", flush=True)
                if not status.is_within(row):
                    bad.append(row["case"])
        finally:
            pool.shutdown(cancel_futures=True)
    models_doc.write()
    print(f"{time.monotonic() - start:.0f} s: {len(names) - len(bad)} passed, {len(bad)} failed", *bad, sep="\n  ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
