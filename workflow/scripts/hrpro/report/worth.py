"""What labels are worth: mAP against the minutes that they take, as figures and as an SVG by matplotlib."""

import io
from typing import Literal

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from ..config import Labelling
from ..data import annotations
from ..evaluation import tables
from ..utils.errors import InputError
from ..utils.settings import Strict
from .timeline import STYLE

INCHES = (7.2, 4.4)
SIDES = 1.45  # by which the axis of minutes is longer than what it shows, on either side
BESIDE = 1.08  # by which other points of the same videos stand to the right of these, which take as long
ABOVE = 12  # % of mAP that the axis goes on above what it shows
# Per group of labels: its marker and what the legend says of it.
LOOKS = {
    "shares": {"marker": "o", "color": "#2a6db0", "linestyle": "-", "zorder": 3},
    "others": {"marker": "o", "color": "#5b93c7", "linestyle": "none", "markerfacecolor": "white"},
    "videos": {"marker": "s", "color": "#b5651d", "linestyle": "none"},
    "segments": {"marker": "D", "color": "#3c4248", "linestyle": "none"},
}
LEGEND = {
    "shares": "points, of a share of the videos",
    "others": "the same videos by other points",
    "videos": "classes of videos",
    "segments": "true segments",
}


class Labels(Strict):
    """Some labels of the training videos, and what came of them.

    group: a share of a data set's points, other points of the same videos, or another supervision; name: of
    the share, the data set or the experiment; supervision: what the labels say; stage: the one of map.json
    that counts; map, annotations: files, the latter of the videos that are labelled.
    """

    group: Literal[tuple(LOOKS)]
    name: str
    supervision: Literal["points", "videos", "segments"]
    stage: str
    map: str
    annotations: str


class Settings(Strict):
    """What is compared; seconds: of work per minute of video, by what labels say."""

    seconds: Labelling
    labels: list[Labels]


def figures(dataset: str, settings: Settings) -> dict:
    """What each of the labels costs, and the mAP that it gives: the content of labelling.json.

    "minutes" are those of work: the videos' own times the seconds per minute of video, / 60. mAP, in %, is
    its mean over all tIoU thresholds, of the models of `last`; mean and deviation over seeds. Raises
    InputError where a map.json lacks the stage.
    """
    rows = []
    for labels in settings.labels:
        result = tables.read(labels.map, tables.over_all_thresholds)
        if labels.stage not in result["stages"]:
            raise InputError(f"{labels.map}: has no {labels.stage}; remove it and make it again")
        mean_ap = tables.over_all_thresholds(result)[labels.stage]
        database = annotations.read_database(labels.annotations)
        duration = sum(entry["duration"] for entry in database.values()) / 60
        rows.append(
            {
                **labels.model_dump(include={"group", "name", "supervision", "stage"}),
                "videos": len(database),
                "minutes_of_video": duration,
                "minutes": duration * getattr(settings.seconds, labels.supervision) / 60,
                "seeds": result["seeds"],
                "mAP": mean_ap["mean"],
                "std": mean_ap["std"],
            }
        )
    average = next(iter(result["stages"][labels.stage]["last"]["average"]))
    return {
        "dataset": dataset,
        "seconds_per_minute_of_video": settings.seconds.model_dump(),
        "average": average,
        "labels": sorted(rows, key=lambda row: (row["minutes"], row["name"])),
    }


def draw(content: dict) -> str:
    """The SVG of `figures`, on white: mAP against minutes of labelling, which a logarithmic axis shows."""
    rows = content["labels"]
    with matplotlib.rc_context(STYLE):
        figure = Figure(INCHES, layout="constrained")
        axes = figure.add_subplot()
        for group, look in LOOKS.items():
            shown = [row for row in rows if row["group"] == group]
            if not shown:
                continue
            minutes, mean, deviation = ([row[key] for row in shown] for key in ("minutes", "mAP", "std"))
            if group == "others":
                minutes = [BESIDE * each for each in minutes]
            axes.errorbar(minutes, mean, deviation, label=LEGEND[group], capsize=3, elinewidth=1, **look)
            places = {}  # two shares may be the same videos
            for row in shown if group != "others" else ():
                places.setdefault((row["minutes"], row["mAP"]), []).append(row["name"])
            for place, names in places.items():
                axes.annotate(", ".join(names), place, (-7, 6), textcoords="offset points", ha="right")
        axes.set_xscale("log")
        axes.set_xlim(rows[0]["minutes"] / SIDES, rows[-1]["minutes"] * SIDES)
        axes.set_xticks(ticks(rows[0]["minutes"], rows[-1]["minutes"]))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(0, min(100, max(row["mAP"] + row["std"] for row in rows) + ABOVE))
        axes.set_xlabel("minutes of labelling")
        axes.set_ylabel(f"mAP {content['average']}, %")
        axes.set_title(content["dataset"], loc="left")
        axes.grid(color="#dfe1e4")
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.legend(loc="lower right", frameon=False)
        text = io.StringIO()
        figure.savefig(text, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def ticks(least: float, most: float) -> list[float]:
    """Round numbers on a logarithmic axis that shows two of its values: 1, 2 and 5 times powers of ten."""
    every = [step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5)]
    return [tick for tick in every if least / SIDES <= tick <= most * SIDES]
