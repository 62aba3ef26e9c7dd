"""Detections and instances of a subset side by side: what is matched to what, and what lies nearest."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..detection.segments import Segments, join
from ..evaluation import mean_ap

ROUNDING = 1e-6  # seconds by which an instance of the whole video may be longer than it
OVERLAPPING = np.finfo(float).tiny  # the least tIoU that is not 0


class Pairs(NamedTuple):
    """Every detection and instance of one video that overlap, of any class, by detection, the best first."""

    detection: np.ndarray  # (P,) its number
    instance: np.ndarray  # (P,) its number
    overlap: np.ndarray  # (P,) their tIoU


@dataclass(frozen=True)
class Matched:
    """N detections, M instances, V videos, A thresholds.

    Instances are in order of class, video and row; detections in order of class and, from the best, score.
    Rows are those of what was given for a video.
    """

    classes: list[str]
    tiou: list[float]
    videos: list[str]  # those of the subset, then others that have detections
    in_subset: int  # the number of the former
    durations: np.ndarray  # (V,) seconds, NaN where unknown
    left_out: dict[str, int]  # instances without length and longer than their video
    instances: Segments  # M
    video_of_instance: np.ndarray  # (M,) its number
    row_of_instance: np.ndarray  # (M,)
    detections: Segments  # N
    video: np.ndarray  # (N,) its number
    row: np.ndarray  # (N,)
    rank: np.ndarray  # (N,) in its class, from 0
    instance: np.ndarray  # (A, N) the instance that it is matched to at a threshold, -1 for none
    ambiguous: np.ndarray  # (N,) whether it overlaps an ambiguous segment
    pairs: Pairs
    nearest: np.ndarray  # (N,) the instance of the largest tIoU, of any class, -1 where none overlaps
    overlap: np.ndarray  # (N,) the tIoU with that one
    overlap_in_class: np.ndarray  # (N,) the largest tIoU with an instance of its own class

    @property
    def positives(self) -> np.ndarray:
        """The instances of each class: (C,)."""
        return np.bincount(self.instances.labels, minlength=len(self.classes))

    @property
    def present(self) -> list[int]:
        """The classes that have an instance; the others are not scored."""
        return np.flatnonzero(self.positives).tolist()

    @property
    def average_positives(self) -> float:
        """N of docs/diagnosis.md: the instances per class, on average."""
        return len(self.instances) / len(self.present)

    @property
    def hit(self) -> np.ndarray:
        """Which detections are matched: (A, N) bool."""
        return self.instance >= 0

    @property
    def counted(self) -> np.ndarray:
        """Which detections count: not those on an ambiguous segment that match nothing: (A, N) bool."""
        return self.hit | ~self.ambiguous

    def best(self, times: int) -> np.ndarray:
        """Which detections are among the best of their class, `times` as many as it has instances: (N,)."""
        return self.rank < times * self.positives[self.detections.labels]

    def of_class(self, label: int) -> slice:
        """The detections of a class."""
        return slice(*np.searchsorted(self.detections.labels, [label, label + 1]))


def match(
    truth: dict[str, Segments],
    detections: Iterable[tuple[str, Segments]],
    classes: list[str],
    tiou: list[float],
    *,
    durations: dict[str, float | None] | None = None,
    ambiguous: dict[str, np.ndarray] | None = None,
) -> Matched:
    """Detections against the instances of a subset, matched at each threshold as the evaluation does.

    truth: the instances of each video of the subset; detections: video by video, those of videos that are
    not in truth are wrong; durations: seconds of the videos where known; ambiguous: {video: (K, 2) seconds}.
    Instances without length, or longer than their video, and detections of no class are left out.
    """
    detections, durations, ambiguous = list(detections), durations or {}, ambiguous or {}
    kept = {video: usable(segments, durations.get(video)) for video, segments in truth.items()}
    instances = {video: truth[video].take(rows) for video, rows in kept.items()}
    videos = [*truth, *(video for video, _ in detections if video not in truth)]
    numbers = {video: number for number, video in enumerate(videos)}

    true = join(list(instances.values()))
    by_class = np.argsort(true.labels, kind="stable")
    true, video_of_instance = (
        true.take(by_class),
        mean_ap.numbered(list(instances.items()), numbers)[by_class],
    )

    given = join([segments for _, segments in detections])
    on_ambiguous = [mean_ap.overlaps(segments, ambiguous.get(video)) for video, segments in detections]
    by_score = np.lexsort((-given.scores, given.labels))  # stable: equal scores keep their order
    by_score = by_score[given.labels[by_score] >= 0]
    ranked, video = given.take(by_score), mean_ap.numbered(detections, numbers)[by_score]
    first = np.searchsorted(ranked.labels, np.arange(len(classes)))

    pairs = overlapping(ranked, video, true, video_of_instance)
    nearest, overlap = nearest_of(pairs, ranked, true)
    return Matched(
        classes=classes,
        tiou=list(tiou),
        videos=videos,
        in_subset=len(truth),
        durations=np.array([durations.get(video) or np.nan for video in videos], dtype=np.float64),
        left_out=left_out(truth, kept),
        instances=true,
        video_of_instance=video_of_instance,
        row_of_instance=joined(kept.values())[by_class],
        detections=ranked,
        video=video,
        row=joined([np.arange(len(segments)) for _, segments in detections])[by_score],
        rank=np.arange(len(ranked)) - first[ranked.labels],
        instance=matching(instances, detections, true, len(classes), tiou),
        ambiguous=joined(on_ambiguous).astype(bool)[by_score],
        pairs=pairs,
        nearest=nearest,
        overlap=overlap,
        overlap_in_class=best_in_class(pairs, ranked, true),
    )


def usable(instances: Segments, duration: float | None) -> np.ndarray:
    """The rows of the instances that have a length, of no more than their video's."""
    lengths = instances.times[:, 1] - instances.times[:, 0]
    return np.flatnonzero((lengths > 0) & (lengths <= (duration or np.inf) + ROUNDING))


def left_out(truth: dict[str, Segments], kept: dict[str, np.ndarray]) -> dict[str, int]:
    """How many instances are left out, by the reason."""
    times = join(list(truth.values())).times
    empty = int((times[:, 1] <= times[:, 0]).sum())
    return {"no_length": empty, "too_long": len(times) - empty - sum(map(len, kept.values()))}


def joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Arrays of whole numbers, or of bool, end to end."""
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def matching(
    instances: dict[str, Segments],
    detections: list[tuple[str, Segments]],
    true: Segments,
    classes: int,
    tiou: list[float],
) -> np.ndarray:
    """The instance of `true` that each detection is matched to at each threshold, -1 for none: (A, N).

    true: the instances in order of class; the result has the detections in order of class and score.
    """
    first = np.searchsorted(true.labels, np.arange(classes))
    columns = [np.empty((len(tiou), 0), dtype=np.int64)]
    in_class = zip(
        mean_ap.by_class(instances.items(), classes), mean_ap.by_class(detections, classes), strict=True
    )
    for label, (of_truth, ranked) in enumerate(in_class):
        _, matches = mean_ap.match_class(of_truth, ranked, instances, tiou)
        column = np.array(list(matches))
        columns.append(np.where(column >= 0, column + first[label], -1))
    return np.concatenate(columns, axis=1)


def overlapping(
    detections: Segments, video: np.ndarray, instances: Segments, video_of_instance: np.ndarray
) -> Pairs:
    """The pairs of detections and instances of a video that overlap; `video`: the detections' (N,)."""
    by_video = np.argsort(video_of_instance, kind="stable")
    no_points = np.zeros(len(detections), dtype=np.int64)
    detection, instance, overlap = mean_ap.candidate_pairs(
        detections.times,
        video,
        no_points,
        instances.times[by_video],
        video_of_instance[by_video],
        OVERLAPPING,
    )
    return Pairs(detection, by_video[instance], overlap)


def nearest_of(pairs: Pairs, detections: Segments, instances: Segments) -> tuple[np.ndarray, np.ndarray]:
    """The instance of the largest tIoU with each detection, -1 for none, and that tIoU, else 0: (N,) both.

    Of equal tIoUs that with an instance of the detection's own class.
    """
    nearest, overlap = np.full(len(detections), -1), np.zeros(len(detections))
    other = detections.labels[pairs.detection] != instances.labels[pairs.instance]
    order = np.lexsort((other, -pairs.overlap, pairs.detection))
    order = order[np.diff(pairs.detection[order], prepend=-1) > 0]
    nearest[pairs.detection[order]] = pairs.instance[order]
    overlap[pairs.detection[order]] = pairs.overlap[order]
    return nearest, overlap


def best_in_class(pairs: Pairs, detections: Segments, instances: Segments) -> np.ndarray:
    """The largest tIoU of each detection with an instance of its class, 0 where none overlaps: (N,)."""
    overlap = np.zeros(len(detections))
    same = np.flatnonzero(detections.labels[pairs.detection] == instances.labels[pairs.instance])
    first = same[np.diff(pairs.detection[same], prepend=-1) > 0]
    overlap[pairs.detection[first]] = pairs.overlap[first]
    return overlap
