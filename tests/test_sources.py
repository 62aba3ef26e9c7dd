"""The `source` params of workflow/rules/sources.smk: what a data set's own files say, as they are planned."""

import json
import os
import shlex
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import ROOT
from hrpro import config as settings
from hrpro.data.sources import digest
from hrpro.utils.errors import InputError

ENTRY = {"snippet": {"frames": 16, "fps": 25}}
RULES = ROOT / "workflow/rules/sources.smk"


def stop(message: str) -> None:
    raise SystemExit(f"error: {message}")


def params(root: str, **entry) -> dict[str, str]:
    """The `source` params of an entry, by rule."""
    parsed = settings.parse(settings.Config, {"datasets": {"mine": ENTRY | {"root": root} | entry}})
    names = {"CONFIG": parsed, "Path": Path, "cache": cache, "settings": settings, "digest": digest, "os": os}
    names |= {"InputError": InputError, "stop": stop, "shlex": shlex, "suppress": suppress}
    names["dataset_of"] = lambda wildcards: parsed.datasets[wildcards.dataset]
    exec(compile(RULES.read_text(), RULES, "exec"), names)
    wildcards = SimpleNamespace(dataset="mine", split="train")
    return {rule: names[f"{rule}_source"](wildcards) for rule in ("annotations", "points", "features")}


@pytest.fixture
def root(demo_data, tmp_path, monkeypatch) -> Path:
    """A copy of the demo's data set, in the working directory as data/."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(demo_data, tmp_path / "data"))


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [rule for rule in before if before[rule] != after[rule]]


FROM_SEGMENTS = {"from": "segments"}
EDITS = {
    "drawn points": ({}, {"points": FROM_SEGMENTS}),
    "their seed": ({"points": FROM_SEGMENTS}, {"points": {**FROM_SEGMENTS, "seed": 1}}),
    "their distribution": (
        {"points": FROM_SEGMENTS},
        {"points": {**FROM_SEGMENTS, "distribution": "centre"}},
    ),
}


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("name", EDITS)
def test_edits_of_the_points(name, made, root):
    """Also where the workflow makes the root itself."""
    before, after = EDITS[name]
    folder = "results/demo/data" if made else "data"
    assert "points" in changed(params(folder, **before), params(folder, **after))


@pytest.mark.parametrize("made", [True, False])
def test_edits_of_the_ambiguous_segments(made, root):
    folder, path = "results/demo/data" if made else "data", Path("ambiguous.txt").absolute()
    path.write_text("demo_train_000 1.0 2.0\n")
    before = params(folder, ambiguous=str(path))
    assert changed(params(folder), before) == ["annotations"]
    path.write_text("demo_train_000 1.0 3.0\n")
    assert changed(before, params(folder, ambiguous=str(path))) == ["annotations"]


def test_the_order_of_a_split_counts_nowhere(root):
    before = params("data")
    split = root / "split_train.txt"
    split.write_text("\n".join(reversed(split.read_text().split())) + "\n")
    assert changed(before, params("data")) == []


@pytest.mark.parametrize("name", ["gt_full.json", "split_train.txt", "features/train/demo_train_003.npy"])
def test_a_file_that_may_not_be_read(name, root, monkeypatch):
    """Tests run as root, who may read all: so it is a fake."""
    text, opened = Path.read_text, open

    def refuse(path) -> None:
        if str(path).endswith(name):
            raise PermissionError(13, "Permission denied", str(path))

    def read_text(path, *arguments, **options):
        refuse(path)
        return text(path, *arguments, **options)

    def fake_open(path, *arguments, **options):
        refuse(path)
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr("builtins.open", fake_open)
    with pytest.raises(SystemExit) as caught:
        params("data")
    message = str(caught.value)
    assert message.startswith("error: ")
    assert "\n" not in message
    assert name in message
    assert "Permission denied" in message


def test_a_data_set_in_which_no_video_has_a_duration_is_planned(root):
    content = json.loads((root / "gt_full.json").read_text())
    for entry in content["database"].values():
        del entry["duration"]
    (root / "gt_full.json").write_text(json.dumps(content))
    assert all(params("data").values())
