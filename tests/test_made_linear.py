"""The made data sets of sensors (bench/made_linear.py)."""

import importlib
import json

import numpy as np
import pytest

from conftest import ROOT


@pytest.fixture
def bench(monkeypatch):
    """The module bench/made_linear.py."""
    monkeypatch.syspath_prepend(ROOT / "bench")
    return importlib.import_module("made_linear")


@pytest.mark.parametrize(("kind", "width"), [("tools", 150), ("bodies", 240)])
def test_a_made_data_set_of_sensors(bench, tmp_path, kind, width):
    small = getattr(bench, kind.upper())._replace(train=2, test=1)
    names = [f"action_{label}" for label in range(small.classes)]
    written = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        rng = np.random.default_rng(0)
        bench.write(folder, getattr(bench, kind)(rng, small), small.train, names, bench.SECONDS, rng)
        written.append({path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert written[0] == written[1]

    database = json.loads(written[0]["annotations.json"])["database"]
    assert len(database) == 3
    points = [line.split(b",") for line in written[0]["points.csv"].split()[1:]]
    actions = []
    for number, (video, entry) in enumerate(database.items()):
        features = np.load(tmp_path / "first" / "features" / f"{video}.npy")
        assert features.shape == (round(entry["duration"] / bench.SECONDS), width)
        assert np.isfinite(features).all()
        edges = [0, *(edge for action in entry["annotations"] for edge in action["segment"])]
        assert edges == sorted(edges)
        assert edges[-1] <= entry["duration"]
        if number < small.train:
            actions += [(video, action) for action in entry["annotations"]]
    for (video, action), (of_video, seconds, label) in zip(actions, points, strict=True):
        start, end = action["segment"]
        assert (of_video.decode(), label.decode()) == (video, action["label"])
        assert start <= float(seconds) <= end
