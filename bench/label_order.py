"""Which video to label next: mAP against points by several measures, beside random order.

    snakemake --configfile config/shared.yaml --cores 2 -- \\
      results/{gtea,hapt}/{train,test}/{annotations.json,features.h5} results/{gtea,hapt}/train/points.json
    PYTHONPATH=workflow/scripts OMP_NUM_THREADS=1 python bench/label_order.py gtea \\
      [--variant default] [--settings JSON] [--seeds 0,1,2] [--measures random,core_set]

Per seed a quarter of the training videos is held back. Of the others, random ones are labelled until 10 % of
their points are reached; stage 1 trains on those, a measure orders the rest by that model, and videos are
added whole, in that order, up to the next share. The mAP (average 0.1:0.7 of stage 1's detections) is that of
the held-back videos, by which the measure was chosen, and of the test split, from the same models. A line per
training goes into results/label-order/; what is there is not run again, so a run that was killed goes on.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from hrpro import methods
from hrpro.data import annotations, copies, training_points
from hrpro.data.features import FeatureFile
from hrpro.data.scores import Scores
from hrpro.detection.suppression import suppress
from hrpro.evaluation.protocol import Protocol
from hrpro.inference import Stage1
from hrpro.labelling import order
from hrpro.proposals.generation import propose_test
from hrpro.training.checkpoint import Checkpoint
from hrpro.training.task import Stage1Task
from hrpro.utils import process
from settings import ROOT, configuration

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)  # of the points
HELD_BACK = 0.25  # of the training videos


class Known(NamedTuple):
    """What a measure knows of the videos that are not held back."""

    scores: dict[str, Scores]  # of the unlabelled ones
    detections: dict[str, np.ndarray]  # their scores, of the unlabelled ones
    means: dict[str, np.ndarray]  # of the features, of all
    labelled: list[str]
    rng: np.random.Generator

    @property
    def unlabelled(self) -> list[str]:
        """The videos without labels."""
        return list(self.scores)


# Measures: what is known -> the unlabelled videos, the most worth first.


def random(known: Known) -> list[str]:
    """Any order."""
    return known.rng.permutation(known.unlabelled).tolist()


def by_value(known: Known, values: list[float]) -> list[str]:
    """The unlabelled videos by their values, the highest first."""
    return [known.unlabelled[i] for i in np.argsort(-np.array(values), kind="stable")]


def entropies(known: Known) -> list[float]:
    """The mean binary entropy of each video's snippet scores."""
    return [float(binary_entropy(scores.fused).mean()) for scores in known.scores.values()]


def binary_entropy(p: np.ndarray) -> np.ndarray:
    """The entropy in nats of events of these probabilities."""
    p = np.clip(np.asarray(p, dtype=float), 1e-12, 1 - 1e-12)
    return -p * np.log(p) - (1 - p) * np.log1p(-p)


def entropy(known: Known) -> list[str]:
    """Uncertainty: the mean entropy of the snippet scores."""
    return by_value(known, entropies(known))


def margin(known: Known) -> list[str]:
    """Uncertainty: how little the best class of a snippet, or background, is ahead of the second."""
    ordered = [np.sort(scores.fused, axis=1) for scores in known.scores.values()]
    return by_value(known, [float(1 - (each[:, -1] - each[:, -2]).mean()) for each in ordered])


def detections(known: Known) -> list[str]:
    """Expected number of detections of middling score: the sum of 4 s (1 - s)."""
    scores = [np.clip(each, 0, 1) for each in known.detections.values()]
    return by_value(known, [float((4 * s * (1 - s)).sum()) for s in scores])


def farthest_first(known: Known, weights=None) -> list[str]:
    """k-center-greedy (Sener and Savarese 2018): each next video is the farthest from those before it.

    weights: what the distance of each unlabelled video is multiplied by.
    """
    names, count = [*known.labelled, *known.unlabelled], len(known.labelled)
    distance = order.distances(np.array([known.means[video] for video in names]))
    nearest, weight = distance[count:, :count].min(1), np.ones(len(known.unlabelled))
    if weights is not None:
        weight = np.array(weights)
    taken, left = [], list(range(len(known.unlabelled)))
    while left:
        best = max(left, key=lambda i: nearest[i] * weight[i])
        left.remove(best)
        taken.append(known.unlabelled[best])
        nearest = np.minimum(nearest, distance[count:, count + best])
    return taken


def core_set(known: Known) -> list[str]:
    """Diversity: k-center-greedy on the mean features of the videos."""
    return farthest_first(known)


def diverse_entropy(known: Known) -> list[str]:
    """k-center-greedy, the distances times the mean entropies."""
    return farthest_first(known, entropies(known))


def facility_location(known: Known) -> list[str]:
    """Diversity without outliers, as hrpro orders videos."""
    labelled, unlabelled = (
        {video: known.means[video] for video in videos} for videos in (known.labelled, known.unlabelled)
    )
    return [rank.video for rank in order.rank(unlabelled, labelled)]


MEASURES: dict[str, Callable[[Known], list[str]]] = {
    measure.__name__: measure
    for measure in (random, entropy, margin, detections, core_set, diverse_entropy, facility_location)
}


class Simulation:
    """A data set of which a seed's quarter is held back."""

    def __init__(self, args: argparse.Namespace, seed: int):
        whole, self.folder = configuration(args.configfile), Path("results", args.dataset)
        dataset, self.seed, self.changed = args.dataset, seed, args.settings
        self.settings = whole.step(dataset, "stage1", args.variant).model_copy(update=args.settings)
        steps = {step: whole.step(dataset, step) for step in ("proposals", "detection", "evaluation")}
        database = annotations.read_entries(self.folder / "train/annotations.json")
        points = training_points.read(self.folder / "train/points.json")
        self.classes = points.classes
        held_back, self.points = copies.hold_back(
            database, points.videos, share=HELD_BACK, truth="segments", rng=np.random.default_rng(seed)
        )
        truth = {
            video: annotations.instances(entry, self.classes)
            for video, entry in annotations.of_split(held_back, "test").items()
        }
        of_test = annotations.test_truth(self.folder / "test/annotations.json", "test", [], self.classes)
        self.protocols = {
            "held_back": Protocol(**steps, truth=truth, ambiguous={}, classes=self.classes),
            "test": Protocol(
                **steps, truth=of_test.instances, ambiguous=of_test.ambiguous, classes=self.classes
            ),
        }
        self.steps = steps
        with FeatureFile(self.folder / "train/features.h5") as file:
            self.means = {video: file.read([video])[0].mean(0) for video in self.points}

    def filled(self, ranking: list[str], share: float, labelled: list[str]) -> list[str]:
        """The labelled videos, and as many more by their ranking as reach a share of the points."""
        labelled, total = list(labelled), sum(map(len, self.points.values()))
        for video in ranking:
            if sum(len(self.points[video]) for video in labelled) >= share * total - 1e-9:
                break
            labelled.append(video)
        return labelled

    def run(self, labelled: list[str]) -> tuple[dict, Known]:
        """Train on some videos; -> what is measured, and what a measure knows then."""
        began = time.process_time()
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            features = Path(folder, "features.h5")
            copies.link_features(self.folder / "train/features.h5", sorted(labelled), features)
            with FeatureFile(features) as file:
                model = self.train(file, labelled, Path(folder, "events"))
        figures = {name: self.mean_ap(model, name) for name in self.protocols}
        figures["seconds"] = time.process_time() - began
        return figures, self.known(model, labelled)

    def train(self, features: FeatureFile, labelled: list[str], events: Path) -> Stage1:
        """The model of stage 1 on some videos."""
        method = methods.load("stage1", self.settings.method)
        task = Stage1Task(
            features=features,
            points={video: self.points[video] for video in labelled},
            classes=self.classes,
            settings=self.settings,
            rng=process.start(seed=self.seed, threads=1, width=features.width),
            device=torch.device("cpu"),
            events=events,
            checkpoint=Checkpoint(None, key="", every=60),
            test=None,
            cache_memory=2000,
        )
        return Stage1(method, method.train(task))

    def mean_ap(self, model: Stage1, name: str) -> float:
        """The average mAP of a model's detections on the held-back videos, or on the test split."""
        protocol = self.protocols[name]
        split = "train" if name == "held_back" else "test"
        with FeatureFile(self.folder / split / "features.h5") as file:
            scored = (model.score(file.read([video])[0]) for video in protocol.truth)
            proposals = propose_test(scored, file.grid, protocol.proposals)
            return protocol.evaluate(zip(protocol.truth, proposals, strict=True))

    def known(self, model: Stage1, labelled: list[str]) -> Known:
        """What a measure knows after a training on some videos."""
        with FeatureFile(self.folder / "train/features.h5") as file:
            unlabelled = [video for video in self.points if video not in labelled]
            scores = {video: model.score(file.read([video])[0]) for video in unlabelled}
            proposals = propose_test(scores.values(), file.grid, self.steps["proposals"])
            kept = suppress(zip(scores, proposals, strict=True), self.steps["detection"], {})
            of_detections = {video: detections.scores for video, detections in kept if video in scores}
        return Known(
            scores,
            of_detections,
            self.means,
            labelled,
            np.random.default_rng([self.seed, len(labelled)]),
        )


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset")
    parser.add_argument("--variant", default="default", help="of stage 1")
    parser.add_argument("--settings", type=json.loads, default={}, help="that are to differ from it; JSON")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--measures", default=",".join(MEASURES))
    parser.add_argument("--configfile", default=str(ROOT / "config/shared.yaml"))
    args = parser.parse_args()
    output = Path("results/label-order", f"{args.dataset}-{args.variant}.jsonl")
    output.parent.mkdir(parents=True, exist_ok=True)
    for seed in map(int, args.seeds.split(",")):
        simulate(Simulation(args, seed), args.measures.split(","), output)
    print(table(read(output)))


def simulate(simulation: Simulation, names: list[str], output: Path) -> None:
    """All orders of a seed; rows that the file has already are taken from it.

    A row's "next" are the videos that are labelled at the next share, by measure.
    """
    rows = {(row["seed"], row["measure"], row["share"]): row for row in read(output)}
    seed = simulation.seed
    if any(each["settings"] != simulation.changed for each in rows.values()):
        sys.exit(f"{output}: of other --settings; move it away")

    def row(measure: str, share: float, labelled: list[str], following: list[str], after: float) -> dict:
        key = (seed, measure, share)
        if key not in rows or set(following) - rows[key]["next"].keys():
            figures, known = simulation.run(labelled)
            rankings = {name: MEASURES[name](known) for name in following}
            rows[key] = {
                **dict(zip(("seed", "measure", "share"), key, strict=True)),
                "labelled": labelled,
                "points": sum(len(simulation.points[video]) for video in labelled),
                "settings": simulation.changed,
                **figures,
                "next": {
                    name: simulation.filled(ranking, after, labelled) for name, ranking in rankings.items()
                },
            }
            with output.open("a") as file:
                file.write(json.dumps(rows[key]) + "\n")
            told = ", ".join(f"{name} {figures[name]:.1f}" for name in figures)
            print(f"seed {seed} {measure} {share:.0%}: {told}", flush=True)
        return rows[key]

    first = np.random.default_rng(seed).permutation(sorted(simulation.points)).tolist()
    start = row("start", SHARES[0], simulation.filled(first, SHARES[0], []), names, SHARES[1])
    row("all", 1.0, sorted(simulation.points), [], 1.0)
    for measure in names:
        labelled = start["next"][measure]
        for share, after in itertools.pairwise(SHARES[1:]):
            of_share = row(measure, share, labelled, [measure] if after < 1 else [], after)
            labelled = of_share["next"].get(measure)


def read(path: Path) -> list[dict]:
    """The rows of a file, none if it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(rows: list[dict]) -> str:
    """mAP at each share, and the gain over random order: of its mean over all but the first and last share.

    The gain with its standard error over seeds.
    """
    value = {(row["seed"], row["measure"], row["share"]): row for row in rows}
    inner, lines = SHARES[1:-1], []
    for place in ("held_back", "test"):
        shares = " | ".join(f"{share:.0%}" for share in SHARES)
        lines += [
            "",
            f"| {place}, order | seeds | {shares} | gain over random |",
            "| --- " * (len(SHARES) + 3) + "|",
        ]
        for name in MEASURES:
            done = {
                measure: {s for s, m, share in value if (m, share) == (measure, inner[-1])}
                for measure in MEASURES
            }
            seeds = sorted(done[name] & done["random"])
            if not seeds:
                continue
            keys = [("start", SHARES[0]), *((name, share) for share in inner), ("all", 1.0)]
            cells = [f"{np.mean([value[seed, *key][place] for seed in seeds]):.1f}" for key in keys]
            gains = [
                np.mean([value[seed, name, s][place] - value[seed, "random", s][place] for s in inner])
                for seed in seeds
            ]
            error = np.std(gains, ddof=1) / len(gains) ** 0.5 if len(gains) > 1 else np.nan
            gain = "" if name == "random" else f"{np.mean(gains):+.1f} ± {error:.1f}"
            lines.append(f"| {name} | {len(seeds)} | {' | '.join(cells)} | {gain} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
