"""The facts of a data set as one dictionary that can be written as JSON.

database: the videos of both splits, {video: {"subset", "duration" s, "annotations"}}; points: those of a
points.json, {training video: [{"label", "seconds"}]}; lengths: {video: snippets}. Seconds everywhere, where
snippets are not said. An instance is (class, start s, end s).
"""

import itertools
from collections import Counter, defaultdict

import numpy as np

from ..config import SPLITS
from ..data.instances import actions, are_timed, holding
from ..grid import TOLERANCE, Grid
from ..proposals.ranking import SAME_ACTION
from ..utils.names import folded

STEPS = (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)  # borders of a histogram's bins, in each power of ten
COUNTS = ("inside", "outside", "other_class", "unmarked", "repeated", "positions")  # of points and instances
POSITIONS = 10  # bins of a point's position inside its instance


def gather(
    name: str,
    database: dict,
    points: dict,
    *,
    classes: list[str],
    grid: Grid,
    features: dict,
    left_out: list[dict] = (),
) -> dict:
    """All facts of a data set; features: what `scan.scan` returns; left_out: of a points.json."""
    lengths = features["videos"]
    return {
        "dataset": name,
        "snippet": {"frames": grid.frames, "fps": grid.fps, "seconds": grid.snippet},
        "splits": {split: split_facts(database, points, lengths, split) for split in SPLITS},
        "classes": class_facts(database, points, classes),
        "alike": alike(classes),
        "points": point_facts(database, points, grid) | {"left_out": list(left_out)},
        "instances": {split: instance_facts(database, split, grid) for split in SPLITS},
        "lengths": {split: length_facts(database, lengths, grid, split) for split in SPLITS},
        "histograms": histograms(database),
        "features": {key: value for key, value in features.items() if key != "videos"},
    }


def entries(database: dict, split: str) -> dict[str, dict]:
    """The videos of a split."""
    return {video: entry for video, entry in database.items() if entry["subset"] == split}


def instances_of(entry: dict) -> list[tuple[str, float, float]]:
    """A video's instances; none where only points are known."""
    if entry.get("truth") == "points":
        return []
    return [(a["label"], *a["segment"]) for a in entry["annotations"]]


def labels(entry: dict, points: list[dict]) -> set[str]:
    """The classes that a video shows by its annotations or its points."""
    return {a["label"] for a in entry["annotations"]} | {p["label"] for p in points}


def split_facts(database: dict, points: dict, lengths: dict[str, int], split: str) -> dict:
    """How much a split holds. "action": the share of time in an instance, None if no segment is known."""
    videos = entries(database, split)
    durations = [entry["duration"] for entry in videos.values()]
    shown = {video: labels(entry, points.get(video, [])) for video, entry in videos.items()}
    known = any(map(instances_of, videos.values()))
    action = sum(covered(entry) for entry in videos.values())
    # a video with points and no segment is one that nobody annotated
    annotated = [e["duration"] for v, e in videos.items() if instances_of(e) or not points.get(v)]
    class_counts = Counter(map(len, shown.values()))
    return {
        "videos": len(videos),
        "hours": sum(durations) / 3600,
        "snippets": sum(lengths[video] for video in videos),
        "instances": sum(len(entry["annotations"]) for entry in videos.values()),
        "points": sum(len(points.get(video, [])) for video in videos),
        "action": action / sum(annotated) if known else None,
        "empty": [video for video, classes in shown.items() if not classes],
        "without_points": [video for video in videos if split == "train" and not points.get(video)],
        "classes_a_video": {str(count): class_counts[count] for count in sorted(class_counts)},
        "seconds": quantiles(durations),
        "snippets_a_video": quantiles([lengths[video] for video in videos]),
    }


def covered(entry: dict) -> float:
    """The seconds of a video that lie in at least one instance."""
    total, reached = 0.0, 0.0
    for _, start, end in sorted(instances_of(entry), key=lambda instance: instance[1]):
        start, end = max(start, reached), min(end, entry["duration"])
        total += max(0.0, end - start)
        reached = max(reached, end)
    return total


def class_facts(database: dict, points: dict, classes: list[str]) -> dict[str, dict]:
    """Per class: points, the training videos that have one, videos and instances per split, lengths."""
    point_counts, pointed_videos = Counter(), Counter()
    for video_points in points.values():
        point_counts.update(p["label"] for p in video_points)
        pointed_videos.update({p["label"] for p in video_points})
    videos, instances = {s: Counter() for s in SPLITS}, {s: Counter() for s in SPLITS}
    lengths = defaultdict(list)
    for video, entry in database.items():
        videos[entry["subset"]].update(labels(entry, points.get(video, [])))
        instances[entry["subset"]].update(a["label"] for a in entry["annotations"])
        for label, start, end in instances_of(entry):
            lengths[label].append(end - start)
    return {
        label: {
            "points": point_counts[label],
            "pointed_videos": pointed_videos[label],
            **{s: {"videos": videos[s][label], "instances": instances[s][label]} for s in SPLITS},
            "seconds": quantiles(lengths[label]),
        }
        for label in classes
    }


def alike(classes: list[str]) -> list[list[str]]:
    """Groups of classes whose names differ in case, blanks and punctuation alone."""
    groups = defaultdict(list)
    for label in classes:
        groups[folded(label)].append(label)
    return [group for group in groups.values() if len(group) > 1]


def point_facts(database: dict, points: dict, grid: Grid) -> dict:
    """How points and instances of the training videos with segments fit; counts are None where none is known.

    "outside": points in no instance of their class, of which "other_class" are in one of another;
    "unmarked": instances without a point; "repeated": with several; "positions": counts of where in its
    instance a point lies, in tenths; "conflicts": points in a snippet with one of another class; "copies":
    points in a snippet with an earlier one of their class; "joined": other points of an action that has one.
    Points without times are not "timed", and nothing else is known of them.
    """
    if not are_timed(points):
        nothing = dict.fromkeys(("conflicts", "copies", "joined", *COUNTS))
        return {"timed": False, "known": False, **nothing}
    facts = {"timed": True, "conflicts": conflicts(points, grid), **repeats(points, grid)}
    points = {video: of_video for video, of_video in points.items() if instances_of(database[video])}
    facts["known"] = bool(points)
    if not points:
        return facts | dict.fromkeys(COUNTS)
    outside, unmarked = Counter(), Counter()
    other_class, repeated, positions = 0, 0, []
    for video, video_points in points.items():
        instances = instances_of(database[video])
        names = [label for label, _, _ in instances]
        times = [(start, end) for _, start, end in instances]
        hits = Counter()
        for point in video_points:
            seconds = point["seconds"]
            number = holding(times, names, seconds, point["label"])
            if number is None:
                outside[video] += 1
                other_class += any(start <= seconds <= end for start, end in times)
            else:
                start, end = times[number]
                hits[instances[number]] += 1
                positions.append((seconds - start) / (end - start))
        repeated += sum(count > 1 for count in hits.values())
        if count := sum(instance not in hits for instance in instances):
            unmarked[video] = count
    counts, _ = np.histogram(positions, bins=POSITIONS, range=(0, 1))
    return facts | {
        "inside": len(positions),
        "outside": dict(outside),
        "other_class": other_class,
        "unmarked": dict(unmarked),
        "repeated": repeated,
        "positions": counts.tolist(),
    }


def conflicts(points: dict, grid: Grid) -> int:
    """How many points share their snippet with a point of another class."""
    count = 0
    for video_points in points.values():
        by_snippet = defaultdict(list)
        for point in video_points:
            by_snippet[int(grid.index(point["seconds"]))].append(point["label"])
        count += sum(len(names) for names in by_snippet.values() if len(set(names)) > 1)
    return count


def repeats(points: dict, grid: Grid) -> dict[str, int]:
    """How many points are "copies", and how many others are "joined" to the one before as of one action."""
    copies, joined = 0, 0
    for video_points in points.values():
        pairs = sorted((point["seconds"], point["label"]) for point in video_points)
        different = {(int(grid.index(seconds)), label) for seconds, label in pairs}
        copies += len(pairs) - len(different)
        joined += len(different) - len(set(actions(pairs, SAME_ACTION)))
    return {"copies": copies, "joined": joined}


def instance_facts(database: dict, split: str, grid: Grid) -> dict | None:
    """The instances of a split, None where no segment is known.

    "short": shorter than a snippet; "late": videos with one that ends past their end by more than the
    tolerance; "overlapping": that share time with another one, "doubled": with another one of their class.
    """
    videos = entries(database, split)
    lengths = [end - start for entry in videos.values() for _, start, end in instances_of(entry)]
    if not lengths:
        return None
    overlapping, doubled = Counter(), Counter()
    for video, entry in videos.items():
        overlapping[video] = count_overlapping(instances_of(entry))
        by_class = itertools.groupby(sorted(instances_of(entry)), key=lambda instance: instance[0])
        doubled[video] = sum(count_overlapping(list(group)) for _, group in by_class)
    late = [
        v
        for v, e in videos.items()
        if any(end > e["duration"] + grid.tolerance for _, _, end in instances_of(e))
    ]
    return {
        "seconds": quantiles(lengths),
        "count": len(lengths),
        "short": sum(length < grid.snippet for length in lengths),
        "late": late,
        "overlapping": sum(overlapping.values()),
        "doubled": {video: count for video, count in doubled.items() if count},
    }


def count_overlapping(instances: list[tuple[str, float, float]]) -> int:
    """How many of some instances share time with another one."""
    sharing, last = set(), None  # last: of those so far, the one that ends last
    for row, (_, start, end) in sorted(enumerate(instances), key=lambda item: item[1][1:]):
        if last is not None and start < last[1]:
            sharing |= {row, last[0]}
        if last is None or end > last[1]:
            last = (row, end)
    return len(sharing)


def length_facts(database: dict, lengths: dict[str, int], grid: Grid, split: str) -> dict:
    """How snippets fit durations: their median ratio, None without a video, and the videos of odd length."""
    videos = entries(database, split)
    by_duration = {video: grid.length(entry["duration"]) for video, entry in videos.items()}
    odd = [video for video in videos if abs(lengths[video] - by_duration[video]) > TOLERANCE]
    return {
        "ratio": float(np.median([lengths[v] / by_duration[v] for v in videos])) if videos else None,
        "odd": [{"video": v, "snippets": lengths[v], "of_duration": by_duration[v]} for v in odd],
    }


def quantiles(values: list[float]) -> dict | None:
    """Smallest, 5 %, median, 95 % and largest of some values; None of none."""
    if not values:
        return None
    results = np.quantile(values, [0, 0.05, 0.5, 0.95, 1]).tolist()
    return dict(zip(("min", "5%", "median", "95%", "max"), results, strict=True))


def histograms(database: dict) -> dict:
    """Of the lengths of videos and of instances: borders in seconds, counts between them per split."""
    lengths = {"videos": {}, "instances": {}}
    for split in SPLITS:
        videos = entries(database, split).values()
        lengths["videos"][split] = [entry["duration"] for entry in videos]
        lengths["instances"][split] = [end - start for e in videos for _, start, end in instances_of(e)]
    return {kind: histogram(values) for kind, values in lengths.items() if any(values.values())}


def histogram(values: dict[str, list[float]]) -> dict:
    """Counts of several lists of positive values in the same bins, whose borders grow like powers."""
    joined = [value for series in values.values() for value in series]
    tens = range(int(np.floor(np.log10(min(joined)))) - 1, int(np.floor(np.log10(max(joined)))) + 2)
    borders = [step * 10.0**ten for ten in tens for step in STEPS]
    first = max(i for i, border in enumerate(borders) if border <= min(joined))
    last = min(i for i, border in enumerate(borders) if border > max(joined))
    borders = borders[first : last + 1]
    counts = {name: np.histogram(series, borders)[0].tolist() for name, series in values.items()}
    return {"borders": borders, "counts": counts}
