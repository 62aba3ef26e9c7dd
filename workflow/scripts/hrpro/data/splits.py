"""Which videos are a data set's training split, and which its test split: by lists, by subsets, by points."""

import re
from pathlib import Path
from typing import NamedTuple

from ..config import RECOGNISED, SPLITS, Annotations, Labels, VideoNames
from ..utils import files
from ..utils.errors import InputError
from ..utils.names import fault_of, hint, listed, shown
from . import annotations, points
from . import entries as entry_files
from .faults import Faults
from .points import Rows

HEADERS = ("video", "videos", "video_id")  # first lines of lists that are no videos
RATES = "fps_dict.json"  # of LACP, beside its annotations
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


class Contents(NamedTuple):
    """What a data set's own files say of its splits.

    labels: what the data set's entry says of them; path: the file of annotations; point_file, points: that of
    points and what it says, None if they are drawn; entries: {video: entry} of `path`, checked in the splits'
    videos; videos: {"train": names, "test": names}; pointed: annotated videos that are training videos for no
    other reason than their points; left_out: videos of the splits with a fault; faults: {split: all that is
    wrong with its videos}; headers: {split: the lines of its list on which a header stands amid videos}.
    """

    labels: Labels
    path: Path
    point_file: Path | None
    entries: dict[str, dict]
    points: Rows | None
    videos: dict[str, list[str]]
    pointed: list[str]
    left_out: set[str]
    faults: dict[str, Faults]
    headers: dict[str, list[int]]


def is_listed(root, labels: Labels) -> bool:
    """Whether lists name the videos of the splits; subsets that the entry names take precedence."""
    return labels.annotations.test is None and any((Path(root) / split_file(s)).is_file() for s in SPLITS)


def needs_annotations(path: Path, root, labels: Labels) -> bool:
    """Whether a data set needs its annotation file; not if it has points in seconds and no test split."""
    if path.is_file() or labels.annotations != Annotations() or is_listed(root, labels):
        return True
    point_file = points.file_of(root, labels.points)
    if point_file is None or not point_file.exists():
        return True
    return not in_seconds(points.read(point_file, labels.names, labels.points))


def in_seconds(rows: Rows | None) -> bool:
    """Whether there are points, and none in frames; then training videos need no entry."""
    return rows is not None and not points.are_frames(rows.points)


def read(root, labels: Labels = RECOGNISED) -> Contents:
    """The entries, the points and the splits of a data set; entries of other videos are not looked at.

    The splits are by lists or by subsets; by subsets the test split may be empty. Raises InputError on a
    video in both, if subsets do not say which split is which, without a training video and, unless
    `labels.on_fault` leaves them out, on videos with a fault.
    """
    path, point_file = annotations.file_of(root, labels.annotations), points.file_of(root, labels.points)
    entries = {}
    if needs_annotations(path, root, labels):
        entries = entry_files.read(path, labels.annotations, labels.names)
    rows = points.read(point_file, labels.names, labels.points) if point_file else None
    if rows is not None and points.are_frames(rows.points):
        add_rates(path.parent / RATES, entries, labels.names)
    faults = {split: Faults(labels.on_fault) for split in SPLITS}
    contents = Contents(labels, path, point_file, entries, rows, {}, [], set(), faults, {})
    if is_listed(root, labels):
        videos, headers = split_by_lists(root, labels.names)
        contents = contents._replace(videos=videos, headers=headers)
    else:
        contents = split_by_subset(contents)
    sound = {split: sound_videos(contents, split, root) for split in SPLITS}
    for of_split in contents.faults.values():
        of_split.stop()
    if not sound["train"]:
        raise InputError(
            f"{root}: no training video is without a fault; correct those, `on_fault: stop` says them"
        )
    left_out = {video for split in SPLITS for video in contents.videos[split]}.difference(*sound.values())
    return contents._replace(videos=sound, left_out=left_out)


def read_splits(root, labels: Labels = RECOGNISED) -> dict[str, list[str]]:
    """The videos of a data set's splits, as `read` has them."""
    return read(root, labels).videos


def add_rates(path: Path, entries: dict[str, object], names: VideoNames) -> None:
    """Give entries without fps that of LACP's file of them, {video: fps}, if it is there.

    Raises InputError where that is no number over 0.
    """
    if path.is_file():
        rates = files.read_json(path)
        if not isinstance(rates, dict):
            raise InputError(f"{path}: expected {{video: frames per second}}; correct or remove it")
        for video, fps in rates.items():
            entry = entries.get(names.of(video))
            if isinstance(entry, dict) and entry.get("fps") is None:
                if annotations.number({"fps": fps}, "fps") is None:
                    value = annotations.shortened(fps)
                    raise InputError(f"{path}: {shown(video)}: {value}; expected a number over 0")
                entry["fps"] = fps


def sound_videos(contents: Contents, split: str, root) -> list[str]:
    """The videos of a split that can be used; what is wrong with the others goes into its faults."""
    by_lists = is_listed(root, contents.labels)
    without, sound = set(contents.labels.without), []
    with_points = () if contents.points is None else set(contents.points.points["video"])
    known = {*contents.entries, *with_points}
    for video in contents.videos[split]:
        path = contents.path if video in contents.entries else contents.point_file
        if by_lists and video not in known and holds_videos(video, known):
            fault = f"more than a video on its line of {split_file(split)}", "write one per line, and no more"
        elif reason := fault_of(video):
            fault = f"the name {reason}", "rename the video"
            path = Path(root) / split_file(split) if by_lists else path
        elif video in without:
            fault, path = ("no features", "extract them"), root
        elif video in contents.entries:
            needed = ["fps"] if video in with_points and points.are_frames(contents.points.points) else []
            fault = fault_of_entry(contents.entries[video], needed)
        elif split == "train" and in_seconds(contents.points):
            fault = None
        elif by_lists:
            near = "" if contents.faults[split].kinds else hint(video, contents.entries)
            fault = f"no entry, but {split_file(split)} lists it{near}", "add one or drop the video"
            path = contents.path
        else:
            plain = ",".join(points.PLAIN.columns)
            fault = (
                f"no entry in {contents.path.name}, whose fps its frames need",
                f"add one with its fps, or give points as {plain}",
            )
        if fault:
            what, remedy = fault
            name = video if video and video.isprintable() else shown(video)
            contents.faults[split].add(path, name, what, remedy=remedy)
        else:
            sound.append(video)
    return sound


def holds_videos(line: str, known: set[str]) -> bool:
    """Whether a line of a list holds several of the known videos, or one beside something else."""
    cells = re.split(r"[,;\t\"\[\]]+", line)
    return set(re.split(r"[\s,;]+", line)) <= known or (len(cells) > 1 and not known.isdisjoint(cells))


def fault_of_entry(entry, needed: list[str]) -> tuple[str, str] | None:
    """What is wrong with the entry of a video, and the remedy; needed: keys that it must have."""
    if fault := annotations.fault_of_entry(entry):
        return fault
    for key in ("duration", *needed):
        if (key in needed or entry.get(key) is not None) and annotations.number(entry, key) is None:
            value = annotations.shortened(entry.get(key))
            return f'"{key}" is {value}', "expected a number over 0"
    return None


def split_by_lists(root, names: VideoNames) -> tuple[dict[str, list[str]], dict[str, list[int]]]:
    """The splits by split_train.txt and split_test.txt, and the lines of headers amid their videos.

    Raises InputError on a video in both.
    """
    lists = {split: read_list(Path(root) / split_file(split), names) for split in SPLITS}
    splits, headers = ({split: of[part] for split, of in lists.items()} for part in range(2))
    for video in sorted(set(splits["train"]) & set(splits["test"])):
        raise InputError(
            f"{Path(root) / split_file('test')}: {video} is in {split_file('train')} too; "
            "a video belongs to one split"
        )
    return splits, headers


def read_list(path: Path, names: VideoNames) -> tuple[list[str], list[int]]:
    """The videos of a list, in its order, and the lines below a video on which a header stands.

    Headers and lines that begin with "# " are passed over. Raises InputError if there is no video, or one
    stands twice.
    """
    lines, headers = {}, []
    for row, line in enumerate(files.read_text(path).splitlines(), 1):
        video = names.of(line.strip(' \t,;"'))
        if not video or line.startswith("# "):
            continue
        if video.casefold() in HEADERS:
            headers.extend([row] if lines else [])
            continue
        if video in lines:
            raise InputError(f"{path}: line {row}: {video} is on line {lines[video]} already; remove one")
        lines[video] = row
    if not lines:
        raise InputError(f"{path}: no video; expected one per line")
    return list(lines), headers


def split_by_subset(contents: Contents) -> Contents:
    """With the splits by the subsets of the annotation file, and by the points.

    Videos with points but no entry are training videos. If the file names no subset, all videos with points
    are the training split, the others the test split.
    """
    path, entries, labels = contents.path, contents.entries, contents.labels
    with_points = []
    if contents.points is not None:
        rows = contents.points
        videos = [*rows.points["video"], *(rows.faulty["video"] if labels.on_fault == "stop" else [])]
        with_points = [video for video in dict.fromkeys(videos) if video]
    without_entry = [video for video in with_points if video not in entries]
    subsets = {video: annotations.subset_of(entry).lower() for video, entry in entries.items()}
    pointed = []
    if labels.annotations.test is None and not any(subsets.values()):
        train, labelled = with_points, set(with_points)
        test = [video for video in entries if video not in labelled]
        pointed = [video for video in train if is_annotated(entries.get(video))]
    else:
        of_train, of_test = choose_subsets(path, set(subsets.values()), labels.annotations)
        train = [video for video, subset in subsets.items() if subset in of_train] + without_entry
        test = [video for video, subset in subsets.items() if subset in of_test]
    if not train:
        others = "points are drawn of no other"
        if contents.point_file:
            others = f"{contents.point_file} names no other"
        raise InputError(
            f"{path}: no video of a training subset ({listing(subsets.values())}), and {others}; "
            f"name the training videos in {split_file('train')}, or their subsets in the entry's annotations"
        )
    return contents._replace(videos={"train": train, "test": test}, pointed=pointed)


def is_annotated(entry) -> bool:
    """Whether the entry of a video has annotations."""
    return isinstance(entry, dict) and bool(entry.get("annotations"))


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
    return listed(shown(name) if name else "none" for name in sorted(set(subsets))) or "none"
