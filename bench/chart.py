"""The chart of a contest: for each model, every contender's time relative to mlc's best, one panel for each precision."""
import report

COLOURS = {"onnxruntime": "#0072b2", "openvino": "#6a3d9a", "torch": "#e69f00", "inductor": "#d55e00",
           "inductor-autotuned": "#a65628", "iree": "#999999", "jax": "#009e73", "mlc": "#000000"}  # fmt: skip
FARTHEST = 4  # times mlc's; beyond it a mark stands at the edge


def rows(lines, precision):
    """[(label, {contender: time / time of mlc's best})] of the contests that mlc took part in."""
    result = []
    for (group, kind, threads), entries in report.contests(lines).items():
        ours = report.best(line for line in report.measured(entries) if report.is_mlc(line))
        if kind != precision or not ours:
            continue
        times = {}
        for line in report.measured(entries):
            if not report.is_mlc(line):
                name = line["contender"]
                times[name] = min(times.get(name, float("inf")), report.ratio(line, ours))
        result.append((f"{group}, {threads} thread{'s' if threads > 1 else ''}", times))
    return result


def panel(axis, title, entries):
    for height, (_, times) in enumerate(reversed(entries)):
        axis.axhline(height, color="#dddddd", linewidth=0.6, zorder=0)
        for name, value in times.items():
            far = value > FARTHEST
            axis.plot(min(value, FARTHEST), height, ">" if far else "o", color=COLOURS.get(name, "#555555"), markersize=5.5,
                      label=name, clip_on=False)  # fmt: skip
    axis.axvline(1, color="#000000", linewidth=1.2, label="mlc")
    axis.set_yticks(range(len(entries)), [label for label, _ in reversed(entries)], fontsize=8)
    axis.set_xscale("log")
    lowest = min([value for _, times in entries for value in times.values()], default=1)
    axis.set_xlim(min(0.8, 0.95 * lowest), FARTHEST)
    ticks = [tick for tick in (0.25, 0.5, 0.7, 0.8, 1, 1.25, 1.5, 2, 3, 4) if tick >= axis.get_xlim()[0]]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=8)
    axis.minorticks_off()
    axis.set_xlabel("time / mlc's time (right of the line: slower than mlc)", fontsize=8)
    axis.set_title(title, fontsize=10, loc="left")
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def draw(lines, path):
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    panels = [(precision, rows(lines, precision)) for precision in ("f32", "bf16")]
    panels = [(precision, entries) for precision, entries in panels if entries]
    if not panels:
        return
    plt.rcParams["svg.hashsalt"] = "mlc"  # the same lines, the same bytes
    heights = [len(entries) + 2 for _, entries in panels]
    figure, axes = plt.subplots(len(panels), figsize=(9, 0.8 + 0.27 * sum(heights)), squeeze=False, height_ratios=heights)
    for axis, (precision, entries) in zip(axes[:, 0], panels):
        panel(axis, precision, entries)
    marks = {}
    for axis in axes[:, 0]:
        marks |= dict(zip(*reversed(axis.get_legend_handles_labels())))
    figure.legend(marks.values(), marks.keys(), loc="upper right", ncols=4, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
