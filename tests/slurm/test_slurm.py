"""A sweep through profiles/slurm on a real SLURM, a training pushed out of its node in the middle."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cluster import NODES, ask, cluster, wait_for

from conftest import ROOT, snakemake

SWEEP = ["results/demo/map.json", "results/demo/plain/map.json"]
TRAINING = "results/demo/last/seed0/stage1-default"  # the one that is pushed out

ALL_DEFAULT = dict.fromkeys(("stage1", "proposals", "detection", "evaluation"), "default")
CONFIG = {
    "seeds": [0, 1, 2],
    "device": "cpu",
    "state_every": 1,
    "experiments": {
        "plain": ALL_DEFAULT | {"stage2": "plain"},
        "broken": ALL_DEFAULT | {"stage2": "broken"},
    },
    "variants": {"stage2": {"plain": {"class_given": False}, "broken": {"width": 10**8}}},
    "datasets": {"demo": {"settings": {"stage1": {"iterations": 400}, "stage2": {"iterations": 20}}}},
}
# For a cluster that answers at once and keeps no accounts.
QUICK = ["--slurm-init-seconds-before-status-checks=1", "--slurm-status-command=squeue", "--slurm-no-account"]
QUICK += ["--latency-wait=5", "--max-status-checks-per-second=1"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The environment in which a SLURM runs."""
    with cluster(tmp_path_factory.mktemp("slurm")) as env:
        yield env


def start(folder: Path, env: dict, *arguments) -> subprocess.Popen:
    """Start the workflow in a folder on SLURM; what it says goes to FOLDER/said."""
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        ROOT / "Snakefile",
        "--profile",
        ROOT / "profiles/slurm",
    ]
    command = [str(part) for part in [*command, "--configfile=config.yaml", *QUICK, *arguments]]
    with open(folder / "said", "w") as said:
        return subprocess.Popen(command, cwd=folder, env=env, stdout=said, stderr=said)


def finish(process: subprocess.Popen, seconds: float = 600) -> int:
    """Wait for the workflow; its exit code. One that hangs is interrupted, and takes its jobs back."""
    try:
        return process.wait(seconds)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def jobs(env: dict, rule: str = "") -> list[dict]:
    """What SLURM knows of all jobs of the rules whose name starts so, by their comments."""
    lines = ask(env, "scontrol", "--oneliner", "show", "job").splitlines()
    found = [dict(re.findall(r"(\w+)=(\S+)", line)) for line in lines]
    return [job for job in found if job.get("Comment", "").startswith(f"rule_{rule}")]


def push_out(env: dict, rule: str, seed: int) -> str:
    """Take the node from a running training by a job of a higher priority; the id of the training's job."""
    (job,) = [one for one in jobs(env, rule) if f"_{seed}_" in f"{one['Comment']}_"]
    assert job["JobState"] == "RUNNING"
    node = f"--nodelist={job['NodeList']}"
    ask(env, "sbatch", "--partition=urgent", "--gpus=1", node, "--output=/dev/null", "--wrap=sleep 1")
    return job["JobId"]


@pytest.fixture(scope="module")
def sweep(slurm, tmp_path_factory):
    """The sweep on SLURM: its folder, the jobs that SLURM saw, the id of the one pushed out."""
    folder = tmp_path_factory.mktemp("sweep")
    process = start(folder, slurm, "--", *SWEEP)
    try:
        wait_for((folder / TRAINING / "state.pt").exists, f"a training; see {folder}/said", 180)
        pushed = push_out(slurm, "train_stage1", 0)
    finally:
        code = finish(process)
    assert code == 0, (folder / "said").read_text()
    return folder, jobs(slurm), pushed


def test_the_maps_are_those_of_a_local_run_to_the_byte(sweep, tmp_path):
    folder, *_ = sweep
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    run = snakemake(tmp_path, "--configfile=config.yaml", "--", *SWEEP)
    assert run.returncode == 0, run.stderr
    for target in SWEEP:
        assert (folder / target).read_bytes() == (tmp_path / target).read_bytes()


def test_the_training_that_was_pushed_out_goes_on(sweep):
    folder, seen, pushed = sweep
    assert {job["JobId"]: job["Restarts"] for job in seen if job["Restarts"] != "0"} == {pushed: "1"}
    log = (folder / TRAINING.replace("results", "logs") / "train_stage1.log").read_text()
    assert int(re.search(r"resumed at step (\d+)", log)[1]) > 0


def test_trainings_take_a_gpu_each_and_nothing_else_does(sweep):
    _, seen, _ = sweep
    with_gpu = [job for job in seen if "gpu" in job.get("TresPerJob", "")]
    trainings = [job for job in seen if job["Comment"].startswith("rule_train_")]
    assert with_gpu == trainings
    assert len(trainings) == 3 + 2 * 3


def test_two_trainings_run_at_a_time(sweep):
    _, seen, _ = sweep
    spans = [(j["StartTime"], j["EndTime"]) for j in seen if j["Comment"].startswith("rule_train_")]
    at_once = [sum(start <= moment < end for start, end in spans) for moment, _ in spans]
    assert max(at_once) == len(NODES) == 2


def test_a_failing_job_is_shown_and_the_rest_goes_on(slurm, tmp_path):
    targets = ["results/demo/broken/map.json", "results/demo/floor/map.json"]
    assert finish(start(tmp_path, slurm, "--retries=1", "--config", "seeds=[0]", "--", *targets)) == 1
    assert (tmp_path / targets[1]).exists()
    said = (tmp_path / "said").read_text()
    print(said)
