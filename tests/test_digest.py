"""The digest of a step's code: what changes it, and what does not."""

import ast
import re
import shutil

import pytest
import yaml

import digest
from conftest import SCRIPTS

# The methods that scripts load by name.
STAGE1, LINEAR, STAGE2 = "hrpro.snippet.method", "hrpro.linear.method", "hrpro.instance.method"
STAGE3 = "hrpro.pyramid.method"
TESTED = "hrpro.evaluation.protocol"
STEPS = {
    "train": ("train_stage1.py", STAGE1),
    "train, tested": ("train_stage1.py", STAGE1, TESTED),
    "train the baseline": ("train_stage1.py", LINEAR),
    "score": ("score_snippets.py", STAGE1),
    "score by the baseline": ("score_snippets.py", LINEAR),
    "train stage 2": ("train_stage2.py", STAGE2),
    "train stage 2, tested": ("train_stage2.py", STAGE2, TESTED),
    "detect": ("detect_stage2.py", STAGE2),
    "refine": ("refine_reliable.py", STAGE2),
    "train stage 3": ("train_stage3.py", STAGE2, STAGE3),
    "detect stage 3": ("detect_stage3.py", STAGE3),
    "predict": ("predict.py", STAGE1, STAGE2, STAGE3),
}
STEPS |= {
    path.name: (path.name,)
    for path in SCRIPTS.glob("*.py")
    if path.name not in {script for script, *_ in STEPS.values()}
}


@pytest.fixture
def scripts(tmp_path):
    """A copy of the scripts to edit."""
    return shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))


def digests(scripts) -> dict[str, str]:
    digest.digest.cache_clear()
    paths = {name: [f"{m.replace('.', '/')}.py" for m in modules] for name, (_, *modules) in STEPS.items()}
    return {name: digest.digest(scripts, STEPS[name][0], *paths[name]) for name in STEPS}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """The digests of the scripts as they are, wherever they lie."""
    return digests(SCRIPTS)


def changed_by(before: dict[str, str], scripts, module: str, old: str, new: str) -> set[str]:
    path = scripts / module
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    return {name for name, value in digests(scripts).items() if value != before[name]}


SNIPPET = {"train", "train, tested", "score", "predict"}
BASELINE = {"train the baseline", "score by the baseline"}
PYRAMID = {"train stage 3", "detect stage 3", "predict"}
INSTANCE = {"train stage 2", "train stage 2, tested", "detect", "refine", "train stage 3", "predict"}
CANDIDATES = {"detect", "detect stage 3"}
REPORTS = {"write_report.py", "report_prediction.py"}
RANKED = {"rank_proposals.py", "refine", "measure_reliable.py", "check_dataset.py", *REPORTS, *PYRAMID}
SUPPRESSED = {
    "train, tested",
    "train stage 2, tested",
    "bundle_model.py",
    "predict",
    "detect",
    "detect stage 3",
    "detect_stage1.py",
    "report_prediction.py",
    "label.py",
}
EVALUATED = {
    *("train, tested", "train stage 2, tested", "evaluate.py", "gather.py", "diagnose.py"),
    *("calibrate_events.py", "measure_events.py", "gate.py"),
    *REPORTS,
}
PAGES = {"check_dataset.py", "show.py", "draw_timeline.py", "compare_labels.py", *REPORTS}


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        ("hrpro/grid.py", "# Rounding of", "# The rounding of", set()),
        ("hrpro/grid.py", '"""The time from a snippet', '"""How long it is from a snippet', set()),
        ("hrpro/grid.py", "ROUNDING = 1e-6", "ROUNDING  =  1e-6", set()),
        ("hrpro/snippet/model.py", "F.relu(", "torch.relu(", SNIPPET),
        ("hrpro/linear/model.py", "1e-9", "1e-8", BASELINE),
        ("hrpro/instance/model.py", "nn.ReLU()", "nn.ELU()", INSTANCE),
        ("hrpro/pyramid/model.py", "RARE = 0.01", "RARE = 0.02", PYRAMID),
        ("hrpro/data/candidates.py", "columns.shape[1] > 4", "4 < columns.shape[1]", CANDIDATES),
        ("hrpro/detection/suppression.py", "np.exp(-(", "np.exp(-1.0 * (", SUPPRESSED),
        ("hrpro/evaluation/mean_ap.py", "* 100", "* 100.0", EVALUATED),
        ("hrpro/proposals/ranking.py", "-np.inf", "-1", RANKED),
        ("hrpro/report/templates/style.css", "62rem", "60rem", PAGES),
    ],
)
def test_a_change_reaches_the_steps_that_use_it(before, scripts, module, old, new, expected):
    assert changed_by(before, scripts, module, old, new) == expected


@pytest.mark.parametrize(
    "module",
    ["config/__init__.py", "config/schema.py", "snippet/settings.py", "utils/settings.py", "methods.py"],
)
def test_settings_reach_a_step_as_params_not_as_code(before, scripts, module):
    path = scripts / "hrpro" / module
    path.write_text(path.read_text() + "\nADDED = 1\n")
    assert digests(scripts) == before


def test_what_computes_is_named_in_one_place():
    text = (SCRIPTS.parent / "rules/common.smk").read_text()
    computing = ast.literal_eval(re.search(r"^COMPUTING = (\{.*\})$", text, re.M)[1])
    pinned = set()
    for path in (SCRIPTS.parents[1] / "envs").glob("*.yaml"):
        pinned |= {pin.split("=")[0] for pin in yaml.safe_load(path.read_text())["dependencies"]}
    assert computing <= pinned
    shows = {"python", "h5py", "pydantic", "tqdm", "pandas", "tabulate", "matplotlib", "jinja2", "requests"}
    assert pinned - computing == shows | {"threadpoolctl", "tensorboard"}


def test_what_a_step_imports():
    paths = digest.imports(SCRIPTS, "train_stage1.py", "hrpro/snippet/method.py")
    names = {str(path.relative_to(SCRIPTS)) for path in paths}
    assert {"train_stage1.py", "hrpro/__init__.py", "hrpro/training/seeds.py"} <= names
    assert not any(name.startswith(("hrpro/instance", "hrpro/evaluation", "hrpro/linear")) for name in names)
