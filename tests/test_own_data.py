"""docs/own-data.md, followed block by block in a checkout of its own, with points for what the films show."""

import json
import os
import re
import subprocess
import sys
import urllib.request
import uuid
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT, copy_project, once

PAGE = (ROOT / "docs/own-data.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S)
SNIPPET = 16 / 25  # seconds
SHORT = 150  # iterations of a training, in place of 600
MISSED = 10  # one action of so many gets its point only when the page is opened again


def blocks(language: str) -> list[str]:
    """The page's blocks of a language."""
    return [block for name, block in BLOCKS if name == language]


def commands(block: str) -> list[str]:
    """The commands of a block, one that goes on in a second line joined."""
    return block.replace("\\\n", "").splitlines()


def follow(folder: Path) -> None:
    """Do what the page says: write its files, run its commands; <number>.txt is what a command has said."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    copy_project(folder)
    settings = folder / "config/config.yaml"
    text, count = re.subn(r"(?m)^(    iterations:) 600\b", rf"\1 {SHORT}", settings.read_text())
    assert count == 2
    settings.write_text(text)
    number = 0
    for language, block in BLOCKS:
        if language == "python":
            (folder / block.splitlines()[0].removeprefix("# ")).write_text(block)
        elif language == "sh":
            for command in commands(block):
                by_hand = "label.py" in command
                process = subprocess.Popen(
                    ["bash", "-c", f"exec {command}" if by_hand else command],
                    cwd=folder,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                said = label(process, folder) if by_hand else process.communicate()[0]
                assert process.wait() == 0, f"{command}\n{said}"
                (folder / f"{number}.txt").write_text(said)
                number += 1


def label(process: subprocess.Popen, folder: Path) -> str:
    """Put a point into each action but every MISSED-th one; once there are some, into those."""
    said = ""
    while "http" not in said:
        line = process.stdout.readline()
        assert line, f"{process.wait()}: {said}"
        said += line
    url = re.search(r"http://\S+", said)[0]
    actions = [(f"train_{n}", *action) for n in range(10) for action in seen(folder, f"train_{n}")]
    missed = actions[::MISSED]
    is_again = len((folder / "mine/points.csv").read_text().splitlines()) > 1
    for video, seconds, name in missed if is_again else [a for a in actions if a not in missed]:
        action = {"id": uuid.uuid4().hex, "video": video, "add": [["point", round(seconds, 3), name]]}
        request = urllib.request.Request(f"{url}actions/0", json.dumps(action).encode())
        request.add_header("Content-Type", "application/json")
        assert urllib.request.urlopen(request).status == 200
    process.terminate()  # not SIGINT, which is ignored in all that a shell has put in the background
    return said + process.communicate()[0]


def seen(folder: Path, video: str) -> list[tuple[float, str]]:
    """The middle of every action of a film and what it is, by its colours, as one sees them."""
    colours = np.load(folder / f"mine/features/{video}.npy").reshape(-1, 16, 3).mean(axis=1)
    difference = colours[:, 2] - colours[:, 0]  # blue against red
    names = ["pour" if d > 30 else "stir" if d < -30 else "" for d in difference]
    runs, start = [], 0
    for name, run in groupby(names):
        length = len(list(run))
        if name:
            runs.append(((start + length / 2) * SNIPPET, name))
        start += length
    return runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder after the whole page."""
    return once(tmp_path_factory, "own_data", follow)


def test_the_page_has_its_commands():
    assert [command.split()[-1] for command in commands("".join(blocks("sh")))] == [
        "make_small.py",
        "mine",
        "pour,stir",
        "results/mine/check.html",
        "results/mine/model.pt",
        "results/mine/map.json",
        "mine/features",
        "results/mine/map.json",
        "results/mine/map.json",
        "results/mine/predict/new/detections.json",
        "results/mine/predict/new/detections.csv",
    ]


@pytest.mark.slow
def test_what_the_page_shows_is_what_there_is(folder):
    [shown] = blocks("text")
    assert re.sub(r"--cores \d+", "--cores 2", (folder / "1.txt").read_text()) == shown
    assert (folder / "mine.yaml").read_text() == blocks("yaml")[0]
    [shown] = blocks("csv")
    assert (folder / "mine/points.csv").read_text().startswith(shown)
    [shown] = blocks("json")
    [[video, entry]] = json.loads(shown)["database"].items()
    made = json.loads((folder / "mine/annotations.json").read_text())["database"][video]
    assert made == {"duration": entry["duration"], "annotations": made["annotations"]}
    assert made["annotations"][:1] == entry["annotations"]


@pytest.mark.slow
def test_the_check_finds_the_data_set_sound(folder):
    known = json.loads((folder / "results/mine/check.json").read_text())
    assert {finding["level"] for finding in known["findings"]} <= {"note"}
    assert {split: held["videos"] for split, held in known["splits"].items()} == {"train": 10, "test": 6}
    assert known["splits"]["train"]["points"] == 27 and known["splits"]["test"]["instances"] == 18
    assert (folder / "results/mine/check.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.slow
def test_corrected_points_are_trained_on(folder):
    result = json.loads((folder / "results/mine/map.json").read_text())
    assert result["stages"]["stage2"]["last"]["average"]["0.1:0.7"] > 60
    assert all("| mine" in (folder / f"{number}.txt").read_text() for number in (5, 8))
    points = json.loads((folder / "results/mine/train/points.json").read_text())["videos"]
    assert sum(map(len, points.values())) == 30
    assert "rule train_stage1" in (folder / "7.txt").read_text()
    assert "rule convert_features" not in (folder / "7.txt").read_text()
    assert (folder / "results/mine/report.html").is_file()


@pytest.mark.slow
def test_new_videos_get_detections(folder):
    found = json.loads((folder / "results/mine/predict/new/detections.json").read_text())["results"]
    assert set(found) == {"new_0", "new_1"}
    for video, detections in found.items():
        length = len(np.load(folder / f"mine/new/{video}.npy")) * SNIPPET
        sure = [one for one in detections if one["score"] > 0.3]
        assert 1 <= len(sure) <= 8  # each video shows three actions
        for one in detections:
            assert one["label"] in ("pour", "stir")
            assert 0 <= one["segment"][0] < one["segment"][1] <= length + 0.01
    assert len((folder / "10.txt").read_text().splitlines()) == 4
