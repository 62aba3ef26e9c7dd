"""What features hold: a look at every video of a features.h5, one in memory at a time."""

import numpy as np

from ..data.features import FeatureFile
from ..data.moments import Moments
from ..utils.progress import track

STRETCH = 8  # consecutive snippets that two videos do not have alike by chance
SHARED = 0.5  # share of the shorter video's stretches from which two videos are said to share them
STILL = 0.01  # of the videos' median movement, under which a video hardly changes
FLAT = 1e-3  # of the channels' median deviation, under which a channel hardly changes
FAR = 20  # times the videos' median largest value, from which a video's is out of the way
SUM_TOLERANCE = 0.01  # by which a snippet's probabilities may miss 1
PROFILE = 160  # groups of channels that a plot shows
# What features look like.
SIGNED, NEVER_NEGATIVE, NEVER_POSITIVE = "of both signs", "never negative", "never positive"
PROBABILITIES, LOG_PROBABILITIES = "probabilities", "log-probabilities"


class Channels(Moments):
    """Mean, deviation and extremes of each of D channels over snippets that come a video at a time."""

    def __init__(self, width: int):
        super().__init__(width)
        self.low, self.high = np.full(width, np.inf), np.full(width, -np.inf)

    def add(self, values: np.ndarray) -> None:
        """Take in the features (T, D) of a video."""
        super().add(values)
        self.low = np.minimum(self.low, values.min(0))
        self.high = np.maximum(self.high, values.max(0))


def scan(files: dict[str, FeatureFile]) -> dict:
    """The facts of the features of both splits, {"train", "test": file}; "videos" has the snippets of each.

    A video that hardly changes is "still", one with values out of the way of the others' "far", a snippet
    whose channels are all equal "blank". "shared" are pairs of videos with equal stretches of snippets.
    """
    videos = [(split, video) for split, file in files.items() for video in file.videos]
    width = files["train"].width
    channels = {split: Channels(width) for split in files}
    per_video = {name: [] for name in ("snippets", "movement", "largest", "blank", "negative", "zero")}
    kinds, stretches = set(), []
    for split, video in track(videos, len(videos), "features"):
        values, _ = files[split].read([video])
        channels[split].add(values)
        per_video["snippets"].append(len(values))
        per_video["movement"].append(float(values.std(0, dtype=np.float64).mean()))
        per_video["largest"].append(float(np.abs(values).max()))
        per_video["blank"].append(int((values.min(1) == values.max(1)).sum()) if width > 1 else 0)
        per_video["negative"].append(int((values < 0).sum()))
        per_video["zero"].append(int((values == 0).sum()))
        kinds.add(kind(values))
        stretches.append(stretches_of(values))
    names = [video for _, video in videos]
    values_count = sum(per_video["snippets"]) * width
    return {
        "channels": width,
        "kind": kinds.pop() if len(kinds) == 1 else SIGNED,
        "low": min(float(split.low.min()) for split in channels.values()),
        "high": max(float(split.high.max()) for split in channels.values()),
        "negative": sum(per_video["negative"]) / values_count,
        "zero": sum(per_video["zero"]) / values_count,
        "videos": dict(zip(names, per_video["snippets"], strict=True)),
        "blank": {v: n for v, n in zip(names, per_video["blank"], strict=True) if n},
        "still": below(names, per_video["movement"], STILL),
        "far": above(names, per_video["largest"], FAR),
        "flat_channels": flat(channels["train"]),
        "shift": shift(channels["train"], channels["test"]),
        "profile": profile(channels["train"]),
        "shared": shared(videos, stretches),
    }


def kind(values: np.ndarray) -> str:
    """What the features (T, D) of a video look like."""
    if values.min() < 0 < values.max():
        return SIGNED
    logarithms = values.min() < 0
    sums = (np.exp(values, dtype=np.float64) if logarithms else values).sum(1, dtype=np.float64)
    if values.shape[1] > 1 and np.abs(sums - 1).max() < SUM_TOLERANCE:
        return LOG_PROBABILITIES if logarithms else PROBABILITIES
    return NEVER_POSITIVE if logarithms else NEVER_NEGATIVE


def below(names: list[str], values: list[float], share: float) -> list[str]:
    """The videos whose value is at most a share of the median one."""
    border = share * float(np.median(values))
    return [name for name, value in zip(names, values, strict=True) if value <= border]


def above(names: list[str], values: list[float], times: float) -> list[dict]:
    """The videos whose value is more than so many times the median one, and how many."""
    median = float(np.median(values))
    if not median:
        return []
    ratios = [value / median for value in values]
    return [{"video": n, "times": ratio} for n, ratio in zip(names, ratios, strict=True) if ratio > times]


def flat(channels: Channels) -> list[int]:
    """The channels, counted from 0, that hardly change over a split."""
    border = FLAT * float(np.median(channels.deviation))
    return np.flatnonzero(channels.deviation <= border).tolist()


def shift(train: Channels, test: Channels) -> dict | None:
    """How a channel of the test split lies to that of the training split, the median over the channels.

    "mean": the distance of the means, in deviations of the training split; "deviation": their ratio.
    None where there is nothing to compare.
    """
    moves = train.deviation > 0
    if not moves.any() or not test.count:
        return None
    deviation = train.deviation[moves]
    return {
        "mean": float(np.median(np.abs(test.mean - train.mean)[moves] / deviation)),
        "deviation": float(np.median(test.deviation[moves] / deviation)),
    }


def profile(channels: Channels) -> dict:
    """The channels in groups of neighbours: mean, and mean less and plus a deviation, low and high."""
    groups = np.array_split(np.arange(len(channels.mean)), min(PROFILE, len(channels.mean)))
    less, more = channels.mean - channels.deviation, channels.mean + channels.deviation
    return {
        "first": [int(group[0]) for group in groups],
        "mean": [float(channels.mean[group].mean()) for group in groups],
        "less": [float(less[group].mean()) for group in groups],
        "more": [float(more[group].mean()) for group in groups],
        "low": [float(channels.low[group].min()) for group in groups],
        "high": [float(channels.high[group].max()) for group in groups],
    }


def stretches_of(values: np.ndarray) -> np.ndarray:
    """A hash of each stretch of snippets of a video, once each; a stretch of equal snippets tells nothing."""
    rows = [hash(row.tobytes()) for row in values + np.float32(0)]  # -0.0 is 0.0
    starts = range(max(1, len(rows) - STRETCH + 1))
    stretches = [tuple(rows[start : start + STRETCH]) for start in starts]
    telling = {hash(stretch) for stretch in stretches if len(set(stretch)) > 1}
    return np.array(sorted(telling), dtype=np.int64)


def shared(videos: list[tuple[str, str]], stretches: list[np.ndarray]) -> list[dict]:
    """Pairs of videos that share stretches; of several alike, each with the first one.

    -> [{"first", "second", "splits": [of both], "share": of the shorter one's stretches}]
    """
    lengths = np.array([len(hashes) for hashes in stretches])
    owners = np.repeat(np.arange(len(videos)), lengths)
    _, first, inverse = np.unique(np.concatenate(stretches), return_index=True, return_inverse=True)
    pairs = np.stack([owners[first][inverse], owners], axis=1)
    pairs, counts = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0, return_counts=True)
    sharing = []
    for (one, other), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        share = count / min(lengths[one], lengths[other])
        if share >= SHARED:
            (split, video), (other_split, other_video) = videos[one], videos[other]
            sharing.append(
                {"first": video, "second": other_video, "splits": [split, other_split], "share": share}
            )
    return sharing
