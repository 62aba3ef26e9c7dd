"""A diagnosis in a few lines for the terminal: what costs most first."""

WORST = 3  # classes that are named
MIDDLE = 0.5  # the threshold of errors of starts and ends, where it is among the evaluation's


def lines(diagnosis: dict) -> list[str]:
    """The lines of a diagnosis, a dictionary of `figures.diagnose`; "points" among it is an audit."""
    parts = [head(diagnosis), costs(diagnosis), classes(diagnosis), instances(diagnosis), ends(diagnosis)]
    if diagnosis.get("points"):
        parts.append(points(diagnosis["points"]))
    return [line for part in parts for line in [*part, ""]][:-1]


def percent(share: float | None) -> str:
    """A share in %, or a dash where it is unknown."""
    return "-" if share is None else f"{100 * share:.1f} %"


def head(diagnosis: dict) -> list[str]:
    """What was compared, and its mAP."""
    counts, tiou = diagnosis["counts"], diagnosis["tiou"]
    return [
        f"{counts['detections']} detections against {counts['instances']} instances of "
        f"{len(diagnosis['classes'])} classes in {counts['videos']} videos",
        f"mAP, mean over tIoU {tiou[0]:g}:{tiou[-1]:g}: {percent(diagnosis['average'])}",
    ]


def costs(diagnosis: dict) -> list[str]:
    """The types of error, that first without which mAP would be highest.

    Beside them their shares of the best G detections, as many per class as instances.
    """
    impact, first = diagnosis["errors"]["impact"], diagnosis["errors"]["profile"][0]["shares"]
    rows = sorted(impact["types"].items(), key=lambda item: -item[1]["gain"])
    table = [f"  {name:<18}{100 * row['gain']:>+8.1f}{percent(first[name]):>23}" for name, row in rows]
    rest = f"to {percent(impact['all']['mAP'])}; the rest is missed"
    return [
        f"  {'without errors of':<18}{'mAP':>8}{'share of the best G':>23}",
        *table,
        f"  {'any type':<18}{100 * impact['all']['gain']:>+8.1f}   {rest}",
    ]


def classes(diagnosis: dict) -> list[str]:
    """The worst classes, each with what costs it most, and the best one."""
    rows = sorted(diagnosis["per_class"].items(), key=lambda item: item[1]["average"])
    lines = []
    for name, row in rows[:WORST]:
        kind, gain = max(row["gains"].items(), key=lambda item: item[1])
        cost = f"; most by {kind}, {100 * gain:+.1f}" if gain > 0 else ""
        lines.append(f"  {percent(row['average']):>7}  {name} ({row['instances']} instances{cost})")
    name, row = rows[-1]
    return ["AP of the worst classes", *lines, f"and of the best: {percent(row['average'])}, {name}"]


def instances(diagnosis: dict) -> list[str]:
    """The share of instances that are missed, and the buckets in which most are."""
    lines = []
    for name, row in diagnosis["characteristics"].items():
        buckets = [bucket for bucket in row["buckets"] if bucket["instances"]]
        if len(buckets) > 1:
            worst = max(buckets, key=lambda bucket: bucket["missed"])
            lines.append(
                f"  {NAMES[name]} is {worst['label']}: {percent(worst['missed'])} of {worst['instances']}"
            )
    where = "; most of them where" if lines else ""
    return [f"missed instances: {percent(diagnosis['missed']['share'])}{where}", *lines]


NAMES = {
    "coverage": "the share of the video",
    "length": "the length",
    "instances": "the number of instances in the video",
}


def ends(diagnosis: dict) -> list[str]:
    """The median errors of starts and ends, with their quartiles."""
    rows = {row["tiou"]: row for row in diagnosis["boundaries"]}
    tiou = MIDDLE if MIDDLE in rows else diagnosis["tiou"][0]
    row = rows[tiou]
    if not row["matched"]:
        return [f"no detection is matched at tIoU {tiou:g}"]
    lines = [f"{row['matched']} detections matched at tIoU {tiou:g}: median (quartiles)"]
    for end in ("start", "end"):
        off = row[f"{end}_s"]
        side = "late" if off["median"] >= 0 else "early"
        lines.append(f"  {end} {abs(off['median']):.2f} s {side} ({off['q25']:+.2f} to {off['q75']:+.2f})")
    return lines


def points(audit: dict) -> list[str]:
    """Where the points lie."""
    lines = [
        f"{audit['points']} points: {percent(audit['outside_share'])} in no instance of their class; "
        f"{percent(audit['without_share'])} of {audit['instances']} instances without one"
    ]
    position = audit["position"]
    if position:
        lines.append(f"  at {position['mean']:.2f} +- {position['std']:.2f} of their instance")
    return lines
