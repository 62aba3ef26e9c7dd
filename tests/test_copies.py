"""Copies of a data set: what each setting changes, and that features are links."""

import json
import os
import re
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from conftest import run_script, snakemake
from hrpro import config
from hrpro.data import annotations, copies
from hrpro.data.features import FeatureFile
from hrpro.utils.errors import InputError
from test_bad_input import convert

CLASSES = ["jump", "run", "sit"]


def copy(**values) -> config.Copy:
    return config.parse(config.Copy, values)


def entry(subset: str, *instances) -> dict:
    annotations = [{"label": label, "segment": [start, end]} for label, start, end in instances]
    return {"subset": subset, "duration": 100.0, "annotations": annotations, "ambiguous": [[90, 95]]}


def data_set(videos: int = 20) -> tuple[dict, dict]:
    """Training videos of five instances with a point each, and two test videos."""
    database, points = {}, {}
    for number in range(videos):
        instances = [(CLASSES[(number + k) % 3], 20.0 * k, 20.0 * k + 10) for k in range(5)]
        database[f"v{number}"] = entry("train", *instances)
        points[f"v{number}"] = [{"label": label, "seconds": start + 5} for label, start, _ in instances]
    return database | {v: entry("test", ("run", 0.0, 5.0)) for v in ("t0", "t1")}, points


def change(data: tuple[dict, dict], classes=CLASSES, **values) -> tuple[dict, dict]:
    return copies.change(*data, classes, settings=copy(**values), place="annotations.json")


def flat(points: dict) -> list[tuple]:
    return [(video, p["label"], p["seconds"]) for video, of_video in points.items() for p in of_video]


def test_a_copy_of_no_change_changes_nothing():
    assert change(data_set()) == data_set()


@pytest.mark.parametrize(
    "values",
    [{"points": "uniform"}, {"missing": 0.3}, {"wrong": 0.3}, {"held_back": 0.5}, {"labelled": 0.5}],
    ids=lambda values: next(iter(values)),
)
def test_a_seed_gives_the_same_copy_and_another_seed_another_one(values):
    before = data_set()
    assert change(before, **values) == change(before, **values)
    assert change(before, **values) != change(before, **values, seed=1)
    assert before == data_set()  # the functions change nothing of what they get


def test_uniform_points_lie_anywhere_in_their_instances():
    database, points = data_set()
    truth, drawn = change((database, points), points="uniform")
    assert truth == database
    places = []
    for video, of_video in drawn.items():
        for number, (old, new) in enumerate(zip(points[video], of_video, strict=True)):
            assert new["label"] == old["label"]
            places.append(new["seconds"] - 20 * number)
    assert min(places) >= 0
    assert max(places) <= 10
    assert np.histogram(places, 2, (0, 10))[0].min() > 35  # of 100
    assert np.ptp(places) > 9


def test_uniform_points_of_overlapping_absent_and_long_instances():
    instances = ("run", 0.0, 40.0), ("run", 10.0, 14.0), ("sit", 0.0, 50.0), ("jump", 99.0, 300.0)
    points = [("run", 13.0), ("jump", 50.0), ("jump", 99.5)]
    points = {"v": [{"label": label, "seconds": seconds} for label, seconds in points]}
    for seed in range(20):
        _, drawn = change(({"v": entry("train", *instances)}, points), points="uniform", seed=seed)
        of_nearest, of_none, past_the_end = (p["seconds"] for p in drawn["v"])
        assert 10 <= of_nearest <= 14
        assert of_none == 50
        assert 99 <= past_the_end <= 100


def test_uniform_points_are_in_time_order():
    database = {"v": entry("train", ("run", 0.0, 50.0), ("sit", 0.0, 50.0))}
    points = {"v": [{"label": "run", "seconds": 20.0}, {"label": "sit", "seconds": 30.0}]}
    orders = set()
    for seed in range(20):
        _, drawn = change((database, points), points="uniform", seed=seed)
        assert drawn["v"] == sorted(drawn["v"], key=lambda p: p["seconds"])
        orders.add(drawn["v"][0]["label"])
    assert orders == {"run", "sit"}


def test_missing_points_are_a_share_over_all_videos():
    database, points = data_set()
    truth, left = change((database, points), missing=0.13)
    assert truth == database
    assert list(left) == list(points)
    assert len(flat(left)) == 87
    assert set(flat(left)) < set(flat(points))
    assert len({len(of_video) for of_video in left.values()}) > 1


def kept_of(share: float, data: tuple[dict, dict] | None = None, seed: int = 0) -> dict:
    """The points that a copy keeps of a share; whole videos of them, beside the test split."""
    database, points = data or data_set()
    truth, left = change((database, points), labelled=share, seed=seed)
    assert left == {video: points[video] for video in left}  # in their order, with all their points
    assert truth == {v: e for v, e in database.items() if v in left or e["subset"] == "test"}
    return left


def test_labelled_videos_have_a_share_of_the_points():
    for share, count in ((0.1, 10), (0.2, 20), (0.5, 50), (0.99, 100)):  # of 20 videos with five points each
        assert len(flat(kept_of(share))) == count
    for seed in range(5):
        shares = [{*kept_of(share, seed=seed)} for share in (0.1, 0.2, 0.5)]
        assert shares[0] < shares[1] < shares[2]


def test_a_share_is_met_to_the_nearest_video():
    database, points = data_set()
    for video in ("v3", "v7", "v11"):  # of 86 points
        points[video] = [points[video][0] | {"label": "run"}]
    points["v12"] = points["v12"] + [points["v12"][-1] | {"seconds": 99.0}]  # 5 or 6 points more or less
    for seed in range(10):
        count = len(flat(kept_of(0.5, (database, points), seed)))
        assert abs(count - 44.5) <= 3


def test_each_class_keeps_a_video():
    database, points = data_set()
    rare = {"label": "swim", "seconds": 50.0}
    points["v4"] = [rare]
    points["v9"] = [*points["v9"], rare]
    for seed in range(10):
        left = kept_of(0.1, (database, points), seed)
        assert {label for _, label, _ in flat(left)} == {*CLASSES, "swim"}
        assert len(flat(left)) <= 16  # the share, and one video at most


def test_a_share_of_what_is_not_held_back():
    database, points = data_set()
    truth, left = change((database, points), held_back=0.5, labelled=0.5)
    held_back = [video for video, e in truth.items() if e["subset"] == "test"]
    assert len(held_back) == 10 and len(left) == 5 and not {*left} & {*held_back}


def test_wrong_points_have_any_other_class():
    database, points = data_set()
    _, changed = change((database, points), wrong=0.6)
    pairs = [(old[1], new[1]) for old, new in zip(flat(points), flat(changed), strict=True)]
    assert sum(old != new for old, new in pairs) == 60
    assert {pair for pair in pairs if pair[0] != pair[1]} == {
        (a, b) for a in CLASSES for b in CLASSES if a != b
    }
    assert [p[2] for p in flat(changed)] == [p[2] for p in flat(points)]


@pytest.mark.parametrize(("share", "count"), [(0.25, 5), (0.01, 1), (0.95, 19)])
def test_held_back_videos_replace_the_test_split(share, count):
    database, points = data_set()
    truth, left = change((database, points), held_back=share)
    held_back = [video for video, e in truth.items() if e["subset"] == "test"]
    assert len(held_back) == count
    assert set(truth) == set(points)
    assert set(left) == set(points) - set(held_back)
    for video, e in truth.items():
        assert e | {"subset": "train"} == database[video]
    for video, of_video in left.items():
        assert of_video == points[video]


def test_held_back_videos_scored_with_their_points():
    database, points = data_set()
    by_segments, left = change((database, points), held_back=0.25)
    by_points, same = change((database, points), held_back=0.25, truth="points")
    assert left == same
    for video, e in by_points.items():
        if e["subset"] == "train":
            assert e == by_segments[video]
        else:
            assert by_segments[video]["subset"] == "test"
            assert e["ambiguous"] == []
            assert e["annotations"] == [
                {"label": p["label"], "segment": [p["seconds"], p["seconds"]]} for p in points[video]
            ]


def test_what_is_held_back_is_neither_redrawn_nor_left_out():
    database, points = data_set()
    truth, left = change(
        (database, points), held_back=0.5, truth="points", points="uniform", missing=0.5, wrong=0.2
    )
    for video in set(points) - set(left):
        times = [a["segment"][0] for a in truth[video]["annotations"]]
        assert times == [p["seconds"] for p in points[video]]
    assert len(flat(left)) == 25


def without_segments() -> tuple[dict, dict]:
    database, points = data_set()
    return {
        v: e | {"annotations": [] if v in points else e["annotations"]} for v, e in database.items()
    }, points


REFUSED = {
    "segments": (
        without_segments(),
        {"held_back": 0.5},
        ["no training video has a segment", "truth: segments", "annotations or set truth: points"],
    ),
    "uniform": (
        without_segments(),
        {"points": "uniform"},
        ["no training video has a segment", "points: uniform", "annotations or set points: given"],
    ),
    "nothing held back": (data_set(), {"truth": "points"}, ["truth: points", "set held_back too"]),
    "all held back": (data_set(1), {"held_back": 0.1}, ["no point of a training video", "lower held_back"]),
    "none left": (data_set(1), {"missing": 0.95}, ["no point of a training video", "missing"]),
}


@pytest.mark.parametrize(("data", "values", "words"), REFUSED.values(), ids=REFUSED)
def test_what_a_data_set_does_not_allow(data, values, words):
    with pytest.raises(InputError) as caught:
        change(data, **values)
    assert str(caught.value).startswith("annotations.json: ")
    assert [word for word in words if word not in str(caught.value)] == []


def test_points_alone_can_be_held_back_where_no_segment_is_known():
    truth, _ = change(without_segments(), held_back=0.5, truth="points")
    assert sum(len(e["annotations"]) for e in truth.values()) == 50


def test_points_lie_on_either_side_where_two_videos_have_any():
    database, points = data_set(8)
    for video in ("v0", "v1", "v3", "v4", "v6", "v7"):
        points[video] = []
    sides = set()
    for seed in range(10):
        truth, left = change((database, points), held_back=0.25, truth="points", seed=seed)
        held_back = {video: e["annotations"] for video, e in truth.items() if e["subset"] == "test"}
        assert len(held_back) == 2 and sum(map(len, held_back.values())) == sum(map(len, left.values())) == 5
        sides.add("v2" in held_back)
    assert sides == {True, False}


def test_a_held_back_video_without_an_instance_cannot_be_scored():
    database, points = data_set(2)
    database["v1"]["annotations"], points["v1"] = [], []
    messages = set()
    for seed in range(10):
        with pytest.raises(InputError) as caught:
            change((database, points), held_back=0.5, seed=seed)
        messages.add(str(caught.value).split(":")[1].split(";")[0].strip())
    assert messages == {
        "the held-back videos hold nothing to score",
        "no point of a training video is left to the copy",
    }


def test_no_other_class_for_wrong_points():
    with pytest.raises(InputError, match=r"one class alone .*; set wrong: 0.0"):
        change(data_set(), classes=["run"], wrong=0.5)


# --- the script


@pytest.fixture(scope="module")
def parent(demo_data, tmp_path_factory) -> Path:
    """results/demo, with train/ and test/ of the demo's data set."""
    folder = tmp_path_factory.mktemp("copies") / "results" / "demo"
    convert(demo_data, folder)
    return folder


def copy_split(parent: Path, output: Path, split: str, of: str, **values):
    """Run copy_dataset.py for a split of the copy, of the split `of` of the data set."""
    outputs = ["--output-annotations", output / split / "annotations.json"]
    outputs += ["--output-features", output / split / "features.h5"]
    if split == "train":
        outputs += ["--output-points", output / split / "points.json"]
    points = [parent / "train/points.json"] if of == "train" else []
    return run_script(
        *("copy_dataset.py", "--split", split, "--annotations", parent / of / "annotations.json"),
        *("--features", parent / of / "features.h5", "--points", *points),
        *("--settings", config.canonical(copy(**values)), *outputs),
    )


def copied(parent: Path, name: str, **values) -> Path:
    """results/demo-<name>, as the workflow makes it."""
    output = parent.parent / f"demo-{name}"
    for split, of in (("train", "train"), ("test", "train" if "held_back" in values else "test")):
        run = copy_split(parent, output, split, of, **values)
        assert (run.returncode, run.stderr) == (0, "")
    return output


def read(folder: Path) -> tuple[dict, dict]:
    """The annotations of both splits, and the points."""
    database = {}
    for split in config.SPLITS:
        database |= json.loads((folder / split / "annotations.json").read_text())["database"]
    return database, json.loads((folder / "train/points.json").read_text())


def test_the_script_makes_the_files_of_a_data_set(parent):
    output = copied(parent, "held", held_back=0.25)
    names = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    assert names == [
        *("test/annotations.json", "test/features.h5"),
        *("train/annotations.json", "train/features.h5", "train/points.json"),
    ]
    database, points = read(parent)
    truth, left = read(output)
    assert left["classes"] == points["classes"]
    assert (truth, left["videos"]) == change((database, points["videos"]), points["classes"], held_back=0.25)


def test_features_are_links_that_read_as_the_parents(parent, monkeypatch, tmp_path):
    output = copied(parent, "linked", held_back=0.25)
    truth, left = read(output)
    size = (output / "train/features.h5").stat().st_size + (output / "test/features.h5").stat().st_size
    assert size < 50_000 < (parent / "train/features.h5").stat().st_size
    with h5py.File(output / "train/features.h5") as file:
        video = next(iter(left["videos"]))
        link = file.get(video, getlink=True)
        assert (link.filename, link.path) == ("../../demo/train/features.h5", f"/{video}")
    monkeypatch.chdir(tmp_path)
    for split in config.SPLITS:
        for path in (output / split / "features.h5", os.path.relpath(output / split / "features.h5")):
            with FeatureFile(path) as small, FeatureFile(parent / "train/features.h5") as large:
                assert (small.width, small.grid) == (large.width, large.grid)
                assert small.file.attrs.keys() == large.file.attrs.keys()
                for name in small.file.attrs.keys() - {"mean", "deviation"}:
                    np.testing.assert_array_equal(small.file.attrs[name], large.file.attrs[name])
                assert small.videos == sorted(v for v, e in truth.items() if e["subset"] == split)
                assert (small.videos == sorted(left["videos"])) == (split == "train")
                assert [small.length(v) for v in small.videos] == [large.length(v) for v in small.videos]
                packed, lengths = small.read(small.videos)
                expected, expected_lengths = large.read(small.videos)
                np.testing.assert_array_equal(packed, expected)
                assert lengths == expected_lengths
                mean, deviation = small.moments()  # of its own videos, not of the parent's
                np.testing.assert_allclose(mean, packed.mean(0, dtype=float), rtol=0, atol=1e-9)
                np.testing.assert_allclose(deviation, packed.std(0, dtype=float), rtol=1e-6)


def test_a_copy_that_holds_nothing_back_has_the_parents_splits(parent):
    output = copied(parent, "missing", missing=0.1)
    for split in config.SPLITS:
        name = f"{split}/features.h5"
        with FeatureFile(output / name) as small, FeatureFile(parent / name) as large:
            assert small.videos == large.videos
            np.testing.assert_array_equal(small.read(small.videos)[0], large.read(large.videos)[0])
    test = "test/annotations.json"
    assert (output / test).read_bytes() == (parent / test).read_bytes()


def test_a_copy_of_fewer_labels_has_the_whole_test_split(parent):
    output = copied(parent, "fewer", labelled=0.2)
    _, points = read(parent)
    _, left = read(output)
    assert 0 < len(left["videos"]) < len(points["videos"]) and left["classes"] == points["classes"]
    with FeatureFile(output / "train/features.h5") as small:
        assert small.videos == sorted(left["videos"])
        mean, _ = small.moments()
        np.testing.assert_allclose(mean, small.read(small.videos)[0].mean(0, dtype=float), rtol=0, atol=1e-9)
    for name in ("annotations.json", "features.h5"):
        assert (output / "test" / name).is_file()
    assert (output / "test/annotations.json").read_bytes() == (parent / "test/annotations.json").read_bytes()


def test_two_makes_give_equal_bytes(parent):
    values = {"points": "uniform", "missing": 0.1, "wrong": 0.1, "held_back": 0.25, "truth": "points"}
    values["labelled"] = 0.9
    contents = []
    for name in ("once", "twice"):
        output = copied(parent, name, **values)
        paths = [path for path in output.rglob("*") if path.is_file()]
        contents.append({path.relative_to(output): path.read_bytes() for path in paths})
    assert len(contents[0]) == 5
    assert contents[0] == contents[1]


def test_an_evaluation_reads_truth_by_points(parent):
    output = copied(parent, "points", held_back=0.25, truth="points")
    truth = annotations.test_truth(output / "test/annotations.json", "test", [])
    assert truth.classes == read(parent)[1]["classes"]
    assert set(truth.instances) == set(read(parent)[1]["videos"]) - set(read(output)[1]["videos"])
    for instances in truth.instances.values():
        assert (instances.times[:, 0] == instances.times[:, 1]).all()


@pytest.mark.parametrize("split", config.SPLITS)
def test_a_refused_copy_leaves_nothing(parent, tmp_path, split):
    run = copy_split(parent, tmp_path / "out", split, "train", truth="points")
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"error: {parent}/train/annotations.json: ")
    assert not (tmp_path / "out").exists()


def test_the_workflow_plans_a_copy_once(tmp_path):
    run = snakemake(tmp_path, "--dry-run", "results/demo-held/map.json")
    output = run.stdout + run.stderr
    assert run.returncode == 0, output
    jobs = Counter(re.findall(r"^(?:local)?rule (\w+):", output, re.M))
    expected = ["make_demo", "convert_points", "copy_training_split", "copy_test_split"]
    expected += ["convert_annotations", "convert_features"]  # of the training split, which both are made of
    for rule in expected:
        assert jobs[rule] == 1, rule
