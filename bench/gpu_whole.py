"""A whole run of THUMOS14's size: each step as its rule calls it, from made features to mAP.

Of the released trainings a share of the optimizer steps is run and the rest is scaled from them.
"""

import json
import sys
from functools import partial

from gpu_run import VARIANTS, Check, Run
from jobs import CONVERSION, chain, cut, watched
from settings import stages_of

FIRST = 2  # optimizer steps of a training that stands for a training's start


def checks(run: Run) -> dict[str, Check]:
    """The checks, by name."""
    steps = {"made features": lambda: {"seconds": run.jobs.written}}
    steps["a process with torch and the device"] = lambda: bare(run)
    steps |= {name: partial(converted, run, name) for name in CONVERSION}
    for variant in VARIANTS:
        steps |= {f"{variant}: {name}": partial(step, run, variant, name) for name in chain(variant)}
        for stage in stages_of(variant):
            if variant == "released":
                steps[f"{variant}: all of {stage}'s steps"] = partial(scaled, run, variant, stage)
        steps[f"{variant}: in all"] = partial(total, run, variant)
    return steps


def bare(run: Run) -> dict:
    """What a process takes that uses the device once: a part of every step with a network."""
    code = f"import torch; torch.zeros(1, device={str(run.device)!r})"
    return watched([sys.executable, "-c", code], run.device)


def converted(run: Run, name: str) -> dict:
    """Seconds and memory of a step of the conversion."""
    run.jobs.convert(name)
    return run.jobs.figures[name]


def step(run: Run, variant: str, name: str) -> dict:
    """Seconds and memory of a step of a variant's chain, and its mAP."""
    jobs = run.jobs
    jobs.until(variant, name)
    figures = dict(jobs.figures[f"{variant}: {name}"])
    if name.startswith("evaluate") and variant == "default":  # of cut trainings it would say nothing
        result = json.loads((jobs.folder / variant / f"stage{name[-1]}/map.json").read_text())
        figures |= {f"mAP {span}": value for span, value in result["average"].items()}
    return figures


def scaled(run: Run, variant: str, stage: str) -> dict:
    """The seconds of a whole training, from its share and from a training of hardly a step."""
    jobs = run.jobs
    settings = jobs.whole.step("thumos", stage, variant)
    folder = jobs.folder / variant / f"{stage}-start"
    start = watched(jobs.training(variant, stage, cut(settings, FIRST), folder), jobs.device)["seconds"]
    steps = jobs.steps[variant, stage]
    share = jobs.figures[f"{variant}: train stage {stage[-1]}"]["seconds"]
    each = (share - start) / (steps - FIRST)
    of_all = settings.iterations
    if getattr(settings, "epochs", None):
        of_all = settings.epochs * max(1, jobs.count("train") // settings.batch)
    jobs.scaled[f"{variant}: train stage {stage[-1]}"] = start + (of_all - FIRST) * each
    return {
        "seconds": start + (of_all - FIRST) * each,
        "ms per step": 1000 * each,
        "steps": of_all,
        "of which run": steps,
    }


def total(run: Run, variant: str) -> dict:
    """The seconds of all steps, trainings scaled where a share was run, and the most memory of any."""
    jobs = run.jobs
    names = [*CONVERSION, *(f"{variant}: {name}" for name in chain(variant))]
    missing = [name for name in names if name not in jobs.figures]
    if missing:
        raise RuntimeError(f"not run: {', '.join(missing)}")
    steps = [jobs.figures[name] for name in names]
    figures = {"seconds": sum(jobs.scaled.get(name, jobs.figures[name]["seconds"]) for name in names)}
    figures["of which training"] = sum(
        jobs.scaled.get(name, jobs.figures[name]["seconds"]) for name in names if ": train" in name
    )
    for memory in ("host_gb", "gpu_gb"):
        figures |= {memory: max(step[memory] for step in steps)} if memory in steps[0] else {}
    return figures
