"""Every script of the workflow as a process of its own; other tests call them in their own process."""

import pytest

from conftest import SCRIPTS, run_script_process


@pytest.mark.parametrize("name", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_a_script_is_run_by_the_workflow_or_says_what_it_takes(name, finished_run):
    if f"/{name} " in (finished_run / "run.txt").read_text():
        return
    run = run_script_process(name, "--help")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(f"usage: {name} ")
