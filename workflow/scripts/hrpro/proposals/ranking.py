"""Reliability ranking of a training video's proposals (docs/method.md, section 4)."""

import numpy as np

from ..config import Proposals
from ..data.instances import actions, joined
from ..detection.segments import LEAST_SCORE, Segments, join, segments
from ..grid import Grid

SAME_ACTION = 1.0  # seconds, where no setting says it: proposals.same_action's default
# Where published points lie, as a share of their instance. The deviation is that of those points, 0.04, and
# of proposals' ends, which are off by a fifth of the length: 0.04^2 + 0.2^2 / 2 = 0.15^2.
POINT_AT, POINT_SPREAD = 0.47, 0.15


def number_labels(
    points: list[dict], classes: list[str], grid: Grid | None = None, same_action: float | None = None
) -> list[tuple[float, int]]:
    """The points of a video, [{"seconds", "label"}], as (seconds, number of the class).

    grid: then points of one class in one snippet are one, the first of them. same_action: then the points of
    one action are one (`instances.joined`).
    """
    pairs = [(point["seconds"], classes.index(point["label"])) for point in points]
    if same_action is not None:
        pairs = joined(pairs, same_action)
    if grid is None:
        return pairs
    first = {}
    for seconds, label in pairs:
        first.setdefault((int(grid.index(seconds)), label), (seconds, label))
    return list(first.values())


def reliable(
    positive: Segments,
    points: list[tuple[float, int]],
    any_score: bool,
    same_action: float = SAME_ACTION,
    *,
    point_prior: str = "none",
) -> list[int | None]:
    """The reliable proposal (RP) of each point, as a number into `positive`, or None.

    points: (seconds, class) in time order. The highest-scoring of `candidates`, whose parameters these are.
    point_prior: with "centre" scores are weighed by where the point lies in the proposal (docs/method.md,
    section 4.1).
    """
    numbers = []
    for (time, _), rows in zip(points, candidates(positive, points, any_score, same_action), strict=True):
        scores = positive.scores[rows]
        if point_prior == "centre":
            scores = np.maximum(scores, LEAST_SCORE) * centre_prior(positive.times[rows], time)
        numbers.append(int(rows[scores.argmax()]) if len(rows) else None)
    return numbers


def candidates(
    positive: Segments, points: list[tuple[float, int]], any_score: bool, same_action: float = SAME_ACTION
) -> list[np.ndarray]:
    """The proposals that may be the action of each point, as numbers into `positive`: (N,) of each.

    points: (seconds, class) in time order. They are of the point's class and hold the point and none of the
    neighbouring actions' points, of any class; if there is none, all of the class that hold the point.
    any_score: a score of 0 or less may be chosen too (fault 4). same_action: seconds up to which points mark
    one action (`instances.actions`).
    """
    start, end = positive.times[:, 0], positive.times[:, 1]
    of_point = np.array(actions(points, same_action), dtype=int)
    times = np.array([-np.inf, *(time for time, _ in points), np.inf])
    before = np.searchsorted(
        of_point, of_point, side="left"
    )  # in `times`, the last point of the action before
    after = np.searchsorted(of_point, of_point, side="right") + 1  # the first one of the action after
    numbers = []
    for (time, label), previous, following in zip(points, times[before], times[after], strict=True):
        holds = (positive.labels == label) & (start <= time) & (time <= end)
        if not any_score:
            holds &= positive.scores > 0
        alone = holds & (start > previous) & (end < following)
        numbers.append(np.flatnonzero(alone if alone.any() else holds))
    return numbers


def centre_prior(times: np.ndarray, seconds: float) -> np.ndarray:
    """How likely a point is where it lies in each of the segments (N, 2) that hold it, at best 1: (N,)."""
    start, end = times.T
    place = np.divide(seconds - start, end - start, out=np.full(len(times), POINT_AT), where=end > start)
    return np.exp(-((place - POINT_AT) ** 2) / (2 * POINT_SPREAD**2))


def negatives(
    background_seed: np.ndarray, count: int, grid: Grid, *, bounds: str, rng: np.random.Generator
) -> Segments:
    """Negative proposals (NP): `count` unlabelled segments drawn inside the runs of background seeds.

    background_seed (T,) of 0 and 1. A run of snippets first..last is drawn uniformly, then a start and
    an end inside it: with `bounds: inclusive` first <= start < end <= last + 1 (eq. 18), with `released`
    as `draw_released` does. Without a run there are none.
    """
    edges = np.diff(np.pad(background_seed.astype(np.int8), 1))
    runs = np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1], axis=1)
    drawn = np.zeros((count if len(runs) else 0, 2))
    for i in range(len(drawn)):
        first, last = runs[rng.integers(len(runs))]
        if bounds == "released":
            drawn[i] = draw_released(first, last, rng)
        else:
            start = rng.integers(first, last + 1)
            drawn[i] = start, rng.integers(start + 1, last + 2)
    return segments(np.maximum(grid.seconds(drawn), 0))


def draw_released(first: int, last: int, rng: np.random.Generator) -> tuple[int, int]:
    """A start and an end in snippets, as the released program draws them from a run of snippets.

    Uniform draws are rounded down, and drawn again while start and end are the same; a run of two, for
    which they always are (fault 7), gives its first snippet, as a run of one does.
    """
    if last - first < 2:
        return first, first + 1
    while True:
        start = int(rng.uniform(first, last))
        end = int(rng.uniform(start, last))
        if start < end:
            return start, end


def rank(
    positive: Segments,
    points: list[tuple[float, int]],
    background_seed: np.ndarray,
    *,
    grid: Grid,
    settings: Proposals,
    rng: np.random.Generator,
) -> tuple[Segments, Segments]:
    """The reliable and the negative proposals of a training video."""
    numbers = reliable(
        positive,
        points,
        settings.reliable_any_score,
        settings.same_action,
        point_prior=settings.point_prior,
    )
    best = [positive.take([number]) for number in numbers if number is not None]
    return join(best), negatives_beside(positive, background_seed, grid=grid, settings=settings, rng=rng)


def negatives_beside(
    positive: Segments,
    background_seed: np.ndarray,
    *,
    grid: Grid,
    settings: Proposals,
    rng: np.random.Generator,
) -> Segments:
    """The negative proposals of a training video, as many as its positive ones ask for."""
    count = int(settings.negative_share * len(positive))
    return negatives(background_seed, count, grid, bounds=settings.negative_bounds, rng=rng)
