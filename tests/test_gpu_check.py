"""`make gpu-check`, rehearsed on the CPU, and how it takes what goes wrong."""

import json
import math
import os
import subprocess
import sys
import time

import pytest

from conftest import ROOT


@pytest.fixture
def gpu(monkeypatch):
    """The module bench/gpu.py."""
    monkeypatch.syspath_prepend(ROOT / "bench")
    import gpu

    return gpu


def test_what_is_missing_is_named():
    """-S: without any installed package."""
    run = subprocess.run([sys.executable, "-S", ROOT / "bench/gpu.py"], capture_output=True, text=True)
    assert run.returncode == 1
    assert "pip download" in run.stderr
    assert all(package in run.stderr for package in ("torch", "numpy", "h5py", "pydantic-core"))
    assert "Traceback" not in run.stderr


def test_no_gpu_is_said():
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": "workflow/scripts:tests"}
    run = subprocess.run(
        [sys.executable, "bench/gpu.py"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "no CUDA GPU here; DEVICE=cpu QUICK=1" in run.stderr


def fails() -> dict:
    raise ValueError("no such thing")


@pytest.mark.parametrize(
    ("check", "left", "status"),
    [
        (lambda: {"loss": {"difference": 1e-6, "bound": 1e-4}, "seconds": 3.0}, 60, "passed"),
        (lambda: {"loss": {"difference": 1e-3, "bound": 1e-4}}, 60, "failed"),
        (lambda: {"loss": {"difference": math.nan, "bound": 1e-4}}, 60, "failed"),
        (fails, 60, "failed"),
        (lambda: time.sleep(60), 1.1, "cut: no time left"),
        (fails, 0.5, "skipped: no time left"),
    ],
)
def test_outcomes(gpu, check, left, status):
    assert gpu.outcome(check, left)["status"] == status


def test_the_report_is_whole_after_each_check(gpu, tmp_path):
    report = gpu.Report(tmp_path, {"card": "none", "driver": None})
    for name, check in {"first": fails, "second": lambda: {"ms": 1.5}}.items():
        report.add("steps", name, gpu.outcome(check, 60))
        content = json.loads((tmp_path / "gpu.json").read_text())
        assert list(content["checks"]["steps"])[-1] == name
        assert f"| {name} |" in (tmp_path / "gpu.md").read_text()
    assert content["failed"] == ["steps: first"]
    assert "ValueError: no such thing" in (tmp_path / "gpu.md").read_text()


@pytest.mark.slow
def test_the_rehearsal_runs_every_check(shared, tmp_path):
    command = ["make", "gpu-check", "DEVICE=cpu", "QUICK=1", f"OUTPUT={tmp_path}", f"PYTHON={sys.executable}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    content = json.loads((tmp_path / "gpu.json").read_text())
    assert list(content["checks"]) == ["equality", "steps", "whole", "profile", "at_once"]
    outcomes = [outcome["status"] for part in content["checks"].values() for outcome in part.values()]
    assert set(outcomes) == {"passed"}
    equality = content["checks"]["equality"]
    for name in (
        "goldens of stage 1",
        "step of stage2, released",
        "training of stage1, linear",
        "two processes",
    ):
        assert equality[name]["figures"]
    assert equality["saved and resumed"]["figures"]["stage1: resumed"]["difference"] == 0
    whole = content["checks"]["whole"]
    assert whole["default: in all"]["figures"]["seconds"] > 0
    assert content["checks"]["at_once"]["default: in all"]["figures"]["seconds"] > 0
    assert whole["released: all of stage1's steps"]["figures"]["steps"] == 1000
    assert "mAP 0.1:0.7" in whole["default: evaluate stage 2"]["figures"]
    for figures in (check["figures"] for check in content["checks"]["profile"].values()):
        assert figures["operator calls"] > 0
        assert len(figures["longest operators, ms of the host per step"]) == 10
        assert "backward pass" in figures["longest functions, ms of the host per step"]
    assert "## profile" in (tmp_path / "gpu.md").read_text()
