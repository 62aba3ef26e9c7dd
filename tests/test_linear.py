"""The linear baseline: a logistic regression on the labelled snippets."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from feature_files import write_features
from hrpro import inference, model_file
from hrpro.data.features import FeatureFile
from hrpro.grid import Grid
from hrpro.linear import method
from hrpro.linear.model import LinearModel
from hrpro.linear.settings import Settings
from hrpro.linear.training import labelled_samples
from hrpro.training.checkpoint import Checkpoint
from hrpro.training.task import Stage1Task

SECOND = Grid(25, 25)  # snippets of one second
KNOWN = [(7.5, "x"), (17.5, "y"), (27.5, "x")]


def task(features: FeatureFile, points: list, settings: Settings) -> Stage1Task:
    """A training on one video, with points (seconds, label)."""
    return Stage1Task(
        features=features,
        points={"a": [{"seconds": seconds, "label": label} for seconds, label in points]},
        classes=["x", "y"],
        settings=settings,
        rng=np.random.default_rng(0),
        device=torch.device("cpu"),
        events=None,
        checkpoint=Checkpoint(None, key="", every=60),
        test=None,
        cache_memory=0,
    )


@pytest.fixture
def video(tmp_path):
    """An open feature file of a video, and its features: two classes, each a channel that is on during it."""
    rows = np.zeros((40, 3), dtype=np.float32)
    rows[5:10, 0] = rows[15:20, 1] = rows[25:30, 0] = 5
    rows += 0.1 * np.random.default_rng(0).standard_normal(rows.shape, dtype=np.float32)
    with FeatureFile(write_features(tmp_path / "features.h5", {"a": rows}, SECOND)) as features:
        yield features, rows


def scores(video, points=KNOWN, **settings):
    features, rows = video
    return method.score(method.train(task(features, points, Settings(**settings))), rows)


def test_actions_and_the_background_between_them_are_told_apart(video):
    found = scores(video, smoothing=1, regularization=100.0)
    assert (found.fused.argmax(1)[[7, 17, 27, 12, 22, 35]] == [0, 1, 0, 2, 2, 2]).all()
    np.testing.assert_allclose(found.fused.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(found.video, found.fused[:, :2].max(0), atol=1e-6)


def test_probabilities_are_averaged_over_snippets(video):
    sharp, smooth = (scores(video, smoothing=span) for span in (1, 5))
    np.testing.assert_allclose(smooth.fused[10], sharp.fused[8:13].mean(0), atol=1e-6)
    np.testing.assert_allclose(smooth.fused[0], sharp.fused[:3].mean(0), atol=1e-6)


def test_one_class_and_no_background_leave_nothing_to_learn(video):
    assert (scores(video, [(7.5, "x")]).fused == [1, 0, 0]).all()


@pytest.mark.parametrize("points", [KNOWN, [(7.5, "x"), (17.5, "x")], [(16.5, "y"), (17.5, "x")]])
def test_probabilities_are_scikit_learns(video, points):
    """Of three labels, to the last bit; of two, where it takes the logistic function, but for rounding."""
    features, rows = video
    fitting = task(features, points, Settings())
    model = method.train(fitting)
    samples, labels = labelled_samples(fitting)
    regression = LogisticRegression(C=fitting.settings.regularization, max_iter=1000)
    pipeline = make_pipeline(StandardScaler(), regression).fit(samples, labels)
    expected = np.zeros((len(rows), 3))
    expected[:, pipeline.classes_] = pipeline.predict_proba(rows)
    if len(pipeline.classes_) > 2:
        np.testing.assert_array_equal(model.probabilities(rows), expected)
    np.testing.assert_allclose(model.probabilities(rows), expected, rtol=0, atol=1e-6)


def test_probabilities_do_not_depend_on_the_threads():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((700, 400)).astype(np.float32)
    shapes = {"mean": 400, "deviation": 400, "coefficients": (21, 400), "intercepts": 21}
    weights = {name: torch.from_numpy(rng.uniform(1, 2, shape)) for name, shape in shapes.items()}
    model = LinearModel(20, weights | {"labels": torch.arange(21)}, Settings())
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(model.probabilities(rows))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("points", [KNOWN, [(7.5, "x"), (17.5, "x")], [(7.5, "x")]])
def test_a_model_file_gives_back_the_scores(video, tmp_path, points):
    features, rows = video
    settings = Settings()
    model = method.train(task(features, points, settings))
    path = tmp_path / "model.pt"
    model_file.save(path, model, settings=settings, classes=["x", "y"], width=3, grid=SECOND)
    stage1 = inference.stage1(model_file.load(path, "stage1"), torch.device("cpu"))
    assert stage1.method is method
    again, expected = stage1.score(rows), method.score(model, rows)
    for part in ("classes", "background", "video"):
        np.testing.assert_array_equal(getattr(again, part), getattr(expected, part))
