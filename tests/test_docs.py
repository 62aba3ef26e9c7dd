"""README and docs are true where a test can tell."""

import re

import pytest

from conftest import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "config" / "README.md", *(ROOT / "docs").glob("*.md")])


def keys(values: dict, place: str = ""):
    for key, value in values.items():
        if isinstance(value, dict) and key != "loss_weights":
            yield from keys(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", value


def test_every_setting_stands_in_the_reference_with_its_value(raw_config):
    reference = (ROOT / "config/README.md").read_text()
    section = next(part for part in reference.split("\n## ") if part.startswith("`settings`"))
    rows = dict(re.findall(r"^\| `(\w+\.\w+)` \| ([^|]+?) \|", section, re.M))
    settings = dict(keys(raw_config["settings"]))
    assert list(rows) == list(settings)
    for key, value in settings.items():
        if isinstance(value, list):
            assert rows[key] == f"{value[0]:g} ... {value[-1]:g}"
        elif isinstance(value, dict):
            assert rows[key] == ", ".join(f"{weight:g}" for weight in value.values())
        elif isinstance(value, bool) or value is None:
            assert rows[key] == {True: "true", False: "false", None: "null"}[value]
        elif isinstance(value, float):
            assert float(rows[key]) == value
        else:
            assert rows[key] == str(value)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target
    for target in re.findall(r"`((?:workflow|config|tests|envs|profiles|docs)/[\w./-]+)`", text):
        assert (ROOT / target).exists(), target
