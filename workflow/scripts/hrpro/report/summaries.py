"""The figures of a report as one dictionary that can be written as JSON, and what a sentence says of them."""

import numpy as np

from ..config import Evaluation
from ..diagnosis import audit, matching
from ..diagnosis import figures as diagnosis
from ..evaluation import aggregation
from ..proposals import quality
from . import runs
from .contents import Data, Video, durations_of, truth_of
from .runs import Run, Stage


def ambiguous_of(evaluation: Evaluation, videos: list[Video]) -> dict[str, np.ndarray] | None:
    """What counts neither way, {video: (K, 2) seconds}; None where everything counts."""
    if not evaluation.ignore_ambiguous:
        return None
    return {video.name: video.ambiguous for video in videos if len(video.ambiguous)}


def diagnose(run: Run, data: Data) -> dict | None:
    """The diagnosis of an experiment's detections (hrpro/diagnosis); None where no instance has a length."""
    truth = truth_of(data.test)
    scored = [(video, one) for video, one in run.last.detections.items() if video in truth]
    matched = matching.match(
        truth,
        scored,
        data.classes,
        run.evaluation.tiou,
        durations=durations_of(data.test),
        ambiguous=ambiguous_of(run.evaluation, data.test),
    )
    if not len(matched.instances):
        return None
    return diagnosis.diagnose(matched, snippet_s=run.scores["test"].grid.snippet, points=point_counts(data))


def point_counts(data: Data) -> dict[str, int] | None:
    """How many points each class has; None where there are none with times."""
    labels = [label for video in data.train for _, label in video.points]
    if not labels:
        return None
    counts = np.bincount(labels, minlength=len(data.classes))
    return dict(zip(data.classes, counts.tolist(), strict=True))


def figures(data: Data, experiments: list[Run], diagnoses: list[dict | None]) -> dict:
    """All figures of a report; shares of the diagnoses are in [0, 1], all else that is one is in %."""
    return {
        "dataset": data.name,
        "seeds": data.seeds,
        "sentence": sentence(experiments[0], diagnoses[0], data.seeds),
        "experiments": {
            run.name: {
                "evaluation": run.evaluation.model_dump(),
                "stages": {stage.stage: stage_figures(stage, data) for stage in run.stages},
                "diagnosis": one,
                **({"events": run.events} if run.events else {}),
            }
            for run, one in zip(experiments, diagnoses, strict=True)
        },
        "points": audit.audit(truth_of(data.train), {video.name: video.points for video in data.train}),
    }


def stage_figures(stage: Stage, data: Data) -> dict:
    """mAP over the seeds, the training's losses, and how well the reliable proposals lie."""
    mean, deviation = runs.over_seeds(stage)
    return {
        "tiou": stage.maps[0]["tiou"],
        **aggregation.over_seeds(stage.maps),
        "mAP": mean.tolist(),
        "mAP_std": deviation.tolist(),
        "trained_on": stage.record,
        "losses": {name: series._asdict() for name, series in stage.losses.items()},
        "reliable": None
        if stage.reliable is None
        else quality.measure(
            truth_of(data.train), {video.name: video.points for video in data.train}, stage.reliable
        ),
    }


def sentence(run: Run, diagnosed: dict | None, seeds: list[int]) -> str:
    """What an experiment reaches, its best and its worst class, and what costs it most."""
    averages = aggregation.over_seeds(run.last.maps)
    name, value = next(iter(averages["average"].items()))
    spread = f" ± {averages['std'][name]:.1f} over {len(seeds)} seeds" if len(seeds) > 1 else ""
    text = f"{run.last.name}: mAP {value:.1f} %{spread}, the mean over tIoU {name}."
    per_class = {label: float(np.mean(ap)) for label, ap in averages["per_class"].items()}
    best, worst = max(per_class, key=per_class.get), min(per_class, key=per_class.get)
    if best != worst:
        text += f" Best is {best} ({per_class[best]:.1f} %), worst {worst} ({per_class[worst]:.1f} %)."
    if diagnosed:
        types = diagnosed["errors"]["impact"]["types"]
        kind = max(types, key=lambda each: types[each]["gain"])
        gain = 100 * types[kind]["gain"]
        text += f" What costs most: {COSTS[kind]}; without, mAP would be {gain:.1f} points higher."
    return text


# The types of error as a sentence names them.
COSTS = {
    "double detection": "second detections of an instance",
    "wrong label": "detections of another class on an instance",
    "localization": "detections that lie badly on an instance of their class",
    "confusion": "detections that lie badly on an instance of another class",
    "background": "detections where nothing is",
}
