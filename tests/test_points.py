"""Splits by subsets; points in frames, in seconds, or drawn from segments; videos with points alone."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from conftest import run_script, snakemake
from hrpro import config
from hrpro.data import annotations, points
from hrpro.utils.errors import InputError
from lineage import At, Lineage
from test_bad_input import Case, append, assert_stopped, remove, table, write

GT, HRPRO, PLAIN = "gt_full.json", "point_labels/point_gaussian.csv", "points.csv"
TRAIN, TEST = "demo_train_000", "demo_test_000"
FPS = 30  # of the demo's videos


def labels(**values) -> config.Labels:
    return config.parse(config.Labels, values)


@pytest.fixture
def root(demo_data, tmp_path) -> Path:
    """A copy of the demo's data set, in the HR-Pro layout, to change."""
    return Path(shutil.copytree(demo_data, tmp_path / "data"))


@pytest.fixture
def own(root) -> Path:
    """The same as users would label it: points in seconds, and annotations of the test videos alone."""
    return as_own(root)


@pytest.fixture(scope="module")
def hrpro(demo_data) -> tuple[dict, dict]:
    """The demo's truth and points as the HR-Pro layout gives them."""
    return annotations.convert(demo_data)


def as_own(root: Path) -> Path:
    database = json.loads((root / GT).read_text())["database"]
    test = (root / "split_test.txt").read_text().split()
    kept = {video: {k: database[video][k] for k in ("duration", "annotations")} for video in test}
    (root / "annotations.json").write_text(json.dumps({"database": kept}))
    to_seconds(root)
    for name in (GT, "split_train.txt", "split_test.txt"):
        (root / name).unlink()
    return root


def to_seconds(root: Path) -> None:
    """Put the points into points.csv, as a person would write it."""
    rows = csv.DictReader((root / HRPRO).read_text().splitlines())
    lines = [f"{row['video_id']}, {int(row['point']) / FPS}, {row['class']}" for row in rows]
    (root / PLAIN).write_text("\n".join(["video, seconds, class", *lines]) + "\n")
    (root / HRPRO).unlink()


def unlist(root: Path) -> None:
    """Take the lists of the splits away."""
    for split in config.SPLITS:
        (root / annotations.split_file(split)).unlink()


def rename_subsets(root: Path, train: str | None, test: str | None) -> None:
    """Other names of the two splits' subsets; None: no name."""
    content = json.loads((root / GT).read_text())
    for video, entry in content["database"].items():
        entry["subset"] = train if "train" in video else test
        if entry["subset"] is None:
            del entry["subset"]
    (root / GT).write_text(json.dumps(content))


def convert(root: Path, out: Path, labels: str = "{}", *more):
    outputs = ["--annotations", out / "annotations.json", "--points", out / "points.json"]
    return run_script("convert_annotations.py", "--root", root, "--labels", labels, *outputs, *more)


def convert_features(root: Path, path: Path, labels: str = "{}"):
    return run_script(
        *("convert_features.py", "--root", root, "--labels", labels, "--frames", 16, "--fps", 25),
        *("--settings", '{"dtype": "float32"}', "--output", path),
    )


def read(out: Path) -> tuple[dict, dict]:
    return tuple(json.loads((out / f"{name}.json").read_text()) for name in ("annotations", "points"))


def entries(change):
    """Change the database of annotations.json."""

    def damage(root: Path) -> None:
        content = json.loads((root / "annotations.json").read_text())
        change(content["database"])
        (root / "annotations.json").write_text(json.dumps(content))

    return damage


def subsets(*names: str):
    """Give the entries of annotations.json subsets in turn."""

    def change(database: dict) -> None:
        for number, entry in enumerate(database.values()):
            entry["subset"] = names[number % len(names)]

    return entries(change)


def rows(*lines: str):
    """Replace points.csv."""
    return write(PLAIN, "\n".join(lines) + "\n")


# --- splits


@pytest.mark.parametrize(
    ("train", "test"),
    [
        *(("training", "validation"), ("Train", "VAL"), ("train", "test")),
        *(("Validation", "Test"), ("validation", "testing")),
    ],
)
def test_subsets_of_usual_names_are_the_splits(root, hrpro, train, test):
    unlist(root)
    rename_subsets(root, train, test)
    assert annotations.convert(root) == hrpro


def test_the_entry_names_the_subsets(root, hrpro):
    rename_subsets(root, "Validation", "Fold 2")
    unlist(root)
    with pytest.raises(InputError, match="fold 2, validation"):
        annotations.read_splits(root)
    chosen = labels(annotations={"train": ["validation"], "test": ["fold 2"]})
    assert annotations.convert(root, chosen) == hrpro
    swapped = labels(annotations={"train": ["fold 2"], "test": ["validation"]}, points={"from": "segments"})
    truth, found = annotations.convert(root, swapped)
    assert set(found["videos"]) == {v for v in truth["database"] if "test" in v}


def test_lists_go_before_subsets_and_the_entry_before_lists(root):
    shorter = (root / "split_test.txt").read_text().split()[:5]
    (root / "split_test.txt").write_text("\n".join(shorter))
    rename_subsets(root, "test", "train")  # the lists say otherwise
    assert annotations.read_splits(root)["test"] == shorter
    named = labels(annotations={"train": ["test"], "test": ["train"]})
    assert len(annotations.read_splits(root, named)["test"]) == 12


def test_an_annotation_file_of_another_name(root, hrpro):
    (root / "annotations").mkdir()
    (root / GT).rename(root / "annotations/mine.json")
    unlist(root)
    assert annotations.convert(root, labels(annotations={"file": "annotations/mine.json"})) == hrpro


def test_thumos_in_actionformers_layout(shared, tmp_path):
    """Its subsets are Validation and Test, as ActionFormer has them; the lists leave two test videos out."""
    given = shared / "data" / "THUMOS14"
    shutil.copy(given / GT, tmp_path / "thumos14.json")
    shutil.copytree(given / "point_labels", tmp_path / "point_labels")
    by_lists, expected = annotations.convert(given)
    for named in ({}, {"train": ["validation"], "test": ["test"]}):
        truth, found = annotations.convert(tmp_path, labels(annotations={"file": "thumos14.json", **named}))
        assert found == {**expected, "videos": {v: expected["videos"][v] for v in found["videos"]}}
        assert set(found["videos"]) == set(expected["videos"])
        more = set(truth["database"]) - set(by_lists["database"])
        assert len(more) == 2
        assert all(truth["database"][video] == entry for video, entry in by_lists["database"].items())


# --- point files


def test_seconds_and_frames_give_the_same_points(root, hrpro):
    to_seconds(root)
    truth, found = annotations.convert(root)
    assert truth == hrpro[0]
    assert found == hrpro[1]


def test_columns_tell_the_formats_apart_whatever_the_name(root, hrpro):
    to_seconds(root)
    (root / PLAIN).rename(root / HRPRO)
    assert annotations.convert(root) == hrpro
    (root / HRPRO).rename(root / "mine.txt")
    assert annotations.convert(root, labels(points={"file": "mine.txt"})) == hrpro


def test_blanks_quotes_other_columns_and_byte_order_marks(tmp_path):
    path = tmp_path / PLAIN
    path.write_text('\ufeffseconds , note, class, video\n 1.5 , a, "long, jump",v1\n\n2,,sit,v 2\n')
    given = points.read(path)
    assert not given.in_frames
    assert given.rows == [points.Row(2, "v1", "long, jump", 1.5), points.Row(4, "v 2", "sit", 2.0)]


def test_the_files_that_are_there_by_themselves(root):
    (root / PLAIN).write_text("video,seconds,class\n")
    assert points.file_of(root, config.Points()) == root / HRPRO
    (root / HRPRO).unlink()
    assert points.file_of(root, config.Points()) == root / PLAIN
    (root / PLAIN).unlink()
    assert points.file_of(root, config.Points()) == root / HRPRO  # which is then missing


# --- training videos with points alone


def test_own_data_of_points_and_annotated_test_videos(own, out, tmp_path, hrpro):
    result = convert_features(own, tmp_path / "features.h5")
    assert (result.returncode, result.stderr) == (0, "")
    result = convert(own, out, "{}", "--features", tmp_path / "features.h5")
    assert (result.returncode, result.stderr) == (0, "")
    truth, found = read(out)
    assert found == hrpro[1]
    assert list(truth["database"]) == list(hrpro[0]["database"])
    for video, entry in hrpro[0]["database"].items():
        bare = {} if entry["subset"] == "test" else {"annotations": []}
        assert truth["database"][video] == entry | bare  # the features are as long as the made videos


def test_training_videos_in_a_list_need_no_entry_either(own):
    names = [row.video for row in points.read(own / PLAIN).rows]
    (own / "split_train.txt").write_text("\n".join(dict.fromkeys(names)) + "\n")
    (own / "split_test.txt").write_text(TEST)
    truth, found = annotations.convert(own)
    assert list(found["videos"]) == list(dict.fromkeys(names))
    assert truth["database"][TRAIN]["duration"] is None


def test_some_training_videos_with_an_entry_and_some_without(root, hrpro):
    unlist(root)
    to_seconds(root)
    content = json.loads((root / GT).read_text())
    del content["database"][TRAIN]
    (root / GT).write_text(json.dumps(content))
    truth, found = annotations.convert(root)
    assert list(found["videos"])[-1] == TRAIN
    assert found["videos"] == hrpro[1]["videos"]
    assert truth["database"][TRAIN] == {
        **{"subset": "train", "duration": None, "annotations": [], "ambiguous": []}
    }


def test_without_subsets_the_videos_with_points_are_the_training_split(root, hrpro):
    unlist(root)
    rename_subsets(root, None, None)
    assert annotations.convert(root) == hrpro


def test_classes_are_of_the_points_too_where_no_segment_is_known(own, hrpro):
    append(PLAIN, f"{TRAIN},5.0,wave\n")(own)
    _, found = annotations.convert(own)
    assert found["classes"] == sorted([*hrpro[1]["classes"], "wave"])
    assert {"label": "wave", "seconds": 5.0} in found["videos"][TRAIN]


def test_classes_of_one_side_alone_are_warned_of(own, out, tmp_path):
    text = (own / PLAIN).read_text()
    (own / PLAIN).write_text(text.replace(", vault", ", valt"))
    convert_features(own, tmp_path / "features.h5").check_returncode()
    result = convert(own, out, "{}", "--features", tmp_path / "features.h5")
    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        "warning: class valt has points, but no annotated instance: is it spelt right?",
        "warning: class vault has no point, so it cannot be learnt",
    ]


def test_a_data_set_without_a_test_split_can_be_trained_on_but_not_scored(own, out, tmp_path, hrpro):
    (own / "annotations.json").unlink()
    assert convert_features(own, tmp_path / "features.h5").returncode == 0
    result = convert(own, out, "{}", "--features", tmp_path / "features.h5")
    assert (result.returncode, result.stderr) == (0, "")
    truth, found = read(out)
    assert found["videos"] == hrpro[1]["videos"]
    assert {entry["subset"] for entry in truth["database"].values()} == {"train"}
    with pytest.raises(InputError, match="data set mine: no test video has an annotation"):
        annotations.require_truth(truth["database"], "data set mine")


def test_a_training_subset_alone_is_no_test_split(root):
    unlist(root)
    rename_subsets(root, "training", "Training")
    assert {split: len(videos) for split, videos in annotations.read_splits(root).items()} == {
        "train": 36,
        "test": 0,
    }


def test_an_evaluation_without_an_instance_stops(root, out, tmp_path):
    truth = {"database": {"v": {"subset": "test", "duration": 9, "annotations": []}}}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text('{"results": {}}')
    result = run_script(
        *("evaluate.py", "--annotations", tmp_path / "truth.json", "--subset", "test"),
        *("--detections", tmp_path / "found.json", "--output", out / "map.json"),
    )
    assert_stopped(result, ["truth.json: no video of subset test has an annotation", "add what to"], out)


# --- drawn points


def draw(instances: dict[str, list], duration: float = 1000.0, **values) -> dict[str, list[dict]]:
    """Points drawn from {video: [(label, start, end)]}."""
    database = {
        video: {
            "duration": duration,
            "annotations": [{"label": label, "segment": [a, b]} for label, a, b in found],
        }
        for video, found in instances.items()
    }
    chosen = config.parse(config.Points, {"from": "segments", **values})
    return points.draw(database, list(instances), chosen)


def places(distribution: str, length: float, videos: int = 400) -> np.ndarray:
    """Drawn places, in seconds from the middle of a segment of that length, one a video."""
    drawn = draw(
        {f"v{n}": [("run", 100.0, 100.0 + length)] for n in range(videos)}, distribution=distribution
    )
    return np.array([found[0]["seconds"] - 100 - length / 2 for found in drawn.values()])


def test_gaussian_points_lie_around_the_middle():
    long = places("gaussian", 60.0)
    assert abs(long.mean()) < 0.15
    assert long.std() == pytest.approx(points.SIGMA, rel=0.1)
    short = places("gaussian", 0.5)  # cut, not heaped up at its ends
    assert np.abs(short).max() <= 0.25
    assert len(np.unique(short)) == len(short)
    assert np.histogram(short, 4, (-0.25, 0.25))[0].min() > 70


def test_uniform_points_lie_anywhere():
    found = places("uniform", 60.0)
    assert np.histogram(found, 4, (-30, 30))[0].min() > 70


def test_centre_points_are_the_middle():
    assert (places("centre", 60.0, 3) == 0).all()


def test_a_video_draws_the_same_whatever_the_others():
    one, other = [("run", 0.0, 30.0), ("sit", 40.0, 90.0)], [("run", 5.0, 9.0)]
    both = draw({"a": one, "b": other})
    assert both == draw({"b": other, "a": one}) == draw({"a": one}) | draw({"b": other})
    assert draw({"a": one}, seed=1) != draw({"a": one})
    assert draw({"c": one})["c"] != both["a"]
    assert [p["label"] for p in both["a"]] == ["run", "sit"]


@pytest.mark.parametrize("distribution", ["gaussian", "uniform", "centre"])
def test_points_are_drawn_inside_the_video(distribution):
    instances = [("run", -5.0, 2.0), ("sit", 98.0, 200.0), ("far", 100.0, 120.0), ("far", -9.0, -1.0)]
    found = draw({"v": instances}, 100.0, distribution=distribution)["v"]
    assert [p["label"] for p in found] == ["run", "sit"]
    assert 0 <= found[0]["seconds"] <= 2
    assert 98 <= found[1]["seconds"] <= 100


def test_a_point_an_instance_of_the_training_split(root, out, hrpro):
    (root / HRPRO).unlink()
    result = convert(root, out, '{"points": {"from": "segments", "seed": 3}}')
    assert (result.returncode, result.stderr) == (0, "")
    truth, found = read(out)
    assert truth == hrpro[0]
    assert found["classes"] == hrpro[1]["classes"]
    for video, drawn in found["videos"].items():
        instances = truth["database"][video]["annotations"]
        assert truth["database"][video]["subset"] == "train"
        assert [p["label"] for p in drawn] == [a["label"] for a in instances]
        for instance, point in zip(instances, drawn, strict=True):
            assert instance["segment"][0] <= point["seconds"] <= instance["segment"][1]
    assert len(found["videos"]) == 24


# --- keys


def lineage(root: Path, tmp_path: Path, raw_config: dict, **values) -> Lineage:
    entry = {"root": str(root), "snippet": {"frames": 16, "fps": 25}, **values}
    chosen = configuration(raw_config, entry)
    return Lineage(chosen, lambda rule: rule, {}, tmp_path / "memory.json")


def configuration(raw_config: dict, entry: dict) -> config.Config:
    return config.parse(config.Config, raw_config | {"datasets": raw_config["datasets"] | {"mine": entry}})


def keys(found: Lineage) -> dict[str, str]:
    at = At("mine")
    split = {f"truth {s}": found.truth("mine", s) for s in config.SPLITS}
    return split | {name: getattr(found, name)(at) for name in ("annotations", "points", "features")}


def changed(before: Lineage, after: Lineage) -> set[str]:
    old, new = keys(before), keys(after)
    return {name for name in old if old[name] != new[name]}


def test_a_seed_of_draws_reaches_the_points_alone(root, tmp_path, raw_config):
    def drawn(**values) -> Lineage:
        return lineage(root, tmp_path, raw_config, points={"from": "segments", **values})

    assert changed(drawn(), drawn(seed=1)) == {"points"}
    assert changed(drawn(), drawn(distribution="uniform")) == {"points"}
    assert changed(drawn(), drawn(distribution="gaussian", seed=0)) == set()
    assert changed(lineage(root, tmp_path, raw_config), drawn()) == {"points"}


def test_keys_do_not_depend_on_the_layout(root, tmp_path, raw_config):
    before = lineage(root, tmp_path, raw_config)
    keys(before)
    to_seconds(root)
    unlist(root)
    (root / GT).rename(root / "mine.json")
    assert changed(before, lineage(root, tmp_path, raw_config, annotations={"file": "mine.json"})) == set()


@pytest.mark.parametrize(
    ("edit", "reached"),
    [
        (append(PLAIN, f"{TRAIN},1.0,golf\n"), {"points"}),
        (remove(f"features/train/{TRAIN}.npy"), {"truth train", "annotations", "points", "features"}),
        (remove(f"features/test/{TEST}.npy"), {"features"}),
    ],
    ids=["a point", "a training video's features", "a test video's features"],
)
def test_what_reaches_videos_with_points_alone(own, tmp_path, raw_config, edit, reached):
    before = lineage(own, tmp_path, raw_config)
    assert before.measured_by_features("mine")
    keys(before)
    lost = {path: path.read_bytes() for path in own.glob("features/*/*.npy")}
    edit(own)
    for path, content in lost.items():
        if not path.is_file():  # other features in place of those taken away
            path.write_bytes(content[:-4] + np.float32(9.5).tobytes())
    assert changed(before, lineage(own, tmp_path, raw_config)) == reached


# --- the workflow


def workflow(folder: Path, *arguments, **entry) -> str:
    """What the workflow says of the data set mine in folder/data."""
    values = {"root": "data", "snippet": {"frames": 16, "fps": 25}, **entry}
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": values}}))
    run = snakemake(folder, "--configfile=mine.yaml", *arguments)
    assert "Traceback" not in run.stderr
    return f"{run.returncode}\n{run.stdout}{run.stderr}"


def test_the_workflow_converts_points_alone_after_their_features(own, tmp_path, hrpro):
    folder = tmp_path / "results/mine"
    targets = [f"results/mine/{name}.json" for name in ("annotations", "points")]
    said = workflow(tmp_path, "--", *targets)
    assert said.startswith("0\n"), said
    assert (folder / "features.h5").is_file()
    assert read(folder)[1] == hrpro[1]
    said = workflow(tmp_path, "--dry-run", "--", *targets)
    assert "Nothing to be done" in said
    subsets("test")(own)
    said = workflow(tmp_path, "--dry-run", "--", *targets, annotations={"test": ["Test"]})
    assert "Nothing to be done" in said
    append(PLAIN, f"{TRAIN},1.0,golf\n")(own)
    said = workflow(tmp_path, "--dry-run", "--", *targets, "results/mine/features.h5")
    assert re.findall(r"^rule (\w+):", said, re.M) == ["convert_points"]


def test_the_workflow_draws_points(root, tmp_path):
    (root / HRPRO).unlink()
    said = workflow(tmp_path, "--", "results/mine/points.json", points={"from": "segments"})
    assert said.startswith("0\n"), said
    assert not (tmp_path / "results/mine/features.h5").exists()
    before = (tmp_path / "results/mine/points.json").read_bytes()
    chosen = {"from": "segments", "seed": 1}
    assert workflow(tmp_path, "--", "results/mine/points.json", points=chosen).startswith("0\n")
    assert (tmp_path / "results/mine/points.json").read_bytes() != before


@pytest.mark.parametrize(
    ("edit", "entry", "words"),
    [
        (
            remove("annotations.json"),
            {},
            ["data set mine: no test video has an annotation", "hold training videos back (docs/data.md"],
        ),
        (
            remove(PLAIN),
            {},
            ["no file data/point_labels/point_gaussian.csv; wanted in data/: ", "or points.csv"],
        ),
        (
            subsets("fold1", "fold2"),
            {},
            ["error: data/annotations.json: its subsets (fold1, fold2) do not say", "set annotations"],
        ),
        (
            remove("annotations.json"),
            {"annotations": {"file": "mine.json", "test": ["test"]}, "points": {"from": "segments"}},
            ["no file data/mine.json; wanted in data/: mine.json, features/{train,test}/<video>.npy;"],
        ),
    ],
    ids=["no truth", "no points", "subsets", "a file that the entry names"],
)
def test_the_workflow_stops_before_any_job(own, tmp_path, edit, entry, words):
    edit(own)
    said = workflow(tmp_path, "--", "results/mine/map.json", **entry)
    assert said.startswith("1\n")
    assert [word for word in words if word not in said] == [], said
    assert not (tmp_path / "results").exists()


# --- faults


def entry(edit=None, **values):
    """What the data set's entry says of annotations and points, after an edit of its folder."""

    def damage(root: Path) -> dict:
        if edit:
            edit(root)
        return values

    return damage


def both(*edits):
    """Edits one after the other."""

    def damage(root: Path) -> None:
        for edit in edits:
            edit(root)

    return damage


def videos_of(database: dict, train: dict) -> None:
    """One training video of one test video."""
    test = database[TEST] | {"subset": "test"}
    database.clear()
    database |= {TRAIN: {"subset": "train", "duration": 90.88} | train, TEST: test}


# Faults of own data; damage gives what the entry says of annotations and points, or None.
CASES = [
    Case("no points", remove(PLAIN), ["point_gaussian.csv: no such file"]),
    Case(
        "frames for seconds",
        append(PLAIN, f"{TRAIN},1890,golf\n"),
        [f"{PLAIN}: line ", f"{TRAIN}: 1890.00 s, outside the video's 90.88 s", "no frames"],
    ),
    Case(
        "a negative point",
        append(PLAIN, f"{TRAIN},-1,golf\n"),
        [f"{PLAIN}: line ", f"{TRAIN}: -1.00 s, outside the video", "wanted seconds"],
    ),
    Case("infinity", append(PLAIN, f"{TRAIN},inf,golf\n"), [f"{TRAIN}: inf s, outside", "wanted seconds"]),
    Case(
        "minutes",
        append(PLAIN, f"{TRAIN},1:20,golf\n"),
        [f"{PLAIN}: line ", f"{TRAIN}: seconds '1:20' is no number", "decimals after a point"],
    ),
    Case(
        "a decimal comma",
        append(PLAIN, f"{TRAIN},1,5,golf\n"),
        [f"{PLAIN}: line ", "too many cells", "wanted video, seconds, class"],
    ),
    Case("a row cut short", append(PLAIN, f"{TRAIN},5\n"), [f"{PLAIN}: line ", "too few cells", "wanted"]),
    Case("an empty cell", append(PLAIN, f"{TRAIN},5,\n"), [f"{PLAIN}: line ", "'class' is empty", "fill it"]),
    Case("semicolons", rows("video;seconds;class", "v;1;run"), ["line 1", "parted by ';'", "wanted commas"]),
    Case(
        "another column",
        rows("video,time,class", "v,1,run"),
        [f"{PLAIN}: line 1: no column 'seconds'", "wanted video, seconds, class or class, video_id, point"],
    ),
    Case("no header", rows("v,1,run"), [f"{PLAIN}: line 1: no column", "video, seconds, class"]),
    Case("a quote left open", append(PLAIN, f'"{TRAIN},5,golf\n'), [f"{PLAIN}: line ", "correct the quotes"]),
    Case(
        "frames of a video without an entry",
        rows("class,video_id,point", f"golf,{TRAIN},30"),
        [f"{PLAIN}: {TRAIN} has no entry in annotations.json, whose fps", "as video,seconds,class"],
    ),
    Case(
        "a video without features or an entry",
        append(PLAIN, "nowhere,5,golf\n"),
        ["features.h5: nothing of training video nowhere", "length is unknown", "add an entry"],
    ),
    Case(
        "a header alone", rows("video,seconds,class"), ["no video of a training subset", "name the training"]
    ),
    Case(
        "subsets that say nothing",
        subsets("fold1", "fold2"),
        [
            "annotations.json: its subsets (fold1, fold2) do not say",
            "set annotations: {train: [...], test: [",
        ],
    ),
    Case(
        "three usual subsets",
        subsets("training", "validation", "testing"),
        ["annotations.json: its subsets (testing, training, validation) do not say", "set annotations"],
    ),
    Case("a subset for some", subsets("test", ""), ["annotations.json: its subsets (none, test) do not say"]),
    Case(
        "a subset that is not there",
        entry(subsets("test"), annotations={"test": ["Tset"]}),
        ["annotations.json: no video of subset 'tset'", "it has test"],
    ),
    Case(
        "no training video to draw for",
        entry(subsets("test"), points={"from": "segments"}),
        ["annotations.json: no video of a training subset (test)", "drawn of no other", "split_train.txt"],
    ),
    Case(
        "no segment to draw from",
        entry(entries(lambda d: videos_of(d, {"annotations": []})), points={"from": "segments"}),
        ["annotations.json: no training segment", "nothing to learn from"],
    ),
    Case(
        "an unknown class beside segments",
        both(
            entries(lambda d: videos_of(d, {"annotations": [{"label": "golf", "segment": [1, 5]}]})),
            rows("video,seconds,class", f"{TRAIN},3,gulf"),
        ),
        [f"{PLAIN}: line 2: {TRAIN}: unknown class 'gulf'", "annotations.json names dive, golf"],
    ),
    Case(
        "an annotation file that is not there",
        entry(annotations={"file": "mine.json"}),
        ["data/mine.json: no such file"],
    ),
    Case("a point file that is not there", entry(points={"file": "p.csv"}), ["data/p.csv: no such file"]),
    Case(
        "a test video without a duration",
        entries(lambda d: d[TEST].pop("duration")),
        [f"annotations.json: {TEST}", '"duration" is None', "wanted a number over 0"],
    ),
    Case(
        "a misspelt key",
        entry(points={"from": "segments", "distributoin": "centre"}),
        ["points.distributoin: unknown key", "did you mean 'distribution'?"],
    ),
    Case(
        "a distribution that is none",
        entry(points={"from": "segments", "distribution": "center"}),
        ["points.distribution: 'center'", "'gaussian', 'uniform' or 'centre'"],
    ),
    Case(
        "a file and draws",
        entry(points={"from": "segments", "file": PLAIN}),
        ["points: ", "file and from exclude each other", "remove one"],
    ),
    Case(
        "a seed without draws", entry(points={"seed": 4}), ["points: ", "of drawn points", "from: segments"]
    ),
    Case(
        "a training subset without a test subset",
        entry(annotations={"train": ["a"]}),
        ["annotations: ", "train without test"],
    ),
    Case(
        "a subset in both splits",
        entry(annotations={"train": ["A"], "test": ["a"]}),
        ["annotations: ", "a is in train and in test", "belongs to one split"],
    ),
]


@pytest.fixture(scope="module")
def own_features(demo_data, tmp_path_factory) -> Path:
    """The features of the demo as own data."""
    folder = tmp_path_factory.mktemp("own")
    convert_features(as_own(Path(shutil.copytree(demo_data, folder / "data"))), folder / "features.h5")
    return folder / "features.h5"


@table(CASES)
def test_faults(case, own, out, own_features):
    given = case.damage(own)
    chosen = json.dumps(given if isinstance(given, dict) else {})
    result = convert(own, out, chosen, "--features", own_features)
    assert_stopped(result, case.words, out)


def test_a_length_that_nothing_says(own, out):
    words = ["annotations.json: nothing of training video demo_train_000", "add an entry", "--features FILE"]
    assert_stopped(convert(own, out), words, out)
