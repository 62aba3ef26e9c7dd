"""The check of a data set: each defect is found where it is planted and nowhere else; numbers; the page."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from typing import NamedTuple

import h5py
import numpy as np
import pytest
import yaml

from conftest import ROOT, run_script, snakemake
from hrpro.config import canonical
from hrpro.data.features import FORMAT_VERSION, FeatureFile
from hrpro.grid import Grid
from hrpro.report import facts, figures, findings, pages, scan

GRID = Grid(16, 25)
CHANNELS = 12
CLASSES = ["jump", "run", "sit"]
VIDEOS, LENGTH, EVERY = {"train": 12, "test": 10}, 60, 12  # snippets
ACTION = 5


class Made(NamedTuple):
    """A data set as the workflow converts it; features: {(split, video): (T, D)}."""

    database: dict
    points: dict
    features: dict


@pytest.fixture
def made() -> Made:
    """A data set without a fault: four actions a video, each with a point at its middle."""
    rng = np.random.default_rng(0)
    database, points, features = {}, {}, {}
    for split, count in VIDEOS.items():
        for number in range(count):
            video = f"{split}_{number}"
            features[split, video] = rng.normal(size=(LENGTH, CHANNELS)).astype(np.float32)
            found = []
            for row, start in enumerate(range(4, LENGTH - EVERY, EVERY)):
                segment = GRID.seconds([start, start + ACTION]).tolist()
                found.append({"label": CLASSES[(number + row) % 3], "segment": segment})
            database[video] = {
                "subset": split,
                "duration": float(GRID.seconds(LENGTH)),
                "annotations": found,
                "ambiguous": [],
            }
            if split == "train":
                points[video] = [{"label": a["label"], "seconds": sum(a["segment"]) / 2} for a in found]
    return Made(database, points, features)


def write(made: Made, folder) -> dict:
    """The features.h5 of each split: {split: path}."""
    width = next(iter(made.features.values())).shape[1]
    paths = {split: folder / f"{split}.h5" for split in VIDEOS}
    for split, path in paths.items():
        with h5py.File(path, "w") as file:
            for (subset, video), values in made.features.items():
                if subset == split:
                    file[video] = values
            file.attrs.update({"format_version": FORMAT_VERSION, "width": width, "by_columns": [False]})
            file.attrs.update(
                {"snippet_frames": GRID.frames, "snippet_window": GRID.window, "snippet_fps": GRID.fps}
            )
    return paths


@pytest.fixture
def gather(tmp_path):
    """The facts of a data set."""

    def facts_of(made: Made, classes=CLASSES, name="mine") -> dict:
        paths = write(made, tmp_path)
        with FeatureFile(paths["train"]) as train, FeatureFile(paths["test"]) as test:
            scanned = scan.scan({"train": train, "test": test})
        return facts.gather(name, made.database, made.points, classes=classes, grid=GRID, features=scanned)

    return facts_of


def test_a_data_set_without_a_fault_has_no_finding(made, gather):
    known = gather(made)
    assert findings.findings(known) == []
    assert "Nothing needs attention" in pages.check(known, [])


# --- ways to spoil a data set


def features(change, *videos: str):
    """Change the features of some videos."""

    def plant(made: Made) -> None:
        for split, video in list(made.features):
            if video in videos:
                values = change(made.features[split, video].copy())
                made.features[split, video] = values.astype(np.float32)

    return plant


def every(split: str, change):
    """Change the features of a split."""
    return features(change, *(f"{split}_{number}" for number in range(VIDEOS[split])))


def copied(start: int, video: str, other: str):
    """From a snippet on, the features of a video are those of another one."""

    def plant(made: Made) -> None:
        found = {name: values for (_, name), values in made.features.items()}
        found[video][start:] = found[other][start:]

    return plant


def channel(number: int, value: float, split: str):
    """A channel that does not change."""

    def change(values: np.ndarray) -> np.ndarray:
        values[:, number] = value
        return values

    return every(split, change)


def entry(video: str, change):
    """Change a video's entry."""
    return lambda made: change(made.database[video])


def annotation(video: str, row: int, **values):
    """Change an instance; points stay."""
    return entry(video, lambda found: found["annotations"][row].update(values))


def point(video: str, row: int, **values):
    """Change a point."""
    return lambda made: made.points[video][row].update(values)


def relabelled(label: str, *subsets: str):
    """Every "sit" gets another name in some splits, of the training split also in the points."""

    def plant(made: Made) -> None:
        found = [a for e in made.database.values() if e["subset"] in subsets for a in e["annotations"]]
        found += [p for points in made.points.values() for p in points] if "train" in subsets else []
        for one in found:
            one["label"] = label if one["label"] == "sit" else one["label"]

    return plant


def kept(count: int, label: str = "sit"):
    """Points and training instances of a class are cut down to the first few videos that show it."""

    def plant(made: Made) -> None:
        shown = [v for v, found in made.points.items() if any(p["label"] == label for p in found)]
        for video in shown[count:]:
            for found in (made.points[video], made.database[video]["annotations"]):
                found[:] = [one for one in found if one["label"] != label]

    return plant


def repeated(label: str, times: int):
    """Each point of a class stands several times."""

    def plant(made: Made) -> None:
        for found in made.points.values():
            found += [dict(p) for p in found if p["label"] == label] * (times - 1)

    return plant


def crowded(count: int):
    """A class of the first video alone gets many points, in instances of their own after each other."""

    def plant(made: Made) -> None:
        found = made.database["train_0"]
        found["annotations"] = [
            {"label": "hop", "segment": [start, start + 0.7]}
            for start in np.arange(1.0, 0.8 * count + 1, 0.8).tolist()
        ]
        made.points["train_0"] = [
            {"label": "hop", "seconds": a["segment"][0] + 0.3} for a in found["annotations"]
        ]

    return plant


def without(*videos: str, points: bool = True, instances: bool = True):
    """Videos without points, or without instances."""

    def plant(made: Made) -> None:
        for video in videos:
            if points and video in made.points:
                made.points[video] = []
            if instances:
                made.database[video]["annotations"] = []

    return plant


def all_of(*plants):
    """Several changes."""

    def plant(made: Made) -> None:
        for one in plants:
            one(made)

    return plant


def stretched(split: str, factor: float):
    """Durations that belong to snippets of another length."""

    def plant(made: Made) -> None:
        for found in made.database.values():
            if found["subset"] == split:
                found["duration"] *= factor

    return plant


def cut_to(split: str, count: int):
    """A split of few videos."""

    def plant(made: Made) -> None:
        for video in [v for v, e in made.database.items() if e["subset"] == split][count:]:
            del made.database[video], made.features[split, video]
            made.points.pop(video, None)

    return plant


def whole(split: str):
    """Instances that fill their videos."""

    def plant(made: Made) -> None:
        for found in made.database.values():
            if found["subset"] == split:
                for row, one in enumerate(found["annotations"]):
                    one["segment"] = [9.0 * row, 9.0 * row + 9.0 + (row == 3) * 2]

    return plant


def softmax(values: np.ndarray) -> np.ndarray:
    """Log-probabilities."""
    values = values.astype(np.float64)
    return values - np.log(np.exp(values).sum(1, keepdims=True))


class Case(NamedTuple):
    """A defect: how it is planted, the levels of its findings, words that the first one has."""

    name: str
    plant: object
    levels: list[str]
    words: list[str]
    classes: list[str] = CLASSES


TRAIN = [f"train_{number}" for number in range(VIDEOS["train"])]
TEST = [f"test_{number}" for number in range(VIDEOS["test"])]
DEFECTS = [
    Case(
        "a test video that is a training video too",
        copied(0, "test_3", "train_1"),
        ["error"],
        [
            "test videos whose features are in the training split: 1",
            "train_1 = test_3 (100 %)",
            "remove them",
        ],
    ),
    Case(
        "most of a test video is a training video",
        copied(15, "test_3", "train_1"),
        ["error"],
        ["in the training split: 1", "train_1 = test_3 (72 %)"],
    ),
    Case("less than half of it", copied(40, "test_3", "train_1"), [], []),
    Case(
        "two training videos are one",
        copied(0, "train_4", "train_9"),
        ["warning"],
        ["videos of one split with the same features: 1", "train_4 = train_9 (100 %)", "extract them again"],
    ),
    Case(
        "durations in another grid",
        stretched("test", 1.5),
        ["error"],
        ["test split", "0.667 times as many snippets", "by the configuration one lasts 0.64 s", "0.96 s"],
    ),
    Case(
        "a video of odd length",
        features(lambda values: values[:50], "train_2"),
        ["warning"],
        ["train videos whose snippets do not fit their duration: 1 of 12", "train_2 (50 for 60.0)"],
    ),
    Case("a video two snippets short", features(lambda values: values[:58], "train_2"), [], []),
    Case(
        "a class of the test split without points",
        relabelled("stand", "test"),
        ["error", "note"],
        ["classes of the test split without a training point: 1", "stand", "mark points of them"],
        [*CLASSES, "stand"],
    ),
    Case(
        "a class without test instances",
        relabelled("stand", "train"),
        ["error", "note"],
        ["classes of the test split without a training point: 1", "sit"],
        [*CLASSES, "stand"],
    ),
    Case(
        "a class that nobody shows",
        lambda made: None,
        ["note"],
        ["classes with neither a training point nor a test instance: 1", "stand"],
        [*CLASSES, "stand"],
    ),
    Case(
        "classes that differ in case and punctuation",
        relabelled("Sit_", "test"),
        ["error", "warning", "note"],
        ["without a training point: 1", "Sit_"],
        [*CLASSES, "Sit_"],
    ),
    Case(
        "a class of few points",
        kept(3),
        ["warning"],
        ["classes of fewer than 5 points: 1", "sit (4)", "mark more"],
    ),
    Case(
        "a class in one video",
        all_of(crowded(6), entry("test_0", lambda e: e["annotations"][0].update(label="hop"))),
        ["warning", "note"],
        ["classes marked in a single training video: 1", "hop", "that video's scene"],
        [*CLASSES, "hop"],
    ),
    Case(
        "uneven classes",
        all_of(kept(4), repeated("run", 8)),
        ["note", "note", "note"],
        ["the classes' points are uneven", "run (128)", "sit (5)"],
    ),
    Case(
        "points at a wrong time",
        point("train_5", 0, seconds=0.5),
        ["warning", "note"],
        ["points in no instance of their class: 1 of 48", "train_5", "correct the points' times or classes"],
    ),
    Case(
        "a point of a wrong class",
        point("train_5", 0, label="run"),
        ["warning", "note"],
        ["in no instance of their class: 1 of 48, 1 of them in one of another class", "train_5"],
    ),
    Case(
        "a point left out",
        lambda made: made.points["train_7"].pop(),
        ["note"],
        ["training instances without a point: 1 of 48", "train_7", "learnt as background"],
    ),
    Case(
        "many points left out",
        lambda made: [made.points[video].pop() for video in TRAIN[:6]],
        ["warning"],
        [
            "training instances without a point: 6 of 48",
            "train_0, train_1, train_2, train_3, train_4 and 1 more",
        ],
    ),
    Case(
        "an instance with two points",
        lambda made: made.points["train_7"].append(
            {
                "label": made.points["train_7"][0]["label"],
                "seconds": made.points["train_7"][0]["seconds"] + 0.7,
            }
        ),
        ["note", "note"],
        ["further points of an action that has one: 1", "set `same_action` lower"],
    ),
    Case(
        "every point twice",
        lambda made: [
            made.points.update({v: [p for p in of for _ in "12"]}) for v, of in made.points.items()
        ],
        ["note", "note"],
        ["points in one snippet with another of their class: 48; they count once"],
    ),
    Case(
        "two classes in one snippet",
        all_of(
            entry(
                "train_0",
                lambda e: e["annotations"].append(
                    {"label": "sit", "segment": e["annotations"][0]["segment"]}
                ),
            ),
            lambda made: made.points["train_0"].append(
                {"label": "sit", "seconds": made.points["train_0"][0]["seconds"]}
            ),
        ),
        ["note"],
        ["points in one snippet with a point of another class: 2"],
    ),
    Case(
        "a training video without points",
        without("train_3"),
        ["warning"],
        ["training videos without a point: 1", "train_3"],
    ),
    Case(
        "a test video without instances",
        without("test_3"),
        ["note"],
        ["test videos without an instance: 1", "test_3", "`exclude`"],
    ),
    Case("no test video", cut_to("test", 0), ["note"], ["no video, so nothing", "test split", "`predict`"]),
    Case(
        "no test instance at all",
        without(*TEST),
        ["error"],
        ["no instance in any video", "test split", "detections alone by `predict`"],
    ),
    Case(
        "an instance under a snippet",
        annotation("test_0", 0, segment=[3.0, 3.3]),
        ["note"],
        ["test split", "instances shorter than a snippet (0.64 s): 1 of 40 (2.5 %)", "smaller stride"],
    ),
    Case(
        "many instances under a snippet",
        all_of(*(annotation(video, 0, segment=[3.0, 3.3]) for video in TEST)),
        ["warning"],
        ["instances shorter than a snippet (0.64 s): 10 of 40 (25.0 %)"],
    ),
    Case(
        "an instance past the end",
        annotation("test_0", 3, segment=[30.0, 40.0]),
        ["warning"],
        ["test videos with an instance that ends after the video: 1", "test_0"],
    ),
    Case(
        "an action annotated twice",
        entry("test_2", lambda e: e["annotations"].append(dict(e["annotations"][1]))),
        ["warning"],
        ["test instances that overlap one of their class: 2", "test_2", "keep one of each"],
    ),
    Case(
        "an overlap of two classes",
        entry("test_2", lambda e: e["annotations"][1].update(segment=[3.0, 6.0])),
        [],
        [],
    ),
    Case(
        "trimmed videos",
        whole("test"),
        ["warning"],
        ["99 % of the time is action", "test split", "untrimmed videos"],
    ),
    Case("few videos", cut_to("test", 6), ["note"], ["videos are few: 6", "test split", "several seeds"]),
    Case(
        "a video that does not change",
        features(lambda values: values[:1] + 1e-5 * values, "train_6"),
        ["warning"],
        ["videos whose features hardly change: 1", "train_6", "extract them again"],
    ),
    Case(
        "padding",
        features(lambda values: np.concatenate([values[:55], np.zeros((5, CHANNELS))]), "test_6"),
        ["warning"],
        ["snippets whose channels are all equal: 5 in 1 videos", "test_6 (5)", "cut padding off"],
    ),
    Case(
        "a video of another scale",
        features(lambda values: values * 255, "train_6"),
        ["warning"],
        ["videos with values far larger than the others': 1", "train_6 (2", "scaled in another way"],
    ),
    Case(
        "one outlier",
        features(lambda values: np.where(values == values.max(), 1e4, values), "test_6"),
        ["warning"],
        ["videos with values far larger", "test_6 ("],
    ),
    Case(
        "a channel that does not change",
        channel(7, 3.0, "train"),
        ["note"],
        ["channels that hardly change in the training split: 1 of 12", "channels 7"],
    ),
    Case(
        "a stream missing",
        all_of(*(channel(number, 0.0, split) for number in range(6) for split in VIDEOS)),
        ["warning"],
        [
            "channels that hardly change in the training split: 6 of 12",
            "0, 1, 2, 3, 4 and 1 more",
            "a stream",
        ],
    ),
    Case(
        "a test split of another scale",
        every("test", lambda values: 3 * values),
        ["warning"],
        ["the splits' features are unlike", "times the training split's", "same model"],
    ),
    Case(
        "a test split elsewhere",
        every("test", lambda values: values + 2),
        ["warning"],
        ["the splits' features are unlike", "mean is 2 deviations away"],
    ),
    Case(
        "log-probabilities",
        all_of(every("train", softmax), every("test", softmax)),
        ["note"],
        ["the features are log-probabilities", "standardizes"],
    ),
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in DEFECTS])
def test_a_defect_is_found_where_it_is_and_nothing_else(case, made, gather):
    case.plant(made)
    known = gather(made, case.classes)
    found = findings.findings(known)
    assert [one["level"] for one in found] == case.levels, found
    said = " ".join(found[0].values()) if found else ""
    assert [words for words in case.words if words not in said] == [], said
    for one in found:
        assert set(one) == {"level", "place", "what", "remedy"} and all(one.values())
    text = Page(pages.check(known, found)).text
    for one in found:
        assert one["what"] in text and one["place"] in text
    json.dumps(known, allow_nan=False)


def test_training_data_with_points_alone(made, gather):
    without(*TRAIN, points=False)(made)
    known = gather(made)
    assert findings.findings(known) == []
    assert known["points"]["known"] is False and known["points"]["positions"] is None
    assert known["instances"]["train"] is None
    assert known["splits"]["train"]["action"] is None
    assert known["splits"]["train"]["points"] == 48
    assert known["splits"]["train"]["classes_a_video"] == {"3": 12}
    rows = Page(pages.check(known, [])).rows
    assert rows["instances"] == ["–", "40"] and rows["instances without a point"] == ["–", "–"]


def test_a_test_split_of_which_points_alone_are_known(made, gather):
    for video in TEST:
        found = made.database[video]
        found["truth"] = "points"
        for one in found["annotations"]:
            one["segment"] = [one["segment"][0]] * 2
    known = gather(made)
    assert findings.findings(known) == []
    assert known["instances"]["test"] is None and known["splits"]["test"]["instances"] == 40
    assert "test" not in Page(pages.check(known, [])).figures["How long instances are"]


# --- numbers


@pytest.fixture(scope="session")
def demo(demo_data, tmp_path_factory):
    """The demo's data set as a user names it, and the workflow's folder after its check."""
    folder = tmp_path_factory.mktemp("check")
    shutil.copytree(demo_data, folder / "data")
    (folder / "mine.yaml").write_text(
        yaml.safe_dump({"datasets": {"mine": {"root": "data", "snippet": {"frames": 16, "fps": 25}}}})
    )
    run = snakemake(folder, "--configfile=mine.yaml", "--", "results/mine/check.html")
    assert run.returncode == 0, run.stderr
    return folder, run


def test_the_demo_has_no_finding_and_says_so(demo):
    folder, run = demo
    known = json.loads((folder / "results/mine/check.json").read_text())
    assert known["findings"] == []
    assert known["dataset"] == "mine"
    said = run.stdout + run.stderr
    assert "mine: 24 training videos (0.71 h, 138 points), 12 of test (0.35 h, 68 instances)" in said
    assert "no findings: results/mine/check.html" in said
    assert "no findings" in (folder / "logs/mine/check_dataset.log").read_text()


def test_check_json_is_as_the_reference_says(demo):
    known = json.loads((demo[0] / "results/mine/check.json").read_text())
    reference = (ROOT / "config/README.md").read_text().partition("`check.json`: ")[2].partition("`; ")[0]
    assert list(known) == re.findall(r'"(\w+)"', re.sub(r"\[.*?\]", "", reference, flags=re.S))


def test_a_copy_is_checked_as_any_data_set(demo, tmp_path, config):
    results = demo[0] / "results/mine"
    run_script(
        *("copy_dataset.py", "--split", "train", "--settings", canonical(config.copies["wrong"])),
        *("--annotations", results / FILES["train annotations"], "--points", results / FILES["points"]),
        *("--features", results / FILES["train features"], "--output-points", tmp_path / "points.json"),
        *("--output-annotations", tmp_path / "train.json", "--output-features", tmp_path / "train.h5"),
    ).check_returncode()
    run = check(
        tmp_path,
        results,
        train_annotations=tmp_path / "train.json",
        points=tmp_path / "points.json",
        train_features=tmp_path / "train.h5",
    )
    known = json.loads((tmp_path / "check.json").read_text())
    wrong = round(0.05 * 138)
    first, *_ = known["findings"]
    assert (
        first["what"]
        == f"points in no instance of their class: {wrong} of 138, {wrong} of them in one of another class"
    )
    assert f"  warning: {first['what']} (" in run.stdout


def test_numbers_are_those_that_are_counted_otherwise(demo):
    """From the files as the user has them, with other means than the check's."""
    folder, _ = demo
    known = json.loads((folder / "results/mine/check.json").read_text())
    database = json.loads((folder / "data/gt_full.json").read_text())["database"]
    for split in ("train", "test"):
        names = (folder / f"data/split_{split}.txt").read_text().split()
        arrays = [np.load(folder / f"data/features/{split}/{name}.npy") for name in names]
        held = known["splits"][split]
        assert held["videos"] == len(names)
        assert held["snippets"] == sum(map(len, arrays))
        assert held["hours"] == pytest.approx(sum(database[n]["duration"] for n in names) / 3600)
        found = [a for n in names for a in database[n]["annotations"]]
        assert held["instances"] == len(found)
        cells = 0
        for name in names:  # the demo's actions lie on whole snippets
            action = np.zeros(round(database[name]["duration"] / 0.64))
            for a in database[name]["annotations"]:
                action[round(a["segment"][0] / 0.64) : round(a["segment"][1] / 0.64)] = 1
            cells += action.sum()
        assert held["action"] == pytest.approx(cells / sum(map(len, arrays)), abs=1e-3)
        lengths = sorted(a["segment"][1] - a["segment"][0] for a in found)
        assert known["instances"][split]["seconds"]["median"] == pytest.approx(np.median(lengths))
        assert sum(known["histograms"]["instances"]["counts"][split]) == len(found)
        for label, facts_of in known["classes"].items():
            own = [n for n in names if any(a["label"] == label for a in database[n]["annotations"])]
            assert facts_of[split]["videos"] == len(own)
            assert facts_of[split]["instances"] == sum(a["label"] == label for a in found)
        if split == "train":
            values = np.concatenate(arrays).astype(np.float64)
            assert known["features"]["profile"]["mean"] == pytest.approx(values.mean(0).tolist())
            assert known["features"]["profile"]["less"] == pytest.approx(
                (values.mean(0) - values.std(0)).tolist()
            )
            assert known["features"]["profile"]["high"] == pytest.approx(values.max(0).tolist())
    every = np.concatenate([np.load(path) for path in sorted((folder / "data/features").glob("*/*.npy"))])
    assert known["features"]["zero"] == pytest.approx((every == 0).mean())
    assert (known["features"]["low"], known["features"]["high"]) == (every.min(), pytest.approx(every.max()))
    assert known["features"]["kind"] == "never negative"

    with (folder / "data/point_labels/point_gaussian.csv").open() as file:
        rows = list(csv.DictReader(file))
    for label, facts_of in known["classes"].items():
        assert facts_of["points"] == sum(row["class"] == label for row in rows)
        assert facts_of["pointed_videos"] == len({row["video_id"] for row in rows if row["class"] == label})
    inside = [
        (int(row["point"]) - int(row["start_frame"])) / (int(row["stop_frame"]) - int(row["start_frame"]))
        for row in rows
    ]
    assert known["points"]["inside"] == len(rows) and known["points"]["outside"] == {}
    first, *_, last = known["points"]["positions"]
    assert sum(known["points"]["positions"]) == len(rows)
    assert abs(sum(p < 0.5 for p in inside) - sum(known["points"]["positions"][:5])) <= 3  # whole frames
    assert (first, last) == (0, 0)


def test_overlaps_and_covered_time_are_as_by_brute_force():
    rng = np.random.default_rng(1)
    for _ in range(200):
        starts = rng.integers(0, 40, rng.integers(0, 8))
        found = [("a", float(start), float(start + rng.integers(1, 12))) for start in starts]
        expected = sum(
            any(i != j and max(s, t) < min(e, f) for j, (_, t, f) in enumerate(found))
            for i, (_, s, e) in enumerate(found)
        )
        assert facts.count_overlapping(found) == expected
        cells = {second for _, start, end in found for second in range(int(start), int(end)) if second < 45}
        annotations = [{"label": label, "segment": [start, end]} for label, start, end in found]
        assert facts.covered({"annotations": annotations, "duration": 45.0}) == len(cells)


def test_a_histogram_holds_every_value_in_its_bin():
    values = {"train": [0.001, 0.15, 0.99, 1.0, 1.25, 7.0], "test": [3000.0, 1e4]}
    found = facts.histogram(values)
    borders = np.array(found["borders"])
    assert (np.diff(borders) > 0).all()
    for name, some in values.items():
        expected = np.zeros(len(borders) - 1, dtype=int)
        for value in some:
            expected[np.flatnonzero(borders <= value)[-1]] += 1
        assert found["counts"][name] == expected.tolist()
    assert sum(map(sum, found["counts"].values())) == 8


def test_channels_that_come_piece_by_piece():
    rng = np.random.default_rng(2)
    pieces = [rng.normal(1e3, 2, size=(length, 3)).astype(np.float32) for length in (1, 50, 7)]
    channels = scan.Channels(3)
    for piece in pieces:
        channels.add(piece)
    every = np.concatenate(pieces).astype(np.float64)
    assert channels.count == 58
    assert channels.mean == pytest.approx(every.mean(0), rel=1e-12)
    assert channels.deviation == pytest.approx(every.std(0), rel=1e-9)
    assert channels.low.tolist() == every.min(0).tolist()


def test_features_of_one_channel_and_of_one_snippet(made, gather):
    for place, values in list(made.features.items()):
        made.features[place] = values[:, :1]
    known = gather(made)
    assert findings.findings(known) == []
    assert Page(pages.check(known, [])).rows["channels"] == ["1"]
    for place, values in list(made.features.items()):
        made.features[place] = values[:1]
    known = gather(made)  # nonsense, but it has a page
    assert "error" in {one["level"] for one in findings.findings(known)}
    Page(pages.check(known, findings.findings(known)))


def test_ends_of_axes():
    assert [figures.nice(count) for count in (0, 1, 2, 3, 9, 10, 11, 14, 99, 100, 101, 1234)] == [
        *(2, 2, 2, 4, 10, 10, 12, 16, 100, 100, 120, 1600)
    ]


# --- the page

VOID = {"meta"}


class Page(HTMLParser):
    """Reads a page: its text, {row: cells} of its tables, {caption: series} of its figures, its elements.

    Fails where an element is not closed in its place.
    """

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.attributes = [], [], []
        self.rows, self.figures = {}, {}
        self.said = []
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = "".join(self.said)

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.attributes += [name for name, _ in attributes]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "figcaption":
            self.caption = []
        elif tag == "tr":
            self.row = []
        elif tag in ("td", "th"):
            self.row.append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append(tag)
        self.attributes += [name for name, _ in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "tr":
            name, *cells = self.row
            self.rows[name] = cells
        elif tag == "figcaption":
            name, *series = self.caption
            self.figures[name] = series

    def handle_data(self, data):
        self.said.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.row[-1] += data
        if "figcaption" in self.open:
            self.caption.append(data)


HOSTILE = ['<script>alert("1")</script>', '"><img src=x onerror=alert(1)>', "a & b &lt; c", "</title></svg>"]


def test_the_page_holds_its_parts_and_nothing_from_outside(demo):
    folder, _ = demo
    html = (folder / "results/mine/check.html").read_text()
    read = Page(html)
    for element in ("script", "link", "img", "iframe", "a"):
        assert element not in read.elements
    assert not {"src", "href", "onerror", "onload"} & set(read.attributes)
    assert "http" not in html.replace("http-equiv", "") and "url(" not in html and "@import" not in html
    assert "prefers-color-scheme: dark" in html
    assert read.rows["videos"] == ["24", "12"]
    assert read.rows["points"] == ["138", "–"]
    assert read.rows["golf"][0] == "25"
    assert len(read.figures) == 5
    # each picture, table and column says what it is
    assert html.count('role="img"') == len(re.findall(r'<svg role="img" [^>]*><title>\w', html)) == 5
    assert html.count("<table ") == html.count("<caption>") == 3
    assert html.count("<th ") == html.count("<th scope=")


def test_names_of_users_are_escaped(made, gather):
    names = dict(zip(["jump", "run", "sit"], HOSTILE, strict=False))
    for found in (*made.points.values(), *(e["annotations"] for e in made.database.values())):
        for one in found:
            one["label"] = names[one["label"]]
    video = HOSTILE[3].replace("/", "")  # no part of a file's name
    made.database[video] = made.database.pop("train_3")
    made.points[video] = []
    del made.points["train_3"]
    made.features["train", video] = made.features.pop(("train", "train_3"))
    known = gather(made, list(names.values()), name=HOSTILE[0])
    found = findings.findings(known)
    assert [one["place"] for one in found] == [video, video]
    read = Page(pages.check(known, found))
    assert not {"img", "script"} & set(read.elements)
    assert "onerror" not in read.attributes
    assert set(names.values()) <= set(read.rows)
    assert video in read.text and HOSTILE[0] in read.text


# --- the step


def test_what_an_edit_makes_run_again(demo, tmp_path):
    folder = shutil.copytree(demo[0], tmp_path / "run")

    def planned() -> list[str]:
        run = snakemake(folder, "--dry-run", "--configfile=mine.yaml", "--", "results/mine/check.json")
        assert run.returncode == 0, run.stderr
        return sorted(set(re.findall(r"^(?:local)?rule (\w+):", run.stdout + run.stderr, re.M)))

    def edited(file: str, change) -> list[str]:
        path = folder / file
        before = path.read_bytes()
        change(path)
        jobs = planned()
        path.write_bytes(before)
        return jobs

    def replaced(old: str, new: str):
        def change(path):
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new, 1))

        return change

    more = "    settings: {stage1: {iterations: 5}}\n"
    assert edited("mine.yaml", lambda path: path.write_text(path.read_text() + more)) == []
    truth = replaced('"duration": ', '"duration": 1')
    assert edited("data/gt_full.json", truth) == ["check_dataset", "convert_annotations"]
    point = replaced("dive,", "golf,")
    assert edited("data/point_labels/point_gaussian.csv", point) == ["check_dataset", "convert_points"]
    feature = lambda path: np.save(path, np.load(path) + 1)  # noqa: E731
    assert edited("data/features/test/demo_test_000.npy", feature) == ["check_dataset", "convert_features"]


@pytest.mark.slow
def test_a_wrong_snippet_is_said_first_and_a_page_is_made_of_what_can_be_read(demo, tmp_path):
    folder = shutil.copytree(demo[0], tmp_path / "run")
    (folder / "mine.yaml").write_text((folder / "mine.yaml").read_text().replace("fps: 25", "fps: 30"))
    with open(folder / "data/point_labels/point_gaussian.csv", "a") as file:
        file.write("dive,0,0,demo_train_000,999999\n")
    run = snakemake(folder, "--configfile=mine.yaml", "--", "results/mine/check.html")
    assert run.returncode == 0, run.stderr
    warnings = [line for line in run.stderr.splitlines() if line.startswith("warning: ")]
    assert warnings[0].startswith("warning: data set mine: 0.833 times as many snippets as the durations say")
    found = json.loads((folder / "results/mine/check.json").read_text())["findings"]
    assert [one["level"] for one in found[:3]] == ["error"] * 3
    assert all(one["what"].startswith("0.833 times as many snippets") for one in found[:2])
    assert "points left out here: line " in found[2]["what"]
    assert "demo_train_000: frame 999999" in found[2]["what"]
    run = snakemake(folder, "--dry-run", "--configfile=mine.yaml", "--", "results/mine/map.json")
    assert run.returncode == 1  # what trains does not go on without it
    assert "demo_train_000: frame 999999 is at" in run.stderr.splitlines()[-1]


FILES = {
    "train annotations": "train/annotations.json",
    "test annotations": "test/annotations.json",
    "points": "train/points.json",
    "train features": "train/features.h5",
    "test features": "test/features.h5",
}


def check(out, results, **replaced):
    """Run check_dataset.py on a data set's files; replaced: other paths, by names of FILES, blanks as _."""
    paths = {name: results / path for name, path in FILES.items()}
    paths |= {name.replace("_", " "): path for name, path in replaced.items()}
    return run_script(
        *("check_dataset.py", "--name", "mine", "--points", paths["points"]),
        *("--annotations", paths["train annotations"], paths["test annotations"]),
        *("--features", paths["train features"], paths["test features"]),
        *("--html", out / "check.html", "--json", out / "check.json"),
    )


@pytest.mark.parametrize("missing", FILES)
def test_without_its_files_it_ends_with_one_line(demo, tmp_path, missing):
    run = check(
        tmp_path / "out", demo[0] / "results/mine", **{missing.replace(" ", "_"): tmp_path / "nowhere"}
    )
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1 and "nowhere: no such file" in run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "change", "video"),
    [
        ("test annotations", lambda content: content["database"].pop("demo_test_003"), "demo_test_003"),
        ("train annotations", lambda content: content["database"].pop("demo_train_003"), "demo_train_003"),
        ("points", lambda content: content["videos"].update(elsewhere=[]), "elsewhere"),
    ],
)
def test_files_of_different_data_sets_end_with_one_line(demo, tmp_path, name, change, video):
    results = demo[0] / "results/mine"
    content = json.loads((results / FILES[name]).read_text())
    change(content)
    (tmp_path / "other.json").write_text(json.dumps(content))
    run = check(tmp_path / "out", results, **{name.replace(" ", "_"): tmp_path / "other.json"})
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1 and "remove both and make them again" in run.stderr
    assert video in run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "annotated", [["train_0"], ["train_0", "train_7"], [f"train_{n}" for n in range(11)]]
)
def test_points_are_judged_only_where_segments_are_known(made, annotated):
    """Of most training videos only points may be known (docs/data.md)."""
    database = {
        video: entry if entry["subset"] == "test" or video in annotated else entry | {"annotations": []}
        for video, entry in made.database.items()
    }
    known = facts.point_facts(database, made.points, GRID)
    assert known["known"]
    assert (known["outside"], known["unmarked"]) == ({}, {})
    assert known["inside"] == 4 * len(annotated)
    lengths = dict.fromkeys(database, LENGTH)
    share = facts.split_facts(database, made.points, lengths, "train")["action"]
    assert share == pytest.approx(4 * ACTION / LENGTH)


def test_a_point_outside_is_still_found_where_few_videos_have_segments(made):
    database = {video: entry | {"annotations": []} for video, entry in made.database.items()}
    database["train_3"] = made.database["train_3"]
    made.points["train_3"][0]["seconds"] = 0.1
    known = facts.point_facts(database, made.points, GRID)
    assert (known["outside"], known["unmarked"], known["inside"]) == ({"train_3": 1}, {"train_3": 1}, 3)
