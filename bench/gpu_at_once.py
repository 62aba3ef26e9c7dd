"""The whole run of gpu_whole.py once more, at once what the workflow runs at once.

Last, for it takes long and says the least that is new.
"""

from gpu_run import Check, Run
from jobs import Jobs


def checks(run: Run) -> dict[str, Check]:
    """The checks, by name."""
    return {"default: in all": lambda: seconds(run, "default")}


def seconds(run: Run, variant: str) -> dict:
    """The seconds of all steps of a variant from nothing, in a folder of its own."""
    jobs = Jobs(run.jobs.entry, run.folder / "at-once", run.device, run.jobs.steps)
    return {"seconds": jobs.all_at_once(variant)}
