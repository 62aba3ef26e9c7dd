"""Devices and precisions other than the CPU's float32, as far as they can be tested without a GPU.

Tensors on torch's device "meta" have no values, so a training step stops there if it asks for one, as
nonzero() and item() do, which on a GPU would make the host wait. It also stops if it mixes devices.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
import yaml
from torch.utils._python_dispatch import TorchDispatchMode

from conftest import ROOT, SCRIPTS
from hrpro import config
from hrpro.data import features as feature_files
from hrpro.data.features import FeatureFile
from hrpro.instance import losses as instance_losses
from hrpro.instance.dataset import Batch, Reliable, pad_reliable
from hrpro.instance.model import InstanceModel, refine
from hrpro.layers.packing import Packing
from hrpro.pyramid import losses as pyramid_losses
from hrpro.pyramid.dataset import Batch as PyramidBatch
from hrpro.pyramid.layout import Cells, Layout
from hrpro.pyramid.model import PyramidModel
from hrpro.pyramid.settings import Settings as PyramidSettings
from hrpro.pyramid.targets import Targets
from hrpro.snippet import losses as snippet_losses
from hrpro.snippet import memory
from hrpro.snippet.model import SnippetModel
from hrpro.training import logging
from hrpro.training.cache import FeatureCache
from hrpro.training.optimizer import autocast
from hrpro.training.sampler import BatchSampler
from hrpro.utils import devices, locks, speed

CLASSES, WIDTH, LENGTHS, PROPOSALS = 5, 64, [40, 1, 25], [30, 0, 20]
MOST_CALLS = {"default": 400, "released": 470}  # of one block and of two
VARIANTS = pytest.mark.parametrize("variant", ["default", "released"])
CONFIG = config.parse(config.Config, yaml.safe_load((ROOT / "config/config.yaml").read_text()))


def settings_of(step: str, variant: str, **changes) -> config.Strict:
    return CONFIG.step("thumos", step, variant).model_copy(update=changes)


def precision(settings, device: str):
    """The context in which a training runs a network; autocast does not know the meta device."""
    return nullcontext() if device == "meta" else autocast(settings, torch.device(device))


def stage1_step(settings, device: str, lengths=LENGTHS, watch=nullcontext):
    """The model after a backward pass of stage 1, its scores, losses and the new prototypes."""
    torch.manual_seed(0)
    model = SnippetModel(CLASSES, WIDTH, settings)
    model.prototypes.copy_(torch.randn_like(model.prototypes))
    features = torch.randn(sum(lengths), WIDTH)
    points = torch.zeros(sum(lengths), CLASSES)
    points[[3, 20, 50], [1, 2, 1]] = 1
    model, features, points = (x.to(device) for x in (model.train(), features, points))
    with watch():
        packing = Packing(lengths, device)
        with precision(settings, device):
            scores = model(features, packing)
        values, prototypes = snippet_losses.stage1(
            scores, points, model.prototypes, packing=packing, settings=settings
        )
        values["total"].mean().backward()
    return model, scores, values, prototypes


def stage2_step(settings, device: str):
    """The model after a backward pass of stage 2, its completeness and losses."""
    torch.manual_seed(0)
    model = InstanceModel(CLASSES, WIDTH, settings)
    vectors = torch.randn(sum(PROPOSALS), 3, model.channels)
    labels = torch.arange(sum(PROPOSALS)) % CLASSES
    proposals = torch.rand(sum(PROPOSALS), 2).mul(30).sort(1).values
    reliable = [torch.tensor([[2.0, 9.0], [12.0, 20.0]]), torch.zeros(0, 2), torch.tensor([[1.0, 15.0]])]
    reliable_labels = [torch.tensor([0, 1]), torch.zeros(0, dtype=torch.long), torch.tensor([2])]
    draw = torch.rand(sum(PROPOSALS))
    model, vectors, labels, proposals, draw = (
        x.to(device) for x in (model.train(), vectors, labels, proposals, draw)
    )
    reliable, reliable_labels = ([x.to(device) for x in part] for part in (reliable, reliable_labels))
    with precision(settings, device):
        completeness, offsets = model(vectors, labels)
    batch = Batch(
        vectors=vectors,
        proposals=proposals,
        labels=labels,
        video=Packing(PROPOSALS, device).video,
        reliable=pad_reliable(list(map(Reliable, reliable, reliable_labels))),
    )
    values = instance_losses.stage2(
        completeness, refine(proposals, offsets), batch, random=draw, settings=settings
    )
    values["total"].mean().backward()
    return model, completeness, values


@VARIANTS
def test_a_step_of_stage_1_never_waits_for_the_device(variant):
    model, scores, values, prototypes = stage1_step(settings_of("stage1", variant), "meta")
    assert {x.device.type for x in (scores.embedding, prototypes, *values.values())} == {"meta"}
    assert {weight.grad.device.type for weight in model.parameters()} == {"meta"}


@VARIANTS
def test_a_step_of_stage_2_never_waits_for_the_device(variant):
    model, completeness, values = stage2_step(settings_of("stage2", variant), "meta")
    assert {x.device.type for x in (completeness, *values.values())} == {"meta"}
    assert {weight.grad.device.type for weight in model.parameters()} == {"meta"}


def test_a_step_of_stage_3_never_waits_for_the_device():
    settings, layout = PyramidSettings(), Layout(2, 3)
    model = PyramidModel(CLASSES, WIDTH, settings, layout).to("meta")
    cells = Cells(LENGTHS, layout, "meta")
    shapes = Targets(classes=(CLASSES,), counted=(CLASSES,), offsets=(2,), weight=())
    count = len(cells.centres)
    targets = Targets(*(torch.rand(count, *shape, device="meta") for shape in shapes))
    batch = PyramidBatch(torch.randn(sum(LENGTHS), WIDTH, device="meta"), cells, targets)
    values = pyramid_losses.pyramid(model(batch.features, cells), batch, settings)
    values["total"].backward()
    assert {x.device.type for x in values.values()} == {"meta"}
    assert {weight.grad.device.type for weight in model.parameters()} == {"meta"}


@VARIANTS
def test_a_step_of_stage_1_is_few_calls(variant):
    """Of operators that compute, with 16 videos: a GPU waits for the host at each. docs/performance.md."""
    calls = Counter()

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
            calls[operator.is_view] += 1
            return operator(*args, **(kwargs or {}))

    settings = settings_of("stage1", variant)
    lengths = [40, 1, 25, 9] * 4
    stage1_step(settings, "meta", lengths, Counting)
    assert calls[False] < MOST_CALLS[variant]


def test_videos_together_are_as_one_after_the_other():
    """Packing's products: fused, as on a GPU, or one call per video."""
    x, y = torch.randn(sum(LENGTHS), 6), torch.randn(sum(LENGTHS), 4)
    matrices = torch.randn(len(LENGTHS), 5, 6)
    alone, together = Packing(LENGTHS), Packing(LENGTHS)
    together.fused = True
    torch.testing.assert_close(alone.products(x, matrices), together.products(x, matrices))
    torch.testing.assert_close(alone.sums(x, y), together.sums(x, y))
    labels = (torch.rand(len(x), 5) > 0.9).float()
    after = [
        memory.updated(matrices[0], x, labels, packing=packing, momentum=0.9) for packing in (alone, together)
    ]
    torch.testing.assert_close(*after)
    assert not after[0][0].equal(after[0][-1])
    padded = together.pad(x, value=-1)
    assert padded.shape == (3, 40, 6)
    assert torch.equal(padded[2, :25], x[41:])
    assert (padded[1, 1:] == -1).all()


def test_a_value_of_the_meta_device_cannot_be_had():
    """Otherwise the tests above would show nothing."""
    x = torch.ones(3, device="meta")
    for use_values in (lambda: x.sum().item(), x.nonzero, lambda: x[x > 0]):
        with pytest.raises((RuntimeError, NotImplementedError)):
            use_values()


def near(actual: torch.Tensor, expected: torch.Tensor, share: float) -> bool:
    """Whether two tensors differ by at most a share of the expected one's norm."""
    return bool((actual - expected).norm() <= share * expected.norm())


@pytest.mark.parametrize("step", [stage1_step, stage2_step])
@VARIANTS
def test_bfloat16_changes_a_step_by_its_rounding_alone(step, variant):
    """docs/performance.md states the tolerances: 2 % of outputs and losses, 5 % of the whole gradient."""
    name = step.__name__.removesuffix("_step")
    noises = ("dropout", "block_dropout", "attention_dropout", "input_dropout", "noise")
    without_noise = {noise: 0.0 for noise in noises if hasattr(settings_of(name, variant), noise)}
    exact = step(settings_of(name, variant, **without_noise), "cpu")
    rough = step(settings_of(name, variant, precision="bfloat16", **without_noise), "cpu")
    gradients = [torch.cat([w.grad.flatten() for w in model.parameters()]) for model, *_ in (rough, exact)]
    assert near(*gradients, 0.05)
    assert not torch.equal(*gradients)
    outputs = [result[1].classes if name == "stage1" else result[1] for result in (rough, exact)]
    assert outputs[0].dtype == torch.float32  # in bfloat16, probabilities near 1 are 1
    assert near(*outputs, 0.02)
    for key, expected in exact[2].items():
        assert near(rough[2][key], expected, 0.02), key


def test_each_step_takes_a_gpu_that_no_other_runs_on(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    other_step = locks.acquire(devices.gpu_lock_path(0))
    assert str(devices.choose_device("auto")) == "cuda:1"
    assert str(devices.choose_device("cuda")) == "cuda:2"
    assert str(devices.choose_device("auto")) == "cuda:0"  # shared
    locks.release(other_step)
    assert [str(devices.choose_device("auto")) for _ in range(2)] == ["cuda:0", "cuda:0"]
    assert str(devices.choose_device("cuda:1")) == "cuda:1"


@pytest.fixture
def feature_file(tmp_path):
    """An open feature file of four videos, and their arrays."""
    rng = np.random.default_rng(0)
    arrays = {
        f"v{i}": rng.standard_normal((length, 6)).astype(np.float32) for i, length in enumerate([9, 1, 30, 4])
    }
    with h5py.File(tmp_path / "features.h5", "w") as file:
        file.attrs.update(
            format_version=feature_files.FORMAT_VERSION,
            width=6,
            by_columns=[False],
            snippet_frames=16,
            snippet_window=16,
            snippet_fps=25.0,
        )
        for name, array in arrays.items():
            file.create_dataset(name, data=array, chunks=array.shape)
    with FeatureFile(tmp_path / "features.h5") as opened:
        yield opened, arrays


def test_features_stay_on_the_device_as_far_as_they_fit(feature_file, monkeypatch):
    file, arrays = feature_file
    cache = FeatureCache(file, torch.device("cpu"), size=arrays["v0"].nbytes + arrays["v3"].nbytes)
    reads = []
    read = file.read
    monkeypatch.setattr(file, "read", lambda videos: reads.extend(videos) or read(videos))
    for _ in range(2):
        packed, packing = cache.read_packed(["v2", "v0", "v3"])
        assert np.array_equal(packed.numpy(), np.concatenate([arrays[v] for v in ("v2", "v0", "v3")]))
        assert packing.lengths == [30, 9, 4]
    assert reads == ["v2", "v0", "v3", "v2"]


def test_prefetch_has_the_system_read_the_videos_of_the_next_step(feature_file, monkeypatch):
    file, arrays = feature_file
    hints = []
    monkeypatch.setattr(feature_files.os, "posix_fadvise", lambda *hint: hints.append(hint))
    FeatureCache(file, torch.device("cpu"), size=0).prefetch(["v2", "v1"])
    content = file.path.read_bytes()
    assert [content[first : first + size] for _, first, size, _ in hints] == [
        arrays[video].tobytes() for video in ("v2", "v1")
    ]


def test_to_peek_at_the_next_batch_draws_nothing():
    sampler = BatchSampler(10, 3, np.random.default_rng(0))
    for _ in range(9):
        peeked, batch = sampler.peek(), next(sampler)
        assert len(peeked) == 0 or np.array_equal(peeked, batch)
    state = json.dumps(sampler.rng.bit_generator.state)
    sampler.peek()
    assert json.dumps(sampler.rng.bit_generator.state) == state


def test_events_are_written_several_steps_at_a_time_and_at_the_end(tmp_path, monkeypatch):
    written, status = [], {}
    writer = SimpleNamespace(add_scalar=lambda *scalar: written.append(scalar), close=lambda: None)
    monkeypatch.setattr(logging, "SummaryWriter", lambda *_, **__: writer)
    with logging.EventLog(tmp_path, 0, status) as events:
        for step in range(1, logging.WRITE_EVERY + 2):
            events.log_step(step, 0.5, {"loss/total": torch.tensor([1.0, step])})
            assert len(written) == (0 if step < logging.WRITE_EVERY else 2 * logging.WRITE_EVERY)
    assert written[-2:] == [("loss/total", 6.0, 11), ("learning rate", 0.5, 11)]
    assert status["loss"] == 6.0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_memory_serves_the_next_tensor():
    """A page that the system has to provide anew is a page fault."""
    assert speed.keep_memory()

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(2**23)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults()
    assert faults() < 100  # of 8,192 pages


@pytest.mark.parametrize(("policy", "expected"), [(None, ("PASSIVE", "1000")), ("ACTIVE", ("ACTIVE", None))])
def test_threads_spin_for_microseconds_unless_told_otherwise(policy, expected):
    """The waiting of OpenMP's threads is set before torch is imported, a user's own policy left alone."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    if policy:
        environment["OMP_WAIT_POLICY"] = policy
    code = f"import json, os, hrpro; print(json.dumps([os.environ.get(name) for name in {names}]))"
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == list(expected)
