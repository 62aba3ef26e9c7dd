"""Methods side by side: another one is a package, a line in a dict and a variant; no rule changes."""

import json
import shutil

import pytest
import yaml

from conftest import MINE, jobs_of, snakemake

SETTINGS = '''
from typing import Literal

from pydantic import Field

from ..utils.settings import Strict, Unit


class Settings(Strict):
    """The prior: what a class's share of the points says of every snippet."""

    method: Literal["prior"] = Field("prior", description="shares of the points")
    background_threshold: Unit = Field(0.5, description="B from which a snippet is a background seed")
    action_threshold: Unit = Field(0.5, description="B up to which a point spreads")
'''
METHOD = """
import numpy as np
import torch

from ..data.scores import Scores


class Prior(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.register_buffer("share", torch.zeros(classes))


def train(task):
    model = Prior(len(task.classes))
    labels = [point["label"] for points in task.points.values() for point in points]
    counts = torch.tensor([float(labels.count(name)) for name in task.classes])
    model.share.copy_(counts / counts.sum())
    return model


def load(file, device):
    model = Prior(len(file.classes))
    model.load_state_dict(file.weights)
    return model


def score(model, features):
    share = model.share.numpy()
    on = (features.mean(1) > np.median(features.mean(1)))[:, None]
    return Scores((share * on).astype(np.float32), 1 - on[:, 0].astype(np.float32), share)
"""


@pytest.fixture
def project(finished_run, tmp_path):
    """A copy of a finished run whose project has one more stage-1 method."""
    folder = shutil.copytree(finished_run, tmp_path / "run")
    package = folder / "workflow/scripts/hrpro/prior"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "settings.py").write_text(SETTINGS)
    (package / "method.py").write_text(METHOD)
    registry = package.parent / "methods.py"
    line = 'STAGE1 = {"hrpro": "hrpro.snippet", "linear": "hrpro.linear", "lacp": "hrpro.lacp"}'
    assert line in registry.read_text()
    registry.write_text(registry.read_text().replace(line, line[:-1] + ', "prior": "hrpro.prior"}'))
    steps = dict.fromkeys(("proposals", "detection", "evaluation"), "default")
    mine = MINE | {
        "experiments": MINE["experiments"] | {"prior": steps | {"stage1": "prior", "stage2": None}},
        "variants": {"stage1": {"prior": {"method": "prior"}}},
    }
    (folder / "extra.yaml").write_text(yaml.safe_dump(mine))
    return folder


@pytest.mark.slow
def test_another_method_runs_beside_the_others_and_reruns_none_of_them(project):
    targets = ["results/mine/map.json", "results/mine/prior/map.json"]
    run = snakemake(project, "--configfile=extra.yaml", "--", *targets, snakefile=project / "Snakefile")
    # of the data set's and of the default experiment's steps, nothing
    assert jobs_of(run) == {
        "train_stage1": 1,
        "score_snippets": 2,
        "propose_training": 1,
        "rank_proposals": 1,
        "propose_test": 1,
        "detect_stage1": 1,
        "evaluate": 1,
        "measure_reliable": 1,
        "gather_experiment": 1,
    }
    result = json.loads((project / targets[1]).read_text())
    assert list(result["stages"]) == ["stage1"]
    assert result["stages"]["stage1"]["last"]["average"]["0.1:0.7"] > 0

    # an edit of its code reaches what it has made, and again nothing else
    path = project / "workflow/scripts/hrpro/prior/method.py"
    path.write_text(path.read_text().replace("np.median(", "np.mean("))
    arguments = ["--dry-run", "--configfile=extra.yaml", "--", *targets]
    plan = snakemake(project, *arguments, snakefile=project / "Snakefile")
    assert jobs_of(plan) == jobs_of(run)
