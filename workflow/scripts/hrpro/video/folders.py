"""Where videos lie: their files in a folder, by name."""

from collections.abc import Iterable
from pathlib import Path

from ..config import AS_THEY_ARE, VideoNames
from ..utils.errors import InputError
from ..utils.names import fault_of, hint, quoted, shown

SUFFIXES = (
    *(".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".ts", ".mts"),
    *(".flv", ".wmv", ".3gp", ".ogv", ".vob"),
)


def find(folder, names: VideoNames = AS_THEY_ARE) -> dict[str, Path]:
    """The videos in a folder and in those in it, by their names without suffix, sorted.

    names: what is no part of them. Raises InputError if there is no such folder, no video, two of one name,
    or one that cannot be a file's.
    """
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; put the videos there, as <video>.mp4 or the like")
    paths = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file():
            video = names.of(path.stem)
            if video in paths:
                raise InputError(f"{path}: {paths[video]} is a video {video} too; remove one")
            if fault := fault_of(video):
                raise InputError(f"{folder}: the video name {shown(video)} {fault}; rename the video")
            paths[video] = path
    if not paths:
        raise InputError(f"{folder}: no video; expected <video>.mp4 or one of {', '.join(SUFFIXES[1:])}")
    return dict(sorted(paths.items()))


def find_all(folder, videos: Iterable[str], names: VideoNames = AS_THEY_ARE) -> dict[str, Path]:
    """The files of some videos. Raises InputError if one has none."""
    paths = find(folder, names)
    missing = [video for video in videos if video not in paths]
    if missing:
        count = f" ({len(missing)} such: {quoted(missing)})" if missing[1:] else ""
        near = hint(missing[0], paths.keys() - set(videos))
        raise InputError(
            f"{folder}: no video {missing[0]}{count}{near}; put {missing[0]}.mp4 there (or another of "
            f"{', '.join(SUFFIXES[1:])}), take it out of its split, or leave it out "
            "by `on_fault: leave_out` in the data set's entry"
        )
    return {video: paths[video] for video in videos}
