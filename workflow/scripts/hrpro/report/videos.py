"""The videos of a report: what its page draws of each, packed so that thousands of bars take little room.

Of a video: {"truth": [[start, end, class]], "ambiguous": [[start, end]], "points": [[seconds, class]],
"curves": [{"first", "step": seconds, "background": [...], "classes": {class: [...]}} per score file],
"sources": [{"detections": Bars, "proposals": Bars or null, "scores": its number in "curves"}]}. Times
are in seconds, classes numbers, curves in hundredths, one value per snippet. Bars, of which the best are
drawn: {"start", "end", "label", "score": a list each, "all": how many there are, "errors": per tIoU threshold
a string of one digit per bar, which numbers ERRORS; null without truth}.
"""

import base64
import gzip
import json
from typing import NamedTuple

import numpy as np

from ..data.scores import Scores
from ..detection.segments import Segments, segments
from ..diagnosis import errors, matching
from ..evaluation import mean_ap
from ..grid import Grid
from .contents import Video

DRAWN = 400  # bars of a source and video, the best first
MOST = 500  # videos of a panel: of more, those that went worst
FAINT = 2  # hundredths: of a class whose scores are all under it no curve is drawn
# What the digits of "errors" number: the diagnosis's types, and what it does not score.
ERRORS = (*errors.TYPES, "on an ambiguous segment", "of a class without instances")


class Source(NamedTuple):
    """Whose detections are drawn.

    errors: {video: (thresholds, detections) numbers in ERRORS}, empty without truth; quality: {video: how
    well it went in %}, where that is known; scores: the number of its score file, None for none.
    """

    name: str
    detections: dict[str, Segments]
    proposals: dict[str, Segments] | None
    errors: dict[str, np.ndarray]
    quality: dict[str, float]
    scores: int | None


def index(
    videos: list[Video],
    sources: list[Source],
    *,
    classes: list[str],
    tiou: list[float],
    films: dict[str, str],
    bar: str,
) -> dict:
    """What the page knows of all videos before one is opened.

    films: {video: address}; bar: what a bar of the sources is, such as "detection".
    """
    instances = sum(len(video.truth) for video in videos if video.truth is not None)
    return {
        "classes": classes,
        "tiou": tiou,
        "errors": ERRORS,
        "bar": bar,
        "sources": [source_entry(source, videos, instances) for source in sources],
        "videos": [
            {
                "name": video.name,
                "duration": round(video.duration, 2),
                "instances": None if video.truth is None else len(video.truth),
                "quality": [source.quality.get(video.name) for source in sources],
                "film": films.get(video.name),
            }
            for video in videos
        ],
    }


def worst(videos: list[Video], source: Source) -> list[Video]:
    """The videos that went worst by a source, no more than MOST, in their order."""
    unknown = 101.0  # over 100 %: behind all others
    order = sorted(videos, key=lambda video: source.quality.get(video.name, unknown))
    names = {video.name for video in order[:MOST]}
    return [video for video in videos if video.name in names]


def source_entry(source: Source, videos: list[Video], instances: int) -> dict:
    """A source's name, the range of its scores, and the score from which on they are shown at first.

    That is the score of as many detections as there are instances; of ten per video, where nobody knows.
    """
    every = [source.detections[video.name].scores for video in videos if video.name in source.detections]
    scores = np.sort(np.concatenate([*every, []]))[::-1]
    count = instances or 10 * len(every)
    first = scores[min(count, len(scores)) - 1] if len(scores) else 0.0
    return {
        "name": source.name,
        "lowest": rounded(min(scores.min(initial=0.0), 0.0), 4),
        "highest": rounded(scores.max(initial=0.0) or 1.0, 4),
        "first": rounded(first, 4),
    }


def content(video: Video, sources: list[Source], scores: list[tuple[Grid, Scores]]) -> dict:
    """What the page draws of a video; scores: per score file, as the sources number them."""
    truth = segments([]) if video.truth is None else video.truth
    return {
        "truth": [
            [*map(rounded, times), label]
            for times, label in zip(truth.times, truth.labels.tolist(), strict=True)
        ],
        "ambiguous": [[*map(rounded, times)] for times in video.ambiguous],
        "points": [[rounded(seconds), label] for seconds, label in video.points],
        "curves": [curves(grid, values) for grid, values in scores],
        "sources": [
            {
                "detections": bars(source.detections.get(video.name), source.errors.get(video.name)),
                "proposals": None if source.proposals is None else bars(source.proposals.get(video.name)),
                "scores": source.scores,
            }
            for source in sources
        ],
    }


def bars(segments_of_video: Segments | None, errors_of_video: np.ndarray | None = None) -> dict:
    """Segments as the page has them, the best first; errors_of_video: (thresholds, N) numbers in ERRORS."""
    every = segments([]) if segments_of_video is None else segments_of_video
    order = np.argsort(-every.scores, kind="stable")[:DRAWN]
    best, digits = every.take(order), None
    if errors_of_video is not None:
        digits = ["".join(map(str, row[order].tolist())) for row in errors_of_video]
    return {
        "start": [rounded(time) for time in best.times[:, 0]],
        "end": [rounded(time) for time in best.times[:, 1]],
        "label": best.labels.tolist(),
        "score": [rounded(score, 4) for score in best.scores],
        "errors": digits,
        "all": len(every),
    }


def curves(grid: Grid, scores: Scores) -> dict:
    """The scores of a video's snippets in hundredths, with where they lie in seconds."""
    columns = np.rint(100 * scores.classes).astype(int)
    strong = np.flatnonzero(columns.max(axis=0, initial=0) >= FAINT)
    return {
        "first": rounded(float(grid.seconds(0.5)), 4),
        "step": rounded(grid.snippet, 6),
        "background": np.rint(100 * scores.background).astype(int).tolist(),
        "classes": {str(label): columns[:, label].tolist() for label in strong.tolist()},
    }


def rounded(value: float, digits: int = 2) -> float | int:
    """A number with few digits, as JSON needs the fewest letters for it."""
    short = round(float(value), digits)
    return int(short) if short.is_integer() else short


def packed(value) -> str:
    """JSON, compressed by gzip, as letters that a page can hold; equal values give equal letters."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()


def error_types(
    truth: dict[str, Segments],
    detections: dict[str, Segments],
    *,
    classes: list[str],
    tiou: list[float],
    durations: dict[str, float] | None = None,
    ambiguous: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """What becomes of each detection at each threshold, in videos with truth.

    -> {video: (thresholds, detections)}, numbers in ERRORS.
    """
    scored = [(video, one) for video, one in detections.items() if video in truth]
    matched = matching.match(truth, scored, classes, tiou, durations=durations, ambiguous=ambiguous)
    error = errors.types(matched)
    by_threshold = [errors.of_videos(matched, error, threshold) for threshold in tiou]
    return {
        video: np.array([verdicts[video].error for verdicts in by_threshold]) % len(ERRORS)
        for video, _ in scored
    }


def quality(
    truth: dict[str, Segments],
    detections: dict[str, Segments],
    *,
    classes: list[str],
    tiou: list[float],
    ambiguous: dict[str, np.ndarray] | None = None,
) -> dict[str, float]:
    """The mAP of each video by itself, in %: over its own classes and all thresholds; of those with truth."""
    scores = {}
    for video, instances in truth.items():
        if len(instances):
            own = [(video, detections.get(video, segments([])))]
            per_class = mean_ap.evaluate({video: instances}, own, classes, tiou, ambiguous)
            scores[video] = round(100 * float(np.mean(list(per_class.values()))), 1)
    return scores
