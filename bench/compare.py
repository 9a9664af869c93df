"""The contest: mlc against other ways to run the same model on this CPU, in interleaved rounds of one run.

    make bench                                                       # against onnxruntime
    make bench-peers                                                 # against all of bench/peers (installs some GB)
    python bench/compare.py "resnet50 b1" --threads 1                # one of bench/models.py
    python bench/compare.py model.onnx --shape batch=1 --peers onnxruntime,openvino

Each contender has a process of its own, pinned to the first CPUs, that is stopped while others run. Prints a JSON line
for each contender, then, to stderr, tables: the time of the best peer by mlc's, and all contenders. Times are milliseconds:
the median over the rounds of each round's median, and the least. Outputs are compared with f64. Run it alone on the
machine: what others used of it is part of each line (others_cpus).
"""
import argparse
import pathlib
import sys

import report
from contest import Contest, dump
from models import MODELS, find
from peers import PEERS, VARIANTS, variant


def words(text):
    return [word.strip() for word in text.split(",") if word.strip()]


def chosen(kind, wanted, known, parser):
    """The known ones that were asked for; all where nothing was."""
    for name in wanted:
        if name not in known:
            parser.error(f"--{kind}: '{name}' is none of: {', '.join(known)}")
    return [name for name in known if not wanted or name in wanted]


def contenders(arguments, parser):
    peers = {peer.name: peer for peer in PEERS}
    names = chosen("peers", words(arguments.peers), peers, parser)
    if arguments.quick and not arguments.peers:
        names = [name for name in names if not peers[name].slow]
    options = dict(VARIANTS)
    for extra in arguments.variant:
        name, separator, text = extra.partition("=")
        if not separator or not name or not text:
            parser.error(f"--variant: '{extra}': expected NAME=OPTIONS of mlc-opt")
        options[f"mlc {name}"] = text.split()
    ours = chosen("variants", words(arguments.variants), options, parser)
    settings = {"bin": str(arguments.bin.resolve())}
    return [variant(name, options[name], settings) for name in ours] + [peers[name] for name in names]


def groups(names, shape, parser):
    """Models by group, all of a group where one of it is named."""
    result = {}
    try:
        for model in map(lambda name: find(name, shape), names or MODELS):
            group = [other for other in MODELS.values() if other.group == model.group] or [model]
            result[model.group] = group
    except KeyError as error:
        parser.error(error.args[0])
    return result


def arguments_of(parser, argv):
    parser.add_argument("models", nargs="*", help="of bench/models.py, or paths to .onnx files; default: all of the former")
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--shape", default="", help="of a model that is a path, as for mlc-opt")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, default 1,2")
    parser.add_argument("--precisions", default="f32,bf16", help="default f32,bf16")
    parser.add_argument("--peers", default="", help="some of: " + ", ".join(peer.name for peer in PEERS))
    parser.add_argument("--variants", default="", help="some of: " + ", ".join(VARIANTS))
    parser.add_argument("--variant", action="append", default=[], metavar="NAME=OPTIONS", help="mlc with options of mlc-opt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each contender in each round")
    parser.add_argument("--least", type=int, default=2, help="runs of each contender in each round, at least")
    parser.add_argument("--quick", action="store_true", help="shorter turns, without the peers that compile for long")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("build/bench"),
                        help="exported models and references are kept here")  # fmt: skip
    parser.add_argument("--output", type=pathlib.Path, help="appends the JSON lines to this file, too")
    parser.add_argument("--svg", type=pathlib.Path, help="draws the chart into this file")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.seconds = min(arguments.seconds, 0.3)
    return arguments


def show_progress(text):
    if sys.stderr.isatty():
        print(f"\r{text[:118]:118}", end="\r", file=sys.stderr, flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments = arguments_of(parser, argv)
    entrants = contenders(arguments, parser)
    threads = [int(word) for word in words(arguments.threads)]
    precisions = words(arguments.precisions)
    lines, failed = [], []
    for name, group in groups(arguments.models, arguments.shape, parser).items():
        for precision in precisions:
            for count in threads:
                # A model that cannot be made here, for want of its package perhaps, does not cost the others.
                try:
                    contest = Contest(group, entrants, precision, count, arguments.cache, arguments.bin, show_progress)
                    done = contest.run(arguments.rounds, arguments.seconds, arguments.least)
                except RuntimeError as error:
                    failed.append(f"{name}: {error}")
                    continue
                lines += done
                text = "".join(dump(line) + "\n" for line in done)
                print(text, end="", flush=True)
                if arguments.output:
                    with arguments.output.open("a") as file:
                        file.write(text)
    print(*report.ratio_table(lines), "", *report.detail_table(lines), sep="\n", file=sys.stderr)
    if arguments.svg:
        import chart

        chart.draw(lines, arguments.svg)
    failed += [f"{line['model']}, {line['contender']}: {line['error']}" for line in lines if "error" in line]
    if failed:
        sys.exit("not measured:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
