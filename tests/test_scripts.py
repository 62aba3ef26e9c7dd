"""Every script of the workflow as a process of its own; other tests call them in their own process."""

import pytest

from conftest import SCRIPTS, warm_torch


@pytest.mark.parametrize("name", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_a_script_is_run_by_the_workflow_or_says_what_it_takes(name, finished_run):
    if f"/{name} " in (finished_run / "run.txt").read_text():
        return
    run = warm_torch().run(SCRIPTS / name, "--help")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(f"usage: {name} ")
