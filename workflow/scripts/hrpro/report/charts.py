"""Charts as geometry, which templates/charts.html draws as SVG in the colours of the page.

A series has a number, which is its colour on the page (report.css has COLORS of them), and a line its stroke.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 44  # around the plot's own area
COLORS = 6
STROKES = ("", "dashed", "dotted")  # of lines, as report.css has them; "" is drawn through
TICKS = 5  # of an axis, about
GAP = 0.3  # share of a group's room that stays free
ROW = 26  # height of a bar with its room in a chart of rows
MARKS = 30  # a line of more points is drawn without a mark on each


class Axis(NamedTuple):
    """An axis: what it says, from where to where it goes, and how its numbers are written.

    percent: they are shares; sign: whether those over 0 have one; unit: what stands behind them; names: what
    stands for 0, 1, 2 and so on instead.
    """

    name: str
    low: float
    high: float
    ticks: tuple[float, ...]
    percent: bool = False
    sign: bool = False
    unit: str = ""
    names: Sequence[str] = ()

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1; what is outside is put at an end."""
        if self.high == self.low:
            return 0.5
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def label(self, tick: float) -> str:
        """A value in words."""
        if self.names:
            return self.names[int(tick)]
        number = float(f"{100 * tick if self.percent else tick:.3g}")
        sign = "+" if self.sign and number else ""
        return f"{number:{sign},.6g}{' %' if self.percent else self.unit}"


class Line(NamedTuple):
    """A series as a line; low and high: the edges of the band about it, in which its deviation lies.

    stroke: of STROKES.
    """

    name: str
    color: int
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    stroke: str = ""


class Mark(NamedTuple):
    """A point of a line, and what one reads on it."""

    x: float
    y: float
    words: str


class Trace(NamedTuple):
    """A line as SVG has it."""

    name: str
    color: int
    stroke: str
    points: str
    band: str
    marks: list[Mark]


class Box(NamedTuple):
    """A rectangle, and what one reads on it."""

    color: int
    x: float
    y: float
    width: float
    height: float
    words: str


class Label(NamedTuple):
    """Words at a place; anchor: start, middle or end of them is there."""

    x: float
    y: float
    words: str
    anchor: str = "middle"


class Chart(NamedTuple):
    """A chart; note: what to see in it, below the caption; legend: (name, color, stroke) of each series.

    rules: lines of the grid, (x1, y1, x2, y2); strong: those that are drawn over it.
    """

    caption: str
    note: str
    legend: list[tuple[str, int, str]]
    rules: list[tuple[float, float, float, float]]
    traces: list[Trace]
    boxes: list[Box]
    labels: list[Label]
    strong: list[tuple[float, float, float, float]]
    width: float = WIDTH
    height: float = HEIGHT


def lines(caption: str, series: list[Line], x: Axis, y: Axis, note: str = "") -> Chart:
    """Lines over two axes."""
    rules, labels = frame(x, y)
    traces = []
    for line in series:
        places = [(x_of(x, a), y_of(y, b)) for a, b in zip(line.x, line.y, strict=True)]
        band = ""
        if line.low:
            upper = [(x_of(x, a), y_of(y, b)) for a, b in zip(line.x, line.high, strict=True)]
            lower = [(x_of(x, a), y_of(y, b)) for a, b in zip(line.x, line.low, strict=True)]
            band = joined(upper + lower[::-1])
        words = [
            f"{line.name}: {y.label(b)} at {x.name} {x.label(a)}" for a, b in zip(line.x, line.y, strict=True)
        ]
        marks = [Mark(*place, text) for place, text in zip(places, words, strict=True)]
        shown = marks if len(marks) <= MARKS else []
        traces.append(Trace(line.name, line.color, line.stroke, joined(places), band, shown))
    legend = [(line.name, line.color, line.stroke) for line in series] if len(series) > 1 else []
    return Chart(caption, note, legend, rules, traces, [], labels, [])


class Bars(NamedTuple):
    """A series of bars, one per group; None is none."""

    name: str
    color: int
    values: Sequence[float | None]


def columns(
    caption: str,
    groups: Sequence[str],
    series: list[Bars],
    y: Axis,
    *,
    x_name: str,
    note: str = "",
    stacked: bool = False,
    line: float | None = None,
    counts: Sequence[int] = (),
    borders: bool = False,
) -> Chart:
    """Upright bars by groups, beside or on top of each other; line: a level to compare them with.

    counts: how many each group is of, below its name; borders: whether names are those of left borders.
    """
    rules = [(LEFT, y_of(y, tick), WIDTH - RIGHT, y_of(y, tick)) for tick in y.ticks]
    labels = [Label(LEFT - 8, y_of(y, tick) + 4, y.label(tick), "end") for tick in y.ticks]
    room = (WIDTH - LEFT - RIGHT) / max(len(groups), 1)
    wide = room * (1 - GAP) / (1 if stacked else len(series))
    boxes = []
    for number, group in enumerate(groups):
        left, reached = LEFT + room * (number + GAP / 2), 0.0
        middle = round(LEFT + room * (number + 0.5), 1)
        named = round(LEFT + room * number, 1) if borders else middle
        labels.append(Label(named, HEIGHT - BOTTOM + 16, group))
        if counts:
            labels.append(Label(middle, HEIGHT - BOTTOM + 29, f"n = {counts[number]:,}", "middle small"))
        for place, bars in enumerate(series):
            value = bars.values[number]
            if value is None:
                continue
            top, bottom = y_of(y, reached + value), y_of(y, reached)
            x = left if stacked else left + wide * place
            words = f"{bars.name}, {group}: {y.label(value)}"
            boxes.append(
                Box(
                    bars.color,
                    round(x, 1),
                    min(top, bottom),
                    round(wide, 1),
                    round(abs(bottom - top), 1),
                    words,
                )
            )
            reached += value if stacked else 0.0
    labels.append(Label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4 + 12 * bool(counts), x_name))
    strong = [] if line is None else [(LEFT, y_of(y, line), WIDTH - RIGHT, y_of(y, line))]
    legend = [(bars.name, bars.color, "") for bars in series] if len(series) > 1 else []
    return Chart(caption, note, legend, rules, [], boxes, labels, strong, height=HEIGHT + 12 * bool(counts))


def rows(caption: str, groups: Sequence[str], series: list[Bars], x: Axis, note: str = "") -> Chart:
    """Lying bars by groups, each with its value beside it."""
    left, wide = 150, WIDTH - 150 - 60
    high = ROW * (0.3 + 0.7 * len(series))
    height = round(TOP + high * len(groups) + 8, 1)

    def place(value: float) -> float:
        return left + x.share(value) * wide

    boxes, labels = [], []
    for number, group in enumerate(groups):
        top = TOP + high * number
        labels.append(Label(left - 10, round(top + high / 2 + 1, 1), group, "end"))
        for row, bars in enumerate(series):
            value = bars.values[number]
            if value is None:
                continue
            start, end = sorted((place(0.0), place(value)))
            y = round(top + ROW * 0.7 * row, 1)
            words = f"{value:+.1f}" if x.sign else x.label(value)
            boxes.append(
                Box(
                    bars.color, round(start, 1), y, round(max(end - start, 1), 1), ROW * 0.55,
                    f"{bars.name}, {group}: {words}",
                )
            )  # fmt: skip
            labels.append(Label(round(end + 6, 1), round(y + ROW * 0.4, 1), words, "start"))
    legend = [(bars.name, bars.color, "") for bars in series] if len(series) > 1 else []
    zero = round(place(0.0), 1)
    return Chart(
        caption, note, legend, [], [], boxes, labels, [(zero, TOP - 4, zero, height - 6)], height=height
    )


class Spread(NamedTuple):
    """Where values lie: their quantiles of 5, 25, 50, 75 and 95 %; words: what else one reads on it."""

    quantiles: Sequence[float]
    words: str = ""


def spreads(
    caption: str,
    groups: Sequence[str],
    series: list[tuple[str, int, list[Spread | None]]],
    y: Axis,
    *,
    x_name: str,
    note: str = "",
) -> Chart:
    """Boxes from quartile to quartile with the median, lines from 5 to 95 %; series: (name, color, each)."""
    rules = [(LEFT, y_of(y, tick), WIDTH - RIGHT, y_of(y, tick)) for tick in y.ticks]
    labels = [Label(LEFT - 8, y_of(y, tick) + 4, y.label(tick), "end") for tick in y.ticks]
    labels.append(Label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_name))
    room = (WIDTH - LEFT - RIGHT) / max(len(groups), 1)
    wide = room * 0.62 / len(series)
    boxes, strong = [], []
    for number, group in enumerate(groups):
        labels.append(Label(round(LEFT + room * (number + 0.5), 1), HEIGHT - BOTTOM + 18, group))
        for place, (name, color, values) in enumerate(series):
            if values[number] is None:
                continue
            q05, q25, median, q75, q95 = values[number].quantiles
            x = LEFT + room * (number + 0.5) + wide * (place - len(series) / 2)
            words = f"{name}, {group}: median {y.label(median)}, quartiles {y.label(q25)} and {y.label(q75)}"
            words += f"; {values[number].words}" if values[number].words else ""
            whisker = (y_of(y, q95), y_of(y, q05) - y_of(y, q95))
            boxes.append(
                Box(color, round(x + wide / 2 - 0.75, 1), whisker[0], 1.5, round(whisker[1], 1), words)
            )
            top = y_of(y, q75)
            tall = round(max(y_of(y, q25) - top, 1), 1)
            boxes.append(Box(color, round(x + wide * 0.1, 1), top, round(wide * 0.8, 1), tall, words))
            at = y_of(y, median)
            strong.append((round(x + wide * 0.1, 1), at, round(x + wide * 0.9, 1), at))
    strong.append((LEFT, y_of(y, 0.0), WIDTH - RIGHT, y_of(y, 0.0)))
    legend = [(name, color, "") for name, color, _ in series]
    return Chart(caption, note, legend, rules, [], boxes, labels, strong)


def frame(x: Axis, y: Axis) -> tuple[list, list[Label]]:
    """The grid of a chart and the words of its axes."""
    rules = [(LEFT, y_of(y, tick), WIDTH - RIGHT, y_of(y, tick)) for tick in y.ticks]
    labels = [Label(LEFT - 8, y_of(y, tick) + 4, y.label(tick), "end") for tick in y.ticks]
    labels += [Label(x_of(x, tick), HEIGHT - BOTTOM + 18, x.label(tick)) for tick in x.ticks]
    labels.append(Label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x.name))
    return rules, labels


def x_of(axis: Axis, value: float) -> float:
    """Where a value lies across the chart."""
    return round(LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT), 1)


def y_of(axis: Axis, value: float) -> float:
    """Where a value lies up the chart."""
    return round(HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - BOTTOM - TOP), 1)


def joined(places: list[tuple[float, float]]) -> str:
    """Places as SVG has the points of a line."""
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def axis(name: str, values: Sequence[float], **form) -> Axis:
    """An axis for some values and 0, with round ticks; form: the rest of an Axis."""
    low, high = min([0.0, *values]), max([0.0, *values])
    high = high if high > low else low + 1.0
    step = nice((high - low) / TICKS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(number * step, 10) for number in range(first, last + 1))
    return Axis(name, ticks[0], ticks[-1], ticks, **form)


def nice(step: float) -> float:
    """The least of 1, 2, 2.5 and 5 times a power of ten that is no less than a step."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= step * (1 - 1e-9))
