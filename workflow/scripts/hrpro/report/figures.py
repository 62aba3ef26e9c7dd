"""Plots as geometry, which templates/parts.html draws as SVG in the colours of the page.

Not by matplotlib: its SVG of the same plots takes four times the bytes, and on a dark screen it keeps the
colours in which it was drawn.
"""

import math
from typing import NamedTuple

WIDTH, HEIGHT = 440, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 8, 40  # around the plot's own area
GAP = 0.16  # share of a bin that stays free
LABELS = 10  # at most so many along an axis
# Where an axis of counts may end, in hundredths of a power of ten.
TOPS = (10, 12, 16, 20, 30, 40, 50, 60, 80, 100)


class Line(NamedTuple):
    """A horizontal line."""

    y: float
    left: float = LEFT
    right: float = WIDTH - RIGHT


class Bar(NamedTuple):
    """A bar of a series; value: what it counts."""

    series: str
    value: int
    x: float
    y: float
    width: float
    height: float


class Band(NamedTuple):
    """An area; points: its outline as SVG has it; name: its style."""

    name: str
    points: str


class Label(NamedTuple):
    """Words, centred about x or, with `end`, ending there."""

    x: float
    y: float
    words: str
    end: bool = False


class Figure(NamedTuple):
    """A plot; legend: the series whose colours are explained; curve: the points of a line as SVG has them."""

    caption: str
    legend: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    bands: tuple[Band, ...] = ()
    curve: str = ""
    labels: tuple[Label, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT


class Share(NamedTuple):
    """A count in a table's cell with a bar beside it; percent: the bar's length."""

    series: str
    value: int
    percent: float


def bars(
    caption: str,
    counts: dict[str, list[int]],
    labels: list[str],
    axis: str,
    *,
    borders: bool = False,
    legend: bool = True,
) -> Figure:
    """Counts as bars, one colour per series, beside each other in each bin.

    labels: one per bin, or with `borders` one per border between bins; "" is none. axis: what the bins are.
    """
    bins = len(next(iter(counts.values())))
    top = nice(max(max(series) for series in counts.values()))
    bin_width = (WIDTH - LEFT - RIGHT) / bins
    bar_width = bin_width * (1 - GAP) / len(counts)
    drawn = []
    for row, (name, series) in enumerate(counts.items()):
        for number, value in enumerate(series):
            if value:
                x, y = LEFT + bin_width * (number + GAP / 2) + bar_width * row, height(value, top)
                size = round(bar_width, 1), round(HEIGHT - BOTTOM - y, 1)
                drawn.append(Bar(name, value, round(x, 1), round(y, 1), *size))
    texts = [Label((WIDTH + LEFT) / 2, HEIGHT - 4, axis)]
    ticks = sorted({0, top // 2, top})
    texts += [Label(LEFT - 6, round(height(value, top) + 4, 1), f"{value:,}", end=True) for value in ticks]
    numbers = [number for number, label in enumerate(labels) if label]
    step = math.ceil(len(numbers) / LABELS)
    for number in numbers[::step]:
        texts.append(tick(LEFT + bin_width * (number + (0 if borders else 0.5)), labels[number]))
    return Figure(
        caption,
        legend=tuple(counts) if legend else (),
        lines=tuple(Line(round(height(value, top), 1)) for value in ticks),
        bars=tuple(drawn),
        labels=tuple(texts),
    )


def bands(caption: str, profile: dict[str, list[float]], axis: str) -> Figure:
    """A mean as a line, in a band of "less" to "more", in a fainter one of "low" to "high"."""
    low, high, last = min(profile["low"]), max(profile["high"]), max(len(profile["mean"]) - 1, 1)
    span = high - low or 1.0

    def x_of(number: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * number / last

    def points(values: list[float]) -> list[str]:
        return [f"{x_of(number):.1f},{height(value - low, span):.1f}" for number, value in enumerate(values)]

    areas = tuple(
        Band(name, " ".join(points(profile[lower]) + points(profile[upper])[::-1]))
        for name, lower, upper in (("range", "low", "high"), ("deviation", "less", "more"))
    )
    texts = [Label((WIDTH + LEFT) / 2, HEIGHT - 4, axis)]
    for value in (low, high):
        texts.append(Label(LEFT - 6, round(height(value - low, span) + 4, 1), f"{value:.3g}", end=True))
    for number in sorted({0, len(profile["first"]) - 1}):
        texts.append(tick(x_of(number), str(profile["first"][number])))
    return Figure(caption, bands=areas, curve=" ".join(points(profile["mean"])), labels=tuple(texts))


def share(series: str, value: int, most: int) -> Share:
    """A count for a table's cell, its bar as long as its share of the largest count."""
    return Share(series, value, round(100 * value / most, 1) if most else 0.0)


def height(value: float, top: float) -> float:
    """The y of a value on an axis from 0 to `top`."""
    return HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP)


def tick(x: float, words: str) -> Label:
    """A label under the axis."""
    return Label(round(x, 1), HEIGHT - BOTTOM + 15, words)


def nice(most: int) -> int:
    """The end of an axis for counts up to one: an even number, round at a glance."""
    ten = 10 ** len(str(most))
    return next(top for step in TOPS if (top := max(2, ten * step // 100)) >= most and top % 2 == 0)
