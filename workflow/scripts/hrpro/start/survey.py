"""What a folder is as a data set: which of its files are what, its videos' names, splits and snippets."""

import itertools
import re
from pathlib import Path
from typing import NamedTuple

from .. import config
from ..config import Annotations, Labels, Points, Snippet, VideoNames
from ..data import annotations, layouts, points, splits
from ..data.splits import Contents
from ..grid import Grid
from ..utils import files, names
from ..utils.errors import InputError
from . import folder, snippets
from .folder import FEATURES, Features, Films, LabelSource

# Words in the names of files that say of which split they are.
TRAIN, TEST = re.compile(r"train", re.IGNORECASE), re.compile(r"test|val", re.IGNORECASE)
SAME = 0.01  # frames per second by which videos of one rate may differ


class Survey(NamedTuple):
    """A folder as a data set.

    features: those that are meant first; labels: all; points, annotations: those that are meant, None where
    there is none or nobody can say which; entry: the keys of the data set's entry that are needed beside
    `root` and `snippet`; contents: what the files say, if they can be read; grids: of the snippets, those
    that fit; grid_by: what tells them, or why none does; problems: what is wrong, in one line each.
    """

    root: Path
    films: Films | None
    features: list[Features]
    labels: list[LabelSource]
    points: LabelSource | None
    annotations: LabelSource | None
    entry: dict
    contents: Contents | None
    grids: list[Grid]
    grid_by: str
    problems: list[str]


def survey(root: Path) -> Survey:
    """Look into a folder. Raises InputError where it holds neither videos, features nor labels."""
    paths = folder.files_in(root)
    films, features = folder.films(root, paths), folder.features(root)
    known = {video for one in features for video in one.sources} | set(films.paths if films else ())
    usual = annotations.file_of(root, Annotations()), points.file_of(root, Points())
    labels = folder.labels(paths, set(usual), known, steady(films.rates.values()) if films else None)
    if not (films or features or labels):
        raise InputError(f"{root}: no videos, features or labels in it; put there what you have")
    ambiguous = [one for one in labels if "ambiguous" in one.path.name.lower()]
    labels = [one for one in labels if one not in ambiguous]
    annotated = annotations_of(root, labels, usual[0], known)
    pointed = points_of(root, labels, usual[1], known)
    labelled = set().union(*(source.videos for source in (pointed, annotated) if source))
    features.sort(key=lambda one: -len(labelled & one.sources.keys()))
    sources = features[0].sources if features else {}
    entry = {
        "features": place_of(root, features[0]) if sources else {},
        "annotations": reading(root, annotated, usual[0]),
        "points": reading(root, pointed, usual[1]),
        "ambiguous": str(ambiguous[0].path.relative_to(root)) if len(ambiguous) == 1 else "",
        "names": affixes([labelled, set(sources), set(films.paths if films else ())]),
    }
    contents, problem = read(root, entry, pointed, annotated)
    mended = VideoNames(**entry["names"])
    grids, grid_by = grids_of(features, films, contents, mended)
    problems = [source.problem for source in (films, *features[:1], pointed, annotated) if source]
    return Survey(
        root=root,
        films=films,
        features=features,
        labels=labels,
        points=pointed,
        annotations=annotated,
        entry={key: value for key, value in entry.items() if value},
        contents=contents,
        grids=grids,
        grid_by=grid_by,
        problems=[line for line in dict.fromkeys([*problems, problem]) if line],
    )


def steady(rates) -> float | None:
    """The one rate that all of some videos have, in frames per second; None if there is none."""
    rates = list(rates)
    return rates[0] if rates and max(rates) - min(rates) <= SAME else None


def points_of(root: Path, labels: list[LabelSource], usual: Path, known: set[str]) -> LabelSource | None:
    """The points that are meant: those in their usual file, the only ones, or the training split's."""
    candidates = [one for one in labels if one.points]
    candidates = candidates or [one for one in labels if one.instances and is_of(TRAIN, one, root)]
    return of_path(labels, usual) or the_only(candidates, TRAIN, root, known)


def annotations_of(root: Path, labels: list[LabelSource], usual: Path, known: set[str]) -> LabelSource | None:
    """The annotations that are meant, likewise: in the usual file, the only ones, or the test split's."""
    candidates = [one for one in labels if one.instances and not is_of(TRAIN, one, root)]
    return of_path(labels, usual) or the_only(candidates, TEST, root, known)


def is_of(split: re.Pattern, source: LabelSource, root: Path) -> bool:
    """Whether the name of a file or folder says its split."""
    return bool(split.search(str(source.path.relative_to(root))))


def of_path(labels: list[LabelSource], path: Path) -> LabelSource | None:
    """The labels in a file or folder, if they are among some."""
    return next((one for one in labels if one.path == path), None)


def the_only(
    candidates: list[LabelSource], split: re.Pattern, root: Path, known: set[str]
) -> LabelSource | None:
    """The only labels of known videos, or the only ones whose name says the split; None if there are others.

    Any text may look like labels, which is why they are to be of videos that there are films or features of.
    """
    related = [one for one in candidates if one.videos & known] or candidates
    for choice in (related, [one for one in related if is_of(split, one, root)]):
        if len(choice) == 1:
            return choice[0]
    return None


def reading(root: Path, source: LabelSource | None, usual: Path) -> dict:
    """What an entry says of a file of labels: nothing of the usual one."""
    if source is None:
        return {}
    place = {} if source.path == usual else {"file": str(source.path.relative_to(root))}
    return place | source.settings.model_dump(exclude_defaults=True)


def place_of(root: Path, features: Features) -> dict:
    """What an entry says of where features lie: nothing where they are looked for anyway."""
    if features.sources.keys() <= layouts.known_videos(root, FEATURES):
        return {}
    return {"folder": str(features.folder.relative_to(root))}


def affixes(kinds: list[set[str]]) -> dict:
    """The prefix and suffix that are no part of videos' names, where files name them differently.

    kinds: the videos of labels, of features, of films.
    """
    for one, other in itertools.pairwise(filter(None, kinds)):
        if one & other:
            continue
        first = min(one)
        near = names.near(first, other)
        longer, shorter = sorted((first, near or first), key=len, reverse=True)
        prefix, _, suffix = longer.partition(shorter)
        mended = VideoNames(prefix=prefix, suffix=suffix)
        if {mended.of(video) for video in one} & {mended.of(video) for video in other}:
            return mended.model_dump(exclude_defaults=True)
    return {}


def read(
    root: Path, entry: dict, pointed: LabelSource | None, annotated: LabelSource | None
) -> tuple[Contents | None, str | None]:
    """What the files of a data set say, or None and why they cannot be read.

    Without points they are drawn, where training videos are annotated: `entry` says so then.
    """
    if not (pointed or annotated):
        return None, None
    if not pointed:
        entry["points"] = {"from": "segments"}
    try:
        keys = ("annotations", "points", "names")
        contents = splits.read(root, config.parse(Labels, {key: entry[key] for key in keys}))
        if pointed or any(contents.entries[video]["annotations"] for video in contents.videos["train"]):
            return contents, None
        problem = None
    except InputError as error:
        problem = str(error) if pointed else None
    if not pointed:
        entry["points"] = {}
    return None, problem


def grids_of(
    features: list[Features], films: Films | None, contents: Contents | None, mended: VideoNames
) -> tuple[list[Grid], str]:
    """The grids of the snippets that fit, and what tells them, in words."""
    if not (features and features[0].sources):
        return ([Grid(16, 25)], "as I3D's published features") if films else ([], "there are no features")
    sources, shapes = features[0].sources, features[0].shapes
    if grid := recorded(sources):
        return [grid], "as extract_features.py has noted beside them"
    entries = contents.entries if contents else {}
    rates = [rate for entry in entries.values() if (rate := number(entry, "fps"))]
    durations = {v: seconds for v, entry in entries.items() if (seconds := number(entry, "duration"))}
    if films:
        rates = rates or list(films.rates.values())
        durations |= {mended.of(video): seconds for video, seconds in films.durations.items()}
    lengths = {mended.of(video): shape[0] for video, shape in shapes.items()}
    rate = steady(rates)
    inferred = snippets.infer(lengths, durations, [rate] if rate else [])
    if inferred is None:
        return [], "nothing says how long a video is"
    count = len(lengths.keys() & durations.keys())
    return inferred.grids, (
        f"by the lengths of {count} videos, in which one lasts {inferred.seconds:.4g} s"
        + (f" ({inferred.seconds * rate:.3g} frames at their {rate:g} fps)" if rate else "")
    )


def labelled_videos(surveyed: Survey) -> set[str]:
    """The videos of both splits."""
    return {video for videos in surveyed.contents.videos.values() for video in videos}


def number(entry, key: str) -> float | None:
    """A video's positive number, such as its fps; None of an entry that is none."""
    return annotations.number(entry, key) if isinstance(entry, dict) else None


def recorded(sources: dict) -> Grid | None:
    """The grid that extract_features.py has noted beside the features that it made; None of others."""
    source = sources[min(sources)]
    record = source.files[0].with_suffix(".json")
    if source.key or not record.is_file():
        return None
    try:
        snippet = config.parse(Snippet, files.read_json(record)["snippet"])
    except (InputError, KeyError, TypeError):  # another program's
        return None
    return Grid(snippet.frames, snippet.fps, snippet.window)
