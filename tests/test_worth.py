"""What labels are worth: minutes of labelling and mAP, by hand, and the figure of them."""

import json
import re
from xml.etree import ElementTree

import pytest

from conftest import run_script
from hrpro import config

SECONDS = {"videos": 45.0, "points": 50.0, "segments": 300.0}


def labels(folder, name: str, *, group: str, supervision: str, durations: list[float], mean: float, **more):
    """Some labels whose files are in the folder: videos of these durations, in seconds, and an mAP."""
    videos = {
        f"v{number}": {"subset": "train", "duration": seconds, "annotations": [], "ambiguous": []}
        for number, seconds in enumerate(durations)
    }
    last = {"mAP": [mean, mean], "average": {"0.1:0.7": mean}, "std": {"0.1:0.7": 1.5}, "per_class": {}}
    content = {"dataset": "mine", "experiment": name, "tiou": [0.1, 0.7], "seeds": [0, 1]}
    content["stages"] = {"stage1": {"last": last | {"average": {"0.1:0.7": 1.0}}}, "stage2": {"last": last}}
    paths = {key: folder / f"{name}-{key}.json" for key in ("map", "annotations")}
    paths["map"].write_text(json.dumps(content))
    paths["annotations"].write_text(json.dumps({"database": videos}))
    named = {"group": group, "name": name, "supervision": supervision, "stage": "stage2"}
    return named | {key: str(path) for key, path in paths.items()} | more


def compare(folder, rows: list[dict]):
    settings = json.dumps({"seconds": SECONDS, "labels": rows})
    outputs = ["--figure", folder / "labelling.svg", "--json", folder / "labelling.json"]
    return run_script("compare_labels.py", "--name", "mine", "--settings", settings, *outputs)


def test_shares_of_the_same_videos_are_named_together(tmp_path):
    shares = {"10 %": 40.0, "20 %": 40.0, "100 %": 50.0}
    rows = [
        labels(tmp_path, name, group="shares", supervision="points", durations=[60.0], mean=mean)
        for name, mean in shares.items()
    ]
    assert compare(tmp_path, rows).returncode == 0
    svg = (tmp_path / "labelling.svg").read_text()
    assert "10 %, 20 %" in svg and svg.count("20 %") == 1 and "100 %" in svg


def test_minutes_and_the_figure_by_hand(tmp_path):
    whole, half = [60.0, 120.0, 180.0], [60.0, 120.0]
    rows = [
        labels(tmp_path, "full", group="segments", supervision="segments", durations=whole, mean=60.0),
        labels(tmp_path, "100 %", group="shares", supervision="points", durations=whole, mean=50.0),
        labels(tmp_path, "50 %", group="shares", supervision="points", durations=half, mean=40.0),
        labels(tmp_path, "videos", group="videos", supervision="videos", durations=whole, mean=10.0),
        labels(tmp_path, "mine-x", group="others", supervision="points", durations=whole, mean=49.0),
    ]
    assert compare(tmp_path, rows).returncode == 0
    content = json.loads((tmp_path / "labelling.json").read_text())
    found = {
        row["name"]: (row["videos"], row["minutes"], row["mAP"], row["std"]) for row in content["labels"]
    }
    # six minutes of video: 6 x 45, 50 and 300 s of work; of the half three minutes
    assert found == {
        "50 %": (2, 2.5, 40.0, 1.5),
        "videos": (3, 4.5, 10.0, 1.5),
        "100 %": (3, 5.0, 50.0, 1.5),
        "mine-x": (3, 5.0, 49.0, 1.5),
        "full": (3, 30.0, 60.0, 1.5),
    }
    assert list(found) == ["50 %", "videos", "100 %", "mine-x", "full"]
    svg = (tmp_path / "labelling.svg").read_text()
    words = [text for each in ElementTree.fromstring(svg).iter() if (text := (each.text or "").strip())]
    assert {"50 %", "100 %", "videos", "full", "mine", "minutes of labelling", "mAP 0.1:0.7, %"} <= {*words}
    assert "mine-x" not in words and "the same videos by other points" in words
    assert {"2", "5", "10", "20"} <= {*words}  # of the axis
    assert compare(tmp_path, rows).returncode == 0
    assert (tmp_path / "labelling.svg").read_text() == svg


def test_a_map_without_the_stage_is_refused(tmp_path):
    row = labels(tmp_path, "all", group="shares", supervision="points", durations=[60.0], mean=50.0)
    run = compare(tmp_path, [row | {"stage": "gated"}])
    assert re.fullmatch(
        r"error: .*all-map.json: has no gated; remove it and make it again", run.stderr.strip()
    )


def test_what_labels_take_is_set():
    assert config.parse(config.Config, {}).labelling.model_dump() == SECONDS
    assert config.parse(config.Config, {"labelling": {"points": 20.0}}).labelling.points == pytest.approx(20)
