"""The panels of a report: words, charts, tables and videos, which templates/report.html lays out."""

from collections.abc import Sequence
from typing import NamedTuple

from ..data.scores import Scores
from ..detection.segments import Segments
from ..evaluation import tables
from ..grid import Grid
from ..proposals import quality
from . import charts, diagnosed, runs, summaries, videos
from .charts import Chart
from .contents import Data, Video, durations_of, truth_of
from .pages import Table
from .runs import Run, Stage


class Part(NamedTuple):
    """Charts beside each other, a table and confusions of classes, under a title; words: what they show."""

    title: str = ""
    words: str = ""
    charts: Sequence[Chart] = ()
    table: Table | None = None
    confusions: Sequence[diagnosed.Confusion] = ()
    small: bool = False


class Browser(NamedTuple):
    """Videos to choose from, one of them on a time axis.

    list: what is chosen from; shown: what the sources are; known: whether true segments are; proposals:
    whether sources have them; legend: (words, style); index: of `videos.index`; contents: packed, one
    per video.
    """

    list: str
    shown: str
    known: bool
    proposals: bool
    legend: list[tuple[str, str]]
    index: dict
    contents: list[str]

    @property
    def rated(self) -> bool:
        """Whether it is known of a video how well it went."""
        return any(value is not None for video in self.index["videos"] for value in video["quality"])


class Panel(NamedTuple):
    """A panel; words: paragraphs under its title."""

    id: str
    title: str
    words: list[str]
    parts: Sequence[Part] = ()
    browser: Browser | None = None


def subtitle(data: Data, experiments: list[Run]) -> str:
    """What was tested and trained."""
    device = experiments[0].last.record
    threads = f" with {device['threads']} thread" + "s" * (device["threads"] != 1)
    where = device["device"] + (threads if device["device"] == "cpu" else "")
    seeds = "seed" if len(data.seeds) == 1 else "seeds"
    return (
        f"{len(data.test)} test videos, {len(data.train)} training videos, {len(data.classes)} classes; "
        f"{seeds} {', '.join(map(str, data.seeds))}, trained on {where}. mAP is a mean "
        f"over the seeds; detections, errors and videos are of seed {data.seeds[0]}."
    )


def all_of(data: Data, experiments: list[Run], figures: dict) -> list[Panel]:
    """The panels of a report, in their order; figures: of `summaries.figures`."""
    diagnoses = {
        name: one["diagnosis"] for name, one in figures["experiments"].items() if one["diagnosis"] is not None
    }
    return [
        summary(data, experiments, figures),
        *([events(experiments, data.seeds)] if any(run.events for run in experiments) else []),
        *([classes(experiments, diagnoses), diagnosis(diagnoses, figures)] if diagnoses else []),
        test_videos(data, experiments),
        *(
            [training_videos(data, experiments)]
            if any(stage.reliable is not None for run in experiments for stage in run.stages)
            else []
        ),
    ]


# Summary


def summary(data: Data, experiments: list[Run], figures: dict) -> Panel:
    """mAP against tIoU, its averages, and training curves."""
    stages = [stage for run in experiments for stage in run.stages]
    parts = [
        Part(charts=[mean_ap_chart(stages, experiments), *loss_charts(experiments)]),
        Part("mAP in %", table=mean_ap_table(stages, data.seeds)),
    ]
    words = [figures["sentence"], *(gate_words(run) for run in experiments if run.gate is not None)]
    return Panel("summary", "Summary", words, parts)


def gate_words(run: Run) -> str:
    """What counts of an experiment by held-back videos, and where that is shown."""
    last, counts = runs.STAGE_NAMES[run.last.stage], runs.STAGE_NAMES[run.gate]
    if counts == last:
        return f"{run.name}: by held-back training videos all stages count."
    return (
        f"{run.name}: by held-back training videos no stage after {counts} counts. The figures of {last} are "
        f"those of {counts}."
    )


def mean_ap_chart(stages: list[Stage], experiments: list[Run]) -> charts.Chart:
    """mAP against tIoU of each experiment and stage.

    Its last stage is drawn through, the one before it dashed, the first of three dotted.
    """
    colors = {run.name: number for number, run in enumerate(experiments)}
    strokes = {
        stage.name: stroke
        for run in experiments
        for stage, stroke in zip(reversed(run.stages), charts.STROKES, strict=False)
    }
    series = []
    for stage in stages:
        mean, deviation = runs.over_seeds(stage)
        several = len(stage.maps) > 1
        series.append(
            charts.Line(
                stage.name,
                colors[stage.experiment],
                stage.maps[0]["tiou"],
                mean.tolist(),
                low=(mean - deviation).tolist() if several else (),
                high=(mean + deviation).tolist() if several else (),
                stroke=strokes[stage.name],
            )
        )
    thresholds = sorted({tiou for line in series for tiou in line.x})
    x = charts.Axis("tIoU", thresholds[0], thresholds[-1], tuple(thresholds))
    y = charts.axis("mAP", [value for line in series for value in (*line.y, *line.high)])
    note = (
        "In %; the band is one standard deviation over the seeds to either side" if series[0].low else "In %"
    )
    return charts.lines("Mean average precision against tIoU", series, x, y, note)


def mean_ap_table(stages: list[Stage], seeds: list[int]) -> Table:
    """mAP at each threshold and its averages, a row per experiment and stage."""
    rows = []
    for stage in stages:
        averages = summaries.aggregation.over_seeds(stage.maps)
        cells = tables.score_cells(averages, {"tiou": stage.maps[0]["tiou"], "seeds": seeds})
        rows.append({"experiment": stage.experiment, "stage": runs.STAGE_NAMES[stage.stage]} | cells)
    header = list(dict.fromkeys(key for row in rows for key in row))
    return Table(
        "At each tIoU threshold, and averages ± deviation over the seeds.",
        header,
        [[row.get(key) for key in header] for row in rows],
        names=2,
    )


def loss_charts(experiments: list[Run]) -> list[charts.Chart]:
    """The losses of each stage's training: their total in every experiment, and the first one's parts."""
    drawn = []
    for stage, name in runs.STAGE_NAMES.items():
        trained = [each for run in experiments for each in run.stages if each.stage == stage and each.losses]
        if len(trained) > 1:
            totals = {each.experiment: each.losses["total"] for each in trained}
            drawn.append(loss_chart(f"Training of {name}: total loss", totals))
        if trained:
            drawn.append(
                loss_chart(f"Training of {name}: losses of {trained[0].experiment}", trained[0].losses)
            )
    return drawn


def loss_chart(caption: str, curves: dict) -> charts.Chart:
    """Losses over the steps of a training."""
    series = [
        charts.Line(name, number, curve.steps, curve.values)
        for number, (name, curve) in enumerate(curves.items())
    ]
    x = charts.axis("step", [step for line in series for step in line.x])
    y = charts.axis("loss", [value for line in series for value in line.y])
    return charts.lines(caption, series, x, y)


# Events


def events(experiments: list[Run], seeds: list[int]) -> Panel:
    """How good the lists of events are, and whether their probabilities are right."""
    listed = {run.name: run.events for run in experiments if run.events}
    calibrations = {
        name: {"tiou": one["calibration"]["tiou"], "calibration": one["calibration"]}
        for name, one in listed.items()
    }
    parts = [
        Part("F1, edit score and calibration error in %", table=event_table(listed, seeds)),
        Part("Probabilities before the cut", charts=[diagnosed.calibration(calibrations)]),
    ]
    words = [event_words(name, one) for name, one in listed.items()]
    return Panel("events", "Events", words, parts)


def event_words(name: str, one: dict) -> str:
    """Where a list ends, and what was to be expected of it."""
    held_back = one["held_back"]
    return (
        f"{name}: of each class one event at a time, {one['events']:.0f} events to {one['instances']} true "
        f"segments. In held-back training videos, which calibrate them, {held_back['precision']:.1f} % of "
        f"{held_back['events']} events hold a point of their class and no other, and so "
        f"{held_back['recall']:.1f} % of {held_back['points']} points are found."
    )


def event_table(listed: dict[str, dict], seeds: list[int]) -> Table:
    """A row per experiment and tIoU threshold."""
    rows = []
    for name, one in listed.items():
        for tiou in one["F1"]:
            cells = {"experiment": name, "tIoU": tiou} | tables.event_cells(one, tiou, seeds)
            rows.append(list(cells.values()))
    caption = (
        "± deviation over the seeds; the edit score knows no threshold. The calibration error is of events "
        "before the cut: how far their probabilities are from the share of them that is right."
    )
    return Table(caption, list(cells), rows, names=2)


# Classes and Diagnosis


def classes(experiments: list[Run], diagnoses: dict[str, dict]) -> Panel:
    """AP per class, precision against recall, and which classes are taken for which."""
    runs_of = {run.name: run for run in experiments}
    parts = []
    for name, one in diagnoses.items():
        parts.append(Part(f"AP in %: {runs_of[name].last.name}", table=class_table(runs_of[name].last, one)))
    first, one = next(iter(diagnoses.items()))
    shown = diagnosed.precision_recall(one)
    more = len(one["classes"]) - len(shown) + 1
    words = f"The {len(shown) - 1} worst of {len(one['classes'])} classes, worst first." if more else ""
    parts.append(Part(f"Precision and recall: {runs_of[first].last.name}", words, charts=shown, small=True))
    tables = [diagnosed.confusion(runs_of[name].last.name, one) for name, one in diagnoses.items()]
    parts.append(Part("Confusion", confusions=[table for table in tables if table is not None]))
    return Panel("classes", "Classes", [], parts)


def class_table(stage: Stage, one: dict) -> Table:
    """One row per class: its AP, the mean over the seeds, and what else there is to know of it."""
    ap = summaries.aggregation.over_seeds(stage.maps)["per_class"]
    tiou = stage.maps[0]["tiou"]
    rows = []
    for name, values in ap.items():
        row = one["per_class"].get(name)
        if row is None:  # none of its instances has a length
            continue
        cost = max(row["gains"], key=row["gains"].get)
        rows.append(
            [
                name,
                f"{sum(values) / len(values):.1f}",
                *(f"{value:.1f}" for value in values),
                row["instances"],
                row["points"],
                f"{100 * row['missed']:.0f} %",
                f"{cost}, {100 * row['gains'][cost]:+.1f}",
            ]
        )
    rows.sort(key=lambda row: float(row[1]))
    header = ["class", "AP", *(f"{value:g}" for value in tiou), "instances", "points", "missed"]
    caption = (
        "At each tIoU threshold and their mean; test instances, training points, the share of instances that "
        "no detection finds, and the error that costs most, with the points of AP that it costs."
    )
    return Table(caption, [*header, "costs most"], rows, sortable=True)


def diagnosis(diagnoses: dict[str, dict], figures: dict) -> Panel:
    """What is wrong with the detections, and what each kind of error costs."""
    kinds = diagnosed.NAMES
    by_characteristic = [diagnosed.sensitivity(diagnoses, kind) for kind in kinds]
    by_characteristic += [diagnosed.missed(diagnoses, kind) for kind in kinds]
    one_each = [
        [draw(name, one) for name, one in diagnoses.items()]
        for draw in (diagnosed.profile, diagnosed.boundaries, diagnosed.lengths)
    ]
    profiles, boundaries, lengths = one_each
    parts = [
        Part("False positives", charts=[diagnosed.impact(diagnoses), *profiles]),
        Part("Which instances are hard", charts=[chart for chart in by_characteristic if chart is not None]),
        Part(
            "Boundaries and scores",
            charts=[*boundaries, *lengths, diagnosed.recall(diagnoses), diagnosed.calibration(diagnoses)],
        ),
    ]
    audit = figures["points"]
    if audit["position"]:
        parts.append(Part("Points", point_words(audit), charts=[diagnosed.positions(audit)]))
    return Panel(
        "diagnosis", "Diagnosis", [diagnosis_words(name, one) for name, one in diagnoses.items()], parts
    )


def diagnosis_words(name: str, one: dict) -> str:
    """What stands between an experiment and a higher mAP."""
    impact, missed = one["errors"]["impact"], one["missed"]["share"]
    return (
        f"{name}: without any false positive mAP would be {100 * impact['all']['mAP']:.1f} %, "
        f"{100 * impact['all']['gain']:.1f} points higher than that of the best detections; "
        f"{100 * missed:.1f} % of the instances are missed."
    )


def point_words(audit: dict) -> str:
    """What the audit of the points says."""
    outside, without = 100 * audit["outside_share"], 100 * audit["without_share"]
    return (
        f"Of {audit['points']:,} points of the training videos {audit['outside']:,} ({outside:.1f} %) lie in "
        f"no true segment of their class; of {audit['instances']:,} true segments {audit['without']:,} "
        f"({without:.1f} %) have no point."
    )


# Videos

ROWS = [("true segment", "truth"), ("stage 1's score", "score")]  # of the legend of a time axis
TYPES = [(name, f"bar e-{number}") for number, name in enumerate(videos.errors.TYPES)]
NEITHER = ("ambiguous: counts neither way", "ambiguous")
PROPOSAL, POINT = ("proposal", "proposal"), ("point", "point")


def test_videos(data: Data, experiments: list[Run]) -> Panel:
    """The detections of every stage in the test videos."""
    truth, tiou = truth_of(data.test), experiments[0].evaluation.tiou
    sources = []
    for number, run in enumerate(experiments):
        scoring = {
            "classes": data.classes,
            "tiou": tiou,
            "ambiguous": summaries.ambiguous_of(run.evaluation, data.test),
        }
        for stage in reversed(run.stages):
            sources.append(
                videos.Source(
                    name=stage.name,
                    detections=stage.detections,
                    proposals=run.proposals,
                    errors=videos.error_types(
                        truth, stage.detections, durations=durations_of(data.test), **scoring
                    ),
                    quality=videos.quality(truth, stage.detections, **scoring),
                    scores=number,
                )
            )
    shown = videos.worst(data.test, sources[0])
    words = [
        "The percentage beside a video is its mAP by itself: over its own classes and all tIoU thresholds. A "
        "bar is the darker, the higher its score; at first as many are shown as there are instances."
        + cut_words(data.test, shown)
    ]
    legend = [
        ROWS[0],
        *TYPES,
        *([NEITHER] if any(len(v.ambiguous) for v in data.test) else []),
        PROPOSAL,
        ROWS[1],
    ]
    browser = Browser(
        list="Test videos",
        shown="Detections of",
        known=True,
        proposals=True,
        legend=legend,
        index=videos.index(
            shown, sources, classes=data.classes, tiou=tiou, films=data.films, bar="detection"
        ),
        contents=packed(shown, sources, [run.scores["test"] for run in experiments]),
    )
    return Panel("videos", "Videos", words, browser=browser)


def new_videos(
    data: Data,
    detections: dict[str, Segments],
    proposals: dict[str, Segments],
    *,
    scores: dict[str, Scores],
    grid: Grid,
) -> Panel:
    """The detections in videos without truth; scores: of each of them."""
    source = videos.Source("model.pt", detections, proposals, errors={}, quality={}, scores=0)
    shown = videos.worst(data.test, source)
    words = [
        "A bar is the darker, the higher its score; at first ten per video are shown, on average."
        + cut_words(data.test, shown)
    ]
    browser = Browser(
        list="Videos",
        shown="Detections of",
        known=False,
        proposals=True,
        legend=[("detection", "bar e-none"), PROPOSAL, ROWS[1]],
        index=videos.index(shown, [source], classes=data.classes, tiou=[], films=data.films, bar="detection"),
        contents=[
            videos.packed(videos.content(video, [source], [(grid, scores[video.name])])) for video in shown
        ],
    )
    return Panel("videos", "Videos", words, browser=browser)


def training_videos(data: Data, experiments: list[Run]) -> Panel:
    """The reliable proposals in the training videos, of every stage that has them."""
    truth, tiou = truth_of(data.train), experiments[0].evaluation.tiou
    known = any(map(len, truth.values()))

    def errors_of(reliable: dict[str, Segments]) -> dict:
        durations = durations_of(data.train)
        return videos.error_types(truth, reliable, classes=data.classes, tiou=tiou, durations=durations)

    sources = [
        videos.Source(
            name=stage.name,
            detections=stage.reliable,
            proposals=None,
            errors=errors_of(stage.reliable) if known else {},
            quality=reliable_quality(data.train, stage.reliable),
            scores=number,
        )
        for number, run in enumerate(experiments)
        for stage in run.stages
        if stage.reliable is not None
    ]
    shown = videos.worst(data.train, sources[0])
    words = [
        "A training video's reliable proposals, one per point: what stage 2 learns from, and what it makes "
        "of them. "
        + (
            "The percentage beside a video is the mean tIoU of its points' proposals with their true "
            "segments, which no training reads."
            if known
            else "The training videos' true segments are not known."
        )
        + cut_words(data.train, shown)
    ]
    legend = [*(ROWS if known else ROWS[1:]), POINT]
    legend += TYPES if known else [("reliable proposal", "bar e-none")]
    browser = Browser(
        list="Training videos",
        shown="Reliable proposals of",
        known=known,
        proposals=False,
        legend=legend,
        index=videos.index(
            shown, sources, classes=data.classes, tiou=tiou, films=data.films, bar="reliable proposal"
        ),
        contents=packed(shown, sources, [run.scores["train"] for run in experiments]),
    )
    return Panel("reliable", "Reliable proposals", words, browser=browser)


def cut_words(every: list[Video], shown: list[Video]) -> str:
    """What to say where not all videos are shown."""
    if len(shown) == len(every):
        return ""
    count = f"{len(shown):,} of {len(every):,} videos"
    return f" Shown are {count}: those that went worst or, where nobody knows, the first."


def reliable_quality(train: list[Video], reliable: dict[str, Segments]) -> dict[str, float]:
    """The mean tIoU in % of each training video's reliable proposals, of those where it is known."""
    measured = {
        video.name: quality.measure({video.name: video.truth}, {video.name: video.points}, reliable)["tiou"]
        for video in train
        if video.truth is not None
    }
    return {video: round(value, 1) for video, value in measured.items() if value is not None}


def packed(shown: list[Video], sources: list[videos.Source], files: list) -> list[str]:
    """The contents of videos for the page; files: the score files, as the sources number them."""

    def scores(video: Video) -> list[tuple[Grid, Scores]]:
        return [(file.grid, file.read(video.name)) for file in files]

    return [videos.packed(videos.content(video, sources, scores(video))) for video in shown]
