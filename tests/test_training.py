"""What both trainings share: batches, optimizer, model files; and what is faster than torch's own."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from feature_files import write_features
from hrpro import inference, methods, model_file
from hrpro.data.features import FeatureFile
from hrpro.data.scores import Scores
from hrpro.detection.fusion import Candidates
from hrpro.detection.segments import segments
from hrpro.grid import Grid
from hrpro.snippet import training as snippet_training
from hrpro.snippet.model import SnippetModel
from hrpro.snippet.settings import Settings
from hrpro.training.best import BestModel
from hrpro.training.checkpoint import Checkpoint
from hrpro.training.logging import EventLog
from hrpro.training.optimizer import make_optimizer
from hrpro.training.sampler import BatchSampler
from hrpro.training.task import Stage1Task
from hrpro.utils import progress
from hrpro.utils.errors import InputError

GRID = Grid(25, 25)


def test_batches_shuffle_each_epoch_and_drop_the_remainder():
    sampler = BatchSampler(10, 4, np.random.default_rng(0))
    epochs = [np.concatenate([next(sampler), next(sampler)]) for _ in range(3)]
    assert all(len(set(epoch.tolist())) == 8 for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()
    few = BatchSampler(3, 16, np.random.default_rng(0))
    assert sorted(next(few).tolist()) == [0, 1, 2]  # fault 10: fewer videos than a batch


def test_the_best_model_is_the_first_with_the_highest_map():
    network, best = torch.nn.Linear(1, 1, bias=False), BestModel()
    for weight, mean_ap in ((1.0, 20.0), (2.0, 30.0), (3.0, 30.0), (4.0, 10.0)):
        network.weight.data.fill_(weight)
        best.update(network, mean_ap)
    best.restore(network)
    assert network.weight.item() == 2


def test_without_a_test_a_model_keeps_its_weights():
    network = torch.nn.Linear(1, 1)
    before = network.weight.clone()
    BestModel().restore(network)
    assert torch.equal(network.weight, before)


@pytest.fixture
def save(config):
    """A function that writes an untrained stage-1 model; -> the model."""

    def write(path) -> SnippetModel:
        settings = config.settings.stage1
        network = SnippetModel(3, 8, settings)
        model_file.save(path, network, settings=settings, classes=["x", "y", "z"], width=8, grid=GRID)
        return network

    return write


def test_a_model_file_gives_back_the_model(config, tmp_path, save):
    network = save(tmp_path / "model.pt")
    file = model_file.load(tmp_path / "model.pt", "stage1")
    assert (file.classes, file.width, file.grid) == (["x", "y", "z"], 8, GRID)
    assert file.settings == config.settings.stage1
    loaded = methods.load("stage1", "hrpro").load(file, torch.device("cpu"))
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


def test_equal_models_give_equal_bytes(tmp_path, save):
    for name in ("a.pt", "b.pt"):
        torch.manual_seed(0)
        save(tmp_path / name)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_the_settings_of_a_model_file_name_no_default_method(tmp_path, save):
    """As before there were others, so that equal models give equal bytes in all versions."""
    save(tmp_path / "model.pt")
    assert "method" not in json.loads(model_file.read(tmp_path / "model.pt")["settings"])


@pytest.mark.parametrize("damage", [b"", b"no zip", None])
def test_a_damaged_model_file_is_refused(tmp_path, save, damage):
    path = tmp_path / "model.pt"
    save(path)
    path.write_bytes(path.read_bytes()[:2000] if damage is None else damage)
    with pytest.raises(InputError, match=r"model\.pt: not a model of this version of hrpro .* train again"):
        model_file.load(path, "stage1")


def test_a_model_of_the_other_stage_is_refused(tmp_path, save):
    save(tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model\.pt: not a model .*unknown key"):
        model_file.load(tmp_path / "model.pt", "stage2")


def test_adam_is_torchs_bit_for_bit(config):
    settings = config.settings.stage1.model_copy(update={"schedule": "constant"})
    torch.manual_seed(0)
    inputs, ours, theirs = torch.randn(9, 3), torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    optimizer, _ = make_optimizer(ours, settings, 5)
    options = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay, "fused": True}
    adam = torch.optim.Adam(theirs.parameters(), betas=settings.betas, **options)
    for step in range(5):
        for network, stepping in ((ours, optimizer), (theirs, adam)):
            stepping.zero_grad()
            (network(inputs) ** 2).sum().backward()
            stepping.step()
        assert torch.equal(ours.weight, theirs.weight), step
    assert str(optimizer.state_dict()["state"]) == str(adam.state_dict()["state"])


# Modules that take a second to import and that a training of HR-Pro does not need.
SPARED = ("torch._dynamo", "sklearn")


def test_a_training_spares_itself_slow_imports():
    code = f"""
import sys, torch
from hrpro import config, evaluation, inference, methods, model_file
from hrpro.utils.speed import Adam
methods.load("stage1", "hrpro"), methods.load("stage2", "hrpro")
network = torch.nn.Linear(1, 1)
optimizer = Adam(network.parameters(), fused=True)
optimizer.zero_grad()
network(torch.ones(1)).backward()
optimizer.step()
print([name for name in {SPARED} if name in sys.modules])
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_the_learning_rate_warms_up_and_follows_a_cosine(config):
    settings = config.settings.stage1
    optimizer, schedule = make_optimizer(torch.nn.Linear(1, 1), settings, 100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"] / settings.learning_rate)
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(0.2)
    assert rates[50] == pytest.approx(0.5)
    assert max(rates) == max(rates[:10]) > 0.98
    assert 0 < rates[-1] < 0.001
    constant = settings.model_copy(update={"schedule": "constant"})
    optimizer, schedule = make_optimizer(torch.nn.Linear(1, 1), constant, 100)
    assert schedule.get_last_lr() == [settings.learning_rate]


class Diverging(NamedTuple):
    """A training of stage 1 that diverges: settings, a factor on the features, and the words of its end."""

    settings: dict
    factor: float
    words: str


@pytest.mark.parametrize(
    "case",
    [
        Diverging({"learning_rate": 1e12, "schedule": "constant"}, 1, r"at step \d+ loss/frame is nan"),
        Diverging(
            {"learning_rate": 1e12, "iterations": 5, "schedule": "constant"},
            1,
            r"at step [2-5] loss/frame is nan",
        ),  # under 10 steps
        Diverging({"standardize": False}, 1e37, r"at step 1 loss/frame is nan"),
        Diverging(
            {"learning_rate": 1e12, "test_every": 2}, 1, r"at step \d+ loss/frame is nan"
        ),  # not tested
    ],
)
def test_a_training_that_diverges_ends_at_the_step(tmp_path, monkeypatch, case):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    features = case.factor * np.random.default_rng(0).standard_normal((30, 8), dtype=np.float32)
    settings = Settings(**{"iterations": 12} | case.settings)
    with FeatureFile(write_features(tmp_path / "features.h5", {"a": features}, GRID)) as file:
        task = Stage1Task(
            features=file,
            points={"a": [{"seconds": 5.5, "label": "x"}, {"seconds": 15.5, "label": "y"}]},
            classes=["x", "y"],
            settings=settings,
            rng=np.random.default_rng(0),
            device=torch.device("cpu"),
            events=tmp_path / "events",
            checkpoint=Checkpoint(tmp_path / "state.pt", key="", every=0),
            test=(lambda model: pytest.fail("a model that has diverged was tested"))
            if "test_every" in case.settings
            else None,
            cache_memory=1,
        )
        with pytest.raises(InputError, match=f"the training diverged: {case.words}; lower its learning_rate"):
            snippet_training.train(task)
    saved = task.checkpoint.read()
    assert saved is None or all(value.isfinite().all() for value in saved["model"].values())


@pytest.mark.parametrize("name", ["loss/regression", "loss/total", "gradient norm"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_whatever_is_not_finite_is_named_with_its_first_step(tmp_path, name, value):
    values = {
        "loss/regression": torch.ones(2),
        "loss/total": torch.ones(2),
        "gradient norm": torch.tensor(1.0),
    }
    with EventLog(tmp_path, 0, {}) as events:
        events.log_step(1, 0.1, values)
        events.log_step(2, 0.1, values | {name: torch.tensor(value)})
        events.log_step(3, 0.1, values | {"loss/regression": torch.tensor(np.nan)})
        with pytest.raises(InputError, match=rf"at step 2 {name} is {value}; lower"):
            events.flush()


def test_weights_that_are_not_finite_make_no_model_file(tmp_path, config):
    settings = config.settings.stage1
    network = SnippetModel(3, 8, settings)
    network.classifier.weight.data[0, 0] = torch.inf
    with pytest.raises(InputError, match=r"diverged: weights of classifier\.weight are NaN or infinite"):
        model_file.save(tmp_path / "m.pt", network, settings=settings, classes=["x"] * 3, width=8, grid=GRID)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["classes", "background", "video"])
def test_scores_that_are_not_finite_are_refused(part):
    scores = {"classes": np.ones((4, 2)), "background": np.ones(4), "video": np.ones(2)}
    scores[part][0] = np.nan
    method = SimpleNamespace(score=lambda model, features: Scores(**scores))
    with pytest.raises(InputError, match="the snippet scores are NaN or infinite"):
        inference.Stage1(method, None).score(np.zeros((4, 3)))


def test_completeness_that_is_not_finite_is_refused():
    candidates = Candidates(segments([[0, 1]], [0], [0.5]), np.array([np.nan]))
    method = SimpleNamespace(detect=lambda *_, **__: candidates)
    with pytest.raises(InputError, match="the times and scores of stage 2 are NaN or infinite"):
        inference.Stage2(method, None).candidates(None, None, proposals=None, grid=GRID, settings=None)


@pytest.mark.parametrize(
    ("seconds_per_step", "steps", "warnings"),
    [(264, 600, 1), (70, 600, 0), (4, 9_000, 0), (6, 9_000, 1), (400, 3, 0)],
)
def test_a_training_of_days_is_said_after_its_first_steps(
    monkeypatch, caplog, seconds_per_step, steps, warnings
):
    """Two days in the first case; from half a day on it is said, once, with what to do."""
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    caplog.set_level("WARNING", "hrpro")
    for step in progress.track(range(1, steps + 1), steps, "stage 1", remedy="lower the batch"):
        now += seconds_per_step
        if step == 3:
            break
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == warnings
    for line in said:
        hours = seconds_per_step * steps / 3600
        assert float(line.split()[3]) == pytest.approx(hours, abs=1)
        assert line.endswith("hours left; lower the batch")
