"""The Markdown of gpu.json: a table per part."""

Table = list[list[str]]


def markdown(content: dict) -> str:
    """The whole report."""
    facts = [f"- {name}: {value}" for name, value in content["facts"].items() if value is not None]
    text = ["# gpu-check", "\n".join(facts), f"{content['seconds']:.0f} s; failed: {len(content['failed'])}"]
    for part, checks in content["checks"].items():
        text += [f"## {part}", WRITERS[part](checks)]
    tracebacks = [
        f"### {part}: {name}\n\n```\n{outcome['traceback'].strip()}\n```"
        for part, checks in content["checks"].items()
        for name, outcome in checks.items()
        if "traceback" in outcome
    ]
    return "\n\n".join(text + (["## What failed", *tracebacks] if tracebacks else [])) + "\n"


def equality(checks: dict) -> str:
    """Per check its outcome and the figure that is nearest to its bound."""
    rows = [["check", "outcome", "seconds", "nearest to its bound", "difference", "bound", "more"]]
    for name, outcome in checks.items():
        figures = outcome.get("figures", {})
        bounded = {n: f for n, f in figures.items() if isinstance(f, dict) and "bound" in f}
        worst = max(bounded, key=lambda n: nearness(bounded[n]), default="")
        cells = [bounded[worst]["difference"], bounded[worst]["bound"]] if worst else ["", ""]
        more = [f"{n} {number(f)}" for n, f in figures.items() if isinstance(f, (int, float))]
        rows.append([name, outcome["status"], outcome.get("seconds", ""), worst, *cells, "; ".join(more)])
    return table(rows)


def nearness(figure: dict) -> float:
    """A difference as a share of its bound, NaN as infinite."""
    if not figure["difference"] <= figure["bound"]:
        return float("inf")
    return figure["difference"] / figure["bound"] if figure["bound"] else 0.0


def figures(checks: dict) -> str:
    """Per check its figures, a column each."""
    text = []
    for names, group in alike(checks):
        rows = [["", *names, *([] if names else ["outcome"])]]
        for name, outcome in group.items():
            cells = [outcome["figures"].get(n, "") for n in names] if names else [outcome["status"]]
            rows.append([name, *cells])
        text.append(table(rows))
    return "\n\n".join(text)


def alike(checks: dict) -> list[tuple[list[str], dict]]:
    """Checks that follow each other and share a figure, with the names of all of theirs."""
    groups: list[tuple[list[str], dict]] = []
    for name, outcome in checks.items():
        names = list(outcome.get("figures", {}))
        if (
            not groups
            or bool(names) != bool(groups[-1][0])
            or (names and not set(names) & set(groups[-1][0]))
        ):
            groups.append(([], {}))
        groups[-1][0].extend(n for n in names if n not in groups[-1][0])
        groups[-1][1][name] = outcome
    return groups


def profile(checks: dict) -> str:
    """The plain figures in one table; per check its longest kernels and the lines that wait."""
    plain = {
        name: outcome
        | (
            {"figures": {n: f for n, f in outcome["figures"].items() if not isinstance(f, dict)}}
            if "figures" in outcome
            else {}
        )
        for name, outcome in checks.items()
    }
    text = [figures(plain)]
    for name, outcome in checks.items():
        for title, values in outcome.get("figures", {}).items():
            if isinstance(values, dict) and values:
                rows = [["", f"{name}: {title}"], *([number(v), f"`{key}`"] for key, v in values.items())]
                text.append(table(rows))
    return "\n\n".join(text)


def table(rows: list[list]) -> str:
    """Rows, the first of them the header, as a Markdown table."""
    lines = ["| " + " | ".join(map(number, row)) + " |" for row in rows]
    return "\n".join([lines[0], "| " + " | ".join("---" for _ in rows[0]) + " |", *lines[1:]])


def number(value) -> str:
    """A cell's text: numbers with three digits that count."""
    text = (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 1000
        else f"{value:.0f}"
        if isinstance(value, float)
        else str(value)
    )
    return text.replace("|", "\\|").replace("\n", " ")


WRITERS = {"equality": equality, "steps": figures, "whole": figures, "profile": profile}
