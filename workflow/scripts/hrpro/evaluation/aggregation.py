"""Means and deviations over seeds: what the map.json of an experiment holds."""

import pandas as pd

from . import mean_ap

QUALITY = ("tiou", "without", "over_0.5")  # of reliable proposals, in %


def over_seeds(runs: list[dict]) -> dict:
    """The evaluations of one experiment's seeds, one per seed -> mAP, its averages and AP per class, in %.

    All are means over the seeds; "std" is the averages' deviation.
    """
    averages = pd.DataFrame([mean_ap.averages(run["mAP"], run["tiou"]) for run in runs])
    return {
        "mAP": mean([run["mAP"] for run in runs]),
        "average": averages.mean().to_dict(),
        "std": deviation(averages).to_dict(),
        "per_class": {name: mean([run["per_class"][name] for run in runs]) for name in runs[0]["per_class"]},
    }


def quality_over_seeds(runs: list[dict]) -> dict:
    """Means over the seeds of the reliable proposals' quality, and "std"; None where it is unknown."""
    table = pd.DataFrame(runs, columns=QUALITY, dtype=float)
    known = table.dropna(axis="columns", how="all")
    unknown = dict.fromkeys(QUALITY)
    return unknown | known.mean().to_dict() | {"std": unknown | deviation(known).to_dict()}


def mean(rows: list[list[float]]) -> list[float]:
    """The mean over the seeds of values at each tIoU threshold."""
    return pd.DataFrame(rows).mean().tolist()


def deviation(table: pd.DataFrame) -> pd.Series:
    """The sample standard deviation (n - 1) of each column over the seeds, and 0 for one seed."""
    return table.std().fillna(0.0)
