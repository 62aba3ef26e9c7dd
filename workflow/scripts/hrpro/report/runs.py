"""What a report shows of experiments, read from their files.

An experiment's files: {"scores": {split: path}, "proposals": path, "stages": {stage: {"maps": [path per
seed], "record": path, "detections": path, "reliable": path}}, "evaluation": config.Evaluation as a
dictionary}. What has one path is of the first seed; there may be no "reliable".
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import config
from ..data.scores import ScoreFile
from ..detection import results
from ..detection.segments import Segments
from ..utils import files
from . import losses

STAGE_NAMES = {"stage1": "stage 1", "stage2": "stage 2"}


class Stage(NamedTuple):
    """A stage of an experiment.

    maps: its evaluations, one per seed (files of evaluate.py); record: what its model was trained on; losses:
    of the training (`losses.read`); detections, reliable: {video: Segments} of the test and of the training
    videos; without points there are no reliable ones.
    """

    experiment: str
    stage: str
    maps: list[dict]
    record: dict
    losses: dict[str, losses.Series]
    detections: dict[str, Segments]
    reliable: dict[str, Segments] | None

    @property
    def name(self) -> str:
        """Its name on the page."""
        return f"{self.experiment}, {STAGE_NAMES[self.stage]}"


class Run(NamedTuple):
    """An experiment; stages: in their order; scores: of stage 1, per split."""

    name: str
    evaluation: config.Evaluation
    stages: list[Stage]
    proposals: dict[str, Segments]
    scores: dict[str, ScoreFile]

    @property
    def last(self) -> Stage:
        """The stage whose detections are the experiment's."""
        return self.stages[-1]


@contextlib.contextmanager
def opened(experiments: dict[str, dict], classes: list[str]) -> Iterator[list[Run]]:
    """The experiments by their files, whose score files stay open; classes: those that labels count."""
    with contextlib.ExitStack() as stack:
        yield [
            Run(
                name=name,
                evaluation=config.parse(config.Evaluation, paths["evaluation"], "evaluation"),
                stages=[read_stage(name, stage, each, classes) for stage, each in paths["stages"].items()],
                proposals=results.read(paths["proposals"], classes),
                scores={
                    split: stack.enter_context(ScoreFile(path)) for split, path in paths["scores"].items()
                },
            )
            for name, paths in experiments.items()
        ]


def read_stage(experiment: str, stage: str, paths: dict, classes: list[str]) -> Stage:
    """A stage by its files."""
    return Stage(
        experiment=experiment,
        stage=stage,
        maps=[files.read_json(path, "tiou", "mAP", "average", "per_class") for path in paths["maps"]],
        record=files.read_json(paths["record"], "device", "threads", "instructions"),
        losses=losses.read(Path(paths["record"]).with_name("events")),
        detections=results.read(paths["detections"], classes),
        reliable=results.read(paths["reliable"], classes) if paths["reliable"] else None,
    )


def over_seeds(stage: Stage) -> tuple[np.ndarray, np.ndarray]:
    """A stage's mAP at each tIoU threshold in %, and its deviation over the seeds: (thresholds,) each."""
    rows = np.array([one["mAP"] for one in stage.maps])
    deviation = rows.std(axis=0, ddof=1) if len(rows) > 1 else np.zeros(rows.shape[1])
    return rows.mean(axis=0), deviation
