"""Pages that need nothing from outside: the check of a data set, tables of results, the report."""

import base64
import hashlib
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd

from ..config import SPLITS
from ..evaluation import tables
from . import charts, figures
from .findings import LEVELS, percent

ROUND = ("1.000", "2.000", "5.000")  # how a border begins that is labelled
NAMES = 4  # columns of a table of results that name a row
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
)


def text_of(name: str) -> str:
    """A style sheet or a script of the templates, as it stands in a page."""
    return "\n" + TEMPLATES.loader.get_source(TEMPLATES, name)[0]


def policy(styles: list[str], scripts: list[str]) -> str:
    """A Content-Security-Policy under which a page's own styles and scripts work and nothing else does.

    Films are played from where the page lies.
    """

    def hashes(names: list[str]) -> str:
        digests = (hashlib.sha256(text_of(name).encode()).digest() for name in names)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"

    return (
        f"default-src 'none'; style-src {hashes(styles)}; script-src {hashes(scripts)}; "
        "media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )


TEMPLATES.globals.update(text_of=text_of, policy=policy, colors=charts.COLORS)


class Table(NamedTuple):
    """A table; its first columns, `names` of them, name the rows. None is what nobody knows.

    sortable: whether a click on a column's name orders the rows by it, which takes tables.js.
    """

    caption: str
    header: list[str]
    rows: list[list]
    names: int = 1
    sortable: bool = False


def check(facts: dict, findings: list[dict]) -> str:
    """The page of a check: findings first, then tables and plots."""
    counts = {level: sum(finding["level"] == level for finding in findings) for level in LEVELS}
    plurals = {level: level if count == 1 else f"{level}s" for level, count in counts.items()}
    caption = "Mean of each channel in the training split, a deviation around it, and its extremes"
    return TEMPLATES.get_template("check.html").render(
        name=facts["dataset"],
        snippet=facts["snippet"],
        findings=findings,
        amounts=", ".join(f"{count} {plurals[level]}" for level, count in counts.items() if count),
        splits=split_table(facts),
        plots=plots(facts),
        classes=class_table(facts["classes"]),
        features=feature_table(facts["features"]),
        profile=figures.bands(caption, facts["features"]["profile"], "channel"),
    )


def results(maps: list[dict], frames: list[pd.DataFrame]) -> str:
    """The page of map.json files; frames: their tables (`tables.of_results`)."""
    shown = [
        Table(tables.caption(frame), list(frame.columns), frame.to_numpy().tolist(), names=NAMES)
        for frame in frames
    ]
    title = ", ".join(dict.fromkeys(result["dataset"] for result in maps))
    return TEMPLATES.get_template("results.html").render(title=title, results=maps, tables=shown)


def report(name: str, subtitle: str, panels: list) -> str:
    """The page of a report; panels: of `panels.all_of`."""
    return TEMPLATES.get_template("report.html").render(name=name, subtitle=subtitle, panels=panels)


def split_table(facts: dict) -> Table:
    """How much each split holds."""
    splits, instances, points = facts["splits"], facts["instances"], facts["points"]
    train = splits["train"]

    def per_split(value) -> list:
        """A row's cells: a function's value for each split."""
        return [value(split) for split in SPLITS]

    def of_split(key: str):
        """A number of each split, as a function for `per_split`."""
        return lambda split: splits[split][key]

    def of_instances(key: str):
        """A count of each split's instances and its share; None where no segment is known."""

        def value(split: str) -> str | None:
            if instances[split] is None:
                return None
            return part(instances[split][key], instances[split]["count"])

        return value

    def of_points(key: str, total: int) -> list[str | None]:
        """A count of the training points or instances and its share; None where no segment is known."""
        count = points[key]
        if isinstance(count, dict):
            count = sum(count.values())
        return [None if count is None else part(count, total), None]

    def ratio(split: str) -> str | None:
        value = facts["lengths"][split]["ratio"]
        return None if value is None else f"{value:.3f}"

    def action(split: str) -> str | None:
        value = splits[split]["action"]
        return None if value is None else percent(value)

    def seconds_per_instance(split: str) -> str | None:
        return None if instances[split] is None else middle(instances[split]["seconds"])

    rows = [
        ["videos", *per_split(of_split("videos"))],
        ["hours", *per_split(lambda split: f"{splits[split]['hours']:.2f}")],
        ["snippets", *per_split(of_split("snippets"))],
        ["seconds per video", *per_split(lambda split: middle(splits[split]["seconds"]))],
        ["snippets per video", *per_split(lambda split: middle(splits[split]["snippets_a_video"]))],
        ["snippets to duration", *per_split(ratio)],
        ["videos of odd length", *per_split(lambda split: len(facts["lengths"][split]["odd"]))],
        ["videos without an action", *per_split(lambda split: len(splits[split]["empty"]))],
        ["share of time that is action", *per_split(action)],
        ["instances", *per_split(lambda split: splits[split]["instances"] or None)],
        ["seconds per instance", *per_split(seconds_per_instance)],
        ["instances shorter than a snippet", *per_split(of_instances("short"))],
        ["instances that overlap another", *per_split(of_instances("overlapping"))],
        ["points", train["points"], None],
        ["points in no instance of their class", *of_points("outside", train["points"])],
        ["instances without a point", *of_points("unmarked", train["instances"])],
        ["instances with several points", *of_points("repeated", train["instances"])],
    ]
    return Table("Medians, and from the 5 % to the 95 % quantile.", ["", *SPLITS], rows)


def part(count: int, total: int) -> str:
    """A count and its share of a total."""
    return f"{count:,} ({percent(count / total if total else 0)})"


def middle(quantiles: dict | None) -> str | None:
    """The middle of some values and where most of them lie; None of none."""
    if quantiles is None:
        return None
    median, low, high = (number(quantiles[name]) for name in ("median", "5%", "95%"))
    return f"{median} ({low}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{high})"


def number(value: float) -> str:
    """A number of three digits, or of all before the point."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def plots(facts: dict) -> list[figures.Figure]:
    """Lengths of videos and instances, points inside instances, classes per video."""
    drawn = []
    for kind, histogram in facts["histograms"].items():
        counts = {split: series for split, series in histogram["counts"].items() if any(series)}
        labels = border_labels(histogram["borders"])
        drawn.append(
            figures.bars(f"How long {kind} are", counts, labels, "seconds, in growing bins", borders=True)
        )
    positions = facts["points"]["positions"]
    if positions and facts["points"]["inside"]:
        labels = [f"{row / len(positions):.1f}" for row in range(len(positions) + 1)]
        caption, axis = "Where in its instance a point lies", "0: the start, 1: the end"
        drawn.append(figures.bars(caption, {"train": positions}, labels, axis, borders=True, legend=False))
    videos = {s: facts["splits"][s]["classes_a_video"] for s in SPLITS if facts["splits"][s]["videos"]}
    labels = sorted({label for counts in videos.values() for label in counts}, key=int)
    counts = {split: [shown.get(label, 0) for label in labels] for split, shown in videos.items()}
    drawn.append(figures.bars("How many classes a video shows", counts, labels, "classes"))
    return drawn


def border_labels(borders: list[float]) -> list[str]:
    """Labels of the borders 1, 2, 5, 10 ... alone, where there are enough of them; "" is none."""
    labels = [f"{border:g}" if f"{border:.3e}"[:5] in ROUND else "" for border in borders]
    return labels if sum(map(bool, labels)) > 2 else [f"{border:g}" for border in borders]


def class_table(classes: dict[str, dict]) -> Table:
    """One row per class."""
    most_points = max((counts["points"] for counts in classes.values()), default=0)
    most_instances = max((counts["test"]["instances"] for counts in classes.values()), default=0)
    rows = []
    for label, counts in classes.items():
        seconds, test = counts["seconds"], counts["test"]
        rows.append(
            [
                label,
                figures.share("train", counts["points"], most_points),
                counts["pointed_videos"],
                counts["train"]["instances"] or None,
                figures.share("test", test["instances"], most_instances),
                test["videos"],
                None if seconds is None else number(seconds["median"]),
                None if seconds is None else f"{number(seconds['min'])} to {number(seconds['max'])}",
            ]
        )
    header = ["class", "points", "in training videos", "training instances", "test instances"]
    header += ["in test videos", "median seconds", "seconds"]
    return Table("Points are what training sees, test instances what the mAP measures.", header, rows)


def feature_table(features: dict) -> Table:
    """What the features look like."""
    mean, deviation = None, None
    if features["shift"] is not None:
        mean = f"{features['shift']['mean']:.2f} deviations away"
        deviation = f"{features['shift']['deviation']:.2f} times as large"
    rows = [
        ["channels", features["channels"]],
        ["values", f"{features['low']:.4g} to {features['high']:.4g}, {features['kind']}"],
        ["negative", percent(features["negative"])],
        ["exactly zero", percent(features["zero"])],
        ["channels that hardly change", len(features["flat_channels"])],
        ["videos that hardly change", len(features["still"])],
        ["pairs of videos with the same features", len(features["shared"])],
        ["mean of the test split, median channel", mean],
        ["deviation of the test split, median channel", deviation],
    ]
    return Table("Of all videos, where no split is named.", ["", "all"], rows)
