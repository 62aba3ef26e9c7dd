"""A configuration file of a data set, with comments that say what each key is taken from."""

import json
import re
from pathlib import Path

from ..config import I3D, VideoNames
from ..data.labels import formats
from ..grid import Grid
from ..utils.names import listed
from .folder import needs_rate
from .survey import Survey

WEIGHTS = {"rgb": "rgb_imagenet.pt", "flow": "flow_imagenet.pt"}  # of I3D, as they are published
PLAIN = re.compile(r"\.|(\.{0,2}/|[A-Za-z_])([\w./ -]*[\w./])?")  # text that YAML takes for text ...
WORDS = re.compile(r"y|n|yes|no|on|off|true|false|null", re.IGNORECASE)  # ... but for these


def text_of(name: str, survey: Survey) -> str:
    """The configuration of a data set `name`, as YAML."""
    lines = [
        f"# What hrpro-start has found in {survey.root}. A key behind a # is to be filled in, or left out.",
        "# docs/own-data.md goes on from here; config/README.md has every key.",
        "datasets:",
        f"  {name}:",
        f"    root: {scalar(str(survey.root))}",
        *snippet_lines(survey),
        *feature_lines(survey),
        *label_lines(survey),
    ]
    if "names" in survey.entry:
        lines += [f"    names: {flow(survey.entry['names'])}  # is no part of the videos' names"]
    if "ambiguous" in survey.entry:
        lines += [f"    ambiguous: {scalar(survey.entry['ambiguous'])}  # neither action nor background"]
    if others := new_videos(survey):
        lines += ["predict:  # features of videos without labels", *others]
    return "\n".join(lines) + "\n"


def snippet_lines(survey: Survey) -> list[str]:
    """The grid of the snippets; to be filled in where none or several fit."""
    if len(survey.grids) == 1:
        return [f"    # {survey.grid_by}", f"    snippet: {flow(grid_keys(survey.grids[0]))}"]
    if survey.grids:
        several = " or ".join(flow(grid_keys(grid)) for grid in survey.grids[1:])
        return [
            f"    # {survey.grid_by}, so more than one grid fits; keep the right one:",
            f"    # snippet: {flow(grid_keys(survey.grids[0]))}  # or {several}",
        ]
    return [
        f"    # How many frames from a snippet to the next, at how many per second: {survey.grid_by}.",
        "    # snippet: {frames: 16, fps: 25}",
    ]


def grid_keys(grid: Grid) -> dict:
    """A grid as keys of `snippet`."""
    window = {} if grid.window == grid.frames else {"window": grid.window}
    fps = int(grid.fps) if float(grid.fps).is_integer() else round(grid.fps, 3)
    return {"frames": grid.frames, "fps": fps} | window


def feature_lines(survey: Survey) -> list[str]:
    """Where the features lie, or how they are computed of films."""
    if survey.features:
        one = survey.features[0]
        if not one.sources:
            place = one.folder.relative_to(survey.root)
            return (
                [
                    "    # Only if you trust who made it (docs/data.md):",
                    f"    # features: {flow({'folder': str(place), 'allow_pickle': True})}",
                ]
                if "pickle" in (one.problem or "")
                else [f"    # features: {flow({'folder': str(place)})}"]
            )
        keys = survey.entry.get("features", {})
        if one.problem:
            return [f"    # features: {flow(keys | {'width': 1024})}  # how many channels they have"]
        return [f"    features: {flow(keys)}"] if keys else []
    if not survey.films:
        return ["    # features: {folder: features}  # there are none yet: docs/data.md has the layouts"]
    weights = {stream: path for stream, name in WEIGHTS.items() if (path := weights_file(survey.root, name))}
    folder = survey.films.folder.relative_to(survey.root)
    return [
        "    features:  # of videos (docs/video.md, Networks)",
        "      from: videos",
        f"      folder: {scalar(str(folder))}",
        f"      model: {I3D}",
        f"      weights: {flow(weights)}"
        if weights
        else f"      # weights: {flow(WEIGHTS)}  # the files that you have, or one of them",
    ]


def weights_file(root: Path, name: str) -> str | None:
    """Where a file of I3D's weights lies: in `weights`, or in or under the data set's folder."""
    places = [Path("weights", name), Path(name), *sorted(root.rglob(name))]
    return next((str(path) for path in places if path.is_file()), None)


def label_lines(survey: Survey) -> list[str]:
    """Where annotations and points lie; to be filled in where several would do."""
    lines = []
    for key, source in (("annotations", survey.annotations), ("points", survey.points)):
        keys = survey.entry.get(key)
        if keys and "from" in keys:
            lines.append("    # there are no points; these are drawn from the annotated segments")
        if source and needs_rate(source.form, source.settings):
            frames = formats.FORMATS[source.form].FRAMES
            lines.append(f"    # its times are frames: add fps, how many a second has ({frames})")
        if keys:
            lines.append(f"    {key}: {flow(keys)}")
        if source is None and len(others := candidates(survey, key)) > 1:
            lines.append(f"    # {key}: {flow({'file': others[0]})}  # or {listed(others[1:])}")
    return lines


def candidates(survey: Survey, key: str) -> list[str]:
    """Files that may be the points or the annotations, by what they hold."""
    counts = [(one.points if key == "points" else one.instances, one.path) for one in survey.labels]
    return [str(path.relative_to(survey.root)) for count, path in counts if count]


def new_videos(survey: Survey) -> list[str]:
    """Entries of `predict`: further places of features, of which no video has a label."""
    names = VideoNames(**survey.entry.get("names", {}))
    labelled = {names.of(video) for one in (survey.points, survey.annotations) if one for video in one.videos}
    folders = {}
    for one in survey.features[1:]:
        key = stem = re.sub(r"[^\w-]", "_", one.folder.stem, flags=re.ASCII)
        number = 1
        while key in folders:
            number += 1
            key = f"{stem}_{number}"
        if one.sources and not labelled & {names.of(video) for video in one.sources}:
            folders[key] = str(one.folder)
    return [f"  {key}: {scalar(folder)}" for key, folder in folders.items()]


def flow(values: dict) -> str:
    """A dictionary as YAML on one line."""
    return "{" + ", ".join(f"{key}: {scalar(value)}" for key, value in values.items()) + "}"


def scalar(value) -> str:
    """A value as YAML reads it, text in quotes where it needs them; JSON's quotes are YAML's too."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and not WORDS.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)
