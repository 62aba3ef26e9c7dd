"""The digest of a step's code: what changes it, and what does not."""

import shutil

import pytest

import digest
from conftest import SCRIPTS


@pytest.fixture
def scripts(tmp_path):
    """A copy of the scripts to edit."""
    return shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))


def digests(scripts) -> dict[str, str]:
    for cached in (digest.digest, digest.code, digest.imported):
        cached.cache_clear()
    return {path.name: digest.digest(path) for path in scripts.glob("*.py")}


def changed_by(scripts, module: str, old: str, new: str) -> set[str]:
    before = digests(scripts)
    path = scripts / module
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    return {name for name, value in digests(scripts).items() if value != before[name]}


STAGE1 = {"train_stage1.py", "train_stage1_on_test.py", "score_snippets.py"}
STAGE2 = {"train_stage2.py", "train_stage2_on_test.py", "detect_stage2.py", "refine_reliable.py"}
RANKED = {"propose.py", "refine_reliable.py", "measure_reliable.py"}
PREDICTS = {"predict.py", "bundle_model.py"}
TESTED = {"train_stage1_on_test.py", "train_stage2_on_test.py"}


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        ("hrpro/grid.py", "# Rounding of", "# The rounding of", set()),
        ("hrpro/grid.py", '"""The time from a snippet', '"""How long it is from a snippet', set()),
        ("hrpro/grid.py", "ROUNDING = 1e-6", "ROUNDING  =  1e-6", set()),
        ("hrpro/snippet/model.py", "F.relu(", "torch.relu(", STAGE1 | PREDICTS),
        ("hrpro/instance/model.py", "nn.ReLU()", "nn.ELU()", STAGE2 | PREDICTS),
        (
            "hrpro/detection/suppression.py",
            "np.exp(-(",
            "np.exp(-1.0 * (",
            TESTED | PREDICTS | {"detect_stage1.py", "detect_stage2.py"},
        ),
        ("hrpro/evaluation/mean_ap.py", "* 100", "* 100.0", TESTED | {"evaluate.py", "gather.py"}),
        ("hrpro/proposals/ranking.py", "-np.inf", "-1", RANKED),
    ],
)
def test_a_change_reaches_the_steps_that_use_it(scripts, module, old, new, expected):
    assert changed_by(scripts, module, old, new) == expected


@pytest.mark.parametrize(
    "module",
    ["config/__init__.py", "config/schema.py", "snippet/settings.py", "utils/settings.py", "methods.py"],
)
def test_settings_reach_a_step_as_params_not_as_code(scripts, module):
    path = scripts / "hrpro" / module
    before = digests(scripts)
    path.write_text(path.read_text() + "\nADDED = 1\n")
    assert digests(scripts) == before


def test_what_a_step_imports():
    names = {str(path.relative_to(SCRIPTS)) for path in digest.modules(SCRIPTS / "train_stage1_on_test.py")}
    assert {"train_stage1.py", "hrpro/__init__.py", "hrpro/snippet/seeds.py"} <= names
    assert "hrpro/evaluation/mean_ap.py" in names
    assert not any(name.startswith("hrpro/instance") for name in names)
