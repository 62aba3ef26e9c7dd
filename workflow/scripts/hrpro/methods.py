"""The methods: which package each stage's `method:` stands for, and what such a package has.

Another method is a package, a line here, and a variant in the configuration that names it. A package has
`settings.py` with a class Settings (pydantic alone: the workflow imports it to plan) with a field `method`,
and `method.py` with the functions of its stage. A model is a torch.nn.Module: its state_dict is what the
model file keeps (model_file.py).

Stage 1 scores snippets:

    train(task: training.task.Stage1Task) -> model
    load(file: model_file.ModelFile, device) -> model              ready for use
    score(model, features) -> data.scores.Scores                   features (T, D) of a video

A method that trains in no steps may ignore the task's checkpoint, events and test, as the linear baseline
does. An experiment with best_on_test needs a setting test_every, the steps between tests.

Its Settings also have background_threshold and action_threshold: B from which a snippet is a background seed,
and up to which a point spreads (docs/method.md, section 2.5). They go into the score file.

Settings of stage 1 or 2 may say `learns_by_videos: ClassVar[bool] = True`: then the classes of each training
video are all that the method needs, and an experiment with `supervision: videos` may name it. It gets points
without "seconds" there and, in stage 2, no ranked proposals anywhere.

Those of stage 1 or 3 may say `learns_by_segments: ClassVar[bool] = True`: then an experiment with
`supervision: segments` may name it, and its task has the true segments of the training videos: of stage 1 in
place of points, of stage 3 in place of points and candidates. Stage 2 gets them as reliable proposals.

Stage 2 scores and refines proposals:

    train(task: training.task.Stage2Task) -> model
    load(file: model_file.ModelFile, device) -> model              ready for use
    detect(model, features, scores, *, proposals, grid, settings) -> detection.fusion.Candidates

with the features (T, D), the stage-1 Scores and the proposals (Segments) of a video, the features' Grid and
the settings of the detection (config.Detection).

Stage 3 learns from points and stage 2's candidates, or from true segments, and scores candidates once more:

    train(task: training.task.Stage3Task) -> model
    load(file: model_file.ModelFile, device) -> model              ready for use
    support(model, features, *, candidates, grid) -> (N,) in [0, 1]
                                                                   how strongly it supports each candidate

with the features (T, D) of a video, stage 2's candidates (Segments) and the features' Grid.
"""

import importlib
from types import ModuleType

STAGE1 = {"hrpro": "hrpro.snippet", "linear": "hrpro.linear", "lacp": "hrpro.lacp"}
STAGE2 = {"hrpro": "hrpro.instance", "pmil": "hrpro.pmil"}
STAGE3 = {"pyramid": "hrpro.pyramid"}

STAGES = {"stage1": STAGE1, "stage2": STAGE2, "stage3": STAGE3}


def default(stage: str) -> str:
    """The method of a stage's settings that name none: the first one."""
    return next(iter(STAGES[stage]))


def learns_by_videos(stage: str, method: str) -> bool:
    """Whether the classes of each training video are all that a method needs to learn."""
    return getattr(load(stage, method, "settings").Settings, "learns_by_videos", False)


def learns_by_segments(stage: str, method: str) -> bool:
    """Whether a method can learn from true segments; stage 2's get them as ranked proposals."""
    return stage == "stage2" or getattr(load(stage, method, "settings").Settings, "learns_by_segments", False)


def load(stage: str, method: str, module: str = "method") -> ModuleType:
    """A module of a method's package: load("stage1", "linear") is hrpro.linear.method."""
    return importlib.import_module(f"{STAGES[stage][method]}.{module}")
