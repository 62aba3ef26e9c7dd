"""The Markdown of gpu.json: a table per part."""

LONGEST_NAME = 100  # characters


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
        last = groups[-1][0] if groups else None
        if last is None or bool(names) != bool(last) or (names and not set(names) & set(last)):
            groups.append(([], {}))
        groups[-1][0].extend(n for n in names if n not in groups[-1][0])
        groups[-1][1][name] = outcome
    return groups


def profile(checks: dict) -> str:
    """The plain figures in one table; per check, tables of its kernels, operators, functions and waits."""
    plain, tables = {}, []
    for name, outcome in checks.items():
        of_check = outcome.get("figures", {})
        lists = {title: values for title, values in of_check.items() if isinstance(values, dict) and values}
        plain[name] = outcome | {"figures": {n: f for n, f in of_check.items() if not isinstance(f, dict)}}
        for title, values in lists.items():
            rows = [[number(value), f"`{shortened(key)}`"] for key, value in values.items()]
            tables.append(table([["", f"{name}: {title}"], *rows]))
    return "\n\n".join([figures(plain), *tables])


def shortened(name: str) -> str:
    """A kernel's name without what all of torch's have in theirs, and cut; gpu.json has the whole."""
    for part in ("void ", "at::native::", "(anonymous namespace)::"):
        name = name.replace(part, "")
    return name[:LONGEST_NAME]


def table(rows: list[list]) -> str:
    """Rows, the first of them the header, as a Markdown table."""
    lines = ["| " + " | ".join(map(number, row)) + " |" for row in rows]
    return "\n".join([lines[0], "| " + " | ".join("---" for _ in rows[0]) + " |", *lines[1:]])


def number(value) -> str:
    """A cell's text: numbers with three digits that count."""
    text = str(value)
    if isinstance(value, float):
        text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return text.replace("|", "\\|").replace("\n", " ")


WRITERS = {"equality": equality, "steps": figures, "whole": figures, "profile": profile, "at_once": figures}
