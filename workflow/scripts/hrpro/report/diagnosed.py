"""The panels Classes and Diagnosis of a report, from diagnoses (hrpro/diagnosis) of experiments.

diagnoses: {experiment: the dictionary of `diagnosis.figures.diagnose`}, of those that have one.
"""

from typing import NamedTuple

from ..diagnosis import errors
from . import charts
from .charts import Bars, Line, Spread

MIDDLE = 0.5  # the threshold that is shown of several, where the evaluation has it
MOST = 100  # detections per video up to which recall is drawn
CURVES = 24  # classes whose precision-recall curves are drawn, the worst first
CONFUSED = 30  # classes up to which there is a table of who is taken for whom
LEVELS = 9  # of the colours of that table
BACKGROUND = "background"
ERROR_COLORS = (0, 2, 3, 1, 4, 5)  # of errors.TYPES, as report.css has those of bars
KINDS = errors.TYPES[1:]
UNITS = {
    "coverage": "% of the video's duration",
    "length": "seconds",
    "instances": "instances in the video",
}
NAMES = {"coverage": "coverage", "length": "length", "instances": "instances in a video"}


class HeatRow(NamedTuple):
    """A row of a table of confusions; cells: (count, level of colour); own: the column of its own class."""

    name: str
    cells: list[tuple[int, int]]
    own: int


class Confusion(NamedTuple):
    """Which classes are taken for which."""

    caption: str
    note: str
    corner: str
    columns: list[str]
    rows: list[HeatRow]


def middle(tiou: list[float]) -> int:
    """The number of the threshold that stands for all."""
    return tiou.index(MIDDLE) if MIDDLE in tiou else len(tiou) // 2


# Classes


def precision_recall(diagnosis: dict) -> list[charts.Chart]:
    """Precision-recall curves of the mean and of the worst classes, a line per threshold."""
    curves, per_class = diagnosis["curves"], diagnosis["per_class"]
    worst = sorted(per_class, key=lambda name: per_class[name]["average"])[:CURVES]
    x, y = charts.axis("recall", [1.0]), charts.axis("precision", [1.0])

    def chart(caption: str, precisions: list[list[float]], note: str) -> charts.Chart:
        series = [
            Line(f"tIoU {tiou:g}", number, curves["recall"], values)
            for number, (tiou, values) in enumerate(zip(curves["tiou"], precisions, strict=True))
        ]
        return charts.lines(caption, series, x, y, note)

    drawn = [chart("Mean over the classes", curves["mean"], f"AP {100 * diagnosis['average']:.1f} %")]
    for name in worst:
        note = f"AP {100 * per_class[name]['average']:.1f} %, {per_class[name]['instances']} instances"
        drawn.append(chart(name, curves["precision"][name], note)._replace(legend=[]))
    return drawn


def confusion(name: str, diagnosis: dict) -> Confusion | None:
    """Which classes the best detections lie on; None where the classes are too many for a table."""
    classes, table = diagnosis["classes"], diagnosis["confusion"]
    if len(classes) > CONFUSED:
        return None
    number = middle(table["tiou"])
    counts = {(detected, true): count for detected, true, count in table["per_tiou"][number]}
    columns, rows = [*classes, None], []
    for row, detected in enumerate(classes):
        cells = [counts.get((detected, true), 0) for true in columns]
        most = max(sum(cells), 1)
        levels = [-(-LEVELS * count // most) for count in cells]
        rows.append(HeatRow(detected, list(zip(cells, levels, strict=True)), row))
    return Confusion(
        f"What the detections of {name} lie on",
        f"Of each class as many of the best as it has instances, at tIoU {table['tiou'][number]:g}. A row is "
        "a class that is detected, a column the class of the true segment there.",
        "detected",
        [*classes, BACKGROUND],
        rows,
    )


# Diagnosis


def profile(name: str, diagnosis: dict) -> charts.Chart:
    """What becomes of the detections by rank."""
    ranks = diagnosis["errors"]["profile"]
    series = [
        Bars(kind, color, [rank["shares"][kind] for rank in ranks])
        for kind, color in zip(errors.TYPES, ERROR_COLORS, strict=True)
    ]
    return charts.columns(
        f"What becomes of the detections of {name}",
        [f"{number}G" for number in range(1, len(ranks) + 1)],
        series,
        charts.axis("", [1.0], percent=True),
        x_name="rank in the class, in times its instances G",
        note="From the best on, as many at a time as there are instances; a mean over the tIoU thresholds",
        stacked=True,
    )


def impact(diagnoses: dict[str, dict]) -> charts.Chart:
    """What each type of error costs."""
    series = [
        Bars(name, number, [100 * one["errors"]["impact"]["types"][kind]["gain"] for kind in KINDS])
        for number, (name, one) in enumerate(diagnoses.items())
    ]
    x = charts.axis("", [value for bars in series for value in bars.values], sign=True)
    note = "Points of mAP that would be won without the errors of one type"
    return charts.rows("What each type of error costs", KINDS, series, x, note)


def sensitivity(diagnoses: dict[str, dict], kind: str) -> charts.Chart | None:
    """Normalized mAP by a characteristic of the instances; None where no bucket has an instance."""
    return by_bucket(
        diagnoses,
        kind,
        "normalized_mAP",
        f"mAP by {NAMES[kind]}",
        "Normalized, so that buckets compare; the line is that of all",
        "normalized_average",
    )


def missed(diagnoses: dict[str, dict], kind: str) -> charts.Chart | None:
    """The share of instances without a detection by a characteristic."""
    return by_bucket(
        diagnoses, kind, "missed", f"Missed instances by {NAMES[kind]}", "The line is the share of all", None
    )


def by_bucket(
    diagnoses: dict[str, dict], kind: str, key: str, caption: str, note: str, average: str | None
) -> charts.Chart | None:
    """Bars of a figure of each bucket of instances."""
    first = next(iter(diagnoses.values()))
    rows = first["characteristics"][kind]["buckets"]
    numbers = [number for number, row in enumerate(rows) if row["instances"]]
    if not numbers:
        return None
    series = [
        Bars(name, number, [one["characteristics"][kind]["buckets"][row][key] for row in numbers])
        for number, (name, one) in enumerate(diagnoses.items())
    ]
    line = first[average] if average else first["missed"]["share"]
    if len(diagnoses) > 1:
        note += f", of {next(iter(diagnoses))}"
    values = [value for bars in series for value in bars.values if value is not None]
    return charts.columns(
        caption,
        [bucket_label(kind, rows[number]) for number in numbers],
        series,
        charts.axis("", [*values, line], percent=True),
        x_name=UNITS[kind],
        note=note,
        line=line,
        counts=[rows[number]["instances"] for number in numbers],
    )


def bucket_label(kind: str, row: dict) -> str:
    """A bucket of instances below its bars; coverage in %."""
    if kind != "coverage":
        return row["label"].removesuffix(" s")
    low, high = 100 * row["low"], 100 * (row["high"] or 1.0)
    return f"{low:.2g}\N{EN DASH}{high:.2g}" if high < 100 else f"> {low:.2g}"


def recall(diagnoses: dict[str, dict]) -> charts.Chart:
    """Recall against the detections that are looked at per video."""
    series = []
    for number, (name, one) in enumerate(diagnoses.items()):
        figures = one["recall"]
        series.append(Line(f"{name}, of the class", number, figures["average"], figures["recall"]))
        label = f"{name}, of any class"
        series.append(Line(label, number, figures["average"], figures["recall_any_label"], stroke="dashed"))
    most = min(MOST, max(one["recall"]["average"][-1] for one in diagnoses.values()))
    x = charts.axis("best detections per video, on average", [most])
    y = charts.axis("recall", [1.0], percent=True)
    cut = [
        line._replace(
            x=[value for value in line.x if value <= x.high],
            y=[height for value, height in zip(line.x, line.y, strict=True) if value <= x.high],
        )
        for line in series
    ]
    note = "Share of instances with a detection, a mean over the tIoU thresholds (AR@AN)"
    return charts.lines("Recall against detections per video", cut, x, y, note)


def boundaries(name: str, diagnosis: dict) -> charts.Chart:
    """How far the ends of matched detections are off."""
    rows = diagnosis["boundaries"]

    def spread(row: dict, end: str) -> Spread | None:
        found, snippets = row[f"{end}_s"], row[f"{end}_snippets"]
        if found is None:
            return None
        words = "" if snippets is None else f"median {snippets['median']:+.2f} snippets"
        return Spread([found[key] for key in ("q05", "q25", "median", "q75", "q95")], words)

    series = [(end, color, [spread(row, end) for row in rows]) for color, end in enumerate(("start", "end"))]
    values = [value for _, _, each in series for one in each if one for value in one.quantiles]
    return charts.spreads(
        f"How far the ends of {name} are off",
        [f"{row['tiou']:g}" for row in rows],
        series,
        charts.axis("", values, sign=True, unit=" s"),
        x_name="tIoU of the match",
        note="Matched detections minus true segments: over 0 is late. Boxes are quartiles, lines 5 to 95 %",
    )


def lengths(name: str, diagnosis: dict) -> charts.Chart:
    """How long instances and detections are."""
    figures = diagnosis["lengths"]
    edges = figures["edges_s"]
    centres = range(len(edges) - 1)
    series = [
        Line(words, color, list(centres), figures[key])
        for words, color, key in (("true segments", 5, "instances"), (name, 0, "detections"))
    ]
    ticks = tuple(range(0, len(edges) - 1, max(1, len(edges) // 6)))
    x = charts.Axis(
        "seconds, in growing bins", 0, len(edges) - 2, ticks, names=[f"{edge:.2g}" for edge in edges]
    )
    y = charts.axis("count", [value for line in series for value in line.y])
    note = "The best detections of each class, as many as it has instances"
    return charts.lines(f"Lengths: {name}", series, x, y, note)


def calibration(diagnoses: dict[str, dict]) -> charts.Chart:
    """Whether a score says how likely a detection is right."""
    series = []
    tiou = next(iter(diagnoses.values()))["tiou"]
    number = middle(tiou)
    for color, (name, one) in enumerate(diagnoses.items()):
        bins = one["calibration"]["bins"]
        right = [(row["score"], row["right"][number]) for row in bins]
        overlap = [(row["score"], row["tiou"]) for row in bins]
        for label, pairs, stroke in ((f"{name}, right", right, ""), (f"{name}, tIoU", overlap, "dashed")):
            known = [pair for pair in pairs if None not in pair]
            places, heights = [score for score, _ in known], [value for _, value in known]
            series.append(Line(label, color, places, heights, stroke=stroke))
    x = charts.axis("mean score of a bin", [value for line in series for value in line.x])
    y = charts.axis("", [1.0], percent=True)
    even = min(x.high, 1.0)
    series.insert(0, Line("as the score says", 5, [0.0, even], [0.0, even], stroke="dashed"))
    note = (
        f"Share of the detections of a score that are right at tIoU {tiou[number]:g}; dashed: their mean "
        "tIoU with the nearest true segment of their class"
    )
    return charts.lines("Calibration", series, x, y, note)


def positions(audit: dict) -> charts.Chart:
    """Where in their instances the points lie."""
    tenths = audit["histogram"]
    return charts.columns(
        "Where in its true segment a point lies",
        [f"{number / 10:g}" for number in range(len(tenths))],
        [Bars("points", 0, tenths)],
        charts.axis("", tenths),
        x_name="0: its start, 1: its end",
        borders=True,
    )
