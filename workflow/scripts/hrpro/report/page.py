"""A check as one page that needs nothing from outside: findings first, then tables and plots."""

from html import escape

from ..config import SPLITS
from . import svg
from .findings import LEVELS, percent

ROUND = ("1.000", "2.000", "5.000")  # how a border begins that is labelled
UNKNOWN = "–"

STYLE = """
:root { color-scheme: light dark; --page: #fcfcfb; --card: #ffffff; --text: #1d1f21; --faint: #63686e;
  --line: #dfe1e4; --train: #2a6db0; --test: #d97d1c; --error: #b3261e; --warning: #8f5b00; --note: #3b6478; }
@media (prefers-color-scheme: dark) { :root { --page: #15181b; --card: #1d2125; --text: #e5e7e9;
  --faint: #9aa1a8; --line: #363c42; --train: #6aaef2; --test: #f0a458; --error: #ff8f85; --warning: #eebb5a;
  --note: #8fc3da; } }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.7rem; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
p { margin: .25rem 0; }
.faint, figcaption, caption { color: var(--faint); font-size: .9rem; }
.findings { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem; }
.findings li { background: var(--card); border: 1px solid var(--line); border-left: .35rem solid var(--level);
  border-radius: .3rem; padding: .6rem .9rem; overflow-wrap: anywhere; }
.error { --level: var(--error); } .warning { --level: var(--warning); } .note { --level: var(--note); }
.level { color: var(--level); font-weight: 700; margin-right: .5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child { text-align: left; font-weight: 500; overflow-wrap: anywhere; min-width: 8rem; }
td { white-space: nowrap; }
thead th { color: var(--faint); font-weight: 500; font-size: .9rem; vertical-align: bottom; }
.plots { display: grid; gap: 1.25rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .3rem;
  padding: .75rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--faint); font-size: 12px; } svg .x { text-anchor: middle; } svg .y { text-anchor: end; }
svg line { stroke: var(--line); } rect.train, .key.train { fill: var(--train); background: var(--train); }
rect.test, .key.test { fill: var(--test); background: var(--test); }
.range { fill: var(--train); opacity: .15; } .deviation { fill: var(--train); opacity: .35; }
.mean { fill: none; stroke: var(--train); stroke-width: 1.5; }
svg.cell { display: inline-block; width: 5rem; height: .6rem; margin-left: .5rem; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: .15em; margin: 0 .3em 0 .8em; }
"""


class Markup(str):
    """Text that is HTML already; any other is escaped."""


def text(value) -> str:
    """A value as HTML."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, Markup) else escape(str(value))


def html(facts: dict, findings: list[dict]) -> str:
    """The page of a check."""
    name, snippet = text(facts["dataset"]), facts["snippet"]
    parts = [
        f"<h1>{name}</h1>",
        f'<p class="faint">What the data set holds. A snippet: {snippet["frames"]} frames at '
        f"{snippet['fps']:g} fps, {snippet['seconds']:.4g} s.</p>",
        section("Findings", shown(findings)),
        section("Splits", splits(facts)),
        section("Lengths, points, classes", plots(facts)),
        section("Classes", classes(facts)),
        section("Features", features(facts)),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}: check of the data set</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, content: str) -> str:
    """A part of the page."""
    return f"<section>\n<h2>{text(title)}</h2>\n{content}\n</section>"


def shown(findings: list[dict]) -> str:
    """The findings, or that there are none."""
    if not findings:
        return "<p>Nothing to see to before training.</p>"
    counts = {level: sum(found["level"] == level for found in findings) for level in LEVELS}
    amounts = ", ".join(f"{n} {level}{'s' * (n > 1)}" for level, n in counts.items() if n)
    items = []
    for found in findings:
        level, remedy = found["level"], found["remedy"][:1].upper() + found["remedy"][1:]
        items.append(
            f'<li class="{level}"><p><span class="level">{level}</span>{text(found["what"])}</p>\n'
            f'<p class="faint">{text(found["place"])}</p>\n<p>{text(remedy)}.</p></li>'
        )
    return f'<p class="faint">{amounts}</p>\n<ul class="findings">\n' + "\n".join(items) + "\n</ul>"


def table(caption: str, header: list[str], rows: list[list]) -> str:
    """A table whose first column names the rows."""
    head = "".join(f'<th scope="col">{text(cell)}</th>' for cell in header)
    body = "\n".join(
        f'<tr><th scope="row">{text(first)}</th>{"".join(f"<td>{text(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="scroll"><table>\n<caption>{text(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def splits(facts: dict) -> str:
    """How much each split holds."""
    held, instances, points = facts["splits"], facts["instances"], facts["points"]
    ratios = [facts["lengths"][s]["ratio"] for s in SPLITS]

    def part(count: int | None, total: int) -> str | None:
        """A count and its share of a total."""
        return None if count is None else f"{count:,} ({percent(count / total if total else 0)})"

    def of_train(key: str, total: int) -> list[str | None]:
        """Counts of the training points or instances, None where no segment is known."""
        found = points[key]
        return [part(sum(found.values()) if isinstance(found, dict) else found, total), None]

    rows = [
        ["videos", *(held[s]["videos"] for s in SPLITS)],
        ["hours", *(f"{held[s]['hours']:.2f}" for s in SPLITS)],
        ["snippets", *(held[s]["snippets"] for s in SPLITS)],
        ["seconds a video", *(middle(held[s]["seconds"]) for s in SPLITS)],
        ["snippets a video", *(middle(held[s]["snippets_a_video"]) for s in SPLITS)],
        ["snippets to duration", *(ratio and f"{ratio:.3f}" for ratio in ratios)],
        ["videos of odd length", *(len(facts["lengths"][s]["odd"]) for s in SPLITS)],
        ["videos without an action", *(len(held[s]["empty"]) for s in SPLITS)],
        ["share of time that is action", *(held[s]["action"] and percent(held[s]["action"]) for s in SPLITS)],
        ["instances", *(held[s]["instances"] or None for s in SPLITS)],
        ["seconds an instance", *(middle(instances[s] and instances[s]["seconds"]) for s in SPLITS)],
    ]
    for name, key in (("shorter than a snippet", "short"), ("that overlap another", "overlapping")):
        found = [instances[s] and part(instances[s][key], instances[s]["count"]) for s in SPLITS]
        rows.append([f"instances {name}", *found])
    rows += [
        ["points", held["train"]["points"], None],
        ["points in no instance of their class", *of_train("outside", held["train"]["points"])],
        ["instances without a point", *of_train("unmarked", held["train"]["instances"])],
        ["instances with several points", *of_train("repeated", held["train"]["instances"])],
    ]
    return table("Medians, and from the 5 % to the 95 % quantile.", ["", *SPLITS], rows)


def middle(found: dict | None) -> str | None:
    """The middle of some values and where most of them lie."""
    return found and f"{number(found['median'])} ({number(found['5%'])} to {number(found['95%'])})"


def number(value: float) -> str:
    """A number of three digits, or of all before the point."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def figure(picture: str, caption: str, series: tuple[str, ...] = ()) -> str:
    """A plot with what it shows, and whose the colours are."""
    keys = "".join(f'<span class="key {name}"></span>{name}' for name in series)
    return f"<figure>\n<figcaption>{text(caption)}{keys}</figcaption>\n{picture}\n</figure>"


def plots(facts: dict) -> str:
    """Lengths of videos and instances, points inside instances, classes a video."""
    drawn = []
    for kind, found in facts["histograms"].items():
        labels = border_labels(found["borders"])
        counts = {split: found["counts"][split] for split in SPLITS if any(found["counts"][split])}
        caption = f"How long {kind} are"
        picture = svg.bars(caption, counts, labels, "seconds, in growing bins", borders=True)
        drawn.append(figure(picture, caption, tuple(counts)))
    if facts["points"]["positions"] and facts["points"]["inside"]:
        positions = facts["points"]["positions"]
        labels = [f"{number / len(positions):.1f}" for number in range(len(positions) + 1)]
        caption = "Where in its instance a point lies"
        axis = "0: the start, 1: the end"
        drawn.append(figure(svg.bars(caption, {"train": positions}, labels, axis, borders=True), caption))
    held = facts["splits"]
    labels = sorted({number for s in SPLITS for number in held[s]["classes_a_video"]}, key=int)
    drawn_of = [s for s in SPLITS if held[s]["videos"]]
    counts = {s: [held[s]["classes_a_video"].get(number, 0) for number in labels] for s in drawn_of}
    caption = "How many classes a video shows"
    drawn.append(figure(svg.bars(caption, counts, labels, "classes"), caption, tuple(counts)))
    return '<div class="plots">\n' + "\n".join(drawn) + "\n</div>"


def border_labels(borders: list[float]) -> list[str]:
    """Labels of the borders 1, 2, 5, 10 ... alone, where there are enough of them; "" is none."""
    labels = [f"{border:g}" if f"{border:.3e}"[:5] in ROUND else "" for border in borders]
    return labels if sum(map(bool, labels)) > 2 else [f"{border:g}" for border in borders]


def classes(facts: dict) -> str:
    """A row a class."""
    held = facts["classes"]
    points = max((found["points"] for found in held.values()), default=0)
    instances = max((found["test"]["instances"] for found in held.values()), default=0)
    rows = []
    for label, found in held.items():
        seconds, tested = found["seconds"], found["test"]
        rows.append(
            [
                label,
                Markup(text(found["points"]) + svg.bar(found["points"], points, "train")),
                found["pointed_videos"],
                found["train"]["instances"] or None,
                Markup(text(tested["instances"]) + svg.bar(tested["instances"], instances, "test")),
                tested["videos"],
                seconds and number(seconds["median"]),
                seconds and f"{number(seconds['min'])} to {number(seconds['max'])}",
            ]
        )
    header = ["class", "points", "in training videos", "training instances", "test instances"]
    header += ["in test videos", "median seconds", "seconds"]
    return table("Points are what training sees, test instances what the mAP measures.", header, rows)


def features(facts: dict) -> str:
    """What the features look like."""
    found, shift = facts["features"], facts["features"]["shift"]
    rows = [
        ["channels", found["channels"]],
        ["values", f"{found['low']:.4g} to {found['high']:.4g}, {found['kind']}"],
        ["negative", percent(found["negative"])],
        ["exactly zero", percent(found["zero"])],
        ["channels that hardly change", len(found["flat_channels"])],
        ["videos that hardly change", len(found["still"])],
        ["pairs of videos with the same features", len(found["shared"])],
        ["mean of the test split, median channel", shift and f"{shift['mean']:.2f} deviations away"],
        ["deviation of the test split, median channel", shift and f"{shift['deviation']:.2f} times as large"],
    ]
    caption = "Mean of each channel in the training split, a deviation around it, and its extremes"
    picture = figure(svg.bands(caption, found["profile"], "channel"), caption)
    facts_of_all = table("Of all videos, where no split is named.", ["", "all"], rows)
    return f'{facts_of_all}\n<div class="plots">{picture}</div>'
