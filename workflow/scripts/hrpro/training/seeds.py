"""Seeds: snippets whose label can be relied on, mined from points and B (docs/method.md, section 2.5).

Or all that true segments tell (section 15).
"""

import numpy as np
import torch
from torch.nn import functional as F

from ..data.instances import joined
from ..grid import Grid
from ..layers.packing import Packing


def point_labels(
    points: list[dict], classes: list[str], *, length: int, grid: Grid, same_action: float = 0.0
) -> torch.Tensor:
    """The point labels of a video: (T, C), 1 where a snippet carries a point of the class.

    points: [{"label", "seconds"}] in time order; length: T. A point past the last snippet belongs to the last
    (fault 10). The points of one action are one (`instances.joined`).
    """
    labels = torch.zeros(length, len(classes))
    for seconds, label in joined([(point["seconds"], point["label"]) for point in points], same_action):
        labels[min(int(grid.index(seconds)), length - 1), classes.index(label)] = 1
    return labels


def of_segments(
    segments: list[dict], classes: list[str], *, ambiguous: list[list[float]], length: int, grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """The seeds that true segments tell: of action (T, C) and of background (T,), of 0 and 1 (eq. 42).

    segments: those of a video, [{"label", "segment": [start s, end s]}]; ambiguous: [[start s, end s]], what
    may or may not be an action; length: T. A snippet belongs to the segments that hold its centre; a segment
    that holds none has the snippet at its middle.
    """
    centres = np.arange(length) + 0.5

    def inside(times: list[float]) -> np.ndarray:
        start, end = grid.snippets(times)
        return (start <= centres) & (centres < end)

    action = np.zeros((length, len(classes)), dtype=np.float32)
    for each in segments:
        snippets = inside(each["segment"])
        if not snippets.any():
            snippets = min(int(grid.index(sum(each["segment"]) / 2)), length - 1)
        action[snippets, classes.index(each["label"])] = 1
    unsure = np.any([np.zeros(length, dtype=bool), *map(inside, ambiguous)], axis=0)
    return action, (~action.any(axis=1) & ~unsure).astype(np.float32)


def mine(
    background: torch.Tensor,
    points: torch.Tensor,
    packing: Packing,
    *,
    background_threshold: float,
    action_threshold: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The seeds of every video.

    background: B (N,), no gradient. points (N, C), 1 where a snippet carries a point of the class.
    -> action seeds (N, C) and background seeds (N,), of 0 and 1, with the dtype of the points.

    A gap is what lies before the first, between two neighbouring and after the last labelled
    snippet of a video. Its background seeds are one interval of snippets, from the first to the last
    snippet with B >= background_threshold or, where there is none, the argmax of B alone; in an outer
    gap the interval goes on to the video's end. A video without a point has no seeds.
    """
    labelled = points.any(1)
    count = len(background)
    position = torch.arange(count, device=background.device)

    # Number the gaps: a new one opens at each video's start and at each labelled snippet.
    gap = (labelled | packing.is_first).cumsum(0) - 1
    free = ~labelled  # snippets inside gaps

    def gap_extreme(others: torch.Tensor, reduce: str) -> torch.Tensor:
        start = count if reduce == "amin" else -1
        none = torch.full((count,), start, device=position.device)  # there are at most so many gaps
        return none.scatter_reduce(0, gap, position.masked_fill(others, start), reduce)

    peak_value = torch.full((count,), -1.0, dtype=background.dtype, device=position.device)
    peak_value = peak_value.scatter_reduce(0, gap, background.masked_fill(labelled, -1.0), "amax")
    peak = gap_extreme(labelled | (background != peak_value[gap]), "amin")  # the first of equal maxima
    uncertain = labelled | ~(background >= background_threshold)
    first, last = gap_extreme(uncertain, "amin"), gap_extreme(uncertain, "amax")
    all_uncertain = last < 0
    first, last = torch.where(all_uncertain, peak, first), torch.where(all_uncertain, peak, last)

    # An outer gap reaches to its video's end; a video without a point has no gap at all.
    up_to = labelled.cumsum(0)
    before_videos = F.pad(up_to, (1, 0))[packing.offsets]  # (B + 1,)
    at_or_before = up_to - before_videos[packing.video]
    total = before_videos.diff()[packing.video]
    left, right = at_or_before == 0, at_or_before == total
    inside = ((position >= first[gap]) | left) & ((position <= last[gap]) | right)
    background_seed = free & inside & (total > 0)

    # A point spreads over the run of open snippets that touches it, inside the gap on either side.
    open_ = free & (background <= action_threshold) & ~background_seed
    not_first, not_last = ~packing.is_first, ~packing.is_last
    opens = open_ & ~(open_.roll(1) & not_first)
    run = (opens.cumsum(0) - 1).clamp(min=0)
    starts = opens & not_first
    ends = open_ & ~open_.roll(-1) & not_last
    touching = points.roll(1, 0) * starts.unsqueeze(1) + points.roll(-1, 0) * ends.unsqueeze(1)
    touched = torch.zeros_like(points).index_add(0, run, touching)  # at most so many runs
    action = torch.where(open_.unsqueeze(1), touched[run].clamp(max=1), points)
    return action, background_seed.to(points.dtype)
