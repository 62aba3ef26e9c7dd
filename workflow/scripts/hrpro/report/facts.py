"""The facts of a data set as one dictionary that can be written as JSON.

database: the videos of an annotations.json, {video: {"subset", "duration" s, "annotations"}}; points: those
of a points.json, {training video: [{"label", "seconds"}]}. Seconds everywhere but where snippets are said.
"""

import itertools
import re
from collections import Counter, defaultdict

import numpy as np

from ..config import SPLITS
from ..data.features import LENGTH_TOLERANCE
from ..grid import Grid

STEPS = (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)  # borders of a histogram's bins, in each power of ten
COUNTED = ("inside", "outside", "other_class", "unmarked", "repeated", "positions")  # of points and instances
POSITIONS = 10  # bins of a point's position inside its instance


def gather(name: str, database: dict, points: dict, classes: list[str], grid: Grid, features: dict) -> dict:
    """All facts of a data set; features: what `scan.scan` found."""
    lengths = features["videos"]
    return {
        "dataset": name,
        "snippet": {"frames": grid.frames, "fps": grid.fps, "seconds": grid.snippet},
        "splits": {split: of_split(database, points, lengths, split) for split in SPLITS},
        "classes": of_classes(database, points, classes),
        "alike": alike(classes),
        "points": of_points(database, points, grid),
        "instances": {split: of_instances(database, split, grid) for split in SPLITS},
        "lengths": {split: of_lengths(database, lengths, grid, split) for split in SPLITS},
        "histograms": histograms(database),
        "features": {key: value for key, value in features.items() if key != "videos"},
    }


def entries(database: dict, split: str) -> dict[str, dict]:
    """The videos of a split."""
    return {video: entry for video, entry in database.items() if entry["subset"] == split}


def segments(entry: dict) -> list[tuple[str, float, float]]:
    """A video's instances (class, start s, end s); none where only points are known."""
    if entry.get("truth") == "points":
        return []
    return [(a["label"], *a["segment"]) for a in entry["annotations"]]


def labels(entry: dict, points: list[dict]) -> set[str]:
    """The classes that a video shows by its annotations or its points."""
    return {a["label"] for a in entry["annotations"]} | {p["label"] for p in points}


def of_split(database: dict, points: dict, lengths: dict[str, int], split: str) -> dict:
    """How much a split holds. "action": the share of time in an instance, None where no segment is known."""
    videos = entries(database, split)
    durations = [entry["duration"] for entry in videos.values()]
    shown = {video: labels(entry, points.get(video, [])) for video, entry in videos.items()}
    known = any(map(segments, videos.values()))
    action = sum(covered(entry) for entry in videos.values())
    several = Counter(map(len, shown.values()))
    return {
        "videos": len(videos),
        "hours": sum(durations) / 3600,
        "snippets": sum(lengths[video] for video in videos),
        "instances": sum(len(entry["annotations"]) for entry in videos.values()),
        "points": sum(len(points.get(video, [])) for video in videos),
        "action": action / sum(durations) if known else None,
        "empty": [video for video, found in shown.items() if not found],
        "without_points": [video for video in videos if split == "train" and not points.get(video)],
        "classes_a_video": {str(count): several[count] for count in sorted(several)},
        "seconds": quantiles(durations),
        "snippets_a_video": quantiles([lengths[video] for video in videos]),
    }


def covered(entry: dict) -> float:
    """The seconds of a video that lie in at least one instance."""
    total, reached = 0.0, 0.0
    for _, start, end in sorted(segments(entry), key=lambda found: found[1]):
        start, end = max(start, reached), min(end, entry["duration"])
        total += max(0.0, end - start)
        reached = max(reached, end)
    return total


def of_classes(database: dict, points: dict, classes: list[str]) -> dict[str, dict]:
    """Points of each class, and the training videos that have one; videos and instances a split; lengths."""
    marked, pointed = Counter(), Counter()
    for found in points.values():
        marked.update(p["label"] for p in found)
        pointed.update({p["label"] for p in found})
    videos, instances = {s: Counter() for s in SPLITS}, {s: Counter() for s in SPLITS}
    lengths = defaultdict(list)
    for video, entry in database.items():
        videos[entry["subset"]].update(labels(entry, points.get(video, [])))
        instances[entry["subset"]].update(a["label"] for a in entry["annotations"])
        for label, start, end in segments(entry):
            lengths[label].append(end - start)
    return {
        label: {
            "points": marked[label],
            "pointed_videos": pointed[label],
            **{s: {"videos": videos[s][label], "instances": instances[s][label]} for s in SPLITS},
            "seconds": quantiles(lengths[label]),
        }
        for label in classes
    }


def alike(classes: list[str]) -> list[list[str]]:
    """Groups of classes whose names differ in case, blanks and punctuation alone."""
    groups = defaultdict(list)
    for label in classes:
        groups[re.sub(r"[\W_]+", "", label).casefold() or label].append(label)
    return [group for group in groups.values() if len(group) > 1]


def of_points(database: dict, points: dict, grid: Grid) -> dict:
    """How points and instances of the training videos fit; counts are None where no segment is known.

    "outside": points in no instance of their class, of which "other_class" are in one of another;
    "unmarked": instances without a point; "repeated": with several; "positions": counts of where in its
    instance a point lies, in tenths; "conflicts": points in a snippet with one of another class.
    """
    known = any(segments(database[video]) for video in points)
    facts = {"known": known, "conflicts": conflicts(points, grid)}
    if not known:
        return facts | dict.fromkeys(COUNTED)
    outside, unmarked = Counter(), Counter()
    other, repeated, positions = 0, 0, []
    for video, found in points.items():
        truth = segments(database[video])
        hits = Counter()
        for point in found:
            around = [t for t in truth if t[1] <= point["seconds"] <= t[2]]
            own = [t for t in around if t[0] == point["label"]]
            if own:
                hit = min(own, key=lambda t: abs(point["seconds"] - (t[1] + t[2]) / 2))
                hits[hit] += 1
                positions.append((point["seconds"] - hit[1]) / (hit[2] - hit[1]))
            else:
                outside[video] += 1
                other += bool(around)
        repeated += sum(count > 1 for count in hits.values())
        if bare := sum(t not in hits for t in truth):
            unmarked[video] = bare
    counts, _ = np.histogram(positions, bins=POSITIONS, range=(0, 1))
    return facts | {
        "inside": len(positions),
        "outside": dict(outside),
        "other_class": other,
        "unmarked": dict(unmarked),
        "repeated": repeated,
        "positions": counts.tolist(),
    }


def conflicts(points: dict, grid: Grid) -> int:
    """How many points share their snippet with a point of another class."""
    count = 0
    for found in points.values():
        shown = defaultdict(list)
        for point in found:
            shown[int(grid.index(point["seconds"]))].append(point["label"])
        count += sum(len(here) for here in shown.values() if len(set(here)) > 1)
    return count


def of_instances(database: dict, split: str, grid: Grid) -> dict | None:
    """The instances of a split, None where no segment is known.

    "short": shorter than a snippet; "late": videos with one that ends past their end; "overlapping": that
    share time with another one, "doubled": with another one of their class.
    """
    videos = entries(database, split)
    lengths = [end - start for entry in videos.values() for _, start, end in segments(entry)]
    if not lengths:
        return None
    overlapping, doubled = Counter(), Counter()
    for video, entry in videos.items():
        overlapping[video] = touched(segments(entry))
        by_class = itertools.groupby(sorted(segments(entry)), key=lambda found: found[0])
        doubled[video] = sum(touched(list(own)) for _, own in by_class)
    late = [v for v, e in videos.items() if any(end > e["duration"] for _, _, end in segments(e))]
    return {
        "seconds": quantiles(lengths),
        "count": len(lengths),
        "short": sum(length < grid.snippet for length in lengths),
        "late": late,
        "overlapping": sum(overlapping.values()),
        "doubled": {video: count for video, count in doubled.items() if count},
    }


def touched(found: list[tuple[str, float, float]]) -> int:
    """How many of some instances share time with another one."""
    sharing, last = set(), None  # last: of those so far, the one that ends last
    for row, (_, start, end) in sorted(enumerate(found), key=lambda item: item[1][1:]):
        if last is not None and start < last[1]:
            sharing |= {row, last[0]}
        if last is None or end > last[1]:
            last = (row, end)
    return len(sharing)


def of_lengths(database: dict, lengths: dict[str, int], grid: Grid, split: str) -> dict:
    """How snippets fit durations: their median ratio, None without a video, and the videos of odd length."""
    videos = entries(database, split)
    wanted = {video: grid.length(entry["duration"]) for video, entry in videos.items()}
    odd = [video for video in videos if abs(lengths[video] - wanted[video]) > LENGTH_TOLERANCE]
    return {
        "ratio": float(np.median([lengths[v] / wanted[v] for v in videos])) if videos else None,
        "odd": [{"video": v, "snippets": lengths[v], "of_duration": wanted[v]} for v in odd],
    }


def quantiles(values: list[float]) -> dict | None:
    """Smallest, 5 %, median, 95 % and largest of some values; None of none."""
    if not values:
        return None
    found = np.quantile(values, [0, 0.05, 0.5, 0.95, 1]).tolist()
    return dict(zip(("min", "5%", "median", "95%", "max"), found, strict=True))


def histograms(database: dict) -> dict:
    """Of the lengths of videos and of instances: borders in seconds, counts between them a split."""
    found = {"videos": {}, "instances": {}}
    for split in SPLITS:
        videos = entries(database, split).values()
        found["videos"][split] = [entry["duration"] for entry in videos]
        found["instances"][split] = [end - start for e in videos for _, start, end in segments(e)]
    return {name: histogram(values) for name, values in found.items() if any(values.values())}


def histogram(values: dict[str, list[float]]) -> dict:
    """Counts of several lists of positive values in the same bins, whose borders grow like powers."""
    every = [value for some in values.values() for value in some]
    tens = range(int(np.floor(np.log10(min(every)))) - 1, int(np.floor(np.log10(max(every)))) + 2)
    borders = [step * 10.0**ten for ten in tens for step in STEPS]
    first = max(i for i, border in enumerate(borders) if border <= min(every))
    last = min(i for i, border in enumerate(borders) if border > max(every))
    borders = borders[first : last + 1]
    counts = {name: np.histogram(some, borders)[0].tolist() for name, some in values.items()}
    return {"borders": borders, "counts": counts}
