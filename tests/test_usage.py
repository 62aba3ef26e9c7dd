"""The workflow as others use it: as a module of another one, from other folders, with blanks in paths."""

import shutil
from collections import Counter

import pytest
import yaml

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


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_as_a_module_with_data_sets_alone_and_a_prefix(folder, snakefile):
    text = f"""
module hrpro:
    snakefile: {str(ROOT / snakefile)!r}
    config: {{"datasets": {{"mine": {ENTRY}}}}}

use rule * from hrpro as hrpro_*

rule own:
    input: "results/mine/map.json"
    output: "own.txt"
    shell: "cp {{input}} {{output}}"
"""
    (folder / "Snakefile").write_text(text)
    plan = jobs_of(snakemake(folder, "--dry-run", "--", "own.txt", snakefile=folder / "Snakefile"))
    assert plan["own"] == plan["hrpro_train_stage1"] == plan["hrpro_gather"] == 1
    run = snakemake(folder, "--", "results/mine/check.html", snakefile=folder / "Snakefile")
    assert jobs_of(run) == {f"hrpro_{rule}": count for rule, count in CHECKED.items()}
    assert "24 training videos" in run.stdout + run.stderr
    again = snakemake(folder, "--dry-run", "--", "results/mine/check.html", snakefile=folder / "Snakefile")
    assert jobs_of(again) == {}


def test_as_a_module_a_rule_can_be_changed(folder):
    text = f"""
module hrpro:
    snakefile: {str(ROOT / "workflow/Snakefile")!r}
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
    run = snakemake(folder, "--configfile=mine.yaml", "--", POINTS, snakefile=None)
    assert jobs_of(run) == {"convert_points": 1}
    assert set(PROJECT) >= {"profiles"}  # found beside either
