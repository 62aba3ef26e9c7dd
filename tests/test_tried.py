"""What a fresh tester has found: each case with the words, or the value, that are right."""

import json
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT
from hrpro.data import annotations, points, readers
from hrpro.utils.errors import InputError

SCRIPTS = ROOT / "workflow" / "scripts"


def run(script: str, *arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("twice", ["video", "seconds", "class"])
def test_a_column_that_stands_twice_is_refused(twice, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(f"video,seconds,class,{twice}\nv,2.977,stir,5\n")
    with pytest.raises(InputError, match=f"points.csv: column '{twice}' stands twice; remove one"):
        points.read(path)


@pytest.mark.parametrize("cell", ["1_0.5", "١٢", "1_000", "٣.٥"])
def test_a_number_is_what_people_write(cell, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(f"video,seconds,class\nv,{cell},stir\nv,3,stir\n")
    rows = points.read(path)
    assert (len(rows.points), len(rows.faulty)) == (1, 1)
    assert annotations.to_number(cell) is None


@pytest.mark.parametrize("shape", [(-45, 16), (45, -16), (0, 16), (-1, -1)])
def test_an_array_has_snippets_and_channels(shape):
    with pytest.raises(InputError, match=r"x.npy: shape \(.*\); expected \(snippets, channels\)"):
        readers.check(readers.Header("x.npy", shape, np.dtype("float32")))


@pytest.mark.parametrize("score", ["nan", "2", "-0.1", "inf"])
def test_a_least_score_is_one(score, tmp_path):
    ran = run("predict.py", "--model", "m", "--features", "f", "--output", "o.json", "--least-score", score)
    assert ran.returncode == 1
    assert ran.stderr == f"error: --least-score {score}: expected a number from 0 to 1\n"


@pytest.mark.parametrize("read", ["annotations.json", "./detections.json", "../here/detections.json"])
def test_an_output_is_no_input(read, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("annotations.json", "detections.json"):
        (folder / name).write_text("{}")
    names = ("--annotations", folder / "annotations.json", "--detections", folder / "detections.json")
    ran = run("evaluate.py", *names, "--subset", "test", "--output", folder / read)
    assert ran.returncode == 1
    assert ran.stderr.endswith("is a file that is read; name another one\n")
    assert (folder / "detections.json").read_text() == "{}"


@pytest.mark.parametrize(
    "content",
    [
        {"dataset": "x", "stages": {"stage1": {"last": {}}}},
        {"stages": []},
        {"stages": {"stage1": None}},
        {"dataset": "x", "experiment": "e", "stages": {"stage1": {"last": {"mAP": [1], "average": 3}}}},
    ],
)
def test_another_file_is_no_table(content, tmp_path):
    path = tmp_path / "map.json"
    path.write_text(json.dumps(content))
    ran = run("show.py", path)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"error: {path}: not a map.json of hrpro (")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("target", "words"),
    [("", "an empty target: "), ("/nowhere/results/demo/map.json", "an absolute path; type it from")],
)
def test_a_target_that_the_shell_made_is_explained(target, words, tmp_path):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        ROOT / "Snakefile",
        "-n",
        "--cores",
        "1",
        "--",
        target,
    ]
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 1
    assert words in ran.stderr and "Traceback" not in ran.stderr
