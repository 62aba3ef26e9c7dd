"""Seconds and snippets."""

import csv
import json
import math
from fractions import Fraction

import numpy as np
import pytest

from hrpro.grid import Grid

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
