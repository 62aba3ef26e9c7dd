"""What both trainings share: batches, optimizer, model files; and what is faster than torch's own."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from hrpro import methods, model_file
from hrpro.grid import Grid
from hrpro.snippet.model import SnippetModel
from hrpro.training.best import BestModel
from hrpro.training.optimizer import make_optimizer
from hrpro.training.sampler import BatchSampler
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
