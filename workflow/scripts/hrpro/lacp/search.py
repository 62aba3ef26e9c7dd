"""The search for optimal sequences: from seeds to a label of every snippet (docs/method.md, section 11.2)."""

import math
from typing import NamedTuple

import numpy as np

from .contrast import inner_outer
from .settings import Settings

CELLS = 2**20  # pairs of a start and an end that are scored at a time
MOST_EQUAL = 1000  # hypotheses of a beam, whose number would else grow without bound where all are equal


class Chain(NamedTuple):
    """The segments that tile a video, K in all: their labels, and where each of them may start."""

    labels: np.ndarray  # (K,), alternately 1 for action and 0 for background
    first: np.ndarray  # (K,) the first snippet at which each may start
    last: np.ndarray  # (K,) and the last one
    length: int  # T


class Sequence(NamedTuple):
    """Where the segments of a chain start, (K,), and the mean of their contrasts."""

    starts: np.ndarray
    score: float


def label_video(
    activation: np.ndarray, action: np.ndarray, background: np.ndarray, settings: Settings
) -> tuple[np.ndarray, dict[int, float]]:
    """The optimal sequence of each class that has seeds, as a dense label; classes do not see each other.

    activation: S (1 - B) (T, C); action seeds (T, C) and background seeds (T,), of 0 and 1.
    -> (T, C) of 0 and 1, and {class: its sequence's score}.
    """
    find = {"exact": best_sequence, "beam": beam_sequence}[settings.search]
    dense, scores = np.zeros(action.shape, dtype=np.int8), {}
    for label in np.flatnonzero(action.any(0)):
        chain = chain_of(action, background, label)
        sequence = find(activation[:, label], chain, settings)
        sizes = np.diff(np.append(sequence.starts, chain.length))
        dense[:, label], scores[int(label)] = np.repeat(chain.labels, sizes), sequence.score
    return dense, scores


def chain_of(action: np.ndarray, background: np.ndarray, label: int) -> Chain:
    """The segments of a class that has seeds: each holds a run of its seeds, or what is blocked between two.

    Blocked are background seeds and the seeds of other classes. What lies between a segment's own snippets
    and the next one's belongs to either.
    """
    own = action[:, label] > 0
    blocked = ~own & ((background > 0) | action.any(1))
    marked = np.flatnonzero(own | blocked)
    kinds = own[marked].astype(int)
    opens = np.flatnonzero(np.diff(kinds, prepend=-1))
    held_to = marked[np.append(opens[1:], len(marked)) - 1]
    first = np.append(0, held_to[:-1] + 1)
    last = np.append(0, marked[opens[1:]])
    return Chain(kinds[opens], first, last, len(own))


def best_sequence(activation: np.ndarray, chain: Chain, settings: Settings) -> Sequence:
    """The sequence with the highest score, by dynamic programming over the starts of its segments."""
    totals = running_sums(activation)
    ends = [*windows(chain)[1:], np.array([chain.length])]
    value, sources = np.zeros(1), []  # of the best segments before each start of the segment at hand
    for label, starts, next_starts in zip(chain.labels, windows(chain), ends, strict=True):
        best = np.full(len(next_starts), -np.inf)
        source = np.zeros(len(next_starts), dtype=int)
        for rows in np.array_split(np.arange(len(starts)), math.ceil(len(starts) * len(next_starts) / CELLS)):
            contrast = inner_outer(
                totals[label],
                starts[rows, None],
                next_starts,
                share=settings.flank,
                kind=settings.flanks,
            )
            scores = value[rows, None] + contrast
            row, peak = scores.argmax(0), scores.max(0)
            better = peak > best
            best[better], source[better] = peak[better], rows[row[better]]
        value = best
        sources.append(starts[source])
    # back from the video's end: which start of a segment led to the start of the next one
    starts, place = [], 0
    for window, source in zip(reversed(windows(chain)), reversed(sources), strict=True):
        starts.append(source[place])
        place = int(source[place] - window[0])
    return Sequence(np.array(starts[::-1]), float(value[0]) / len(chain.labels))


def beam_sequence(activation: np.ndarray, chain: Chain, settings: Settings) -> Sequence:
    """The released program's search, snippet by snippet (fault 15)."""
    totals = running_sums(activation)
    count = len(chain.labels)
    starts = np.zeros((1, count), dtype=int)  # of the segments so far, a row per hypothesis
    segment = np.zeros(1, dtype=int)
    total = np.zeros(1)  # of the contrasts of the segments before

    def finished(rows: np.ndarray, end: int) -> np.ndarray:
        """The total of hypotheses if their segment ends before a snippet."""
        of, since = segment[rows], starts[rows, segment[rows]]
        by_label = [
            inner_outer(each, since, np.full(len(rows), end), share=settings.flank, kind=settings.flanks)
            for each in totals
        ]
        return total[rows] + np.where(chain.labels[of] == 1, by_label[1], by_label[0])

    for snippet in np.unique(np.concatenate(windows(chain)[1:])) if count > 1 else []:
        following = np.minimum(segment + 1, count - 1)
        inside = segment + 1 < count
        may = np.flatnonzero(inside & (snippet >= chain.first[following]))
        if not len(may):
            continue
        stays = np.flatnonzero(~(inside & (snippet == chain.last[following])))
        moved = starts[may]
        moved[np.arange(len(may)), segment[may] + 1] = snippet
        order = np.argsort(np.append(2 * stays, 2 * may + 1))  # each one that moves after itself, staying
        total, segment, starts = (
            np.concatenate(parts)[order]
            for parts in (
                (total[stays], finished(may, snippet)),
                (segment[stays], segment[may] + 1),
                (starts[stays], moved),
            )
        )
        mean = np.divide(total, segment, out=np.full(len(total), np.inf), where=segment > 0)
        kept = mean >= min(settings.least_score, mean.max())
        if kept.sum() > settings.budget:
            kept &= mean >= np.sort(mean[kept])[-settings.budget]
        kept = np.flatnonzero(kept)[-MOST_EQUAL:]
        total, segment, starts = total[kept], segment[kept], starts[kept]
    score = finished(np.arange(len(total)), chain.length) / count
    winner = len(score) - 1 - score[::-1].argmax()  # the last of equals
    return Sequence(starts[winner], float(score[winner]))


def windows(chain: Chain) -> list[np.ndarray]:
    """The snippets at which each segment may start."""
    return [np.arange(first, last + 1) for first, last in zip(chain.first, chain.last, strict=True)]


def running_sums(activation: np.ndarray) -> np.ndarray:
    """Of what background segments and action segments are scored on: (T,) -> (2, T + 1)."""
    activation = activation.astype(np.float64)
    return np.pad(np.stack([1 - activation, activation]).cumsum(1), ((0, 0), (1, 0)))
