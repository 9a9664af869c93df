"""Tables and chart of the contest (bench/report.py, bench/chart.py)."""
import json

import pytest

import chart
import report


def line(contender, ms, model="m", group=None, precision="f32", threads=1, **more):
    return {"model": model, "group": group or model, "precision": precision, "threads": threads, "contender": contender,
            "median_ms": ms, "min_ms": ms, "rel_l2": 1e-6, "compile_s": 1.0, "load_s": 0.5, "first_ms": 2 * ms,
            "peak_rss_mib": 100.0, **more}  # fmt: skip


def missing(contender, **more):
    return {"model": "m", "group": "m", "precision": "f32", "threads": 1, "contender": contender, **more}


LINES = [line("mlc", 10.0), line("mlc --fast-matmul", 8.0), line("ort", 12.0), line("openvino", 9.0), missing("jax", missing="no")]


def test_ratios_name_the_best_peer_and_show_losses():
    header, _, row = report.ratio_table(LINES)
    assert header == "| model | precision | threads | best peer | its ms | mlc, ms | ratio | mlc --fast-matmul, ms | ratio |"
    assert row == "| m | f32 | 1 | openvino | 9.00 | 10.00 | **0.90** | 8.00 | 1.12 |"


def test_the_best_of_a_group_counts():
    lines = [line("mlc", 5.0, "m to 128", "m"), line("ort", 20.0, "m to 128", "m"), line("ort", 10.0, "m to longest", "m")]
    assert list(report.ratio_table(lines))[-1] == "| m | f32 | 1 | ort | 10.00 | 5.00 | 2.00 |"


def test_no_row_without_a_peer():
    assert len(list(report.ratio_table([line("mlc", 1.0)]))) == 2


def test_details_tell_why_one_is_missing():
    rows = list(report.detail_table(LINES + [missing("iree", error="broke\nsecond | line")]))
    assert rows[2] == "| m | f32 | 1 | mlc | 10.00 | 10.00 | 1.25 | 1.0e-06 | 1.0 | 0.50 | 2.0 | 100 |"
    assert rows[-2].startswith("| m | f32 | 1 | jax | no |") and rows[-1].startswith("| m | f32 | 1 | iree | broke |")
    assert len({row.count("|") for row in rows}) == 1


def test_later_lines_count(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(line("mlc", 10.0)) + "\nsomething else\n")
    (tmp_path / "b.jsonl").write_text(json.dumps(line("mlc", 7.0)) + "\n")
    lines = report.read([tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    assert [entry["median_ms"] for entry in report.latest(lines)] == [7.0]


def test_rows_of_the_chart():
    assert chart.rows(LINES, "f32") == [("m, 1 thread", {"ort": 1.5, "openvino": 1.125})]
    assert chart.rows(LINES, "bf16") == []


def test_chart_is_the_same_each_time(tmp_path):
    pytest.importorskip("matplotlib")
    lines = LINES + [line("mlc", 3.0, precision="bf16", threads=2), line("openvino", 30.0, precision="bf16", threads=2)]
    for name in ("a.svg", "b.svg"):
        chart.draw(lines, tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text() and text.startswith("<?xml")
