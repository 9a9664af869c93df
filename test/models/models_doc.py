#!/usr/bin/env python3
"""Writes the tables of docs/models.md that say what was tried, from status.jsonl.

    models_doc.py            writes that part of the document anew
    models_doc.py --check    exit code 1 where it is not up to date
"""
import argparse
import pathlib
import sys

import status

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/models.md"
BEGIN = "<!-- Below: written by test/models/models_doc.py from status.jsonl; don't edit by hand. -->\n"
END = "<!-- End of what models_doc.py writes. -->\n"


def errors(row):
    return f"{row['error']:.1e}, {row['peer']} {row['peer_error']:.1e}"


def by(rows, *keys):
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def ways(rows):
    """What the exports were: 7: TorchScript 12 to 20, dynamo 18, 23."""
    opsets = {}
    for row in rows:
        opsets.setdefault(row["exporter"], set()).add(row["opset"])
    return f"{len(rows)}: " + "; ".join(f"{exporter} {', '.join(map(str, sorted(numbers)))}"
                                        for exporter, numbers in sorted(opsets.items()))  # fmt: skip


def result(rows):
    """The worst of those within, and each that is not."""
    measured = [row for row in rows if status.is_within(row)]
    parts = []
    if measured:
        worst = max(measured, key=lambda row: row["error"])
        parts.append("the same bits" if all(row["error"] == 0 == row["peer_error"] for row in measured)
                     else ("within, " if len(measured) == len(rows) else f"{len(measured)} within, ")
                     + errors(worst))  # fmt: skip
    reasons = {}
    for row in rows:
        if not status.is_within(row):
            said = ("refused: " + row["refused"] if "refused" in row else
                    "not run: " + row["not_run"] if "not_run" in row else "**outside**, " + errors(row))  # fmt: skip
            reasons.setdefault(said, []).append(row["case"])
    for said, cases in reasons.items():
        parts.append(f"{'; '.join(cases)}: {said}")
    parts += dict.fromkeys(row["note"] for row in rows if "note" in row)
    return "; ".join(parts).replace("|", "\\|")


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def document_part():
    rows = list(status.read().values())
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in ("export", "trained", "checkpoint")}
    inputs = sorted({row["inputs"] for row in kinds["export"]})
    text = f"""\
`make models` exports networks with seeded random weights, of small sizes and on inputs of odd ones, compiles and runs them
(`test/models`, {len(rows)} cases). "Within" is the contract of [numerics.md](numerics.md), over {inputs[0]} to {inputs[-1]}
inputs. Figures are the largest relative L2 error, from an evaluation in f64, of all cases of a row, and that of the other
program on the same case.

By both exporters of torch, at the listed opsets: static and symbolic shapes, eager and sdpa attention, batch norms folded
and not.

"""
    listed = lambda group, key: ", ".join(dict.fromkeys(row[key] for row in group))
    text += table(("family", "source", "networks", "exports", "result"),
                  [(family, listed(group, "source"), listed(group, "network"), ways(group), result(group))
                   for (family,), group in sorted(by(kinds["export"], "family").items())]
                  + [("graphs as tf2onnx, keras, paddle2onnx and optimum write them", "test/e2e/test_exporter_graphs.py",
                      "layer norm, GELU, batch norm, padding, layouts", "opsets 12 to 18", "in `make test`")])  # fmt: skip
    text += "\nTrained weights that packages ship:\n\n"
    text += table(("model", "source", "result"),
                  [(model, source, result(group))
                   for (model, source), group in sorted(by(kinds["trained"], "model", "source").items())])  # fmt: skip
    text += "\nCheckpoints, saved by the package and read without ONNX, against torch:\n\n"
    text += table(("`model_type`", "source", "`--head`", "result"),
                  [(family, source, listed(group, "head"), result(group))
                   for (family, source), group in sorted(by(kinds["checkpoint"], "family", "source").items())])  # fmt: skip
    return text


def document():
    """The document as it should be: what is around the two marks is kept."""
    before, begin, rest = DOCUMENT.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"models_doc.py: error: {DOCUMENT.relative_to(ROOT)} lacks a line of '{(END if begin else BEGIN).strip()}'")
    return before + BEGIN + document_part() + END + after


def write():
    DOCUMENT.write_text(document())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    if not parser.parse_args().check:
        write()
    elif DOCUMENT.read_text() != document():
        print(f"{DOCUMENT.relative_to(ROOT)} is not up to date; write it with test/models/models_doc.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
