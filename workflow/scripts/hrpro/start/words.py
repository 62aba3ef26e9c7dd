"""What hrpro-start says: what it has recognized, what is missing and how to get it, and what to type next."""

import shlex
from collections import Counter
from collections.abc import Iterator

from ..data import points
from ..grid import Grid
from ..utils.names import listed, quoted
from .entry import WEIGHTS, candidates, weights_file
from .folder import HRPRO, Features, LabelSource, needs_rate
from .survey import Survey, labelled_videos, steady

WORDS = {"train": "training", "test": "test"}  # for the splits


def content_lines(survey: Survey) -> Iterator[str]:
    """What there is, a line per kind of file."""
    if films := survey.films:
        rate = steady(films.rates.values())
        fps = f"{rate:g} fps" if rate else "of several rates" if films.rates else "of unknown rate"
        known = f" (of {len(films.durations)})" if len(films.durations) < len(films.paths) else ""
        minutes = sum(films.durations.values()) / 60
        yield f"videos       {films.folder}: {len(films.paths)}, {fps}, {minutes:.1f} min{known}"
    for one in survey.features:
        yield f"features     {described(one)}"
    for one in survey.labels:
        role = (
            "points" if one is survey.points else "annotations" if one is survey.annotations else "not used"
        )
        yield f"{role:<13}{labels_of(one)}"
    if "from" in survey.entry.get("points", {}):
        yield "points       drawn from the annotated segments of the training videos, for there are no others"
    if survey.contents:
        videos = survey.contents.videos
        train, test = (counted(len(videos[split]), f"{word} video") for split, word in WORDS.items())
        yield f"splits       {train}, {test}"
        yield "classes      " + ", ".join(f"{label} {n}" for label, n in sorted(classes_of(survey).items()))
    if survey.grids and survey.features:
        yield f"snippets     {' or '.join(map(grid_of, survey.grids))}: {survey.grid_by}"


def grid_of(grid: Grid) -> str:
    """A grid in words."""
    window = "" if grid.window == grid.frames else f" in windows of {grid.window}"
    return f"{grid.frames} frames at {grid.fps:g} fps{window}"


def described(one: Features) -> str:
    """A place of features in words."""
    if not one.sources:
        return f"{one.folder}: not looked into"
    widths = {channels for _, channels in one.shapes.values()}
    width = f", {widths.pop()} channels" if len(widths) == 1 else ""
    streams = " in two files each" if any(len(source.files) == 2 for source in one.sources.values()) else ""
    return f"{one.folder}: {counted(len(one.sources), 'video')}{streams}{width}"


def labels_of(one: LabelSource) -> str:
    """A file of labels in words."""
    form = "" if one.form == HRPRO else f" ({one.form})"
    if one.problem:
        return f"{one.path}{form}: cannot be read as it is"
    counts = [counted(n, what) for n, what in ((one.points, "point"), (one.instances, "instance")) if n]
    return f"{one.path}{form}: {' and '.join(counts) or 'nothing'} of {counted(len(one.videos), 'video')}"


def counted(number: int, what: str) -> str:
    """How many there are of something."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def classes_of(survey: Survey) -> Counter:
    """The points of each class or, where they are drawn, the annotated instances of the training videos."""
    contents = survey.contents
    if contents.points is not None:
        return Counter(contents.points.points["label"])
    entries = (contents.entries[video] for video in contents.videos["train"])
    return Counter(annotation_class(a) for entry in entries for a in entry["annotations"])


def annotation_class(annotation) -> str:
    """The class of an annotation that may be one of another tool's, or faulty."""
    return str(annotation.get("label") if isinstance(annotation, dict) else getattr(annotation, "label", "?"))


def missing_lines(survey: Survey, config: str, label: str) -> Iterator[str]:
    """What is missing or wrong, and how to mend it; config: the file; label: the labelling page's command."""
    root = survey.root
    yield from survey.problems
    if not survey.features and not survey.films:
        yield f"no features and no videos: put either into {root}/features or {root}/videos (docs/data.md)"
    elif not survey.features and not any(weights_file(root, name) for name in WEIGHTS.values()):
        yield f"no features: {config} has them computed of the videos; name a network's weights there"
    if survey.features and len(survey.grids) != 1:
        what = (
            "more than one grid of snippets fits" if survey.grids else "the grid of the snippets is unknown"
        )
        yield f"{what}, {survey.grid_by}: fill in `snippet` in {config} (docs/time-grid.md)"
    for key, source in (("points", survey.points), ("annotations", survey.annotations)):
        if source is None and len(others := candidates(survey, key)) > 1:
            yield f"more than one file of {key}: name one of {listed(others)} under `{key}` in {config}"
        elif source is None and key == "points" and survey.contents is None:
            yield f"no points: {label}"
            if survey.annotations and videos_of(survey) <= survey.annotations.videos:
                yield f"or list annotated videos to train on in {root}/split_train.txt, and points are drawn"
        elif source and needs_rate(source.form, source.settings):
            yield f"{source.path}: its times are frames; add `fps` under `{key}` in {config}"
    if survey.contents is None:
        return
    known = {survey.contents.labels.names.of(v) for one in survey.features[:1] for v in one.sources}
    lacking = sorted(labelled_videos(survey) - known)
    if survey.features and lacking:
        yield f"no features of {len(lacking)} labelled videos: {quoted(lacking)}"
    if not are_timed(survey):
        yield "no times of the points: the experiment `videos` alone can learn from classes of videos"
    if not is_scored(survey):
        yield (
            f"no annotated test videos, so no mAP: annotate some in {root}/annotations.json (docs/data.md), "
            "or see how held-back training videos do by their points"
        )


def videos_of(survey: Survey) -> set[str]:
    """The videos that there are films or features of."""
    return {
        *(survey.films.paths if survey.films else ()),
        *(v for one in survey.features for v in one.sources),
    }


def are_timed(survey: Survey) -> bool:
    """Whether the points have times, or are drawn."""
    return survey.contents.points is None or points.have_times(survey.contents.points.points)


def is_scored(survey: Survey) -> bool:
    """Whether test videos have annotations."""
    entries = (survey.contents.entries.get(video) for video in survey.contents.videos["test"])
    return any(isinstance(entry, dict) and entry.get("annotations") for entry in entries)


def next_lines(survey: Survey, *, name: str, config: str, scripts: str, cores: int) -> Iterator[str]:
    """The commands to go on with; scripts: their folder; cores: of this machine."""
    run = f"snakemake --cores {cores} --configfile {shlex.quote(config)} --"
    yield f"{run} results/{name}/check.html"
    if survey.contents and not is_scored(survey):
        yield f"{run} results/{name}/model.pt"
        if are_timed(survey):
            yield f"{run} results/{name}-held_points/map.json"
        return
    experiment = "" if survey.contents is None or are_timed(survey) else "videos/"
    yield f"{run} results/{name}/{experiment}map.json"
    yield f"python {scripts}/show.py results/{name}/{experiment}map.json"
    if not experiment:
        yield f"{run} results/{name}/report.html"
