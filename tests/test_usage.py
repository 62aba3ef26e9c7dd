"""The workflow as others use it: as a module of another one, from other folders, with blanks in paths."""

import errno
import io
import os
import shutil
from collections import Counter

import pytest
import yaml
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import ConfigSettings

import command_line
from conftest import PROJECT, ROOT, copy_project, jobs_of, snakemake

ENTRY = {"root": "my data", "snippet": {"frames": 16, "fps": 25}}
POINTS = "results/mine/train/points.json"
CHECKED = {"convert_annotations": 2, "convert_features": 2, "convert_points": 1, "check_dataset": 1}


@pytest.fixture
def folder(tmp_path, demo_data):
    """A folder whose name has a blank, with data in another one."""
    folder = tmp_path / "my project"
    shutil.copytree(demo_data, folder / "my data")
    return folder


@pytest.mark.parametrize(
    "snakefile", [pytest.param("Snakefile", marks=pytest.mark.slow), "workflow/Snakefile"]
)
def test_as_a_module_with_data_sets_alone_and_a_prefix(folder, snakefile):
    # braces in paths and in names are no wildcards
    data = (folder / "my data").rename(folder / "my {left} data")
    for path in (data / "gt_full.json", data / "split_train.txt", data / "point_labels/point_gaussian.csv"):
        path.write_text(path.read_text().replace("demo_train_000", "film{1a}"))
    (data / "features/train/demo_train_000.npy").rename(data / "features/train/film{1a}.npy")
    text = f"""
module hrpro:
    snakefile: {str(ROOT / snakefile)!r}
    config: {{"datasets": {{"mine": {ENTRY | {"root": "my {left} data"}}}}}}

use rule * from hrpro as hrpro_*

rule own:
    input: "results/mine/map.json"
    output: "own.txt"
    shell: "cp {{input}} {{output}}"
"""
    (folder / "Snakefile").write_text(text)
    plan = jobs_of(snakemake(folder, "--dry-run", "--", "own.txt", snakefile=folder / "Snakefile"))
    assert plan["own"] == plan["hrpro_gather"] == 1 and plan["hrpro_train_stage1"] == 2
    run = snakemake(folder, "--", "results/mine/check.html", snakefile=folder / "Snakefile")
    assert jobs_of(run) == {f"hrpro_{rule}": count for rule, count in CHECKED.items()}
    assert "24 training videos" in run.stdout + run.stderr
    again = snakemake(folder, "--dry-run", "--", "results/mine/check.html", snakefile=folder / "Snakefile")
    assert jobs_of(again) == {}


def test_as_a_module_a_rule_can_be_changed(folder):
    text = f"""
module hrpro:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: {{"datasets": {{"mine": {ENTRY}}}}}

use rule * from hrpro as hrpro_*

use rule convert_points from hrpro as hrpro_convert_points with:
    log: "{{dataset}}.log"
"""
    (folder / "Snakefile").write_text(text)
    run = snakemake(folder, "--", POINTS, snakefile=folder / "Snakefile")
    assert run.returncode == 0, run.stderr
    assert (folder / POINTS).is_file() and (folder / "mine.log").is_file()


def test_from_another_folder_and_with_directory(folder, tmp_path):
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": ENTRY}}))
    configured = [f"--configfile={folder / 'mine.yaml'}", "--", POINTS]
    expected = Counter({"convert_points": 1})
    assert jobs_of(snakemake(tmp_path, "--directory", folder, *configured)) == expected
    assert (folder / POINTS).is_file()
    # the same results, asked for from inside
    assert jobs_of(snakemake(folder, "--dry-run", *configured)) == {}


@pytest.mark.parametrize("entry", ["Snakefile", "workflow/Snakefile"])
def test_in_the_project_s_own_folder_either_snakefile_is_found(folder, entry):
    copy_project(folder)
    if entry != "Snakefile":
        (folder / "Snakefile").unlink()
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": ENTRY}}))
    run = snakemake(folder, "-n", "--configfile=mine.yaml", "--", POINTS, snakefile=None)
    assert jobs_of(run) == {"convert_points": 1}
    assert set(PROJECT) >= {"profiles"}  # found beside either


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (["0", "1"], [0, 1]),
        ("true", True),
        (
            {"stage1": {"learning_rate": "0.01", "heads": "null"}},
            {"stage1": {"learning_rate": 0.01, "heads": None}},
        ),
        ({"new": "a: b"}, {"new": "a: b"}),
        ("auto", "auto"),
        ("=", "="),
        ("2020-13-45", "2020-13-45"),
        ("1e-3", "1e-3"),
        (3, 3),
    ],
)
def test_values_of_the_command_line_are_read_as_yaml_reads_them(text, expected):
    assert command_line.typed({"key": text, "other": "7"}, {"key": text}) == {"key": expected, "other": "7"}


def test_a_value_of_the_command_line_beside_those_of_a_file():
    config = {"datasets": {"mine": {"root": "7", "snippet": {"fps": "25"}}}}
    typed = command_line.typed(config, {"datasets": {"mine": {"snippet": {"fps": "25"}}}})
    assert typed == {"datasets": {"mine": {"root": "7", "snippet": {"fps": 25}}}}


def test_seeds_of_the_command_line_are_planned(folder):
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": ENTRY}}))
    options = [
        "-n",
        "--configfile",
        "mine.yaml",
        "--config",
        "seeds=[0,1,2]",
        "settings={stage1: {blocks: 2}}",
    ]
    assert jobs_of(snakemake(folder, *options, "--", "results/mine/map.json"))["train_stage1"] == 3 + 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["results/mine/map.json"], "no data set 'mine' in the configuration; "),
        (["results/Demo/map.json"], "did you mean 'demo'?"),
        (["fetch_thumso"], "fetch_thumso: no data set 'thumso' in the configuration; did you mean 'thumos'?"),
        (["results/demo/mpa.json"], "no step makes it; did you mean results/demo/map.json?"),
        (["map.json"], "map.json: no such target; expected a file of results/<data set>/"),
        (
            ["results/demo/last/seed0/x/evaluation-default/map.json"],
            "expected last/seed<N>/stage1-<variant>/",
        ),
        (["results/demo/last/seed0/a/b/c/reliable-quality.json"], "expected last/seed<N>/stage1-<variant>/"),
        (["results/demo/last/seed007/stage1-default/model.pt"], "0 to 999999999 without leading zeros"),
        ([f"results/demo/last/seed{10**30}/stage1-default/model.pt"], "N from 0 to 999999999"),
        ([f"results/{'x' * 244}/map.json"], "xxx...' in the configuration"),
    ],
)
def test_a_target_that_nothing_makes_ends_in_one_line(folder, arguments, words):
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": ENTRY}}))
    run = snakemake(folder, "-n", *arguments)
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert last.startswith("error: ") and words in last
    assert "Traceback" not in run.stderr


def test_a_result_is_no_configuration(folder):
    (folder / "results/mine").mkdir(parents=True)
    (folder / "results/mine/map.json").write_text('{"dataset": "mine", "stages": {}}')
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": ENTRY}}))
    run = snakemake(folder, "-n", "--configfile", "mine.yaml", "results/mine/map.json")
    assert run.returncode == 1
    assert "is a result; targets come after --" in run.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "Read-only file system, and Snakemake writes there; run in a folder of your own"),
        (errno.EACCES, "Permission denied, and Snakemake writes there; run in a folder of your own"),
        (errno.ENOSPC, "No space left on device, and Snakemake writes there; free some space and run again"),
        (errno.EDQUOT, "Disk quota exceeded, and Snakemake writes there; free some space and run again"),
    ],
)
def test_a_folder_that_cannot_be_written_to_is_told(number, words, tmp_path, monkeypatch):
    def refusals() -> list:
        return [command_line.refusal(tmp_path, only_planned) for only_planned in (False, True)]

    def refuse(dir):
        if dir in closed:
            raise OSError(number, os.strerror(number))
        return io.BytesIO()

    assert refusals() == [None, None]
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    closed = {tmp_path}
    assert all(refusal.startswith(f"{tmp_path}: {words}") for refusal in refusals())
    (tmp_path / ".snakemake").mkdir()
    assert refusals()[1] is None  # there is no folder of results yet
    assert refusals()[0].startswith(f"{tmp_path}: ")
    (tmp_path / "results").mkdir()
    (tmp_path / "logs").mkdir()
    assert refusals() == [None, None]
    closed = {tmp_path / ".snakemake"}  # where Snakemake writes even a plan
    assert all(refusal.startswith(f"{tmp_path / '.snakemake'}: ") for refusal in refusals())
    for name in ("results", "logs"):
        closed = {tmp_path / name}
        assert refusals()[0].startswith(f"{tmp_path / name}: ") and refusals()[1] is None


def test_braces_in_the_project_s_own_path_are_told(tmp_path):
    project = tmp_path / "hr{p}ro"
    project.mkdir()
    copy_project(project)
    run = snakemake(tmp_path, "-n", "--", "results/demo/map.json", snakefile=project / "Snakefile")
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith(f"error: {project}: Snakemake takes braces for wildcards")
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, FileNotFoundError),
        ("settings: " + "{a: " * 5000 + "1" + "}" * 5000, RecursionError),
        ("settings: &a {b: *a}", RecursionError),
    ],
)
def test_snakemake_itself_reads_configfile_before_any_rule(text, error, tmp_path):
    # what docs/running.md says of --configfile; where this fails, Snakemake has learnt it, and so may we
    path = tmp_path / "mine.yaml"
    if text:
        path.write_text(text)
    with pytest.raises((error, WorkflowError)):
        ConfigSettings(configfiles=[path])
