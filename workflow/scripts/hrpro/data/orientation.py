"""Whether the arrays of videos are (T, D) or (D, T), T snippets, D channels: the width D tells."""

from collections import Counter
from collections.abc import Set

from ..config import FeatureFiles
from ..grid import TOLERANCE
from ..utils.errors import InputError
from .faults import together
from .readers import Header, Source, headers

# (T, D) of a video, by whether its arrays are taken for (D, T). T is None where rgb and flow differ in it.
Shapes = dict[bool, tuple[int | None, int]]


def orient(
    sources: dict[str, Source],
    settings: FeatureFiles,
    orientations: Set[bool] = frozenset(),
    remedy: str = "say the right `width` or extract it again",
) -> tuple[dict[str, Source], dict[str, tuple[int, int]]]:
    """The sources with their orientation, and each video's shape (T, D).

    D is `settings.width` or else the one size that all of these have in common; both streams of a video
    together. orientations: those of related videos, True for (D, T); remedy: of another width. Raises
    InputError if there is no one size in common, or if a video's two sides both have it and no other video
    shows its orientation.
    """
    shapes, errors = {}, {}
    for video, source in sources.items():
        try:
            shapes[video] = possible_shapes(headers(source))
        except InputError as error:
            errors[video] = error
    if errors:
        raise together(errors)
    width = settings.width or common_width(sources, shapes)
    possible = {
        video: [by_columns for by_columns, (length, d) in of_video.items() if d == width and length]
        for video, of_video in shapes.items()
    }
    for video, of_video in possible.items():
        if not of_video and width in (d for _, d in shapes[video].values()):
            errors[video] = unequal(headers(sources[video]))
        elif not of_video:
            length, channels = shapes[video][False]
            shape = (length, channels) if length else shapes[video][True][::-1]
            errors[video] = InputError(
                f"{sources[video]}: shape {shape}, but features here have {width} channels; {remedy}"
            )
    if errors:
        raise together(errors)
    certain = orientations | {of_video[0] for of_video in possible.values() if len(of_video) == 1}
    oriented = {}
    for video, of_video in possible.items():
        if len(of_video) > 1 and len(certain) != 1:
            raise InputError(
                f"{sources[video]}: {width} x {width}, and no other video of its split shows which side is "
                "time; add one that does, or leave it out"
            )
        by_columns = of_video[0] if len(of_video) == 1 else next(iter(certain))
        oriented[video] = sources[video]._replace(by_columns=by_columns)
    return oriented, {video: shapes[video][source.by_columns] for video, source in oriented.items()}


def possible_shapes(streams: list[Header]) -> Shapes:
    """The shapes that a video may have. Raises InputError if its streams differ in length either way."""
    shapes = {}
    for by_columns in (False, True):
        lengths = [stream.shape[by_columns] for stream in streams]
        length = min(lengths) if max(lengths) - min(lengths) <= TOLERANCE else None
        shapes[by_columns] = length, sum(stream.shape[not by_columns] for stream in streams)
    if not any(length for length, _ in shapes.values()):
        raise unequal(streams)
    return shapes


def unequal(streams: list[Header]) -> InputError:
    """The error on the streams of a video that differ in length."""
    each = " and ".join(f"{stream.place} has shape {stream.shape}" for stream in streams)
    return InputError(f"{each}: of different lengths; extract both with the same stride")


def common_width(sources: dict[str, Source], shapes: dict[str, Shapes]) -> int:
    """The one size that all videos have. Raises InputError if there is none, or more than one."""
    sizes = {video: {width for _, width in of_video.values()} for video, of_video in shapes.items()}
    common = set.intersection(*sizes.values())
    if len(common) == 1:
        return common.pop()
    if common:
        source = next(iter(sources.values()))
        widths = " or ".join(map(str, sorted(common)))
        raise InputError(
            f"{source}: {widths} channels? All videos that decide it have both; "
            "say `features: {width: ...}` in the data set's entry"
        )
    counts = Counter(
        (by_columns, d)
        for of_video in shapes.values()
        for by_columns, (length, d) in of_video.items()
        if length
    )
    (by_columns, width), _ = counts.most_common(1)[0]
    usual = next(video for video in sources if width in sizes[video])
    odd = next(video for video in sources if width not in sizes[video])
    length, other_width = shapes[odd][by_columns]
    if not length:
        _, other_width = shapes[odd][not by_columns]
    raise InputError(
        f"{sources[odd]}: {other_width} channels, but {sources[usual]} has {width}; extract it again"
    )
