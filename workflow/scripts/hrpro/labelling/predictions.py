"""A trained model at work while videos are labelled: what it detects on one, and which to label next.

One thread does it, so that no request waits: first the video that the page shows, then the features of all
others, which say the order.
"""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np

from .. import predict
from ..config import FeatureFiles
from ..data import layouts, orientation
from ..data.scores import Scores
from ..detection.segments import Segments
from ..grid import Grid
from ..predict import Model
from ..utils import process
from ..utils.errors import InputError
from ..utils.names import quoted
from ..utils.progress import log
from . import order
from .recordings import Recording, read

LEAST = 0.1  # score of a detection that is shown
MOST = 300  # detections of a video
VALUES = 2000  # of a curve; of longer videos they are maxima
RATE_TOLERANCE = 0.01  # share by which rows per second of a recording and of the model may differ

Read = Callable[[], np.ndarray]


class Predictions:
    """The detections of a model on videos with features, made by a thread from `start` on, each once."""

    def __init__(self, model: Model, features: dict[str, Read]):
        """features: per video, what reads its features (T, D)."""
        self.model = model
        self.features = features
        self.drawn: dict[str, dict] = {}  # of videos that were asked for
        self.means: dict[str, np.ndarray | None] = {}  # of the features, (D,); None where they have a fault
        self.asked: list[str] = []
        self.others = deque(features)
        self.changed = threading.Condition()
        self.is_stopped = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self) -> None:
        """End the thread, after the video at hand: a process that ends while torch computes is aborted."""
        with self.changed:
            self.is_stopped = True
            self.changed.notify()
        self.thread.join()

    def of(self, video: str) -> dict | None:
        """What the page draws of a video, or a "message" why it cannot; None while that is being made."""
        if video not in self.features:
            return {"message": "there are no features of this video, so no detections"}
        with self.changed:
            if video not in self.drawn and video not in self.asked:
                self.asked.append(video)
                self.changed.notify()
            return self.drawn.get(video)

    def run(self) -> None:
        """Look at what is asked for, then at the others, until `stop`."""
        process.start(seed=0, threads=1, width=self.model.width)
        while (video := self.next()) is not None:
            try:
                features, drawn = self.features[video](), None
                if features.shape[1] != self.model.width:
                    raise InputError(f"{features.shape[1]} channels, but the model takes {self.model.width}")
                mean = features.mean(0, dtype=float)
                if video in self.asked:
                    features, scores = predict.score(self.model, features)
                    drawn = drawing(self.model, predict.detect(self.model, features, scores), scores)
            except Exception as error:  # the page is told, and the thread goes on
                log.warning("%s: %s", video, error)
                mean, drawn = None, {"message": str(error)}
            with self.changed:
                self.means[video] = mean
                if drawn is not None and video in self.asked:
                    self.drawn[video] = drawn
                    self.asked.remove(video)

    def next(self) -> str | None:
        """The next video to look at, waited for; None at the end."""
        with self.changed:
            while not self.is_stopped:
                if self.asked:
                    return self.asked[-1]  # what the page shows now
                if self.others:
                    video = self.others.popleft()
                    if video not in self.means:
                        return video
                else:
                    self.changed.wait()
            return None

    def ranked(self, labelled: set[str]) -> list[order.Rank] | None:
        """The videos to label next, in that order; None until all have been looked at."""
        with self.changed:
            if len(self.means) < len(self.features):
                return None
            means = {video: mean for video, mean in self.means.items() if mean is not None}
        with_labels = {video: mean for video, mean in means.items() if video in labelled}
        return order.rank({v: mean for v, mean in means.items() if v not in labelled}, with_labels)


def drawing(model: Model, detections: Segments, scores: Scores) -> dict:
    """What the page draws of a video, for JSON: detections, the best first, and the curves of their classes.

    "moment" of a detection: the centre of the snippet inside it that shows its class most, else its middle.
    A curve is the class's activation S (1 - B); its value i is of "step" seconds from "from" + i * "step" on.
    """
    activation = scores.fused[:, :-1].astype(float)  # (T, C)
    size = -(-len(activation) // VALUES)  # snippets per value
    drawn = []
    for row in np.argsort(-detections.scores, kind="stable")[:MOST]:
        start, end = detections.times[row].clip(min=0).round(3).tolist()
        label, score = int(detections.labels[row]), float(detections.scores[row])
        if score >= LEAST and start < end:
            drawn.append(
                {
                    "label": model.classes[label],
                    "start": start,
                    "end": end,
                    "score": round(score, 3),
                    "moment": moment(activation[:, label], start, end, model.grid),
                }
            )
    curves = np.maximum.reduceat(activation, np.arange(0, len(activation), size)).round(3)
    labels = {each["label"] for each in drawn}
    return {
        "detections": drawn,
        "curves": {name: curves[:, c].tolist() for c, name in enumerate(model.classes) if name in labels},
        "from": float(model.grid.seconds(0)),
        "step": model.grid.snippet * size,
    }


def moment(curve: np.ndarray, start: float, end: float, grid: Grid) -> float:
    """The centre of the snippet in [start, end] where a curve (T,) is highest; the middle without any."""
    centres = grid.seconds(np.arange(len(curve)) + 0.5)
    inside = np.flatnonzero((start <= centres) & (centres <= end))
    if not len(inside):
        return round((start + end) / 2, 3)
    return round(float(centres[inside[curve[inside].argmax()]]), 3)


def features_of(
    model: Model, every: list[Recording], videos, features=None, rate: float | None = None
) -> dict[str, Read]:
    """Per recording, what reads the features that a model takes of it; those without are left out.

    videos: the recordings' folder; features: the folder or file of their features, in any layout; None: the
    recordings are the features, with `rate` rows per second. Raises InputError where there are none, or not
    such as the model takes.
    """
    if features is None:
        return as_recorded(model, every, videos, rate)
    settings = model.settings
    sources = layouts.of_folder(features, FeatureFiles(), settings.layout, settings.names)
    sources, _ = orientation.orient(
        sources,
        FeatureFiles(width=model.width),
        set(settings.orientations),
        remedy=f"the model takes {model.width} channels: extract it as for its training, with all streams",
    )
    names = [recording.video for recording in every]
    known = {video: partial(read, sources[video]) for video in names if video in sources}
    if not known:
        raise InputError(
            f"{features}: features of {quoted(sources)}, but of no video of {videos}: {quoted(names)}; "
            "name the folder of their features"
        )
    if len(known) < len(names):
        without = [video for video in names if video not in known]
        log.warning(
            "%s: no features of %d videos (%s), so no detections", features, len(without), quoted(without)
        )
    return known


def as_recorded(model: Model, every: list[Recording], videos, rate: float | None) -> dict[str, Read]:
    """Recordings that are features themselves. Raises InputError where the first is not such as it takes."""
    remedy = "name the folder of the features by --features"
    if rate is None:
        raise InputError(f"--model: what it detects by is not in {videos}; {remedy}")
    if abs(rate * model.grid.snippet - 1) > RATE_TOLERANCE:
        raise InputError(
            f"--rate {rate:g}: the model takes {1 / model.grid.snippet:g} snippets per second; {remedy}"
        )
    first = every[0]
    if (width := first.values().shape[1]) != model.width:
        raise InputError(
            f"{videos}: {first.video} has {width} channels, but the model takes {model.width}; {remedy}"
        )
    return {recording.video: recording.values for recording in every}
