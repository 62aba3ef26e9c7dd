"""The picture of a video's detections, and what `snakemake --report` packs."""

import json
import re
import shutil
import zipfile
from xml.etree import ElementTree

import pytest

from conftest import run_script, snakemake
from hrpro.detection.segments import segments
from hrpro.report import timeline

SVG = "{http://www.w3.org/2000/svg}"
TRUTH = segments([[0, 10], [20, 30]], [0, 1])
DETECTIONS = segments([[1, 9], [21, 29], [40, 50]], [0, 1, 1], [0.5, 0.9, 0.1])


def draw(classes=("run", "sit", "walk"), truth=TRUTH, detections=DETECTIONS) -> str:
    return timeline.draw("a video", truth, detections, classes=list(classes), duration=60.0)


def words(svg: str) -> list[str]:
    return [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def bars(svg: str, color: str) -> list[float]:
    """The opacity of each bar of a colour, without the legend's."""
    styles = [path.get("style") or "" for path in ElementTree.fromstring(svg).iter(f"{SVG}path")]
    styles = [style for style in styles if f"fill: {color}" in style and "stroke-width: 0.6" in style]
    return [float(match[1]) if (match := re.search(r"opacity: ([\d.]+)", s)) else 1.0 for s in styles]


def test_the_timeline_has_a_bar_for_each_segment_and_a_row_for_each_class_that_is_shown():
    svg = draw()
    shown = words(svg)
    assert {"a video", "seconds", "run", "sit", "true segments"} < set(shown)
    assert "walk" not in shown
    assert bars(svg, timeline.TRUE) == [1.0, 1.0]
    assert bars(svg, timeline.DETECTED) == pytest.approx([1 / 3, 2 / 3, 1.0], abs=1e-5)
    assert 'style="fill: #ffffff"' in svg  # its own background, for dark pages
    assert "date" not in svg.lower()


def test_the_timeline_is_the_same_bytes_each_time():
    assert draw() == draw()


@pytest.mark.filterwarnings("error::UserWarning")
def test_names_of_users_are_words_and_no_markup():
    names = ["<b>&amp;", "$\\alpha$ $", "行く"]
    detections = segments([[1, 2]], [2], [0.0])  # and no score over 0
    shown = words(draw(names, detections=detections))
    assert set(names) < set(shown)


def test_a_timeline_of_points_and_of_nothing():
    assert bars(draw(truth=segments([[5, 5]], [0])), timeline.TRUE) == [1.0]
    svg = draw(truth=segments([]), detections=segments([]))
    assert bars(svg, timeline.TRUE) == bars(svg, timeline.DETECTED) == []


@pytest.fixture
def drawn(tmp_path):
    """Runs draw_timeline.py on two videos, of which the second alone has an instance."""
    annotation = {"label": "run", "segment": [2, 8]}
    database = {
        "a": {"subset": "test", "duration": 20, "annotations": []},
        "b": {"subset": "test", "duration": 30, "annotations": [annotation]},
    }
    detections = [annotation | {"score": score} for score in (0.9, 0.2, 0.05)]
    (tmp_path / "annotations.json").write_text(json.dumps({"database": database}))
    (tmp_path / "detections.json").write_text(json.dumps({"results": {"b": detections}}))

    def run(*arguments):
        inputs = [
            "--annotations",
            tmp_path / "annotations.json",
            "--detections",
            tmp_path / "detections.json",
        ]
        return run_script("draw_timeline.py", *inputs, "--output", tmp_path / "out/t.svg", *arguments)

    return run


def test_the_first_video_with_an_instance_is_drawn(drawn, tmp_path):
    assert drawn().returncode == 0
    svg = (tmp_path / "out/t.svg").read_text()
    assert "b" in words(svg) and len(bars(svg, timeline.DETECTED)) == 2
    assert drawn("--least-score", "0.5").returncode == 0
    assert len(bars((tmp_path / "out/t.svg").read_text(), timeline.DETECTED)) == 1
    assert drawn("--video", "a").returncode == 0
    assert "a" in words((tmp_path / "out/t.svg").read_text())


def test_a_video_that_is_not_there_ends_with_one_line(drawn, tmp_path):
    run = drawn("--video", "c")
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1 and "--video c: not in" in run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_report_holds_the_check_the_tables_and_the_timeline_with_captions(finished_run, tmp_path):
    folder = shutil.copytree(finished_run, tmp_path / "a run")
    names = ("check.html", "table.html", "timeline.svg")
    targets = ("--configfile=extra.yaml", "--", *(f"results/mine/{name}" for name in names))
    for options in ((), ("--report", "report.zip")):
        run = snakemake(folder, *options, *targets, snakefile=folder / "Snakefile")
        assert run.returncode == 0, run.stderr
    with zipfile.ZipFile(folder / "report.zip") as report:
        packed = {path.rpartition("/")[2]: report.read(path) for path in report.namelist()}
    assert set(packed) == {*names, "report.html"}
    for name in names:
        assert packed[name] == (folder / "results/mine" / name).read_bytes()
    text = " ".join(packed["report.html"].decode().replace("\\n", " ").split())
    for caption in ("what in it may spoil a training", "sample standard deviation", "one test video of"):
        assert caption in text
    for label in (
        "check of the data set",
        "mAP and quality of reliable proposals",
        "detections on a timeline",
    ):
        assert label in text
