"""The status file: a line of JSON for each case, in order of their names. Whether a case is within
the contract follows from its figures."""
import json
import pathlib

STATUS_FILE = pathlib.Path(__file__).parent / "status.jsonl"


def bound(peer_error, winograd):
    """The contract of docs/numerics.md: the largest error of ours, where that of the peer is known."""
    return 1e-5 if winograd else max(2 * peer_error, 1e-6)


def is_within(row):
    return "error" in row and row["error"] <= bound(row["peer_error"], row["winograd"])


def read():
    if not STATUS_FILE.exists():
        return {}
    return {row["case"]: row for row in map(json.loads, STATUS_FILE.read_text().splitlines())}


def write(rows):
    """A file that is never half written: a run may be interrupted."""
    text = "".join(json.dumps(rows[case]) + "\n" for case in sorted(rows))
    temporary = STATUS_FILE.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(STATUS_FILE)
