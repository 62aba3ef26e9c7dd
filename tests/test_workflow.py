"""The workflow: what it plans, and the demo from end to end."""

import json
import re
import shlex
import shutil
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from conftest import ROOT, jobs_of, run_script, snakemake

ONCE = {
    "make_demo": 1,
    "convert_annotations": 2,
    "convert_features": 2,
    "convert_points": 1,
    "label_videos": 1,
    "gather": 1,
}
PER_SEED = {
    "train_stage1": 1,
    "score_snippets": 2,
    "propose_training": 1,
    "rank_proposals": 1,
    "propose_test": 1,
    "detect_stage1": 1,
    "train_stage2": 1,
    "detect_stage2": 1,
    "refine_reliable": 1,
    "measure_reliable": 2,
    "train_stage3": 1,
    "detect_stage3": 1,
    "evaluate": 3,
}
MEASURED = ("refine_reliable", "measure_reliable", "evaluate")  # of no use but for tables
# A chain without the held-back videos, what it says of the stages, and what it makes of the events.
HELD_BACK = {rule: count for rule, count in PER_SEED.items() if rule not in MEASURED} | {
    "copy_training_split": 1,
    "copy_test_split": 1,
    "label_videos": 1,
    "gate_stage3": 1,
    "detect_gated_stage3": 1,
    "calibrate_events": 1,
    "measure_events": 1,
}
GATED = {"detect_gated_stage3": 1, "evaluate": 1}

# Training cut down to a few steps: for what the numbers are not the question.
SHORT = {
    "seeds": [0, 1],
    "datasets": {
        "demo": {
            "settings": {stage: {"iterations": 4} for stage in ("stage1", "stage2", "stage3")},
            "variants": {"stage1": {"released": {"iterations": 6}}, "stage2": {"released": {"epochs": 1}}},
        }
    },
}


@pytest.mark.parametrize("profile", ["slurm", "generic"])
def test_a_cluster_s_profile_has_resources_for_every_step_with_a_network(profile):
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    blocks = re.split(r"^(?:use )?rule ", rules, flags=re.M)
    names = {block.partition(":")[0] for block in blocks if "gpu=gpus" in block}
    names |= {other for rule, other in re.findall(r"^use rule (\w+) as (\w+)", rules, re.M) if rule in names}
    resources = yaml.safe_load((ROOT / f"profiles/{profile}/config.yaml").read_text())["set-resources"]
    assert set(resources) == names


def planned(folder, *arguments) -> Counter:
    """The jobs that a dry run plans, by rule."""
    run = snakemake(folder, "--dry-run", *arguments)
    assert run.returncode == 0, run.stderr
    return Counter(re.findall(r"^(?:local)?rule (\w+):", run.stdout + run.stderr, re.M))


def configured(folder, values: dict) -> str:
    """A --configfile of these values."""
    path = folder / "extra.yaml"
    path.write_text(yaml.safe_dump(values))
    return f"--configfile={path}"


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_main_job_runs_each_step_once_per_seed(tmp_path, seeds):
    values = configured(tmp_path, {"seeds": [*range(seeds)]})
    per_seed = Counter(PER_SEED) + Counter(GATED)
    expected = Counter(ONCE) + Counter(HELD_BACK) + Counter({r: seeds * n for r, n in per_seed.items()})
    assert planned(tmp_path, values, "--", "results/demo/map.json") == expected


def test_experiments_share_the_steps_that_they_agree_on(tmp_path):
    names = dict.fromkeys(("stage1", "proposals", "detection", "evaluation"), "default")
    other = {
        "experiments": {"longer": names | {"stage2": "longer"}},
        "variants": {"stage2": {"longer": {"iterations": 900}}},
    }
    without = planned(tmp_path, "results/demo/map.json")
    targets = ["results/demo/map.json", "results/demo/longer/map.json"]
    jobs = planned(tmp_path, configured(tmp_path, other), "--", *targets)
    more = ["train_stage2", "detect_stage2", "refine_reliable", "measure_reliable", "evaluate"]
    assert jobs == without + Counter([*more, "gather_experiment"])


def test_the_demo_leaves_no_video_to_label(tmp_path):
    run = snakemake(tmp_path, "--dry-run", "results/demo/label_next.csv")
    assert run.returncode == 1
    assert "error: results/demo/label_next.csv: all videos of the demo have labels" in run.stderr


def test_the_floor_takes_the_place_of_stage_1(tmp_path):
    jobs = planned(tmp_path, "results/demo/floor/map.json")
    others = ("detect_stage2", "refine_reliable", "train_stage2", "train_stage3", "detect_stage3", "gather")
    expected = {rule: count for rule, count in (ONCE | PER_SEED).items() if rule not in others}
    assert jobs == expected | {"evaluate": 1, "measure_reliable": 1, "gather_experiment": 1}


def test_only_the_released_experiment_trains_with_the_test_split(tmp_path):
    jobs = planned(tmp_path, "results/demo/released/map.json")
    assert jobs["train_stage1"] == jobs["train_stage2"] == 2
    assert jobs["evaluate"] == 4


@pytest.mark.slow
def test_the_demo_reaches_its_map_and_a_second_run_has_nothing_to_do(tmp_path):
    run = snakemake(tmp_path, "results/demo/map.json")
    assert run.returncode == 0, run.stderr
    result = json.loads((tmp_path / "results/demo/map.json").read_text())
    stages = {stage: picks["last"]["average"]["0.1:0.7"] for stage, picks in result["stages"].items()}
    assert 50 <= stages["stage2"] < 95
    assert stages["stage2"] >= stages["stage1"] + 2 and stages["stage3"] >= stages["stage2"]
    assert planned(tmp_path, "results/demo/map.json") == {}


def test_map_json_keeps_its_contract(finished_run):
    result = json.loads((finished_run / "results/mine/map.json").read_text())
    assert list(result) == ["dataset", "experiment", "tiou", "seeds", "stages", "trained_on"]
    assert [(one["device"], one["threads"]) for one in result["trained_on"]] == [("cpu", 1)]
    assert (result["dataset"], result["experiment"], result["seeds"]) == ("mine", "default", [0])
    assert result["tiou"] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert list(result["stages"]) == ["stage1", "stage2", "stage3"]
    for picks in result["stages"].values():
        assert list(picks) == ["last"]
        figures = picks["last"]
        ranges = ["0.1:0.7", "0.1:0.5", "0.3:0.7"]
        assert list(figures["average"]) == list(figures["std"]) == ranges
        assert len(figures["mAP"]) == 7
        assert figures["average"]["0.1:0.7"] == pytest.approx(sum(figures["mAP"]) / 7)
        assert figures["average"]["0.3:0.7"] == pytest.approx(sum(figures["mAP"][2:]) / 5)
        assert set(figures["std"].values()) == {0.0}
        assert len(figures["per_class"]) == 5
        for threshold in range(7):
            values = [per_class[threshold] for per_class in figures["per_class"].values()]
            assert figures["mAP"][threshold] == pytest.approx(sum(values) / 5)


def events_of(folder) -> EventAccumulator:
    """The TensorBoard events of a training step."""
    events = EventAccumulator(str(folder / "events"))
    events.Reload()
    return events


def test_training_leaves_events_and_logs(finished_run):
    step = "last/seed0/stage1-default"
    events = events_of(finished_run / "results/mine" / step)
    losses = {f"loss/{name}" for name in ("frame", "background", "contrastive", "total")}
    assert set(events.Tags()["scalars"]) == losses | {"learning rate", "gradient norm", "prototype movement"}
    assert all(scalar.value > 0 for scalar in events.Scalars("prototype movement"))
    log = (finished_run / "logs/mine" / step / "train_stage1.log").read_text()
    assert re.search(r"info stage 1 \d+/\d+ .* loss \d", log)
    assert re.search(r"info took \d+\.\d s, \d+\.\d s of processor time, \d+ MB at most\n$", log)

    step += "/proposals-default/stage2-default"
    events = events_of(finished_run / "results/mine" / step)
    losses = {f"loss/{name}" for name in ("regression", "completeness", "total")}
    assert set(events.Tags()["scalars"]) == losses | {"learning rate", "gradient norm"}

    events = events_of(finished_run / "results/mine" / step / "detection-default/stage3-default")
    losses = {f"loss/{name}" for name in ("classes", "regression", "total")}
    assert set(events.Tags()["scalars"]) == losses | {"learning rate", "gradient norm"}


def test_the_table_of_a_map(finished_run):
    shown = run_script("show.py", finished_run / "results/mine/map.json").stdout.splitlines()[2:]
    assert [cell.strip() for cell in shown[0].split("|")[1:5]] == ["data set", "experiment", "stage", "model"]
    shown_stages = [line.split("|")[3].strip() for line in shown[2 : shown.index("")]]
    assert shown_stages == ["stage1", "stage2", "stage3"]
    result = json.loads((finished_run / "results/mine/map.json").read_text())
    average = result["stages"]["stage2"]["last"]["average"]["0.3:0.7"]
    assert shown[3].split("|")[-2].strip() == f"{average:.1f}"


def repeat(run, folder, seed: int) -> None:
    """Run the commands of a finished run once more, in a folder with its data; seed: in place of its 0."""
    said = (run / "run.txt").read_text()
    for command in re.findall(r"^Shell command: (?:HRPRO_SOURCE=\S* )?python (.+)$", said, re.M):
        command = re.sub(r" > /dev/null$", "", command)
        command = re.sub(r"\$\(dirname (\S+)\)", lambda found: str(Path(found[1]).parent), command)
        script, *arguments = shlex.split(command.replace("--seed 0", f"--seed {seed}"))
        arguments = [argument.replace("/seed0/", f"/seed{seed}/") for argument in arguments]
        for path in arguments:
            if path.startswith(("results/", "logs/")):  # as Snakemake makes them
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
        run_script(Path(script).name, *arguments).check_returncode()


@pytest.mark.slow
def test_one_seed_gives_the_same_bytes_twice_and_another_seed_others(finished_run, tmp_path, monkeypatch):
    for name in ("data", "videos"):
        shutil.copytree(finished_run / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    repeat(finished_run, tmp_path, seed=0)
    repeat(finished_run, tmp_path, seed=1)
    last = "results/mine/last/seed{}/stage1-default/"
    made = [
        path for suffix in ("json", "pt") for path in finished_run.rglob(f"{last.format(0)}**/*.{suffix}")
    ]
    assert len(made) == 19
    for path in made:
        name = path.relative_to(finished_run)
        assert (tmp_path / name).read_bytes() == path.read_bytes(), name
    for name in ("model.pt", "proposals-default/stage2-default/detection-default/detections.json"):
        contents = [(tmp_path / f"{last.format(seed)}{name}").read_bytes() for seed in (0, 1)]
        assert contents[0] != contents[1]


@pytest.mark.slow
def test_the_released_experiment_end_to_end(tmp_path):
    run = snakemake(tmp_path, configured(tmp_path, SHORT), "--", "results/demo/released/map.json")
    assert run.returncode == 0, run.stderr
    result = json.loads((tmp_path / "results/demo/released/map.json").read_text())
    for picks in result["stages"].values():
        assert list(picks) == ["last", "best-on-test"]
        assert any(value > 0 for value in picks["best-on-test"]["std"].values())
    step = tmp_path / "results/demo/best-on-test/seed0/stage1-released"
    for folder in (step, step / "proposals-released/stage2-released"):
        assert [0 <= scalar.value <= 100 for scalar in events_of(folder).Scalars("mAP")] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gtea", "gtea-2048", "hapt"])
def test_real_data_end_to_end_with_short_training(tmp_path, shared, name):
    short = {stage: {"iterations": 4} for stage in ("stage1", "stage2", "stage3")}
    extra = {"seeds": [0], "datasets": {name: {"root": str(shared / "data" / name), "settings": short}}}
    path = tmp_path / "extra.yaml"
    path.write_text(yaml.safe_dump(extra))
    configured = ["--configfile", ROOT / "config" / "shared.yaml", path]
    run = snakemake(tmp_path, *configured, "--", f"results/{name}/map.json")
    assert run.returncode == 0, run.stderr
    result = json.loads((tmp_path / f"results/{name}/map.json").read_text())
    names = json.loads((shared / "data" / name / "meta.json").read_text())["classes"]
    for stage in ("stage2", "stage3"):
        assert set(result["stages"][stage]["last"]["per_class"]) <= set(names)
        assert result["stages"][stage]["last"]["average"]["0.1:0.7"] > 0


def test_paths_with_blanks(tmp_path, demo_data):
    root = shutil.copytree(demo_data, tmp_path / "my data" / "set one")
    extra = SHORT | {
        "seeds": [3],
        "datasets": {
            "mine": {
                "root": str(root),
                "snippet": {"frames": 16, "fps": 25},
                "settings": SHORT["datasets"]["demo"]["settings"],
            }
        },
    }
    jobs = snakemake(tmp_path, configured(tmp_path, extra), "--", "results/mine/test/features.h5")
    assert jobs.returncode == 0, jobs.stderr


def most_trainings_at_once(folder, *arguments) -> int:
    """How many of two seeds' trainings of stage 1 run at once on eight cores, each asking for a GPU."""
    targets = [f"results/demo/last/seed{seed}/stage1-default/model.pt" for seed in (0, 1)]
    asked = ["--cores=8", "--set-resources", "train_stage1:gpu=1", *arguments]
    run = snakemake(folder, configured(folder, SHORT), *asked, "--", *targets)
    assert run.returncode == 0, run.stderr
    running, most = 0, 0
    for line in (run.stdout + run.stderr).splitlines():
        running += line == "localrule train_stage1:"
        running -= line.startswith("Finished jobid") and "train_stage1" in line
        most = max(most, running)
    assert running == 0
    return most


@pytest.mark.slow
def test_a_gpu_has_one_training_at_a_time(tmp_path):
    assert most_trainings_at_once(tmp_path) == 1
    shutil.rmtree(tmp_path / "results/demo/last")
    assert most_trainings_at_once(tmp_path, "--resources", "gpu=2") == 2


@pytest.mark.slow
def test_a_failed_job_shows_its_command_and_log_and_the_others_go_on(tmp_path):
    broken = {"variants": {"stage1": {"broken": {"heads": 7}}}}
    names = dict.fromkeys(("proposals", "stage2", "detection", "evaluation"), "default")
    broken["experiments"] = {"broken": names | {"stage1": "broken"}}
    floor = "results/demo/last/seed0/stage1-floor/proposals-default/test/proposals.json"
    targets = ["results/demo/broken/map.json", floor]
    run = snakemake(tmp_path, configured(tmp_path, SHORT | broken | {"seeds": [0]}), "--", *targets)
    output = run.stdout + run.stderr
    assert run.returncode == 1
    assert (tmp_path / targets[1]).is_file() and not (tmp_path / targets[0]).exists()
    after = output.partition("Error in rule train_stage1:")[2]
    command, _, log = after.partition("Logfile ")
    assert "train_stage1.py --features results/demo/train/features.h5" in command
    assert "error configuration: stage1.heads: 7 does not divide the 64 channels" in log
    assert "Traceback" not in output


@pytest.mark.slow
def test_checkouts_share_what_takes_long_through_the_cache(tmp_path, monkeypatch):
    store = tmp_path / "store"
    store.mkdir()
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(store))
    made = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        two_seeds = configured(folder, SHORT)
        run = snakemake(folder, two_seeds, "--cache", "--", "results/demo/map.json")
        assert run.returncode == 0, run.stderr
        made.append((folder / "results/demo/map.json").read_bytes())
        steps = [folder / f"results/demo/last/seed{seed}/stage1-default" for seed in (0, 1)]
        models = [
            step / place / "model.pt" for step in steps for place in ("", "proposals-default/stage2-default")
        ]
        scores = [step / split / "scores.h5" for step in steps for split in ("train", "test")]
        features = [folder / f"results/demo/{split}/features.h5" for split in ("train", "test")]
        cached = [path.resolve() for path in (*features, *scores, *models)]
        assert {path.parent for path in cached} == {store}
        assert len(set(cached)) == len(cached)
        assert [(model.parent / "events").exists() for model in models] == [name == "a"] * 4
        assert planned(folder, two_seeds, "--", "results/demo/map.json") == {}
    assert made[0] == made[1]


def test_no_command_depends_on_the_cores(tmp_path):
    """A step's threads are in its command; OpenBLAS's, in its environment, are not seen here."""
    new = ("--config", "predict={new: new}")
    targets = [f"results/demo/{name}" for name in ("map.json", "model.pt", "predict/new/detections.json")]
    (tmp_path / "new").mkdir()
    np.save(tmp_path / "new" / "a.npy", np.zeros((20, 64), np.float32))
    commands = []
    for cores in (1, 8):
        run = snakemake(tmp_path, "-n", "-p", *new, "--", *targets, cores=cores)
        assert jobs_of(run)["train_stage3"] > 1 and jobs_of(run)["predict"] == 1
        commands.append(sorted(re.findall(r"^Shell command: .*", run.stdout + run.stderr, re.M)))
    assert commands[0] == commands[1] and any("--threads" in line for line in commands[0])
    for path in (ROOT / "workflow/rules").glob("*.smk"):  # extraction's, too
        assert "{threads" not in path.read_text(), path


@pytest.mark.parametrize(
    ("rule", "target", "split", "many"),
    [("train_stage1", "model.pt", "train", "4"), ("score_snippets", "test/scores.h5", "test", "2")],
)
def test_a_network_on_few_channels_takes_one_core(finished_run, tmp_path, rule, target, split, many):
    folder = shutil.copytree(finished_run, tmp_path / "run")
    arguments = ["--dry-run", "--configfile=extra.yaml", f"--forcerun={rule}", "--"]

    def threads() -> list[str]:
        run = snakemake(folder, *arguments, f"results/mine/last/seed0/stage1-default/{target}", cores=8)
        assert run.returncode == 0, run.stderr
        return re.findall(r"^    threads: (\d+)", run.stdout + run.stderr, re.M)

    assert threads() == []  # one
    with h5py.File(folder / f"results/mine/{split}/features.h5", "a") as file:
        file.attrs["width"] = 256
    assert threads() == [many]
