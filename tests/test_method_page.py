"""docs/method.md: its numbers are in order, its settings exist, and what the code cites of it is there."""

import re

import pytest

from conftest import ROOT, SCRIPTS

PAGE = (ROOT / "docs" / "method.md").read_text()
SECTIONS = re.findall(r"^##+ (\d+(?:\.\d+)?) ", PAGE, re.M)
EQUATIONS = [int(number) for number in re.findall(r"^    .* \((\d+)\)$", PAGE, re.M)]
FAULTS = [int(number) for number in re.findall(r"^\| (\d+) \| .*\|.*\|.*\|$", PAGE.split("### 9.1")[1], re.M)]
# a citation, in a docstring or comment that names the page, or within the page itself
CITATIONS = {
    "section": r"\bsections? (\d+(?:\.\d+)?)(?:(?:,| and| to) (\d+(?:\.\d+)?))?",
    "eq": r"\beqs?\. (\d+)(?:(?:,| and| to) (\d+))?",
    "fault": r"\bfaults? (\d+)(?:(?:,| and| to) (\d+))?",
}
NUMBERS = {"section": SECTIONS, "eq": [*map(str, EQUATIONS)], "fault": [*map(str, FAULTS)]}


def cited(kind: str, text: str) -> set[str]:
    return {number for match in re.findall(CITATIONS[kind], text) for number in match if number}


def test_numbers_are_in_order():
    assert [*range(1, len(EQUATIONS) + 1)] == EQUATIONS and len(EQUATIONS) >= 26
    assert [*range(1, len(FAULTS) + 1)] == FAULTS and len(FAULTS) >= 12
    assert sorted(SECTIONS, key=lambda number: [int(part) for part in number.split(".")]) == SECTIONS
    assert len(set(SECTIONS)) == len(SECTIONS)


@pytest.mark.parametrize("kind", CITATIONS)
def test_what_is_cited_is_there(kind):
    assert cited(kind, PAGE) <= set(NUMBERS[kind])
    for path in [*(ROOT / "workflow").rglob("*.py"), *(ROOT / "workflow").rglob("*.smk")]:
        text = path.read_text()
        if kind == "fault" or "method.md" in text:
            assert cited(kind, text) <= set(NUMBERS[kind]), path


def test_every_setting_that_it_names_is_in_the_reference():
    reference = (ROOT / "config" / "README.md").read_text()
    names = set(re.findall(r"`((?:stage1|proposals|stage2|stage3|detection|evaluation)\.\w+)", PAGE))
    assert len(names) > 40
    assert {name for name in names if f"`{name}`" not in reference} == set()


def test_every_module_that_it_names_is_there():
    names = re.findall(r"`(\w+/(?:\w+\.py)?|grid\.py)`", PAGE)
    assert len(names) > 10
    for name in names:
        assert (SCRIPTS / "hrpro" / name).exists() or (ROOT / name).exists(), name
