"""Which videos are a data set's training split, and which its test split: by lists, by subsets, by points."""

from pathlib import Path

from ..config import RECOGNISED, SPLITS, Annotations, Labels
from ..utils import files
from ..utils.errors import InputError
from . import annotations, points

# The usual names of subsets, and which of them are the splits (train, test); None: there is none.
KINDS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
SPLITS_OF_KINDS = {
    frozenset(("train", "test")): ("train", "test"),
    frozenset(("train", "validation")): ("train", "validation"),
    frozenset(("validation", "test")): ("validation", "test"),
    frozenset(("train",)): ("train", None),
    frozenset(("validation",)): (None, "validation"),
    frozenset(("test",)): (None, "test"),
}


def split_file(split: str) -> str:
    """The file under a data set's root that lists the videos of a split ("train" or "test")."""
    return f"split_{split}.txt"


def is_listed(root, labels: Labels) -> bool:
    """Whether lists name the videos of the splits; subsets that the entry names take precedence."""
    return labels.annotations.test is None and any((Path(root) / split_file(s)).is_file() for s in SPLITS)


def may_lack_entries(root, labels: Labels) -> bool:
    """Whether training videos need no entry in the annotation file, because their points are in seconds."""
    path = points.file_of(root, labels.points)
    return path is not None and path.is_file() and not points.are_frames(points.read(path))


def needs_annotations(path: Path, root, labels: Labels) -> bool:
    """Whether a data set needs its annotation file; not if it has points in seconds and no test split."""
    if path.is_file() or labels.annotations != Annotations() or is_listed(root, labels):
        return True
    return not may_lack_entries(root, labels)


def read_entries(root, labels: Labels) -> dict[str, dict]:
    """The database of a data set's annotation file; empty if it needs none."""
    path = annotations.file_of(root, labels.annotations)
    return annotations.read_database(path) if needs_annotations(path, root, labels) else {}


def entry_of(video: str, entries: dict, *, split: str, path) -> dict:
    """A video's entry of the annotation file `path`. Raises InputError if it has none."""
    if video not in entries:
        raise InputError(f"{path}: {video} of {split_file(split)} has no entry; add it or drop the video")
    return entries[video]


def read_splits(root, labels: Labels = RECOGNISED) -> dict[str, list[str]]:
    """{"train": videos, "test": videos}, by lists or by subsets; by subsets the test split may be empty.

    Raises InputError on a video in both, if subsets do not say which split is which, and without a
    training video.
    """
    if not is_listed(root, labels):
        return split_by_subset(root, labels)
    splits = {split: read_list(Path(root) / split_file(split)) for split in SPLITS}
    for video in sorted(set(splits["train"]) & set(splits["test"])):
        raise InputError(
            f"{Path(root) / split_file('test')}: {video} is in {split_file('train')} too; "
            "a video belongs to one split"
        )
    return splits


def read_list(path: Path) -> list[str]:
    """The videos of a list, in its order. Raises InputError if it has none, or one twice."""
    lines = {}
    for row, line in enumerate(files.read_text(path).splitlines(), 1):
        video = line.strip(" \t,;")
        if not video:
            continue
        if video in lines:
            raise InputError(f"{path}: line {row}: {video} is on line {lines[video]} already; remove one")
        lines[video] = row
    if not lines:
        raise InputError(f"{path}: no video; expected one per line")
    return list(lines)


def split_by_subset(root, labels: Labels) -> dict[str, list[str]]:
    """The splits by the subsets of the annotation file; videos with points but no entry are training videos.

    If the file names no subset, all videos with points are the training split, the others the test split.
    """
    path, point_file = annotations.file_of(root, labels.annotations), points.file_of(root, labels.points)
    entries = read_entries(root, labels)
    table = points.read(point_file) if point_file else None
    with_points = [] if table is None else table["video"].unique().tolist()
    without_entry = [video for video in with_points if video not in entries]
    if without_entry and points.are_frames(table):
        raise InputError(
            f"{point_file}: {without_entry[0]} has no entry in {path.name}, whose fps its frames need; "
            f"add one with its duration, or give points as {','.join(points.PLAIN.columns)}"
        )
    subsets = {video: str(entry.get("subset") or "").lower() for video, entry in entries.items()}
    if labels.annotations.test is None and not any(subsets.values()):
        train, labelled = with_points, set(with_points)
        test = [video for video in entries if video not in labelled]
    else:
        of_train, of_test = choose_subsets(path, set(subsets.values()), labels.annotations)
        train = [video for video, subset in subsets.items() if subset in of_train] + without_entry
        test = [video for video, subset in subsets.items() if subset in of_test]
    if not train:
        others = f"{point_file} names no other" if point_file else "points are drawn of no other"
        raise InputError(
            f"{path}: no video of a training subset ({listing(subsets.values())}), and {others}; "
            f"name the training videos in {split_file('train')}, or their subsets in the entry's annotations"
        )
    return {"train": train, "test": test}


def choose_subsets(path, subsets: set[str], settings: Annotations) -> tuple[set[str], set[str]]:
    """Which of a file's subsets, in lower case, are the training split, and which the test split."""
    if settings.test is not None:
        of_train, of_test = settings.subsets("train"), settings.subsets("test")
        for name in sorted((of_train | of_test) - subsets):
            raise InputError(
                f"{path}: no video of subset {name!r}, which the entry's annotations name; "
                f"it has {listing(subsets)}"
            )
        return of_train, of_test
    kinds = frozenset(KINDS.get(name) for name in subsets)
    if kinds not in SPLITS_OF_KINDS:
        raise InputError(
            f"{path}: its subsets ({listing(subsets)}) do not say which is which split; "
            "set annotations: {train: [...], test: [...]} in the data set's entry"
        )
    train, test = SPLITS_OF_KINDS[kinds]
    return {n for n in subsets if KINDS[n] == train}, {n for n in subsets if KINDS[n] == test}


def listing(subsets) -> str:
    """The names of subsets, for a message."""
    return ", ".join(name or "none" for name in sorted(set(subsets))) or "none"
