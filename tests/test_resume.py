"""A training that is stopped at any moment goes on and ends with the same bytes."""

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from conftest import ROOT, SCRIPTS, once, snakemake, warm_torch
from feature_files import write_features
from hrpro.data.features import FeatureFile
from hrpro.grid import Grid
from hrpro.training.arguments import make_checkpoint
from hrpro.training.checkpoint import Checkpoint, RngState
from hrpro.training.logging import EventLog
from hrpro.training.sampler import BatchSampler
from hrpro.utils import locks
from warm import Process

STEPS = {"stage1": 40, "stage2": 60}
KILLS = 20  # of each training
ANEW = "training starts from the beginning"
SHORT = {
    "datasets": {
        "demo": {
            "settings": {
                "stage1": {"iterations": STEPS["stage1"]},
                "stage2": {"iterations": STEPS["stage2"]},
            }
        }
    }
}
STAGE1 = "results/demo/last/seed0/stage1-default"
STAGE2 = f"{STAGE1}/proposals-default/stage2-default"
MODELS = {"stage1": f"{STAGE1}/model.pt", "stage2": f"{STAGE2}/model.pt"}


class Whole(NamedTuple):
    """A finished run, and by stage the model of a training on it that nothing has stopped."""

    run: Path
    models: dict[str, bytes]


@pytest.fixture(scope="session")
def whole(tmp_path_factory, finished_run, config) -> Whole:
    def train(folder):
        for stage in STEPS:
            (folder / stage).mkdir()
            Training(stage, Whole(finished_run, {}), folder / stage, config).finish(every=3600)

    folder = once(tmp_path_factory, "whole", train)
    return Whole(finished_run, {stage: (folder / stage / "model.pt").read_bytes() for stage in STEPS})


@pytest.fixture(scope="session")
def short_demo(tmp_path_factory) -> Path:
    """A run of the demo that nothing has stopped, its training short."""

    def make(folder):
        (folder / "short.yaml").write_text(yaml.safe_dump(SHORT))
        run = snakemake(folder, "--configfile=short.yaml", "--", "results/demo/map.json")
        assert run.returncode == 0, run.stderr

    return once(tmp_path_factory, "short_demo", make)


@pytest.fixture(autouse=True)
def own_signals():
    """Leave pytest's handling of signals as it was."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def wait_for(condition, process: Process | subprocess.Popen) -> None:
    """Wait until a condition holds while a process runs."""
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


class Training:
    """A training on the finished run's data, as a process of its own, in a folder of its own.

    step: stage1 or stage2, tested on the test split with _on_test; steps: others than those of `whole`.
    """

    def __init__(self, step: str, whole: Whole, folder: Path, config, steps: int | None = None):
        stage, _, tested = step.partition("_")
        self.stage = stage
        changes = {"iterations": steps or STEPS[stage]}
        if tested:
            changes["test_every"] = 7
        settings = getattr(config.settings, stage).model_copy(update=changes)
        self.folder, self.model, self.state = folder, folder / "model.pt", folder / "state.pt"
        self.log = folder / "train.log"
        self.expected = whole.models.get(stage)
        train, test = whole.run / "results/mine/train", whole.run / "results/mine/test"
        stage1 = whole.run / STAGE1.replace("demo", "mine")
        self.command = [SCRIPTS / f"train_{stage}.py", "--features", train / "features.h5"]
        if stage == "stage1":
            self.command += ["--points", train / "points.json"]
        else:
            self.command += ["--scores", stage1 / "train/scores.h5", "--labels", train / "labels.json"]
            for name in ("positive", "reliable", "negative"):
                self.command += [f"--{name}", stage1 / f"proposals-default/train/{name}.json"]
        if tested:
            test_settings = json.loads(config.test_settings("demo", "released")) | {"exclude": []}
            self.command += ["--test", json.dumps(test_settings)]
            self.command += ["--test-annotations", test / "annotations.json"]
            self.command += ["--test-features", test / "features.h5"]
        if tested and stage == "stage2":
            self.command += ["--test-scores", stage1 / "test/scores.h5"]
            self.command += ["--test-proposals", stage1 / "proposals-default/test/proposals.json"]
        self.command += ["--settings", settings.model_dump_json(), "--device", "cpu", "--log", self.log]
        self.command += ["--model", self.model, "--state", self.state, "--events", folder / "events"]

    def options(self, every: int = 0, seed: int = 0) -> list:
        """The rest of the command: how often its state is saved, by default after every step."""
        return ["--code", "c", "--state-every", every, "--seed", seed]

    def start(self, **options) -> Process:
        """Start it."""
        return warm_torch().start(*self.command, *self.options(**options), cwd=self.folder)

    def finish(self, **options) -> str:
        """Run it to its end; its log."""
        process = self.start(**options)
        _, said = process.communicate()
        assert process.returncode == 0, said
        return self.log.read_text()

    def stop_midway(self, sign: signal.Signals) -> tuple[int, str]:
        """Start it and stop it as soon as a state is saved; its exit code and what it said."""
        process = self.start()
        wait_for(self.state.exists, process)
        process.send_signal(sign)
        _, said = process.communicate()
        return process.returncode, said


@pytest.fixture(params=["stage1", "stage2"])
def stopped(request, whole, tmp_path, config) -> Training:
    """A training that has been killed after its first steps."""
    one = Training(request.param, whole, tmp_path, config)
    assert one.stop_midway(signal.SIGKILL)[0] == -signal.SIGKILL
    assert not one.model.exists()
    return one


def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(stopped):
    log = stopped.finish()
    assert "resumed at step" in log
    assert stopped.model.read_bytes() == stopped.expected
    events = EventAccumulator(str(stopped.folder / "events"))
    events.Reload()
    steps = [scalar.step for scalar in events.Scalars("loss/total")]
    assert steps == list(range(1, STEPS[stopped.stage] + 1))  # each once, none lost


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_when_asked_to_end_the_state_is_saved_whatever_the_interval(whole, tmp_path, config, sign):
    one = Training("stage1", whole, tmp_path, config)
    process = one.start(every=3600)
    wait_for(lambda: list((tmp_path / "events").glob("*")), process)
    process.send_signal(sign)
    _, said = process.communicate()
    assert process.returncode == 128 + sign
    assert said.startswith("warning: terminated after step ") and said.count("\n") == 1
    assert "resumed at step" in one.finish(every=3600)
    assert one.model.read_bytes() == one.expected


@pytest.fixture
def saved(tmp_path):
    """The file of a small state of the key "key", after step 4."""
    first = Checkpoint(tmp_path / "state.pt", key="key", every=0)
    with EventLog(tmp_path / "events", 0, {}) as events:
        first.maybe_save(4, {"sampler": sampler(0)}, events)
    locks.release(first.lock)
    return tmp_path / "state.pt"


def sampler(seed: int) -> BatchSampler:
    return BatchSampler(7, 2, np.random.default_rng(seed))


def test_a_state_of_another_key_is_refused(saved, caplog):
    other = Checkpoint(saved, key="another", every=0)
    assert other.resume({"sampler": sampler(0)}) == 0
    locks.release(other.lock)
    assert f"{saved}: the checkpoint is of other settings, code or inputs; {ANEW}" in caplog.text
    assert Checkpoint(saved, key="key", every=0).resume({"sampler": sampler(0)}) == 4


@pytest.mark.parametrize(
    "changed", ["code", "settings", "seed", "threads", "test", "features", "test features", "an input"]
)
def test_the_key_is_of_all_that_a_training_reads(tmp_path, changed):
    """Another value of any of them makes another key; a file that is not read makes none."""

    def key(which: str | None) -> str:
        words = {name: f"{name}, changed" if name == which else name for name in ("code", "settings", "test")}
        args = argparse.Namespace(
            **words,
            seed=1 if which == "seed" else 0,
            threads=2 if which == "threads" else 1,
            state=str(tmp_path / "state.pt"),
            state_every=60,
        )
        (tmp_path / "points.json").write_text("[1]" if which == "an input" else "[0]")
        with contextlib.ExitStack() as stack:
            features = []
            for name in ("features", "test features"):
                video = "changed" if name == which else "video"
                path = write_features(tmp_path / f"{name}.h5", {video: np.zeros((3, 2))}, Grid(16, 25))
                features.append(stack.enter_context(FeatureFile(path)))
            checkpoint = make_checkpoint(
                args, features=features, inputs=[str(tmp_path / "points.json"), None]
            )
        locks.release(checkpoint.lock)
        return checkpoint.key

    assert key(None) == key(None) != key(changed)


@pytest.mark.parametrize("damage", [lambda b: b[:-100], lambda b: b[:500] + b"x" + b[501:], lambda b: b""])
def test_a_damaged_state_is_refused(saved, caplog, damage):
    saved.write_bytes(damage(saved.read_bytes()))
    assert Checkpoint(saved, key="key", every=0).resume({"sampler": sampler(0)}) == 0
    assert f"{saved}: the checkpoint is damaged; {ANEW}" in caplog.text


def test_another_seed_starts_anew(whole, tmp_path, config):
    one = Training("stage1", whole, tmp_path, config)
    one.stop_midway(signal.SIGKILL)
    log = one.finish(seed=1)
    assert ANEW in log and "resumed" not in log
    assert one.model.read_bytes() != one.expected


@pytest.mark.slow
def test_a_full_disk_ends_in_a_line_and_loses_no_more_than_the_interval(stopped):
    before = stopped.state.read_bytes()

    def full():
        limit = len(before) // 2  # the largest file that it may write: the state has no place
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = subprocess.run(
        [sys.executable, *map(str, [*stopped.command, *stopped.options()])],
        preexec_fn=full,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    assert process.stderr == f"error: {stopped.state}: File too large; free some space and run again\n"
    assert stopped.state.read_bytes() == before
    assert not [path for path in stopped.folder.iterdir() if path.name.startswith(".")]
    assert "resumed at step" in stopped.finish()
    assert stopped.model.read_bytes() == stopped.expected


def test_a_second_process_does_not_train_in_the_same_folder(whole, tmp_path, config):
    one = Training("stage1", whole, tmp_path, config)
    first = one.start()
    wait_for(one.state.exists, first)
    first.send_signal(signal.SIGSTOP)
    second = one.start()
    _, said = second.communicate()
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 1
    assert said == f"error: {tmp_path}: another process trains here; wait for it or end it\n"
    first.communicate()
    assert first.returncode == 0
    assert one.model.read_bytes() == one.expected


def test_random_numbers_and_batches_go_on_where_they_were(tmp_path):
    def parts(seed):
        rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        return rng, {"sampler": BatchSampler(7, 2, rng), "rng": RngState(rng, torch.device("cpu"))}

    rng, state = parts(0)
    for _ in range(4):
        next(state["sampler"])
    saved = Checkpoint(tmp_path / "state.pt", key="key", every=0)
    with EventLog(tmp_path / "events", 0, {}) as events:
        Checkpoint(None, key="", every=0).maybe_save(4, state, events)  # nowhere to save
        saved.maybe_save(4, state, events)
    expected = (
        [next(state["sampler"]).tolist() for _ in range(5)],
        rng.random(3).tolist(),
        torch.rand(3).tolist(),
    )
    rng, state = parts(1)
    assert saved.resume(state) == 4
    assert (
        [next(state["sampler"]).tolist() for _ in range(5)],
        rng.random(3).tolist(),
        torch.rand(3).tolist(),
    ) == expected


@pytest.mark.slow
@pytest.mark.parametrize("step", ["stage1", "stage2", "stage1_on_test", "stage2_on_test"])
def test_killed_twenty_times_at_random_moments(whole, tmp_path, config, step):
    one = Training(step, whole, tmp_path, config, steps=KILLS * 30)
    one.finish(every=3600)
    expected = one.model.read_bytes()
    one.model.unlink()
    began = time.monotonic()
    one.stop_midway(signal.SIGKILL)
    starting = time.monotonic() - began
    draws = random.Random(0)
    for kill in range(1, KILLS):
        saved = one.state.stat().st_mtime_ns
        process = one.start()
        if kill % 2:  # at any moment of the start and of the first steps
            time.sleep(draws.uniform(0, 1.1 * starting))
        else:  # soon after a state of this run
            while process.poll() is None and one.state.stat().st_mtime_ns == saved:
                time.sleep(0.001)
            time.sleep(draws.uniform(0, 0.05))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "finished before it was killed; train longer"
    assert "resumed at step" in one.finish()
    assert one.model.read_bytes() == expected


def start_workflow(folder, *arguments) -> subprocess.Popen:
    """Start the short demo, its states saved after every step, in a process group of its own."""
    (folder / "short.yaml").write_text(yaml.safe_dump(SHORT | {"state_every": 0}))
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "--cores", "2"]
    command += ["--configfile=short.yaml", *arguments, "--", "results/demo/map.json"]
    return subprocess.Popen(
        list(map(str, command)),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_the_workflow_killed_in_a_training_goes_on(short_demo, tmp_path, stage):
    process = start_workflow(tmp_path)
    wait_for((tmp_path / MODELS[stage]).with_name("state.pt").exists, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    unlock = snakemake(tmp_path, "--configfile=short.yaml", "--unlock")
    assert unlock.returncode == 0, unlock.stderr
    process = start_workflow(tmp_path)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    folder = Path(MODELS[stage].replace("results/", "logs/")).parent
    assert "resumed at step" in (tmp_path / folder / f"train_{stage}.log").read_text()
    for name in (*MODELS.values(), "results/demo/map.json"):
        assert (tmp_path / name).read_bytes() == (short_demo / name).read_bytes(), name
    # what is finished needs no state
    assert not list(tmp_path.rglob("state.pt"))


@pytest.mark.slow
def test_two_runs_at_once_do_not_damage_each_other(short_demo, tmp_path):
    first = start_workflow(tmp_path)
    wait_for((tmp_path / MODELS["stage1"]).with_name("state.pt").exists, first)
    second = start_workflow(tmp_path)
    said, _ = second.communicate()
    assert second.returncode == 1
    assert "cannot be locked" in said
    output, _ = first.communicate()
    assert first.returncode == 0, output
    for name in (*MODELS.values(), "results/demo/map.json"):
        assert (tmp_path / name).read_bytes() == (short_demo / name).read_bytes(), name
