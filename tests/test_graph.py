"""The graph does not lie: what each step opens is what its rule declares."""

import base64
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, snakemake

STEPS = {
    *("convert_annotations", "convert_points", "label_videos", "label_segments", "convert_features"),
    *("train_stage1", "score_snippets", "propose_training", "rank_proposals", "propose_test"),
    *("check_dataset", "detect_stage1", "copy_dataset", "compare_labels"),
    *("train_stage2", "detect_stage2", "refine_reliable", "evaluate", "measure_reliable", "gather"),
    *("train_stage3", "detect_stage3"),
    *("calibrate_events", "list_events", "measure_events", "gate", "detect_gated"),
    *("bundle_model", "predict", "show", "draw_timeline", "write_report", "report_prediction"),
    "label_next",
}
TINY = {stage: {"iterations": 2} for stage in ("stage1", "stage2", "stage3")}
RELEASED = {"stage1": {"released": {"iterations": 2}}, "stage2": {"released": {"epochs": 1}}}
ENTRY = {"root": "data", "snippet": {"frames": 16, "fps": 25}, "settings": TINY, "variants": RELEASED}


@pytest.fixture(scope="module")
def audited(tmp_path_factory, demo_data):
    """A run of nearly every rule, each step noting what it opens: its folder, and the folder of the notes."""
    folder = tmp_path_factory.mktemp("audited")
    shutil.copytree(demo_data, folder / "data")
    new = folder / "new"
    new.mkdir()
    shutil.copy(folder / "data/features/test/demo_test_000.npy", new / "a.npy")
    shutil.copy(new / "a.npy", folder / "data/features/train/unlabelled.npy")
    values = {"seeds": [0], "datasets": {"mine": ENTRY}, "predict": {"new": "new"}}
    values["copies"] = {"points20": None, "points50": None}  # points10 is one like them
    (folder / "extra.yaml").write_text(yaml.safe_dump(values))
    opened = folder / "opened"
    opened.mkdir()
    environment = {"PYTHONPATH": str(ROOT / "tests" / "audit"), "OPENED": str(opened)}
    targets = [
        "results/mine/map.json",
        "results/mine/floor/map.json",
        "results/mine/released/map.json",
        "results/mine/videos/map.json",
        "results/mine/full/map.json",
        "results/mine/labelling.svg",
        "results/mine/check.html",
        "results/mine/table.html",
        "results/mine/timeline.svg",
        "results/mine/report.html",
        "results/mine/predict/new/report.html",
        "results/mine/predict/new/detections.json",
        "results/mine/predict/new/events.csv",
        "results/mine/events.csv",
        "results/mine/floor/events.csv",
        "results/mine/calibrated.pt",
        "results/mine/label_next.csv",
        "results/mine-held/train/points.json",
        "results/mine-held/test/features.h5",
        "results/mine-wrong/test/features.h5",
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        run = snakemake(folder, "--configfile=extra.yaml", "--", *targets)
    assert run.returncode == 0, run.stderr
    return folder, opened


def records(folder: Path) -> list[dict]:
    """What Snakemake has recorded of each output: its path, the job's inputs, params and command."""
    found = []
    for path in (folder / ".snakemake/metadata").rglob("*"):
        if path.is_file():
            encoded = "".join(path.relative_to(folder / ".snakemake/metadata").parts).replace("@", "")
            record = json.loads(path.read_text())
            found.append(record | {"output": base64.b64decode(encoded).decode()})
    return found


def arguments_of(command: str) -> list[str]:
    """A job's command as the process's sys.argv."""
    words = shlex.split(command.partition("python ")[2], comments=False)
    if ">" in words:
        words = words[: words.index(">")]
    return words


def left_out(step: str, declared: set[Path]) -> set[Path]:
    """What a step need not open by its gate.json: the models, or detections, of stages that do not count.

    The models are hardly trained here, so which stage counts is chance.
    """
    gates = [path for path in declared if path.name == "gate.json"]
    if not gates:
        return set()
    [gate] = gates
    counts = json.loads(gate.read_text())["counts"]
    if step == "detect_gated.py":
        last = {"stage1": "proposals", "stage2": "stage2", "stage3": "detection"}[counts]
        detections = {path for path in declared if path.name == "detections.json"}
        return {path for path in detections if not path.parent.parent.name.startswith(last)}
    models = {path for path in declared if path.name == "model.pt"}
    return {path for path in models if path.parent.name.partition("-")[0] > counts}


@pytest.mark.slow
def test_a_step_opens_what_its_rule_declares(audited):
    folder, opened = audited
    notes = [json.loads(path.read_text()) for path in opened.glob("*.json")]
    steps = {tuple(note["argv"]): note for note in notes if ".snakemake/hrpro" in note["argv"][0]}
    jobs = {}
    for record in records(folder):
        command = re.sub(r"\$\(dirname (\S+)\)", lambda match: str(Path(match[1]).parent), record["shellcmd"])
        jobs.setdefault(tuple(arguments_of(command)), []).append(record)
    assert jobs.keys() <= steps.keys()
    assert {Path(argv[0]).stem for argv in jobs} >= STEPS
    for argv, outputs in jobs.items():
        name = Path(argv[0]).name
        declared = {folder / path for path in outputs[0]["input"]}
        own = {(folder / record["output"]).parent for record in outputs}
        read = {Path(path) for path in steps[argv]["read"]}
        read = {path for path in read if path.is_relative_to(folder) and path.is_file()}
        # what a step writes, it may read again: a temporary file, the events beside a model; and whoever
        # reads a model's record may read the events that lie beside it
        own |= {path.parent / "events" for path in declared if path.name == "model.json"}
        results = {
            path
            for path in read
            if path.is_relative_to(folder / "results") and not own & {path.parent, path.parent.parent}
        }
        assert results <= declared, f"{name} opens what its rule does not declare"
        assert declared - left_out(name, declared) <= read, f"{name} does not open what its rule declares"
        if any(path.is_relative_to(folder / place) for path in read for place in ("data", "new")):
            # the data set's own files: the digest of what they say is a param
            params = [param for param in outputs[0]["params"] if not str(param).isdigit()]  # but threads
            assert len(params) >= 2 and name.startswith(
                ("convert_", "predict", "report_prediction", "label_next")
            ), name
