"""docs/own-data.md, followed block by block in a checkout of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT, copy_project, once

PAGE = (ROOT / "docs/own-data.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S)


def blocks(language: str) -> list[str]:
    """The page's blocks of a language."""
    return [block for name, block in BLOCKS if name == language]


def follow(folder: Path) -> None:
    """Do what the page says: write its files, run its commands; <number>.txt is what a command has said."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    copy_project(folder)
    number = 0
    for language, block in BLOCKS:
        if language in ("python", "yaml"):  # the first line names the file
            (folder / block.splitlines()[0].removeprefix("# ")).write_text(block)
        elif language == "sh":
            for command in block.splitlines():
                run = subprocess.run(
                    ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
                )
                assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
                (folder / f"{number}.txt").write_text(run.stdout + run.stderr)
                number += 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder after the whole page."""
    return once(tmp_path_factory, "own_data", follow)


def test_the_page_has_its_commands():
    commands = "".join(blocks("sh")).splitlines()
    assert [command.split()[-1] for command in commands] == [
        "make_small.py",
        "results/mine/check.html",
        "results/mine/map.json",
        "results/mine/map.json",
        "mine/classes.csv",
        "results/classes/videos/map.json",
        "results/mine/predict/new/detections.json",
        "results/mine/predict/new/detections.csv",
    ]


@pytest.mark.slow
def test_the_shown_formats_are_those_of_the_made_data(folder):
    (shown,) = blocks("csv")
    assert shown.splitlines()[0] == (folder / "mine/points.csv").read_text().splitlines()[0]
    (shown,) = blocks("json")
    (video, entry), *_ = json.loads(shown)["database"].items()
    made = json.loads((folder / "mine/annotations.json").read_text())["database"][video]
    assert list(made) == list(entry)
    assert list(made["annotations"][0]) == list(entry["annotations"][0])


@pytest.mark.slow
def test_the_check_finds_the_data_set_sound(folder):
    known = json.loads((folder / "results/mine/check.json").read_text())
    assert known["findings"] == []
    assert {split: held["videos"] for split, held in known["splits"].items()} == {"train": 12, "test": 10}
    assert known["splits"]["train"]["points"] == 60 and known["splits"]["test"]["instances"] == 50
    assert "no findings: results/mine/check.html" in (folder / "1.txt").read_text()
    assert (folder / "results/mine/check.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.slow
def test_the_training_learns_it_and_the_table_is_shown(folder):
    result = json.loads((folder / "results/mine/map.json").read_text())
    assert result["stages"]["stage2"]["last"]["average"]["0.1:0.7"] > 70
    assert "| mine" in (folder / "3.txt").read_text()


@pytest.mark.slow
def test_new_videos_get_detections(folder):
    found = json.loads((folder / "results/mine/predict/new/detections.json").read_text())["results"]
    assert set(found) == {"new_0", "new_1"}
    for video, detections in found.items():
        length = len(np.load(folder / f"mine/new/{video}.npy")) * 16 / 25
        sure = [one for one in detections if one["score"] > 0.5]
        assert 3 <= len(sure) <= 10  # each video shows five actions
        for one in detections:
            assert one["label"] in ("pour", "stir")
            assert 0 <= one["segment"][0] < one["segment"][1] <= length + 0.01
    assert len((folder / "7.txt").read_text().splitlines()) == 4


@pytest.mark.slow
def test_classes_of_videos_alone_are_enough(folder):
    assert "seconds" not in (folder / "results/classes/train/points.json").read_text()
    result = json.loads((folder / "results/classes/videos/map.json").read_text())
    assert result["stages"].keys() == {"stage1", "stage2"}
    assert result["stages"]["stage1"]["last"]["reliable"]["tiou"] is None
