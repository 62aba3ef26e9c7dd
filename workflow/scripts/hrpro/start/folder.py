"""What lies in a folder: films, features and labels, as the readers of data/ and video/ take them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..config import LAYOUTS, SPLITS, FeatureFiles, LabelFile
from ..data import annotations, layouts, orientation, points
from ..data.labels import formats, tables
from ..data.readers import Source, is_of_one_video
from ..data.splits import RATES, split_file
from ..utils.errors import InputError
from ..video import decoding, folders

MOST = 200_000  # files of a folder that are looked at
SOME = 200  # films whose lengths are read
DEPTH = 2  # levels of folders that features are looked for in
FEATURES = FeatureFiles()
HRPRO = "hrpro"  # the format of points.csv and annotations.json
PER_VIDEO = {"elan", "audacity", "mstcn", "thumos14"}  # formats of a file per video, or per class
OTHERS = {RATES, "meta.json", *map(split_file, SPLITS)}  # no labels
JOURNAL = (".journal.jsonl", ".more.json")  # of hrpro-label, beside its points


class Films(NamedTuple):
    """Films; rates (frames per second) and durations (seconds) of up to SOME of them, by their headers."""

    folder: Path
    paths: dict[str, Path]
    rates: dict[str, float]
    durations: dict[str, float]
    problem: str | None


class Features(NamedTuple):
    """Features of videos in a folder or file; shapes (T, D), none where `problem` says why."""

    folder: Path
    sources: dict[str, Source]
    shapes: dict[str, tuple[int, int]]
    problem: str | None


class LabelSource(NamedTuple):
    """A file or folder of labels.

    form: its format; settings: how it is read; points, instances: how many; videos, subsets: their names;
    problem: why nothing of it is known.
    """

    path: Path
    form: str
    settings: LabelFile
    points: int
    instances: int
    videos: set[str]
    subsets: set[str]
    problem: str | None = None


def files_in(root: Path) -> list[Path]:
    """The files under a folder that are not hidden, up to MOST of them. Raises InputError."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; name the one that holds videos, features or labels")
    paths = []
    for folder, inside, names in os.walk(root, followlinks=True):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        paths += [Path(folder, name) for name in sorted(names) if not name.startswith(".")]
        if len(paths) > MOST:
            break
    return paths


def films(root: Path, files: list[Path]) -> Films | None:
    """The films among the files of a folder; None if there are none. Raises InputError as folders.find."""
    if not any(path.suffix.lower() in folders.SUFFIXES for path in files):
        return None
    paths = folders.find(root)
    rates, durations, problem = {}, {}, None
    for video in list(paths)[:: len(paths) // SOME + 1]:
        try:
            with decoding.open_video(paths[video]) as reader:
                if reader.stream.average_rate:
                    rates[video] = round(float(reader.stream.average_rate), 3)
                if seconds := reader.declared_seconds():
                    durations[video] = float(seconds)
        except InputError as error:
            problem = problem or str(error)
    folder = Path(os.path.commonpath([path.parent for path in paths.values()]))
    return Films(folder, paths, rates, durations, problem)


def features(root: Path) -> list[Features]:
    """The places under a folder that hold features, those of most videos first; of as many, `features`."""
    places, taken = [], set()
    for place in (root / FEATURES.folder, root, *within(root)):
        if not place.exists() or taken.intersection((place, *place.parents)):
            continue
        one = features_at(place)
        if one is None:
            continue
        places.append(one)
        inside = layouts.files_of(one.sources.values())
        taken |= {place} if place != root else {*inside, *(path.parent for path in inside)} - {root}
    return sorted(places, key=lambda one: -len(one.sources))


def within(root: Path) -> Iterator[Path]:
    """The folders under a folder, DEPTH levels down, and files for all videos in them; upper ones first."""
    level = [root]
    for _ in range(DEPTH):
        inside = [p for folder in level for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
        level = [path for path in inside if path.is_dir()]
        yield from level
        yield from (path for path in inside if path.suffix in layouts.ENDINGS and path.is_file())


def features_at(place: Path) -> Features | None:
    """The features in a folder or file; None if there are none."""
    if layouts.shared_file("wtalc", place):
        return Features(place, {}, {}, f"{place}: {layouts.RISK}")
    try:
        fitting = {}
        for layout in LAYOUTS:
            parts = layouts.sources_in(layout, place, FEATURES).values()
            sources = {v: s for part in parts for v, s in part.items() if not any(map(is_joint, s.files))}
            if sources:
                fitting[layout] = sources
        if not fitting:
            return None
        sources = fitting[layouts.the_only(fitting, place, FEATURES, videos="a video", remedy="")]
    except InputError as error:
        return Features(place, {}, {}, str(error))
    try:
        return Features(place, *orientation.orient(sources, FEATURES), None)
    except InputError as error:
        return Features(place, sources, {}, str(error))


def is_joint(path: Path) -> bool:
    """Whether a file is W-TALC's, an array per video."""
    return path.suffix == ".npy" and not is_of_one_video(path)


def labels(paths: list[Path], usual: set[Path], known: set[str], rate: float | None) -> list[LabelSource]:
    """The files and folders of labels among the files of a folder.

    usual: files that are labels whatever they hold; known: videos that there are films or features of; rate:
    the films' frames per second, if they have one.
    """
    by_folder = {}
    for path in paths:
        if path.name in OTHERS or path.name.endswith(JOURNAL) or path.with_suffix(".npy").is_file():
            continue
        form = form_of(path) if path.name.lower().endswith(formats.ENDINGS) else None
        if form or path in usual:
            form = form or HRPRO
            by_folder.setdefault((path.parent, form), []).append(path)
    games = [folder.parent for folder, form in by_folder if form == "soccernet"]
    places = {}  # file or folder -> its format
    for (folder, form), files in by_folder.items():
        whole = len(files) > 1 and (form in PER_VIDEO or {path.stem for path in files} <= known)
        if form == "soccernet":
            places[Path(os.path.commonpath(games))] = form
        else:
            places |= dict.fromkeys([folder] if whole and form != HRPRO else files, form)
    return [look(place, form, rate) for place, form in places.items()]


def form_of(path: Path) -> str | None:
    """The format of a file of labels, HRPRO of hrpro's own two; None if it is no file of labels."""
    try:
        if form := formats.recognise(path):
            return form
        with open(path, "rb") as file:
            head = file.read(formats.HEAD).decode(errors="replace").removeprefix("\ufeff").lstrip()
    except OSError:
        return None
    if head.startswith("{"):
        return HRPRO if '"database"' in head else None
    line = next(filter(None, map(str.strip, points.without_comments(head).splitlines())), "")
    cells = line.split(max(tables.SEPARATORS, key=line.count))
    header = set(points.column_names(cells))
    is_points = any(set(f.columns) <= header for f in (points.HRPRO, points.PLAIN, points.WITHOUT_TIMES))
    return HRPRO if is_points or points.are_a_point(cells) else None


def needs_rate(form: str, settings: LabelFile) -> bool:
    """Whether times of a format are frames and nobody has said how many a second has."""
    return form != HRPRO and hasattr(formats.FORMATS[form], "FRAMES") and settings.fps is None


def look(path: Path, form: str, rate: float | None) -> LabelSource:
    """What a file or folder of labels holds."""
    settings = LabelFile()
    try:
        if form != HRPRO:
            if form == "cvat":  # its frames are the film's
                settings = LabelFile(fps=rate)
            counted = LabelFile(fps=1) if needs_rate(form, settings) else settings
            read = formats.read(path, form, counted)
            subsets = {about["subset"].lower() for about in read.videos.values() if about.get("subset")}
            ends = [label.end is None for label in read.labels]
            return LabelSource(
                path, form, settings, sum(ends), len(ends) - sum(ends), {*read.videos}, subsets
            )
        if path.suffix == ".json":
            entries = annotations.read_entries(path)
            lists = [entry.get("annotations") for entry in entries.values() if isinstance(entry, dict)]
            subsets = {annotations.subset_of(entry).lower() for entry in entries.values()} - {""}
            instances = sum(len(every) for every in lists if isinstance(every, list))
            return LabelSource(path, form, settings, 0, instances, {*entries}, subsets)
        rows = points.read_csv(path)
        return LabelSource(path, form, settings, len(rows.points), 0, {*rows.points["video"]}, set())
    except InputError as error:
        return LabelSource(path, form, settings, 0, 0, set(), set(), str(error))
