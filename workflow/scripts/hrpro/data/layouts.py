"""Where the features of videos lie, whatever the layout (docs/data.md has the table).

A layout is recognized by the files that exist: `of_splits` finds the features of the videos of a data set's
splits, `of_folder` those of every video in a folder or file. config.LAYOUTS names the layouts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from ..config import AS_THEY_ARE, LAYOUTS, SPLITS, FeatureFiles, VideoNames
from ..utils.errors import InputError
from ..utils.names import fault_of, hint, listed, quoted, shown
from .readers import STREAMS, Source, h5_videos, is_of_one_video, members, read_names

# The file or files of a video under the folder; of two, the channels of the second follow the first's.
PATTERNS = {
    "hrpro": ("{split}/{video}.npy",),
    "lacp": ("{split}/rgb/{video}.npy", "{split}/flow/{video}.npy"),
    "rgb_flow": ("rgb/{video}.npy", "flow/{video}.npy"),
    "flat": ("{video}.npy",),
    "flat_rgb_flow": ("{video}_rgb.npy", "{video}_flow.npy"),
    "npz": ("{video}.npz",),
}
# One file for all videos, and how its name ends.
SHARED = {"npz_file": (".npz",), "h5": (".h5", ".hdf5"), "wtalc": (".npy",)}
ENDINGS = [ending for endings in SHARED.values() for ending in endings]
EXTRACTORS = ("_fps", "_timestamps_ms")  # what video_features writes beside the features of a video
NOWHERE = ""  # the key in a file for all videos of one that it lacks
NAMES = "videoname.npy"  # W-TALC's list of the videos in its joint file
SOME = 1000  # files of a folder that are looked at for a message
RISK = (
    "pickled, and a pickle can hold code of whoever made it; if you trust it, say allow_pickle: true under "
    "`features` in the data set's entry"
)


def of_splits(
    root, settings: FeatureFiles, splits: dict[str, list[str]], names: VideoNames = AS_THEY_ARE
) -> dict[str, Source]:
    """Where the features of the splits' videos lie under a data set's root: {video: Source}.

    names: what is no part of videos' names. Raises InputError if no layout, or more than one, is recognized,
    or if videos have no features.
    """
    sources = look(root, settings, splits, names)
    if fault := lack(root, settings, sources):
        raise InputError(fault)
    return sources


def look(
    root, settings: FeatureFiles, splits: dict[str, list[str]], names: VideoNames = AS_THEY_ARE
) -> dict[str, Source]:
    """As `of_splits`, with sources of nothing for videos without features: `missing` tells which."""
    folder = Path(root, settings.folder)
    videos = [(split, video) for split, names_of_split in splits.items() for video in names_of_split]
    if not videos:
        return {}
    fitting = {}
    for layout in possible_layouts(settings):
        in_layout = sources_in(layout, folder, settings, names)
        sources = [in_layout.get(split, in_layout.get("", {})).get(video) for split, video in videos]
        if any(sources):
            fitting[layout] = sources
    if not fitting:
        folder = next(shared_files(folder, settings), folder)
        is_missing = settings.layout == "auto" and not folder.exists() and folder.suffix not in ENDINGS
        if is_missing or settings.layout in PATTERNS:  # each video's file is then missing
            fitting = {"hrpro" if is_missing else settings.layout: [None] * len(videos)}
    of_splits = f"{videos[0][1]} or another video of the splits"
    if not fitting and (near := hint(videos[0][1], known_videos(root, settings))):
        raise InputError(f"{folder}: no features of {of_splits}{near}")
    remedy = "name the folder or file that has them, `features: {folder: ...}` in a data set's entry"
    layout = the_only(fitting, folder, settings, videos=of_splits, remedy=remedy)
    sources = {}
    for (split, video), source in zip(videos, fitting[layout], strict=True):
        if source is None and layout in SHARED:
            source = Source((shared_file(layout, folder),), NOWHERE)
        sources[video] = source or Source(files_of_video(layout, folder, split=split, video=video))
    return sources


def missing(sources: dict[str, Source]) -> list[str]:
    """The videos that have no features."""
    return [
        video
        for video, source in sources.items()
        if source.key == NOWHERE or not all(map(Path.is_file, source.files))
    ]


def lack(root, settings: FeatureFiles, sources: dict[str, Source]) -> str | None:
    """What is wrong where videos have no features, in one line; sources: of `look`."""
    lost = missing(sources)
    if not lost:
        return None
    source, count = sources[lost[0]], f" ({len(lost)} such: {quoted(lost)})" if lost[1:] else ""
    if source.key is None:
        path = next(path for path in source.files if not path.is_file())
        what, remedy = no_file(path), "put it there or take the video out of the split"
    else:
        what = f"{source.files[0]}: no features of {lost[0]} in it"
        remedy = "add them or take the video out of the split"
    near = hint(lost[0], known_videos(root, settings) - sources.keys())
    return f"{what}{count}{near}; {remedy}, or leave it out by `on_fault: leave_out` in the data set's entry"


def no_file(path: Path) -> str:
    """What is in place of a file of features, in words."""
    if folder := next((f for f in path.parents if f.is_symlink() and not f.is_dir()), None):
        return f"{folder}: a link to {folder.readlink()}, which is not a folder"
    if path.is_symlink():
        return f"{path}: a link to {path.readlink()}, which is not a file"
    if path.exists():
        return f"{path}: not a regular file"
    stem = f"{path.stem}.".casefold()
    siblings = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    alike = [sibling.name for sibling in siblings if sibling.name.casefold().startswith(stem)]
    return f"{path}: no such file" + (f", but {listed(alike)}" if alike else "")


def known_videos(root, settings: FeatureFiles) -> set[str]:
    """The videos that there are features of, by their names as they stand there."""
    folder = Path(root, settings.folder)
    found = set()
    for layout in possible_layouts(settings):
        for videos in sources_in(layout, folder, settings).values():
            found |= videos.keys()
    return found


def beside(
    root, settings: FeatureFiles, splits: dict[str, list[str]], names: VideoNames = AS_THEY_ARE
) -> dict[str, Source]:
    """The features under a data set's root of videos that are in no split: {video: Source}, sorted.

    In the layout of those of the splits. names: what is no part of videos' names.
    """
    folder, known = Path(root, settings.folder), {video for videos in splits.values() for video in videos}
    others = {}
    for layout in possible_layouts(settings):
        in_layout = sources_in(layout, folder, settings, names)
        if any(known & videos.keys() for videos in in_layout.values()):
            for videos in in_layout.values():
                others |= {video: source for video, source in videos.items() if video not in known}
    return dict(sorted(others.items()))


def of_folder(
    path, settings: FeatureFiles, usual: str = "auto", names: VideoNames = AS_THEY_ARE
) -> dict[str, Source]:
    """The features of every video in a folder or file: {video: Source}, sorted; `settings.folder` is ignored.

    usual: the layout to take where more than one fits; names: what is no part of videos' names. Raises
    InputError if there is none, or if more than one layout is recognized.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; expected the features of videos")
    if not settings.allow_pickle and shared_file("wtalc", path):
        raise InputError(
            f"{path}: pickled, which only a data set's features may be; save each video's as .npy"
        )
    fitting = {}
    for layout in possible_layouts(settings):
        parts = [part for part in sources_in(layout, path, settings, names).values() if part]
        if parts:
            fitting[layout] = parts
    if usual in fitting:
        fitting = {usual: fitting[usual]}
    layout = the_only(
        fitting, path, settings, videos="a video", remedy="name the folder or file that has them"
    )
    parts = fitting[layout]
    if layout == "flat" and path.is_dir():
        parts = [without_endings(path, part) for part in parts]
    counts = Counter(video for part in parts for video in part)
    for video, count in counts.items():
        if count > 1:
            raise InputError(
                f"{path}: features of {video} in train and in test; a video belongs to one split"
            )
        if fault := fault_of(video):
            raise InputError(f"{path}: the video name {shown(video)} {fault}; rename the video")
    return dict(sorted((video, source) for part in parts for video, source in part.items()))


def files_of(sources: Iterable[Source]) -> list[Path]:
    """The files that some videos' features lie in, each once."""
    return list(dict.fromkeys(file for source in sources for file in source.files))


def possible_layouts(settings: FeatureFiles) -> list[str]:
    """The layouts that an entry leaves open."""
    return list(LAYOUTS) if settings.layout == "auto" else [settings.layout]


def the_only(fitting: dict, folder: Path, settings: FeatureFiles, *, videos: str, remedy: str) -> str:
    """The one layout that fits. Raises InputError if there is none or more than one.

    videos, remedy: words for where there is none.
    """
    if len(fitting) > 1:
        raise InputError(
            f"{folder}: features in more than one layout, {' and '.join(fitting)}; keep one of them or, "
            "of a data set, name the one that is meant, `features: {layout: ...}` in its entry"
        )
    if not fitting:
        missing = "" if folder.exists() else "no such file or folder, so "
        layouts = " or ".join(possible_layouts(settings))
        raise InputError(
            f"{folder}: {missing}no features of {videos} in the layout {layouts} (docs/data.md)"
            f"{content_of(folder)}; {remedy}"
        )
    return next(iter(fitting))


def content_of(folder: Path) -> str:
    """A part of a message: the files in a folder where no features are recognized."""
    if not folder.is_dir():
        return ""
    paths = (path.relative_to(folder) for path in islice(folder.rglob("*"), SOME) if path.is_file())
    files = listed(map(str, sorted(paths)))
    name = folder.name  # empty of "."
    beside = [name + ending for ending in ENDINGS if name and folder.with_name(name + ending).is_file()]
    passed = f" and hides {listed(beside)} beside it, so remove the folder" if beside and not files else ""
    return f"; it holds {files or 'no file'}{passed}"


def sources_in(
    layout: str, folder: Path, settings: FeatureFiles, names: VideoNames = AS_THEY_ARE
) -> dict[str, dict[str, Source]]:
    """What lies in a folder or file in one layout: {split, or "" if it has none: {video: Source}}.

    names: what is no part of videos' names. Raises InputError where two are called alike then.
    """
    sources = {}
    for split, by_stem in stems_in(layout, folder, settings).items():
        sources[split] = {}
        for stem, source in sorted(by_stem.items()):
            video = names.of(stem)
            if video in sources[split]:
                raise InputError(
                    f"{folder}: {shown(stem)} and another one are both {shown(video)}; rename or remove one"
                )
            sources[split][video] = source
    return sources


def stems_in(layout: str, folder: Path, settings: FeatureFiles) -> dict[str, dict[str, Source]]:
    """As `sources_in`, by the names as they stand there."""
    if layout in SHARED:
        file = shared_file(layout, folder)
        return {"": sources_in_file(layout, file, settings)} if file else {}
    if folder.is_file():
        fits = layout == {".npy": "flat", ".npz": "npz"}.get(folder.suffix) and is_of_one_video(folder)
        return {"": {folder.stem: Source((folder,))}} if fits else {}
    sources = {}
    for split in SPLITS if "{split}" in PATTERNS[layout][0] else ("",):
        videos = set.intersection(*map(names_like, files_of_video(layout, folder, split=split, video="*")))
        sources[split] = {
            video: Source(files_of_video(layout, folder, split=split, video=video)) for video in videos
        }
    if layout == "flat":  # files of two streams are not videos
        for video in stems_in("flat_rgb_flow", folder, settings)[""]:
            for stream in STREAMS:
                sources[""].pop(f"{video}_{stream}")
        names = names_like(folder / "*.npy")
        stems = {name.rpartition("_")[0] for name in names if not name.endswith(EXTRACTORS)}
        for ending in EXTRACTORS:
            for stem in stems:
                sources[""].pop(f"{stem}{ending}", None)
    return sources


def without_endings(folder: Path, videos: dict[str, Source]) -> dict[str, Source]:
    """Videos by their own names, where all files end as an extractor's: in _rgb, _flow or its network."""
    every = names_like(folder / "*.npy")
    stems = {name.removesuffix(ending) for name in every for ending in EXTRACTORS if name.endswith(ending)}
    own = {video: video.rpartition("_")[0] for video in videos}
    one_stream = any(all(video.endswith(f"_{stream}") for video in videos) for stream in STREAMS)
    if (one_stream or stems >= set(own.values())) and len(set(own.values())) == len(own):
        return {own[video]: source for video, source in videos.items()}
    return videos


def files_of_video(layout: str, folder: Path, *, split: str, video: str) -> tuple[Path, ...]:
    """The files of a video in a layout of separate files."""
    return tuple(folder / pattern.format(split=split, video=video) for pattern in PATTERNS[layout])


def names_like(path: Path) -> set[str]:
    """What stands for the * in the names of the files like `path`, such as features/*_rgb.npy."""
    if not path.parent.is_dir():
        return set()
    ending = path.name.removeprefix("*")
    names = [file.name for file in path.parent.iterdir()]
    return {n.removesuffix(ending) for n in names if n.endswith(ending) and n != ending and n[0] != "."}


def shared_files(folder: Path, settings: FeatureFiles) -> Iterator[Path]:
    """The files for all videos, by the layouts that an entry leaves open."""
    for layout in possible_layouts(settings):
        file = shared_file(layout, folder) if layout in SHARED else None
        if file:
            yield file


def shared_file(layout: str, folder: Path) -> Path | None:
    """The file that holds all videos: `folder` itself, `folder` with its ending, or the only one inside."""
    endings = SHARED[layout]
    if folder.is_dir():
        inside = [path for ending in endings for path in folder.glob(f"[!.]*{ending}")]
        return inside[0] if layout == "h5" and len(inside) == 1 else None
    beside = [folder, *(folder.with_name(folder.name + ending) for ending in endings)]
    file = next((path for path in beside if path.suffix in endings and path.is_file()), None)
    if file is None or (layout != "h5" and is_of_one_video(file)):
        return None
    return file


def sources_in_file(layout: str, file: Path, settings: FeatureFiles) -> dict[str, Source]:
    """The videos in a file that they share, {video: Source}."""
    if layout == "wtalc":
        if not settings.allow_pickle:
            raise InputError(f"{file}: {RISK}")
        names = names_file(file, settings)
        return {video: Source((file, names), video) for video in read_names(names)}
    keys = members(file) if layout == "npz_file" else h5_videos(file)
    videos = [PurePosixPath(key).name for key in keys]
    for video, count in Counter(videos).items():
        if count > 1:
            groups = {str(PurePosixPath(key).parent) for key in keys if PurePosixPath(key).name == video}
            place = f", in {listed(sorted(groups))}" if len(groups) > 1 else ""
            raise InputError(
                f"{file}: {count} arrays called {video}{place}; a video has one array, named as it, or "
                "a group of that name with features, feats, data, rgb or flow"
            )
    return {video: Source((file,), key) for video, key in zip(videos, keys, strict=True)}


def names_file(file: Path, settings: FeatureFiles) -> Path:
    """The list of the videos in a joint file, in its order. Raises InputError if there is none."""
    if settings.names:
        return file.parent / settings.names
    candidates = [file.parent / NAMES, *sorted(file.parent.glob(f"*-Annotations/{NAMES}"))]
    lists = [path for path in candidates if path.is_file()]
    if len(lists) != 1:
        count = f"more than one {NAMES}" if lists else f"no {NAMES}"
        raise InputError(
            f"{file}: {count} beside it, to list its videos in order; say `features: {{names: ...}}` in the "
            "data set's entry"
        )
    return lists[0]
