"""Tables of results as data frames of text, for Markdown and for pages alike."""

from collections.abc import Callable

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from ..config import ABLATIONS
from ..utils import files
from ..utils.errors import InputError

STAGES = ("stage1", "stage2", "stage3")
QUALITY = {"tIoU": "tiou", "over 0.5": "over_0.5", "without": "without"}  # columns of reliable proposals
BASES = "none"  # the ablation's row of no change: alone the released program, without the default


class Known(BaseModel):
    """What is known of a file of hrpro's own; it may say more."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Figures(Known):
    """mAP of the models of a stage in %: at each tIoU threshold, its averages and their deviations."""

    mAP: list[float] = []
    average: dict[str, float]
    std: dict[str, float]


class Map(Known):
    """A map.json; stages: {stage: {pick: figures}}."""

    dataset: str
    experiment: str
    tiou: list[float]
    seeds: list[int]
    stages: dict[str, dict[str, Figures]]


def read(path, use: Callable[[dict], object]) -> dict:
    """The content of a map.json. Raises InputError where it is another file, of which `use` makes nothing."""
    result = files.read_json(path)
    try:
        Map.model_validate(result)
        use(result)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its content"
        raise InputError(
            f"{path}: not a map.json of hrpro ({place}: {first['msg']}); make it again"
        ) from None
    except (AttributeError, LookupError, StopIteration, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a map.json of hrpro ({error!r}); make it again") from None
    return result


def of_results(results: list[dict]) -> list[pd.DataFrame]:
    """The contents of map.json files: mAP, then what is known of reliable proposals and of events.

    One table of mAP per set of tIoU thresholds, for data sets may have others; one row per stage and model.
    """
    scores, reliable, listed = {}, [], []
    for result in results:
        for tiou in result.get("events", {}).get("F1", {}):
            row = {
                "data set": result["dataset"],
                "experiment": result["experiment"],
                "events": f"tIoU {tiou}",
            }
            listed.append(row | event_cells(result["events"], tiou, result["seeds"]))
        for stage, picks in result["stages"].items():
            for pick, figures in picks.items():
                model = {
                    "data set": result["dataset"],
                    "experiment": result["experiment"],
                    "stage": stage,
                    "model": pick,
                }
                row = model | score_cells(figures, result)
                scores.setdefault(tuple(row), []).append(row)
                quality = figures.get("reliable")
                if quality and quality["tiou"] is not None:
                    reliable.append(model | quality_cells(quality, result["seeds"]))
    tables = [pd.DataFrame(rows) for rows in scores.values()]
    tables += [pd.DataFrame(rows) for rows in (reliable, listed) if rows]
    return tables


def caption(table: pd.DataFrame) -> str:
    """What a table of `of_results` shows."""
    if "tIoU" in table:
        return (
            "Reliable proposals of the training videos, in %: tIoU with the true segments, share over 0.5, "
            "share of points without one; ± deviation over the seeds."
        )
    if "events" in table:
        return "Lists of events in %: at each tIoU threshold; ± deviation over the seeds."
    words = "mAP in % at each tIoU threshold, and its averages ± deviation over the seeds."
    if "gated" in set(table["stage"]):
        words += " gated: the last stage that counts by held-back training videos."
    return words


def score_cells(figures: dict, result: dict) -> dict[str, str]:
    """mAP in % at each threshold, and its averages with their deviation over seeds."""
    cells = {
        f"{threshold:g}": f"{value:.1f}"
        for threshold, value in zip(result["tiou"], figures["mAP"], strict=True)
    }
    for name, value in figures["average"].items():
        cells[name] = with_deviation(value, figures["std"][name], result["seeds"])
    return cells


def quality_cells(quality: dict, seeds: list[int]) -> dict[str, str]:
    """Mean tIoU of reliable proposals, the share over 0.5 and the share of points without one, in %."""
    return {
        column: with_deviation(quality[key], quality["std"][key], seeds) for column, key in QUALITY.items()
    }


def over_all_thresholds(result: dict) -> dict[str, dict]:
    """{stage: {"mean", "std"}} over seeds of mAP's mean over all thresholds, in %, of the models of `last`.

    result: a map.json, whose first average is that over all thresholds.
    """
    figures = {}
    for stage, picks in result["stages"].items():
        last = picks["last"]
        name = next(iter(last["average"]))
        figures[stage] = {"mean": last["average"][name], "std": last["std"][name]}
    return figures


def of_ablation(rows: dict, seeds: list[int], experiment: str = "default") -> pd.DataFrame:
    """An experiment's ablation, {row: {"alone" or "without": {stage: {"mean", "std"}}}}; one row per row."""
    stages = {
        kind: [stage for stage in STAGES if any(stage in kinds.get(kind, {}) for kinds in rows.values())]
        for kind in ABLATIONS
    }
    lines = []
    for row, kinds in rows.items():
        line = [f"released alone / {experiment}, all together" if row == BASES else row]
        for kind in ABLATIONS:
            for stage in stages[kind]:
                figure = kinds.get(kind, {}).get(stage)
                line.append(with_deviation(figure["mean"], figure["std"], seeds) if figure else "")
        lines.append(line)
    columns = ["row"]
    for kind, of_kind in stages.items():
        names = [f"stage {stage[-1]}" for stage in of_kind]
        columns += [f"{kind}: {name}" if name == names[0] else name for name in names]
    return pd.DataFrame(lines, columns=columns)


def event_cells(events: dict, tiou: str, seeds: list[int]) -> dict[str, str]:
    """What is known of a list of events at a threshold, and its edit score, in %."""

    def cell(key: str) -> str:
        if events[key][tiou] is None:
            return ""
        return with_deviation(events[key][tiou], events["std"][key][tiou], seeds)

    names = {
        "F1": "F1",
        "precision": "precision",
        "recall": "recall",
        "calibration_error": "calibration error",
    }
    cells = {column: cell(key) for key, column in names.items()}
    return cells | {"edit": with_deviation(events["edit"], events["std"]["edit"], seeds)}


def with_deviation(mean: float, deviation: float, seeds: list[int]) -> str:
    """A mean over seeds and, of more than one, its deviation: 12.3 ± 0.4."""
    return f"{mean:.1f} ± {deviation:.1f}" if len(seeds) > 1 else f"{mean:.1f}"


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, its columns aligned."""
    return table.to_markdown(index=False, tablefmt="github", disable_numparse=True)
