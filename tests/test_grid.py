"""Seconds and snippets."""

import csv
import json
import math
import re
from fractions import Fraction

import numpy as np
import pytest
import torch
import yaml

from conftest import ROOT
from hrpro import model_file
from hrpro.grid import Grid
from hrpro.proposals import generation as proposals
from hrpro.proposals import ranking
from hrpro.proposals.generation import Video
from hrpro.training import seeds

DATASETS = {"gtea": (4, 15), "gtea-2048": (16, 15), "hapt": (25, 50), "THUMOS14": (16, 25)}


def test_a_snippet_of_16_frames_at_25_fps_lasts_0_64_s():
    grid = Grid(16, 25)
    assert grid.snippet == 0.64
    assert grid.seconds([0, 1, 2.5]).tolist() == [0, 0.64, 1.6]
    np.testing.assert_allclose(grid.snippets(grid.seconds([0, 1, 2.5])), [0, 1, 2.5])
    assert grid.index([0, 0.63, 0.64, 1.27]).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("name", DATASETS)
def test_every_real_point_falls_into_its_snippet(shared, name):
    frames, fps = DATASETS[name]
    grid = Grid(frames, fps)
    root = shared / "data" / name
    database = json.loads((root / "gt_full.json").read_text())["database"]
    with open(root / "point_labels" / "point_gaussian.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 300
    for row in rows:
        rate = database[row["video_id"]]["fps"]
        exact = Fraction(row["point"]) * fps / (Fraction(str(rate)) * frames)
        assert grid.index(float(row["point"]) / rate) == math.floor(exact), row


PAGE = ROOT / "docs" / "time-grid.md"


@pytest.fixture(scope="module")
def example() -> Grid:
    """The grid of the worked example in docs/time-grid.md."""
    snippet = yaml.safe_load(re.search(r"^snippet: .+$", PAGE.read_text(), re.M)[0])["snippet"]
    return Grid(**snippet)


def drawn(name: str) -> str:
    """A line of the drawing."""
    return re.search(rf"^{name}( +.*)$", PAGE.read_text(), re.M)[0]


def at(mark: int) -> float:
    """The second at which a character of the drawing's lines stands, by their ruler."""
    ruler = drawn("seconds")
    first, second = ruler.index("0.0"), ruler.index("0.5")
    return (mark - first) / (second - first) * 0.5


def rows(header: str) -> list[list[str]]:
    """A table of the page."""
    table = PAGE.read_text().split(f"| {header} |", 1)[1].split("\n\n")[0]
    return [re.split(r" *\| *", line.strip("| ")) for line in table.splitlines()[2:]]


def numbers(cell: str) -> list[float]:
    return [float(number) for number in re.split(r" - ", cell)]


def test_the_snippets_of_the_time_grid_page(example):
    table = rows("snippet | frames")
    assert example.length(2.5) == len(table) == 4
    for i, (_, frames, centre, part) in enumerate(table):
        line = drawn(f"snippet {i}")
        first, last = numbers(frames)
        assert (first, last + 1) == (i * example.frames, i * example.frames + example.window)
        assert [at(line.index(mark)) for mark in "[)"] == [first / example.fps, (last + 1) / example.fps]
        assert at(line.index("o", 9)) == float(centre) == example.seconds(i + 0.5)
        assert float(centre) == (i * example.frames + example.window / 2) / example.fps
        assert numbers(part) == example.seconds([i, i + 1]).tolist()
        assert drawn("part").index(f" {i} ") + 1 == drawn("axis").index(f" {i} ") + 1 + 5
    assert [at(drawn("axis").index(f"{i} " if i < 4 else "4")) for i in range(5)] == example.seconds(
        range(5)
    ).tolist()


def test_the_proposal_of_the_time_grid_page(example, released):
    ((_, axis, seconds),) = rows("what | axis")
    scores = np.array([[0.1], [0.9], [0.9], [0.1]])  # cells 2 to 5 are over 0.6
    settings = released("proposals").model_copy(
        update={"value_at": "centre", "class_thresholds": [0.6], "foreground_thresholds": [1.0]}
    )
    [proposal] = proposals.propose(
        [Video(scores, np.full(4, 1e-9), np.array([0]), np.zeros(1))], example, settings
    )
    assert proposal.times.tolist() == [numbers(seconds)] == [example.seconds(numbers(axis)).tolist()]
    line = drawn("proposal")
    assert [at(line.index(mark)) for mark in "[)"] == numbers(seconds)
    edges = [at(mark) for mark, sign in enumerate(drawn("cells")) if sign == "|"]
    assert edges == example.seconds(np.arange(9) / 2).tolist()


def test_the_points_of_the_time_grid_page(example):
    for name, seconds, axis, snippet in rows("point | seconds"):
        assert at(drawn("points").index(f" {name}") + 1) == pytest.approx(float(seconds))
        assert example.snippets(float(seconds)) == pytest.approx(float(axis))
        labels = seeds.point_labels(
            [{"label": "x", "seconds": float(seconds)}], ["x"], length=4, grid=example
        )
        assert labels.flatten().nonzero().tolist() == [[int(snippet)]]


@pytest.mark.parametrize(("frames", "fps"), [(16, 25), (4, 15), (25, 50), (16, 29.97)])
def test_a_window_as_long_as_the_stride_changes_no_bit(frames, fps):
    values = np.random.default_rng(0).uniform(-5, 3000, 10000)
    grid = Grid(frames, fps, frames)
    assert grid == Grid(frames, fps)
    np.testing.assert_array_equal(grid.seconds(values), values * frames / fps)
    np.testing.assert_array_equal(grid.snippets(values), values * fps / frames)


@pytest.mark.parametrize("scale", [1, 2, 3, 8])
def test_no_proposal_begins_before_its_video(scale, released):
    grid = Grid(16, 25, 1)  # one frame in 16: the first snippet's own begins 0.3 s before the video
    settings = released("proposals").model_copy(update={"scale": scale, "value_at": "centre"})
    scores = np.random.default_rng(0).random((9, 2))
    scores[0] = 0.9
    [proposal] = proposals.propose(
        [Video(scores, np.zeros(9), np.array([0, 1]), np.zeros(2))], grid, settings
    )
    assert proposal.times[:, 0].min() == 0
    assert (proposal.times[:, 1] > proposal.times[:, 0]).all()
    drawn = ranking.negatives(np.ones(9), 100, grid, bounds="inclusive", rng=np.random.default_rng(0))
    assert drawn.times[:, 0].min() == 0


@pytest.mark.parametrize(
    ("lengths", "seconds", "expected"),
    [
        ([100, 50], [64.0, 32.0], None),
        ([102, 52], [64.0, 32.0], None),  # within the tolerance
        ([125, 63], [64.0, 32.0], 1.255),
        ([80, 40], [64.0, 32.0], 0.8),
        ([105, 53], [64.0, 32.0], None),  # odd, but hardly the grid's fault
        ([125, 50, 50], [64.0, 32.0, 32.0], None),  # one video's
        ([125], [], None),
    ],
)
def test_a_grid_that_fits_no_video(lengths, seconds, expected):
    durations = dict(enumerate(seconds))
    ratio = Grid(16, 25.0).misfit(dict(enumerate(lengths)), durations)
    assert ratio == (None if expected is None else pytest.approx(expected))


def test_a_model_knows_its_grid(tmp_path, config):
    model = torch.nn.Linear(2, 2)
    for grid in (Grid(16, 25.0), Grid(16, 25.0, 32)):
        settings = config.step("demo", "stage1")
        model_file.save(tmp_path / "model.pt", model, settings=settings, classes=["a"], width=2, grid=grid)
        assert model_file.load(tmp_path / "model.pt", "stage1").grid == grid
    content = model_file.read(tmp_path / "model.pt")
    facts = json.loads(content["facts"])
    del facts["window"]  # a model from before there was one
    assert model_file.parse(content | {"facts": json.dumps(facts)}, "stage1").grid == Grid(16, 25.0)
