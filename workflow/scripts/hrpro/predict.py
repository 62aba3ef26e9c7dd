"""Detections on new videos, by a trained model in one file.

    model = load("results/mine/model.pt")
    detections = predict(model, features)  # (T, D) -> Segments, in seconds; labels number model.classes

The file holds the models of all stages and the settings of what comes before, between and after them, so
nothing else of the training is needed: no configuration and no data set.
"""

from dataclasses import dataclass

import numpy as np

from . import config, inference, model_file
from .data.scores import Scores
from .detection.fusion import fuse
from .detection.segments import Segments
from .detection.suppression import suppress
from .grid import Grid
from .inference import Stage1, Stage2, Stage3
from .proposals.generation import propose_test
from .utils import devices
from .utils.errors import InputError

ENOUGH = 8  # snippets of a video whose features are compared with the training's
UNLIKE = 10  # times the training's deviation, from which on features are unlike them


@dataclass(frozen=True)
class Model:
    """A trained model, ready for use; `stage2` and `stage3` are None where the experiment has none."""

    classes: list[str]
    width: int  # channels of the features
    grid: Grid
    settings: config.Prediction
    stage1: Stage1
    stage2: Stage2 | None
    stage3: Stage3 | None


def bundle(path, stage1, stage2, settings: config.Prediction, stage3=None) -> None:
    """Write the settings and the model files of all stages as one file.

    stage2, stage3: None for detections of the stages before alone. Raises InputError where the stages do not
    belong together.
    """
    if stage3 is not None and stage2 is None:
        raise InputError(f"{stage3}: stage 3 scores stage 2's candidates; give stage 2's model as well")
    files = [file for file in (stage1, stage2, stage3) if file is not None]
    loaded = [model_file.load(file, f"stage{number}") for number, file in enumerate(files, 1)]
    if not belong_together(loaded):
        raise InputError(
            f"{' or '.join(map(str, files[1:]))}: other classes, channels or snippets than {stage1}; "
            "give all stages of one run"
        )
    content = {"stage1": model_file.read(stage1), "stage2": None, "settings": config.canonical(settings)}
    if stage2 is not None:
        content["stage2"] = model_file.read(stage2)
    if stage3 is not None:  # else the key is not there: as before there was a stage 3
        content["stage3"] = model_file.read(stage3)
    model_file.write(path, content)


def belong_together(files: list[model_file.ModelFile]) -> bool:
    """Whether models have the same classes, channels and snippets."""
    return len({(tuple(file.classes), file.width, file.grid) for file in files}) == 1


def load(path, device="auto") -> Model:
    """The model in a file of `bundle`; device: auto, cpu, cuda or cuda:N.

    Raises InputError where the file is missing, damaged, one stage's, or of another version of hrpro.
    """
    content, device = model_file.read(path), devices.choose_device(device)
    if "state" in content:
        raise InputError(
            f"{path}: holds the model of one stage; expected results/<dataset>/model.pt, which holds all "
            "(bundle_model.py makes it)"
        )
    try:
        content.setdefault("stage3", None)  # the key is there where the experiment has a stage 3
        first = model_file.parse(content["stage1"], "stage1")
        further = {}
        for stage, ready in (("stage2", inference.stage2), ("stage3", inference.stage3)):
            further[stage] = None
            if content[stage] is not None:
                file = model_file.parse(content[stage], stage)
                if not belong_together([first, file]):
                    raise InputError("its stages have other classes, channels or snippets")
                further[stage] = ready(file, device)
        return Model(
            classes=first.classes,
            width=first.width,
            grid=first.grid,
            settings=config.from_json(config.Prediction, content["settings"]),
            stage1=inference.stage1(first, device),
            **further,
        )
    except model_file.DAMAGED as error:
        raise model_file.not_a_model(path, error) from None


def unlikeness(model: Model, features: np.ndarray, by_columns: bool = False) -> str:
    """How the features of a video (T, D) differ from the training's; empty: not by much.

    In scale or level by the training's moments, which a model holds that standardizes, in the median channel;
    by_columns: whether its file is (D, T).
    """
    if model.settings.orientations and by_columns not in model.settings.orientations:
        sides = ["(snippets, channels)", "(channels, snippets)"]
        return f"they lie as {sides[by_columns]}, the training's as {sides[not by_columns]}"
    buffers = {name.rpartition(".")[2]: value for name, value in model.stage1.model.named_buffers()}
    if len(features) < ENOUGH or not {"mean", "deviation"} <= set(buffers):
        return ""
    mean, deviation = (buffers[name].cpu().numpy().astype(float) for name in ("mean", "deviation"))
    spread = float(np.median(features.std(0, dtype=float) / deviation))
    level = float(np.median(np.abs(features.mean(0, dtype=float) - mean) / deviation))
    if not 1 / UNLIKE < spread < UNLIKE:
        return f"they vary {spread:.2g} times as much"
    return f"their mean lies {level:.2g} standard deviations away" if level > UNLIKE else ""


def predict(model: Model, features: np.ndarray) -> Segments:
    """All detections on a video by its features (T, D); many of them have a low score.

    Times in seconds; labels are numbers of `model.classes`. Raises InputError as `score` does.
    """
    return detect(model, *score(model, features))


def detect(model: Model, features: np.ndarray, scores: Scores) -> Segments:
    """All detections on a video by what `score` gives of it; otherwise as `predict`."""
    settings = model.settings
    [proposals] = propose_test([scores], model.grid, settings.proposals)
    scored, same = proposals, {"grid": model.grid, "settings": settings.detection}
    if model.stage2 is not None:
        candidates = model.stage2.candidates(features, scores, proposals=proposals, **same)
        if model.stage3 is None:
            scored = fuse(candidates, settings.detection)
        else:
            scored = model.stage3.detect(features, candidates=candidates, **same)
    [(_, detections)] = suppress([("video", scored)], settings.detection, {})
    return detections


def score(model: Model, features: np.ndarray) -> tuple[np.ndarray, Scores]:
    """The features of a video (T, D) as the model takes them, and its stage-1 scores.

    Raises InputError where the features have other channels than the model, or hold NaN, infinity or values
    out of range for the training's dtype.
    """
    if features.ndim != 2 or features.shape[1] != model.width or not len(features):
        raise InputError(
            f"shape {features.shape}, but the model was trained on (snippets, {model.width}); "
            "extract features as for its training"
        )
    dtype = model.settings.features.dtype
    with np.errstate(over="ignore"):
        features = features.astype(dtype).astype(np.float32, order="C")
    if not np.isfinite(features).all():
        raise InputError(f"a value is NaN, infinite or too large for {dtype}; extract it again")
    return features, model.stage1.score(features)
