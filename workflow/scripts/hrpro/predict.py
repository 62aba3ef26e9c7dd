"""Detections on new videos, by a trained model in one file.

    model = load("results/mine/model.pt")
    found = predict(model, features)  # (T, D) -> Segments, in seconds; labels count in model.classes

The file holds both stages' networks and the settings of what comes before, between and after them, so
nothing else of the training is needed: no configuration and no data set.
"""

import json
from dataclasses import dataclass

import numpy as np

from . import config
from .detection.segments import Segments
from .detection.suppression import suppress
from .grid import Grid
from .instance.model import InstanceModel
from .instance.model import build as build_stage2
from .instance.scoring import candidates_of
from .proposals.generation import propose_test
from .snippet.model import SnippetModel
from .snippet.model import build as build_stage1
from .snippet.scoring import snippet_scores
from .training import common as training
from .utils import devices
from .utils.errors import InputError


@dataclass(frozen=True)
class Model:
    """A trained model, ready for use; `stage2` is None where the experiment ends at stage 1."""

    classes: list[str]
    width: int  # channels of the features
    grid: Grid
    settings: config.Prediction
    stage1: SnippetModel
    stage2: InstanceModel | None


def bundle(path, stage1, stage2, settings: config.Prediction) -> None:
    """Write the settings and the model files of both stages, of `training.save`, as one file.

    stage2: None for detections of stage 1 alone. Raises InputError where the stages do not belong together.
    """
    first, facts = training.load(stage1)
    second = None
    if stage2 is not None:
        second, others = training.load(stage2)
        if others != facts:
            raise InputError(
                f"{stage2}: other classes, channels or snippets than {stage1}; give both stages of one run"
            )
    training.write(path, {"stage1": first, "stage2": second, "settings": config.canonical(settings)})


def load(path, device="auto") -> Model:
    """The model in a file of `bundle`; device: auto, cpu, cuda or cuda:N.

    Raises InputError where the file is missing, damaged, one stage's, or of another version of hrpro.
    """
    content, device = training.read(path), devices.choose_device(device)
    if "state" in content:
        raise InputError(
            f"{path}: the model of one stage alone; wanted results/<dataset>/model.pt, which has both "
            "(bundle_model.py makes one)"
        )
    try:
        facts = json.loads(content["stage1"]["facts"])
        return Model(
            facts["classes"],
            facts["width"],
            training.grid_of(facts),
            config.from_json(config.Prediction, content["settings"]),
            build_stage1(content["stage1"], facts, device),
            content["stage2"] and build_stage2(content["stage2"], facts, device),
        )
    except (InputError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise training.no_model(path, error) from None


def predict(model: Model, features: np.ndarray) -> Segments:
    """The detections on a video by its features (T, D), all of them; those of a low score are many.

    Times in seconds; labels are numbers of `model.classes`. Raises InputError where the features have
    not the model's channels, or hold NaN, infinity or what the type it was trained on cannot.
    """
    if features.ndim != 2 or features.shape[1] != model.width or not len(features):
        raise InputError(
            f"shape {features.shape}, but the model was trained on (snippets, {model.width}); "
            "extract features as for its training"
        )
    dtype, settings = model.settings.features.dtype, model.settings
    with np.errstate(over="ignore"):
        given = features.astype(dtype).astype(np.float32, order="C")
    if not np.isfinite(given).all():
        raise InputError(f"a value is NaN, infinite or too large for {dtype}; extract it again")
    scores = snippet_scores(model.stage1, given)
    [found] = propose_test([scores], model.grid, settings.proposals)
    if model.stage2 is not None:
        found = candidates_of(model.stage2, given, scores, found, model.grid, settings.detection)
    return suppress({"video": found}, settings.detection, {})["video"]
