"""What a report shows of experiments, read from their files."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from .. import config
from ..data.scores import ScoreFile
from ..detection import gate, results
from ..detection.segments import Segments
from ..utils import files
from ..utils.settings import Strict
from . import losses

EVENTS = ("F1", "precision", "recall", "edit", "calibration", "calibration_error", "held_back", "std")
STAGE_NAMES = {"stage1": "stage 1", "stage2": "stage 2", "stage3": "stage 3"}


class StageFiles(Strict):
    """The files of a stage; maps: one per seed, the others are of the first one; reliable: may be empty."""

    maps: Annotated[list[str], Field(min_length=1)]
    record: str
    detections: str
    reliable: str | Annotated[list[str], Field(max_length=0)]


class ExperimentFiles(Strict):
    """The files of an experiment, of the first seed; scores: per split; events, gate: may be empty."""

    scores: dict[Literal["train", "test"], str]
    proposals: str
    stages: Annotated[dict[Literal[tuple(STAGE_NAMES)], StageFiles], Field(min_length=1)]
    evaluation: config.Evaluation
    events: str | Annotated[list[str], Field(max_length=0)] = Field([])
    gate: str | Annotated[list[str], Field(max_length=0)] = Field([])


class Settings(Strict):
    """What write_report.py is told; exclude: videos that do not count; videos: a folder, or empty."""

    seeds: Annotated[list[int], Field(min_length=1)]
    exclude: list[str]
    videos: str
    experiments: Annotated[dict[str, ExperimentFiles], Field(min_length=1)]


class Stage(NamedTuple):
    """A stage of an experiment.

    maps: its evaluations, one per seed (files of evaluate.py); record: what its model was trained on; losses:
    of the training (`losses.read`); detections, reliable: {video: Segments} of the test and of the training
    videos; stage 3 and experiments without points have no reliable ones.
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
    """An experiment.

    stages: in their order; scores: of stage 1, per split; events: how good its list of events is, as
    measure_events.py has measured it, None where it has none; gate: the last stage that counts, where
    held-back videos were asked, and whose detections the last stage has then.
    """

    name: str
    evaluation: config.Evaluation
    stages: list[Stage]
    proposals: dict[str, Segments]
    scores: dict[str, ScoreFile]
    events: dict | None
    gate: str | None = None

    @property
    def last(self) -> Stage:
        """The stage whose detections are the experiment's."""
        return self.stages[-1]


@contextlib.contextmanager
def opened(experiments: dict[str, ExperimentFiles], classes: list[str]) -> Iterator[list[Run]]:
    """The experiments by their files, whose score files stay open; classes: those that labels count."""
    with contextlib.ExitStack() as stack:
        yield [
            Run(
                name=name,
                evaluation=paths.evaluation,
                stages=[read_stage(name, stage, each, classes) for stage, each in paths.stages.items()],
                proposals=results.read(paths.proposals, classes),
                scores={split: stack.enter_context(ScoreFile(path)) for split, path in paths.scores.items()},
                events=files.read_json(paths.events, *EVENTS) if paths.events else None,
                gate=gate.read(paths.gate) if paths.gate else None,
            )
            for name, paths in experiments.items()
        ]


def read_stage(experiment: str, stage: str, paths: StageFiles, classes: list[str]) -> Stage:
    """A stage by its files."""
    return Stage(
        experiment=experiment,
        stage=stage,
        maps=[files.read_json(path, "tiou", "mAP", "average", "per_class") for path in paths.maps],
        record=files.read_json(paths.record, "device", "threads", "instructions"),
        losses=losses.read(Path(paths.record).with_name("events")),
        detections=results.read(paths.detections, classes),
        reliable=results.read(paths.reliable, classes) if paths.reliable else None,
    )


def over_seeds(stage: Stage) -> tuple[np.ndarray, np.ndarray]:
    """A stage's mAP at each tIoU threshold in %, and its deviation over the seeds: (thresholds,) each."""
    rows = np.array([one["mAP"] for one in stage.maps])
    deviation = rows.std(axis=0, ddof=1) if len(rows) > 1 else np.zeros(rows.shape[1])
    return rows.mean(axis=0), deviation
