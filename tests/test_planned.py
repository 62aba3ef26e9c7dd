"""A step reads what was planned, whatever changes while a run is under way."""

import json
import os
import shutil

import numpy as np
import pytest

import run_plan
from conftest import MINE, ROOT, run_script, snakemake
from hrpro.utils import planned
from hrpro.utils.errors import InputError
from test_invalidation import MODULES, NOTHING, RESULT, configured
from test_invalidation import planned as jobs_planned

EVALUATION = "results/mine/last/seed0/stage1-default/proposals-default/detection-default"


@pytest.fixture
def folder(finished_run, tmp_path):
    return shutil.copytree(finished_run, tmp_path / "run")


def run(folder, *targets):
    return snakemake(folder, "--configfile=extra.yaml", "--", *targets, snakefile=folder / "Snakefile")


def swapped(monkeypatch, **swap) -> None:
    """Have a file replaced while steps run (tests/swap)."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "swap"))
    monkeypatch.setenv("SWAP", json.dumps({name: str(value) for name, value in swap.items()}))


@pytest.mark.slow
def test_code_that_is_replaced_while_a_run_is_under_way_and_put_back(folder, monkeypatch, tmp_path):
    """The steps run the code that the run was planned with."""
    configured({"detection.sigma": 0.4})(folder)
    code = folder / MODULES / "evaluation/mean_ap.py"
    wrong = tmp_path / "wrong.py"
    wrong.write_text(code.read_text().replace("* 100", "* 50"))
    swapped(monkeypatch, file=code, other=wrong, **{"from": "detect_stage1.py", "to": "gather.py"})
    result = run(folder, RESULT)
    assert result.returncode == 0, result.stderr
    assert "* 100" in code.read_text()
    assert code.with_name("mean_ap.py.before").exists()
    monkeypatch.delenv("SWAP")
    again = run_script(
        *("evaluate.py", "--annotations", folder / "results/mine/test/annotations.json", "--subset", "test"),
        *("--detections", folder / EVALUATION / "detections.json", "--ignore-ambiguous"),
        *("--output", tmp_path / "map.json"),
    )
    assert again.returncode == 0, again.stderr
    evaluated = folder / EVALUATION / "evaluation-default/map.json"
    assert json.loads(evaluated.read_text()) == json.loads((tmp_path / "map.json").read_text())
    assert jobs_planned(folder) == NOTHING


SOURCES = {
    "features": ("data/features/test/demo_test_003.npy", "convert_features.py", "test/features.h5"),
    "annotations": ("data/gt_full.json", "convert_annotations.py", "test/annotations.json"),
    "points": ("data/point_labels/point_gaussian.csv", "convert_points.py", "train/points.json"),
    "a split": ("data/split_train.txt", "convert_points.py", "train/points.json"),
}


def other(path, content: bytes) -> bytes:
    """Other content of the same kind."""
    if path.suffix == ".npy":
        array = np.load(path)
        np.save(path.with_name("other.npy"), array + 1)
        return path.with_name("other.npy").read_bytes()
    if path.suffix == ".json":
        truth = json.loads(content)
        truth["database"]["demo_test_000"]["annotations"][0]["segment"][1] += 0.1
        return json.dumps(truth).encode()
    lines = content.splitlines(keepends=True)
    return b"".join(lines[:-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_is_replaced_while_it_is_converted_and_put_back(name, folder, monkeypatch, tmp_path):
    """No result is left, and the next run makes the right one."""
    file, script, target = SOURCES[name]
    result = folder / "results/mine" / target
    right = result.read_bytes()
    result.unlink()
    path, wrong = folder / file, tmp_path / "wrong"
    wrong.write_bytes(other(path, path.read_bytes()))
    assert wrong.read_bytes() != path.read_bytes()
    swapped(monkeypatch, file=path, other=wrong, **{"from": script, "to": script})
    stopped = run(folder, f"results/mine/{target}")
    assert stopped.returncode == 1
    assert "changed since the run was planned; run again" in stopped.stderr
    assert not result.exists()
    monkeypatch.delenv("SWAP")
    assert run(folder, f"results/mine/{target}").returncode == 0
    assert result.read_bytes() == right


@pytest.mark.parametrize("changed", [False, True])
def test_a_job_on_a_cluster_has_what_its_run_was_planned_with(changed, folder, monkeypatch):
    """It plans itself anew, as `--mode remote` does here."""
    result = folder / "results/mine/train/points.json"
    right = result.read_bytes()
    result.write_text("of another run")
    monkeypatch.chdir(folder)
    scripts = run_plan.copied(folder / "workflow/scripts")
    lines = [["scripts", str(scripts)], ["configuration", MINE]]
    if changed:
        lines.append(["points_source mine", "0123456789abcdef"])
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "plan").write_text(text + '["half a li')
    monkeypatch.setenv(run_plan.VARIABLE, str(folder / "plan"))
    (folder / "extra.yaml").unlink()
    job = ("--mode", "remote", "--force", "--nolock", "--target-jobs", "convert_points:dataset=mine")
    run = snakemake(folder, *job, snakefile=folder / "Snakefile")
    assert f"script={scripts}/convert_points.py" in run.stdout + run.stderr
    assert run.returncode == changed, run.stderr
    if changed:
        assert "changed since the run was planned; run again" in run.stderr
        assert not result.exists()
    else:
        assert result.read_bytes() == right


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("as planned")
    monkeypatch.setenv("HRPRO_SOURCE", planned.digest("as planned"))
    return path


def text_of(path):
    return lambda: planned.digest(path.read_text())


def read_twice(path):
    """Another content and back, within the block."""
    path.write_text("something else")
    path.write_text("as planned")


def moved_away(path):
    path.rename(path.with_name("kept"))
    shutil.copy2(path.with_name("kept"), path)


def linked(path):
    path.rename(path.with_name("kept"))
    path.symlink_to(path.with_name("kept"))
    os.utime(path)


@pytest.mark.parametrize("change", [read_twice, moved_away, linked])
def test_a_file_that_does_not_stay_is_told(change, file):
    with (
        pytest.raises(InputError, match="changed while it was read; run again"),
        planned.unchanged([file], text_of(file)),
    ):
        change(file)


def test_a_file_that_has_changed_is_not_read(file):
    file.write_text("something else")
    with (
        pytest.raises(InputError, match=f"{file}: changed since the run was planned"),
        planned.unchanged([file], text_of(file)),
    ):
        pytest.fail("read")


def test_a_touched_file_is_the_same(file):
    file.touch()
    with planned.unchanged([file], text_of(file)):
        pass


def test_a_script_that_is_run_alone_asks_nothing(file, monkeypatch):
    monkeypatch.delenv("HRPRO_SOURCE")
    with planned.unchanged([file], lambda: pytest.fail("asked")):
        file.write_text("something else")
