"""A sweep through profiles/slurm on a real SLURM, a training pushed out of its node in the middle."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cluster import NODES, ask, cluster, wait_for

from conftest import ROOT

SWEEP = ["results/demo/map.json", "results/demo/plain/map.json"]
TRAINING = "demo/last/seed0/stage1-default"  # the one that is pushed out
OPTIONS = ["--profile", ROOT / "profiles/slurm", "--retries=1"]
# For a cluster that answers at once and keeps no accounts.
OPTIONS += ["--slurm-init-seconds-before-status-checks=1", "--latency-wait=5"]
OPTIONS += ["--slurm-status-command=squeue", "--slurm-no-account"]

DEFAULT = dict.fromkeys(("stage1", "proposals", "detection", "evaluation"), "default")
CONFIG = {
    "seeds": [0, 1, 2],
    "device": "cpu",
    "state_every": 3600,  # so that what the training goes on from was saved at SLURM's SIGTERM
    "experiments": {name: DEFAULT | {"stage2": name} for name in ("plain", "broken")},
    "variants": {"stage2": {"plain": {"class_given": False}, "broken": {"width": 10**12}}},
    "datasets": {"demo": {"settings": {"stage1": {"iterations": 400}, "stage2": {"iterations": 20}}}},
}


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The environment in which a SLURM runs."""
    with cluster(tmp_path_factory.mktemp("slurm")) as env:
        yield env


def start(folder: Path, env: dict, config: dict, options: list, targets: list) -> subprocess.Popen:
    """Start the workflow in a folder; what it says goes to FOLDER/said."""
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "--configfile=config.yaml"]
    command = [str(part) for part in [*command, *options, "--", *targets]]
    with open(folder / "said", "w") as said:
        return subprocess.Popen(
            command, cwd=folder, env=env, stdout=said, stderr=said, start_new_session=True
        )


def finish(process: subprocess.Popen) -> int:
    """Wait for the workflow; its exit code."""
    try:
        return process.wait(900)
    finally:
        end(process)


def end(process: subprocess.Popen) -> None:
    """End the workflow, if it runs, with all its processes here; its jobs on SLURM end with the cluster."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def jobs(env: dict, rule: str = "") -> list[dict]:
    """What SLURM knows of all jobs of the rules whose name starts so."""
    lines = ask(env, "scontrol", "--oneliner", "show", "job").splitlines()
    found = [dict(re.findall(r"(\w+)=(\S+)", line)) for line in lines]
    return [job for job in found if job.get("Comment", "").startswith(f"rule_{rule}")]


def push_out(env: dict, rule: str, wildcards: str) -> str:
    """Take its node from a running job by one of a higher priority; its id."""
    (job,) = jobs(env, f"{rule}_wildcards_{wildcards}")
    assert job["JobState"] == "RUNNING"
    node = f"--nodelist={job['NodeList']}"
    ask(env, "sbatch", "--partition=urgent", "--gpus=1", node, "--output=/dev/null", "--wrap=sleep 1")
    return job["JobId"]


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The same sweep beside it, without SLURM: its folder and its process."""
    folder = tmp_path_factory.mktemp("local")
    process = start(folder, os.environ, CONFIG, ["--cores=2"], SWEEP)
    yield folder, process
    end(process)


@pytest.fixture(scope="module")
def sweep(slurm, local, tmp_path_factory):
    """The sweep on SLURM: its folder, the jobs that SLURM saw, the id of the one pushed out."""
    folder = tmp_path_factory.mktemp("sweep")
    process = start(folder, slurm, CONFIG, OPTIONS, SWEEP)
    try:
        events = folder / "results" / TRAINING / "events"  # written from the first step on
        wait_for(lambda: any(events.glob("*")), f"a training; see {folder}/said", 240)
        pushed = push_out(slurm, "train_stage1", "demo_last_0_")
    finally:
        code = finish(process)
    assert code == 0, (folder / "said").read_text()
    return folder, jobs(slurm), pushed


def test_the_maps_are_those_of_a_local_run_to_the_byte(sweep, local):
    (on_slurm, *_), (folder, process) = sweep, local
    assert finish(process) == 0, (folder / "said").read_text()
    for target in SWEEP:
        assert (on_slurm / target).read_bytes() == (folder / target).read_bytes()


def test_the_training_that_was_pushed_out_goes_on(sweep):
    folder, seen, pushed = sweep
    # SLURM may put another job on the freed node first, which then has to go as well.
    assert pushed in [job["JobId"] for job in seen if job["Restarts"] != "0"]
    log = (folder / "logs" / TRAINING / "train_stage1.log").read_text()
    assert int(re.search(r"resumed at step (\d+)", log)[1]) > 0


def test_trainings_take_a_gpu_each_and_nothing_else_does(sweep):
    _, seen, _ = sweep
    trainings = [job for job in seen if job["Comment"].startswith("rule_train_")]
    # stage 1, stage 2 of both experiments, stage 3 of the default, and all three without the held-back videos
    assert len(trainings) == 3 + 2 * 3 + 3 + 3
    assert [job for job in seen if "gpu" in job.get("TresPerJob", "")] == trainings


def test_two_trainings_run_at_a_time(sweep):
    _, seen, _ = sweep
    spans = [(j["StartTime"], j["EndTime"]) for j in seen if j["Comment"].startswith("rule_train_")]
    at_once = [sum(start <= moment < end for start, end in spans) for moment, _ in spans]
    assert max(at_once) == len(NODES) == 2


def test_a_failing_job_is_tried_with_more_memory_and_shown_while_the_rest_goes_on(slurm, sweep):
    folder, seen, _ = sweep
    targets = ["results/demo/broken/map.json", "results/demo/floor/map.json"]
    assert finish(start(folder, slurm, CONFIG | {"seeds": [0]}, OPTIONS, targets)) == 1
    assert (folder / targets[1]).exists()

    known = {job["JobId"] for job in seen}
    new = [job for job in jobs(slurm) if job["JobId"] not in known]
    tries = [job for job in new if job["Comment"].startswith("rule_train_stage2_")]
    assert [job["MinMemoryNode"] for job in tries] == ["16000M", "32000M"]
    assert sorted(job["Comment"].split("_wildcards")[0] for job in new if job not in tries) == [
        "rule_detect_stage1",
        "rule_propose_test",
        "rule_propose_training",
        "rule_rank_proposals",
        "rule_score_snippets",
        "rule_score_snippets",
        "rule_train_stage1",
    ]
    _, _, said = (
        (folder / "said").read_text().rpartition("Error in rule train_stage2:\n    message: SLURM-job")
    )
    command, _, log = said.partition("Logfile logs/")
    assert re.search(r"shell:\n\s+python \S+/train_stage2.py .*--seed 0", command)
    assert "not enough memory" in log


def test_any_scheduler_with_a_submit_command_runs_a_job(slurm, local, tmp_path):
    submit = "sbatch --parsable --comment=rule_{rule} --output=/dev/null --cpus-per-task={threads} "
    submit += "--mem={resources.mem_mb} --time={resources.runtime} --gpus={resources.gpu}"
    options = ["--profile", ROOT / "profiles/generic", f"--cluster-generic-submit-cmd={submit}"]
    options += ["--cluster-generic-cancel-cmd=scancel", "--seconds-between-status-checks=1"]
    before, target = len(jobs(slurm, "convert_points")), "results/demo/train/points.json"
    assert finish(start(tmp_path, slurm, CONFIG, options, [target])) == 0, (tmp_path / "said").read_text()
    assert (tmp_path / target).read_bytes() == (local[0] / target).read_bytes()
    assert len(jobs(slurm, "convert_points")) == before + 1
