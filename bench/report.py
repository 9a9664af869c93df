"""Tables and the chart of a contest's JSON lines.

    python bench/report.py lines.jsonl [more.jsonl ...] [--svg docs/performance.svg]

Of lines that say the same of the same contender the last one counts. A loss is bold.
"""
import argparse
import json
import pathlib
import sys


def is_mlc(line):
    return line["contender"].split()[0] == "mlc"


def measured(lines):
    return [line for line in lines if "median_ms" in line]


def latest(lines):
    keys = ("model", "precision", "threads", "contender")
    return list({tuple(line[key] for key in keys): line for line in lines}.values())


def contests(lines):
    """{(group, precision, threads): lines}, in the order of the lines."""
    result = {}
    for line in latest(lines):
        result.setdefault((line["group"], line["precision"], line["threads"]), []).append(line)
    return result


def best(lines):
    return min(lines, key=lambda line: line["median_ms"], default=None)


def ratio(peer, ours):
    return peer["median_ms"] / ours["median_ms"]


def bold_loss(value):
    return f"{value:.2f}" if value >= 0.995 else f"**{value:.2f}**"


def variants(lines):
    """mlc's variants that were measured, plain mlc first."""
    names = {line["contender"]: None for line in measured(lines) if is_mlc(line)}
    return sorted(names, key=lambda name: name != "mlc")


def ratio_table(lines):
    """best peer / mlc, a column for each variant of mlc."""
    columns = variants(lines)
    yield "| model | precision | threads | best peer | its ms | " + " | ".join(f"{name}, ms | ratio" for name in columns) + " |"
    yield "|---" * (5 + 2 * len(columns)) + "|"
    for (group, precision, threads), entries in contests(lines).items():
        peer = best(line for line in measured(entries) if not is_mlc(line))
        if not peer:
            continue
        cells = [group, precision, str(threads), peer["contender"], f"{peer['median_ms']:.2f}"]
        for name in columns:
            ours = best(line for line in measured(entries) if line["contender"] == name)
            cells += [f"{ours['median_ms']:.2f}", bold_loss(ratio(peer, ours))] if ours else ["-", "-"]
        yield "| " + " | ".join(cells) + " |"


def detail_table(lines):
    """Every contender: times, error, what loading costs, memory; or why it is not there."""
    yield ("| model | precision | threads | contender | median, ms | min, ms | time / best | rel-L2 to f64 | compile, s | load, s | "
           "first / median | peak MiB |")  # fmt: skip
    yield "|---" * 12 + "|"
    for (_, precision, threads), entries in contests(lines).items():
        fastest = best(measured(entries))
        for line in entries:
            start = f"| {line['model']} | {precision} | {threads} | {line['contender']} | "
            if "median_ms" not in line:
                reason = line.get("missing") or line.get("error", "not measured")
                yield f"{start}{reason.splitlines()[0].replace('|', '/')} |" + " |" * 7
                continue
            yield (f"{start}{line['median_ms']:.2f} | {line['min_ms']:.2f} | {ratio(line, fastest):.2f} | "
                   f"{line['rel_l2']:.1e} | {line['compile_s']:.1f} | {line['load_s']:.2f} | "
                   f"{line['first_ms'] / line['median_ms']:.1f} | {line['peak_rss_mib']:.0f} |")  # fmt: skip


def read(paths):
    return [json.loads(line) for path in paths for line in path.read_text().splitlines() if line.startswith("{")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="+", type=pathlib.Path)
    parser.add_argument("--svg", type=pathlib.Path, help="draws the chart into this file")
    arguments = parser.parse_args()
    lines = read(arguments.lines)
    print(*ratio_table(lines), "", *detail_table(lines), sep="\n")
    if arguments.svg:
        import chart

        chart.draw(lines, arguments.svg)
        print(f"wrote {arguments.svg}", file=sys.stderr)


if __name__ == "__main__":
    main()
