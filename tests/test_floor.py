"""The floor: a logistic regression on the labelled snippets."""

import h5py
import numpy as np
import pytest

from hrpro.data.features import FeatureFile
from hrpro.linear import model as floor
from hrpro.linear.settings import Settings


@pytest.fixture
def easy(tmp_path):
    """Two classes, each a channel that is on during its actions; a snippet is a second."""
    rows = np.zeros((40, 3), dtype=np.float32)
    rows[5:10, 0] = rows[15:20, 1] = rows[25:30, 0] = 5
    with h5py.File(tmp_path / "features.h5", "w") as file:
        file["train/a"] = file["test/b"] = rows
        file.attrs.update(format_version=1, width=3, snippet_frames=25, snippet_fps=25.0)
    with FeatureFile(tmp_path / "features.h5") as file:
        yield file, rows


def points(*given):
    return {"a": [{"seconds": seconds, "label": label} for seconds, label in given]}


def test_actions_and_the_background_between_them_are_told_apart(easy):
    file, rows = easy
    known = points((7.5, "x"), (17.5, "y"), (27.5, "x"))
    settings = Settings(smoothing=1, regularization=100.0)
    scores = floor.fit(file, known, ["x", "y"], settings)(rows)
    assert (scores.fused.argmax(1)[[7, 17, 27, 12, 22, 35]] == [0, 1, 0, 2, 2, 2]).all()
    np.testing.assert_allclose(scores.fused.sum(1), 1)
    np.testing.assert_allclose(scores.video, scores.fused[:, :2].max(0))


def test_probabilities_are_averaged_over_snippets(easy):
    file, rows = easy
    known = points((7.5, "x"), (17.5, "y"), (27.5, "x"))
    sharp, smooth = (floor.fit(file, known, ["x", "y"], Settings(smoothing=span))(rows) for span in (1, 5))
    np.testing.assert_allclose(smooth.fused[10], sharp.fused[8:13].mean(0))
    np.testing.assert_allclose(smooth.fused[0], sharp.fused[:3].mean(0))


def test_one_class_and_no_background_leave_nothing_to_learn(easy):
    file, rows = easy
    scores = floor.fit(file, points((7.5, "x")), ["x", "y"], Settings())(rows)
    assert (scores.fused == [1, 0, 0]).all()
