"""One video's true segments and detections as bars on a time axis, class by class: an SVG by matplotlib."""

import io
import warnings

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..detection.segments import Segments

TRUE, DETECTED = "#3c4248", "#2a6db0"
FAINTEST = 0.25  # opacity of a bar whose score is 0; that of the highest score is 1
BAR, GAP = 0.34, 0.06  # heights of a bar and between the two of a class, whose row has height 1
INCHES = {"width": 9, "row": 0.42, "rest": 1.15}
STYLE = {
    "svg.hashsalt": "hrpro",  # the same ids, and so the same bytes, each time
    "svg.fonttype": "none",  # words stay words
    "text.parse_math": False,  # a class may have a dollar sign in its name
    "font.family": "sans-serif",
    "font.size": 10,
}


def draw(video: str, truth: Segments, detections: Segments, *, classes: list[str], duration: float) -> str:
    """The SVG of a video of `duration` seconds; one row per class that it shows, on white.

    A detection is the darker, the higher its score.
    """
    shown = sorted({*truth.labels.tolist(), *detections.labels.tolist()} - {-1})
    rows = {label: row for row, label in enumerate(shown)}
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # whoever shows the SVG has the letters or not
        figure = Figure((INCHES["width"], INCHES["row"] * len(rows) + INCHES["rest"]), layout="constrained")
        axes = figure.add_subplot()
        for (start, end), label in zip(truth.times, truth.labels, strict=True):
            draw_bar(axes, start, end, rows[label] - BAR - GAP / 2, TRUE, opacity=1.0)
        highest = detections.scores.max(initial=0) or 1.0
        for i in detections.scores.argsort():  # the highest score lies on top
            start, end = detections.times[i]
            opacity = FAINTEST + (1 - FAINTEST) * detections.scores[i] / highest
            draw_bar(axes, start, end, rows[detections.labels[i]] + GAP / 2, DETECTED, opacity=opacity)
        axes.set_xlim(0, duration)
        axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [classes[label] for label in rows])
        axes.set_xlabel("seconds")
        axes.set_title(video, loc="left")
        axes.tick_params(length=0)
        axes.grid(axis="x", color="#dfe1e4")
        axes.set_axisbelow(True)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        handles = [
            Patch(color=TRUE, label="true segments"),
            Patch(color=DETECTED, label="detections, darker with a higher score"),
        ]
        axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
        text = io.StringIO()
        figure.savefig(text, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def draw_bar(axes, start: float, end: float, top: float, color: str, *, opacity: float) -> None:
    """A bar from start to end, in seconds; the thin edge shows one without length."""
    bar = axes.barh(top, end - start, height=BAR, left=start, align="edge", color=color, alpha=opacity)
    bar.patches[0].set(edgecolor=color, linewidth=0.6)
