"""Plots as inline SVG: text that a page holds. Colours are the page's, by the classes train and test."""

import math
from html import escape

WIDTH, HEIGHT = 440, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 8, 40  # around the plot's own area
GAP = 0.16  # share of a bar's place that stays free
LABELS = 10  # at most so many along an axis
TOPS = (
    10,
    12,
    16,
    20,
    30,
    40,
    50,
    60,
    80,
    100,
)  # where an axis of counts may end, in hundredths of a power of ten


def bars(
    title: str, counts: dict[str, list[int]], labels: list[str], axis: str, borders: bool = False
) -> str:
    """Counts as bars, a colour a series, beside each other in each bin.

    labels: one a bin, or with `borders` one a border between bins; "" is none. axis: what the bins are.
    """
    bins = len(next(iter(counts.values())))
    top = nice(max(max(series) for series in counts.values()))
    place = (WIDTH - LEFT - RIGHT) / bins
    parts = frame(top, axis)
    for row, (name, series) in enumerate(counts.items()):
        width = place * (1 - GAP) / len(counts)
        for number, value in enumerate(series):
            if value:
                x, y = LEFT + place * (number + GAP / 2) + width * row, height(value, top)
                said = escape(f"{name}: {value}")
                parts.append(
                    f'<rect class="{escape(name)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                    f'height="{HEIGHT - BOTTOM - y:.1f}"><title>{said}</title></rect>'
                )
    step = math.ceil(sum(map(bool, labels)) / LABELS)
    for number in [number for number, label in enumerate(labels) if label][::step]:
        x = LEFT + place * (number + (0 if borders else 0.5))
        parts.append(tick(x, labels[number]))
    return picture(title, parts)


def bands(title: str, found: dict[str, list[float]], axis: str) -> str:
    """A mean as a line, in a band of "less" to "more", in a fainter one of "low" to "high"."""
    low, high, last = min(found["low"]), max(found["high"]), max(len(found["mean"]) - 1, 1)
    span = high - low or 1.0

    def points(values: list[float]) -> list[str]:
        places = [
            (LEFT + (WIDTH - LEFT - RIGHT) * number / last, height(value - low, span))
            for number, value in enumerate(values)
        ]
        return [f"{x:.1f},{y:.1f}" for x, y in places]

    parts = [text("x", (WIDTH + LEFT) / 2, HEIGHT - 4, axis)]
    parts += [text("y", LEFT - 6, height(value - low, span) + 4, f"{value:.3g}") for value in (low, high)]
    for name, under, over in (("range", "low", "high"), ("deviation", "less", "more")):
        outline = " ".join(points(found[under]) + points(found[over])[::-1])
        parts.append(f'<polygon class="{name}" points="{outline}"/>')
    parts.append(f'<polyline class="mean" points="{" ".join(points(found["mean"]))}"/>')
    for number in sorted({0, len(found["first"]) - 1}):
        x = LEFT + (WIDTH - LEFT - RIGHT) * number / last
        parts.append(tick(x, str(found["first"][number])))
    return picture(title, parts)


def bar(value: float, most: float, name: str) -> str:
    """A bar for a cell of a table, which says the value itself."""
    share = 100 * value / most if most else 0
    return (
        '<svg class="cell" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{escape(name)}" width="{share:.1f}" height="10"/></svg>'
    )


def frame(top: int, axis: str) -> list[str]:
    """Lines and numbers up to a count, and what the axis is."""
    parts = [text("x", (WIDTH + LEFT) / 2, HEIGHT - 4, axis)]
    for value in sorted({0, top // 2, top}):
        y = height(value, top)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(text("y", LEFT - 6, y + 4, f"{value:,}"))
    return parts


def height(value: float, top: float) -> float:
    """The y of a value on an axis from 0 to `top`."""
    return HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP)


def tick(x: float, label: str) -> str:
    """A label under a place on the axis."""
    return text("x", x, HEIGHT - BOTTOM + 15, label)


def text(way: str, x: float, y: float, words: str) -> str:
    """Words, centred about a place (x) or ending at it (y), as the page's style has it."""
    return f'<text class="{way}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def nice(most: int) -> int:
    """The end of an axis for counts up to one: an even number, round at a glance."""
    ten = 10 ** len(str(most))
    return next(top for step in TOPS if (top := max(2, ten * step // 100)) >= most and top % 2 == 0)


def picture(title: str, parts: list[str]) -> str:
    """The whole, with a title for those who do not see it."""
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
