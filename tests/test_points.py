"""Splits by subsets; points in frames, in seconds, or drawn from segments; videos with points alone."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

import digest as code_digest
from conftest import SCRIPTS, run_script, snakemake
from hrpro import config
from hrpro.data import annotations, conversion, instances, layouts, points, splits
from hrpro.data.conversion import Converted
from hrpro.data.faults import Faults
from hrpro.data.sources import FileDigests, digest
from hrpro.detection.segments import segments
from hrpro.grid import Grid
from hrpro.proposals import ranking
from hrpro.training import seeds
from hrpro.utils.errors import InputError
from test_bad_input import (
    Case,
    append,
    assert_conversion_stops,
    assert_stopped,
    convert_annotations,
    convert_features,
    convert_points,
    remove,
    table,
    write,
)

GT, HRPRO, PLAIN = "gt_full.json", "point_labels/point_gaussian.csv", "points.csv"
TRAIN, TEST = "demo_train_000", "demo_test_000"
FPS = 30  # of the demo's videos


def labels(**values) -> config.Labels:
    return config.parse(config.Labels, values)


def convert_all(root: Path, labels: config.Labels = config.RECOGNISED, **more) -> Converted:
    """The annotations and the points of a data set, as its three steps make them."""
    return conversion.convert(splits.read(root, labels), **more)


@pytest.fixture
def root(demo_data, tmp_path) -> Path:
    """A copy of the demo's data set, in the HR-Pro layout, to change."""
    return Path(shutil.copytree(demo_data, tmp_path / "data"))


@pytest.fixture
def mine(root) -> Path:
    """The same as users would label it: points in seconds, and annotations of the test videos alone."""
    return as_mine(root)


@pytest.fixture(scope="module")
def hrpro(demo_data) -> Converted:
    """The demo's annotations and points as the HR-Pro layout gives them."""
    return convert_all(demo_data)


def as_mine(root: Path) -> Path:
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
        (root / splits.split_file(split)).unlink()


def rename_subsets(root: Path, train: str | None, test: str | None) -> None:
    """Other names of the two splits' subsets; None: no name."""
    content = json.loads((root / GT).read_text())
    for video, entry in content["database"].items():
        entry["subset"] = train if "train" in video else test
        if entry["subset"] is None:
            del entry["subset"]
    (root / GT).write_text(json.dumps(content))


def convert(root: Path, out: Path, labels: str = "{}", *more) -> list[str]:
    """Make out/{train,test}/annotations.json and out/train/points.json; what the three steps warn of."""
    runs = [
        convert_annotations(root, out / "train", "--labels", labels, *more),
        convert_annotations(root, out / "test", "--split", "test", "--labels", labels, *more),
        convert_points(root, out / "train", "--labels", labels, *more),
    ]
    assert [run.returncode for run in runs] == [0, 0, 0]
    return [line for run in runs for line in run.stderr.splitlines()]


def read(out: Path) -> Converted:
    """What `convert` has made, both splits together."""
    database = {}
    for split in config.SPLITS:
        of_split = json.loads((out / split / "annotations.json").read_text())["database"]
        assert {entry["subset"] for entry in of_split.values()} <= {split}
        database |= of_split
    return Converted({"database": database}, json.loads((out / "train/points.json").read_text()))


@pytest.fixture(scope="module")
def lengths(demo_data, tmp_path_factory) -> Path:
    """The training features of `mine`, which say how long its training videos are."""
    folder = tmp_path_factory.mktemp("lengths")
    run = convert_features(as_mine(Path(shutil.copytree(demo_data, folder / "data"))), folder)
    assert (run.returncode, run.stderr) == (0, "")
    return folder / "features.h5"


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
    assert convert_all(root) == hrpro


def test_the_entry_names_the_subsets(root, hrpro):
    rename_subsets(root, "Validation", "Fold 2")
    unlist(root)
    with pytest.raises(InputError, match="'fold 2', 'validation'"):
        splits.read_splits(root)
    assert convert_all(root, labels(annotations={"train": ["validation"], "test": ["fold 2"]})) == hrpro
    swapped = labels(annotations={"train": ["fold 2"], "test": ["validation"]}, points={"from": "segments"})
    converted = convert_all(root, swapped)
    assert set(converted.points["videos"]) == {v for v in converted.annotations["database"] if "test" in v}


def test_lists_go_before_subsets_and_the_entry_before_lists(root):
    shorter = (root / "split_test.txt").read_text().split()[:5]
    (root / "split_test.txt").write_text("\n".join(shorter))
    rename_subsets(root, "test", "train")  # the lists say otherwise
    assert splits.read_splits(root)["test"] == shorter
    named = labels(annotations={"train": ["test"], "test": ["train"]})
    assert len(splits.read_splits(root, named)["test"]) == 12


def test_an_annotation_file_of_another_name(root, hrpro):
    (root / "annotations").mkdir()
    (root / GT).rename(root / "annotations/mine.json")
    unlist(root)
    assert convert_all(root, labels(annotations={"file": "annotations/mine.json"})) == hrpro


def test_thumos_in_actionformers_layout(shared, tmp_path):
    """Its subsets are Validation and Test, as ActionFormer has them; the lists leave two test videos out."""
    root = shared / "data" / "THUMOS14"
    shutil.copy(root / GT, tmp_path / "thumos14.json")
    shutil.copytree(root / "point_labels", tmp_path / "point_labels")
    by_lists = convert_all(root)
    for subsets in ({}, {"train": ["validation"], "test": ["test"]}):
        by_subsets = convert_all(tmp_path, labels(annotations={"file": "thumos14.json", **subsets}))
        assert by_subsets.points == by_lists.points
        database = by_subsets.annotations["database"]
        assert len(set(database) - set(by_lists.annotations["database"])) == 2
        for video, entry in by_lists.annotations["database"].items():
            assert database[video] == entry


# --- point files


def test_seconds_and_frames_give_the_same_points(root, hrpro):
    to_seconds(root)
    assert convert_all(root) == hrpro


def test_columns_tell_the_formats_apart_whatever_the_name(root, hrpro):
    to_seconds(root)
    (root / PLAIN).rename(root / HRPRO)
    assert convert_all(root) == hrpro
    (root / HRPRO).rename(root / "mine.txt")
    assert convert_all(root, labels(points={"file": "mine.txt"})) == hrpro


def test_blanks_quotes_other_columns_and_byte_order_marks(tmp_path):
    path = tmp_path / PLAIN
    path.write_text('\ufeffseconds , note, class, video\n 1.5 , a, "long, jump",v1\n\n2,,sit,v 2\n')
    assert points.read(path).points.to_dict("records") == [
        {"video": "v1", "label": "long, jump", "seconds": 1.5, "at": "line 2"},
        {"video": "v 2", "label": "sit", "seconds": 2.0, "at": "line 4"},
    ]


def test_times_are_read_to_their_last_digit(tmp_path):
    path = tmp_path / PLAIN
    times = ["0.1", "123.45678901234567", "1e-7", "9007199254740993", "4.35"]
    path.write_text("video,seconds,class\n" + "".join(f"v,{time},run\n" for time in times))
    assert points.read(path).points["seconds"].tolist() == [float(time) for time in times]


def test_cells_are_text_whatever_they_look_like(tmp_path):
    path = tmp_path / HRPRO.rpartition("/")[2]
    path.write_text("class,video_id,point\nNA,007,12\nnan,1e3,13\n")
    table = points.read(path).points
    assert points.are_frames(table)
    assert table.to_dict("records") == [
        {"video": "007", "label": "NA", "frame": 12.0, "at": "line 2"},
        {"video": "1e3", "label": "nan", "frame": 13.0, "at": "line 3"},
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('video,seconds,class,note\nv,1,run,"a\nb"\n\nv,2\n', "line 5: v: too few cells"),
        ("video,seconds,class\n\nv,1,run,,\n", "line 3: v: too many cells"),
        ('video,seconds,class\nv,1,"run" fast\nv,2,run\n', "line 2: .*correct the quotes"),
        ('video,seconds,class\nv,1,run\n"v,2,run\nv,3,run\n', "line 4: .*correct the quotes"),
        ("video,seconds,class\n\n\nv,1,run\n v ,x,run\n", "line 5: v: seconds 'x' is not a number"),
        ("video,seconds,class\n ,1,run\n", "line 2: the cell of 'video' is empty"),
        ("\n\n", "line 1: no column 'class'"),
    ],
)
def test_messages_name_the_line(tmp_path, text, words):
    (tmp_path / PLAIN).write_text(text)
    with pytest.raises(InputError, match=f"points.csv: {words}"):
        faults = Faults()
        for row in points.read(tmp_path / PLAIN).faulty.itertuples():
            at = f"{row.at}: {row.video}".removesuffix(": ")
            faults.add(tmp_path / PLAIN, at, row.what, remedy=row.remedy)
        faults.stop()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\n", "\r\n\r\n"])
@pytest.mark.parametrize("header", [["video,seconds,class"], ["", "video,seconds,class"], []])
def test_files_as_people_export_them(tmp_path, separator, line_end, header):
    lines = [*header, "v1,1.5,run", "v 2,2,sit", " , , "]
    content = "\ufeff" + line_end.join(lines).replace(",", separator) + line_end
    (tmp_path / PLAIN).write_bytes(content.encode())
    table = points.read(tmp_path / PLAIN).points
    assert table[["video", "seconds", "label"]].values.tolist() == [["v1", 1.5, "run"], ["v 2", 2.0, "sit"]]


@pytest.mark.parametrize(("folder", "frames", "fps"), [("gtea", 4, 15), ("THUMOS14", 16, 25)])
def test_points_of_people_are_read_as_they_are(shared, folder, frames, fps, caplog):
    root = shared / "data" / folder
    for path in sorted((root / "human_points").iterdir()):
        caplog.clear()
        of_person = labels(points={"file": f"human_points/{path.name}"})
        converted = convert_all(root, of_person, tolerance=Grid(frames, fps).tolerance)
        rows = [line for line in path.read_text().splitlines() if line.strip()]
        of_split = [row for row in rows if row.split(",")[0] in converted.points["videos"]]
        assert sum(map(len, converted.points["videos"].values())) == len(of_split) > 300
        assert sum("moved" in message for message in caplog.messages) <= 1


@pytest.mark.parametrize(("given", "seconds"), [(-0.01, 0.0), (91.3, 90.88), (92.15, 90.88)])
def test_a_click_past_the_edge_is_moved_into_the_video(root, given, seconds, caplog):
    to_seconds(root)
    append(PLAIN, f"{TRAIN},{given},golf\n")(root)
    with pytest.raises(InputError, match=r"outside the video's 90.88 s"):
        convert_all(root, tolerance=0.0)
    moved = convert_all(root, tolerance=1.28).points["videos"][TRAIN]
    assert seconds in [point["seconds"] for point in moved]
    (message,) = [message for message in caplog.messages if "moved" in message]
    assert f"{PLAIN}: moved 1 points into their videos" in message
    append(PLAIN, f"{TRAIN},92.2,golf\n")(root)
    with pytest.raises(InputError, match=r"92.20 s, outside the video's 90.88 s"):
        convert_all(root, tolerance=1.28)


def test_cells_beyond_the_needed_columns_may_be_missing(tmp_path):
    (tmp_path / PLAIN).write_text("video,seconds,class,note\nv,1,run\nv,2,sit,unsure\n")
    assert points.read(tmp_path / PLAIN).points["label"].tolist() == ["run", "sit"]


def test_the_files_that_are_there_by_themselves(root):
    (root / PLAIN).write_text("video,seconds,class\n")
    assert points.file_of(root, config.Points()) == root / HRPRO
    (root / HRPRO).unlink()
    assert points.file_of(root, config.Points()) == root / PLAIN
    (root / PLAIN).unlink()
    assert points.file_of(root, config.Points()) == root / HRPRO  # which is then missing


def test_no_training_waits_for_pandas():
    """Half a second per start: what trains, scores and proposes reads points.json, and no table."""
    scripts = [
        "train_stage1.py",
        "train_stage2.py",
        "score_snippets.py",
        "label_videos.py",
        "propose_training.py",
        "rank_proposals.py",
        "propose_test.py",
    ]
    methods = [str(path.relative_to(SCRIPTS)) for path in SCRIPTS.glob("hrpro/*/method.py")]
    assert methods
    paths = code_digest.imports(SCRIPTS, *scripts, *methods, "hrpro/evaluation/protocol.py")
    assert [path for path in paths if re.search(r"^\s*(import|from) pandas", path.read_text(), re.M)] == []
    assert SCRIPTS / "hrpro/data/points.py" in code_digest.imports(SCRIPTS, "convert_points.py")


# --- training videos with points alone


def test_data_of_points_and_annotated_test_videos(mine, out, lengths, hrpro):
    assert convert(mine, out, "{}", "--features", lengths) == []
    converted = read(out)
    assert converted.points == hrpro.points
    database = hrpro.annotations["database"]
    assert list(converted.annotations["database"]) == list(database)
    for video, entry in database.items():
        bare = {} if entry["subset"] == "test" else {"annotations": []}
        # the features are as long as the videos
        assert converted.annotations["database"][video] == entry | bare


def test_training_videos_in_a_list_need_no_entry_either(mine):
    names = points.read(mine / PLAIN).points["video"].unique().tolist()
    (mine / "split_train.txt").write_text("\n".join(names) + "\n")
    (mine / "split_test.txt").write_text(TEST)
    converted = convert_all(mine)
    assert list(converted.points["videos"]) == names
    assert converted.annotations["database"][TRAIN]["duration"] is None


def test_some_training_videos_with_an_entry_and_some_without(root, hrpro):
    unlist(root)
    to_seconds(root)
    content = json.loads((root / GT).read_text())
    del content["database"][TRAIN]
    (root / GT).write_text(json.dumps(content))
    assert splits.read_splits(root)["train"][-1] == TRAIN
    converted = convert_all(root)
    assert converted.points["videos"] == hrpro.points["videos"]
    assert converted.annotations["database"][TRAIN] == {
        "subset": "train",
        "duration": None,
        "annotations": [],
        "ambiguous": [],
    }


def test_without_subsets_the_videos_with_points_are_the_training_split(root, hrpro):
    unlist(root)
    rename_subsets(root, None, None)
    assert convert_all(root) == hrpro


def test_classes_are_of_the_points_too_where_no_segment_is_known(mine, hrpro):
    append(PLAIN, f"{TRAIN},5.0,wave\n")(mine)
    converted = convert_all(mine).points
    assert converted["classes"] == sorted([*hrpro.points["classes"], "wave"])
    assert {"label": "wave", "seconds": 5.0} in converted["videos"][TRAIN]


def test_classes_of_one_side_alone_are_warned_of(mine, out, lengths):
    text = (mine / PLAIN).read_text()
    (mine / PLAIN).write_text(text.replace(", vault", ", valt"))
    assert convert(mine, out, "{}", "--features", lengths) == [
        "warning: classes with points, but no annotated instance: 'valt'; are they spelt right?",
        "warning: classes without a point, so that they cannot be learnt: 'vault'",
    ]


def test_a_data_set_without_a_test_split_can_be_trained_on_but_not_scored(mine, out, tmp_path, hrpro):
    (mine / "annotations.json").unlink()
    assert convert_features(mine, tmp_path).returncode == 0
    assert convert(mine, out, "{}", "--features", tmp_path / "features.h5") == []
    converted = read(out)
    assert converted.points["videos"] == hrpro.points["videos"]
    database = converted.annotations["database"]
    assert {entry["subset"] for entry in database.values()} == {"train"}
    with pytest.raises(InputError, match="data set mine: no test video has an annotation"):
        annotations.require_truth(database, "data set mine", [])


def test_a_training_subset_alone_is_no_test_split(root):
    unlist(root)
    rename_subsets(root, "training", "Training")
    assert {split: len(videos) for split, videos in splits.read_splits(root).items()} == {
        "train": 36,
        "test": 0,
    }


def test_an_evaluation_without_an_instance_stops(root, out, tmp_path):
    truth = {"database": {"v": {"subset": "test", "duration": 9, "annotations": []}}}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "detections.json").write_text('{"results": {}}')
    result = run_script(
        *("evaluate.py", "--annotations", tmp_path / "truth.json", "--subset", "test"),
        *("--detections", tmp_path / "detections.json", "--output", out / "map.json"),
    )
    assert_stopped(result, ["truth.json: no video of subset test has an annotation", "add what to"], out)


# --- drawn points


def draw(instances: dict[str, list], duration: float = 1000.0, **values) -> dict[str, list[dict]]:
    """Points drawn from {video: [(label, start, end)]}."""
    database = {
        video: {
            "duration": duration,
            "annotations": [{"label": label, "segment": [a, b]} for label, a, b in of_video],
        }
        for video, of_video in instances.items()
    }
    settings = config.parse(config.Points, {"from": "segments", **values})
    return points.draw(database, list(instances), settings)


def places(distribution: str, length: float, videos: int = 400) -> np.ndarray:
    """Drawn places, in seconds from the middle of a segment of that length, one per video."""
    drawn = draw(
        {f"v{n}": [("run", 100.0, 100.0 + length)] for n in range(videos)}, distribution=distribution
    )
    return np.array([of_video[0]["seconds"] - 100 - length / 2 for of_video in drawn.values()])


def test_gaussian_points_lie_around_the_middle():
    long = places("gaussian", 60.0)
    assert abs(long.mean()) < 0.15
    assert long.std() == pytest.approx(points.SIGMA, rel=0.1)
    short = places("gaussian", 0.5)  # cut, not heaped up at its ends
    assert np.abs(short).max() <= 0.25
    assert len(np.unique(short)) == len(short)
    assert np.histogram(short, 4, (-0.25, 0.25))[0].min() > 70


def test_uniform_points_lie_anywhere():
    assert np.histogram(places("uniform", 60.0), 4, (-30, 30))[0].min() > 70


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
    drawn = draw({"v": instances}, 100.0, distribution=distribution)["v"]
    assert [p["label"] for p in drawn] == ["run", "sit"]
    assert 0 <= drawn[0]["seconds"] <= 2
    assert 98 <= drawn[1]["seconds"] <= 100


def test_a_point_per_instance_of_the_training_split(root, out, hrpro):
    (root / HRPRO).unlink()
    assert convert(root, out, '{"points": {"from": "segments", "seed": 3}}') == []
    converted = read(out)
    assert converted.annotations == hrpro.annotations
    assert converted.points["classes"] == hrpro.points["classes"]
    for video, drawn in converted.points["videos"].items():
        entry = converted.annotations["database"][video]
        assert entry["subset"] == "train"
        assert [p["label"] for p in drawn] == [a["label"] for a in entry["annotations"]]
        for instance, point in zip(entry["annotations"], drawn, strict=True):
            assert instance["segment"][0] <= point["seconds"] <= instance["segment"][1]
    assert len(converted.points["videos"]) == 24


# --- digests, which are the steps' `source` params


def digests(root: Path, tmp_path: Path, **values) -> dict[str, str]:
    """What the data set's own files say of each step, by what the step makes."""
    converted = convert_all(root, labels(**values))
    videos = splits.read_splits(root, labels(**values))
    sources = layouts.of_splits(root, config.FeatureFiles(), videos)
    known = {"points": digest(converted.points)}
    for split in config.SPLITS:
        database = annotations.of_split(converted.annotations["database"], split)
        known[f"{split} annotations"] = digest(database)
        of_split = {video: sources[video] for video in videos[split]}
        known[f"{split} features"] = FileDigests(tmp_path / "memory.json").of_features(of_split)
    return known


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_a_seed_of_draws_reaches_the_points_alone(root, tmp_path):
    def drawn(**values) -> dict[str, str]:
        return digests(root, tmp_path, points={"from": "segments", **values})

    assert changed(drawn(), drawn(seed=1)) == {"points"}
    assert changed(drawn(), drawn(distribution="uniform")) == {"points"}
    assert changed(drawn(), drawn(distribution="gaussian", seed=0)) == set()
    assert changed(digests(root, tmp_path), drawn()) == {"points"}


def test_digests_do_not_depend_on_the_layout(root, tmp_path):
    before = digests(root, tmp_path)
    to_seconds(root)
    unlist(root)
    (root / GT).rename(root / "mine.json")
    assert changed(before, digests(root, tmp_path, annotations={"file": "mine.json"})) == set()


@pytest.mark.parametrize(
    ("edit", "reached"),
    [
        (append(PLAIN, f"{TRAIN},1.0,golf\n"), {"points"}),
        (remove(f"features/train/{TRAIN}.npy"), {"train features"}),  # of which the annotations are made too
        (remove(f"features/test/{TEST}.npy"), {"test features"}),
    ],
    ids=["a point", "a training video's features", "a test video's features"],
)
def test_what_reaches_videos_with_points_alone(mine, tmp_path, edit, reached):
    before = digests(mine, tmp_path)
    contents = {path: path.read_bytes() for path in mine.glob("features/*/*.npy")}
    edit(mine)
    for path, content in contents.items():
        if not path.is_file():  # other features in place of those taken away
            path.write_bytes(content[:-4] + np.float32(9.5).tobytes())
    assert changed(before, digests(mine, tmp_path)) == reached


# --- the workflow


def workflow(folder: Path, *arguments, **entry) -> str:
    """What the workflow says of the data set mine in folder/data."""
    values = {"root": "data", "snippet": {"frames": 16, "fps": 25}, **entry}
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": values}}))
    run = snakemake(folder, "--configfile=mine.yaml", *arguments)
    assert "Traceback" not in run.stderr
    return f"{run.returncode}\n{run.stdout}{run.stderr}"


TARGETS = [f"results/mine/{name}.json" for name in ("train/annotations", "test/annotations", "train/points")]


def rules(said: str) -> list[str]:
    """The rules of the jobs that the workflow names, sorted."""
    return sorted(re.findall(r"^rule (\w+):", said, re.M))


@pytest.mark.slow
def test_the_workflow_converts_points_alone_after_their_features(mine, tmp_path, hrpro):
    folder = tmp_path / "results/mine"
    said = workflow(tmp_path, "--", *TARGETS)
    assert said.startswith("0\n"), said
    assert (folder / "train/features.h5").is_file()
    assert not (folder / "test/features.h5").exists()
    assert read(folder).points == hrpro.points
    said = workflow(tmp_path, "--dry-run", "--", *TARGETS)
    assert "Nothing to be done" in said
    subsets("test")(mine)
    said = workflow(tmp_path, "--dry-run", "--", *TARGETS, annotations={"test": ["Test"]})
    assert "Nothing to be done" in said
    array = np.load(mine / f"features/train/{TRAIN}.npy")
    np.save(mine / f"features/train/{TRAIN}.npy", array[:-1])
    said = workflow(tmp_path, "--dry-run", "--", *TARGETS)
    assert rules(said) == ["convert_annotations", "convert_features", "convert_points"]
    np.save(mine / f"features/train/{TRAIN}.npy", array)
    append(PLAIN, f"{TRAIN},1.0,golf\n")(mine)
    said = workflow(tmp_path, "--dry-run", "--", *TARGETS, "results/mine/train/features.h5")
    assert rules(said) == ["convert_points"]


def test_the_workflow_draws_points(root, tmp_path):
    (root / HRPRO).unlink()
    target = "results/mine/train/points.json"
    said = workflow(tmp_path, "--", target, points={"from": "segments"})
    assert said.startswith("0\n"), said
    assert not (tmp_path / "results/mine/train/features.h5").exists()
    before = (tmp_path / target).read_bytes()
    assert workflow(tmp_path, "--", target, points={"from": "segments", "seed": 1}).startswith("0\n")
    assert (tmp_path / target).read_bytes() != before


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
            ["no file data/point_labels/point_gaussian.csv; expected in data/: ", "or points.csv"],
        ),
        (
            subsets("fold1", "fold2"),
            {},
            ["error: data/annotations.json: its subsets ('fold1', 'fold2') do not say", "set annotations"],
        ),
        (
            remove("annotations.json"),
            {"annotations": {"file": "mine.json", "test": ["test"]}, "points": {"from": "segments"}},
            ["no file data/mine.json; expected in data/: mine.json, features/{train,test}/<video>.npy;"],
        ),
    ],
    ids=["no truth", "no points", "subsets", "a file that the entry names"],
)
def test_the_workflow_stops_before_any_job(mine, tmp_path, edit, entry, words):
    edit(mine)
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


# Faults of mine data; damage gives what the entry says of annotations and points, or None.
CASES = [
    Case("no points", remove(PLAIN), ["point_gaussian.csv: no such file"]),
    Case(
        "frames for seconds",
        append(PLAIN, f"{TRAIN},1890,golf\n"),
        [f"{PLAIN}: line ", f"{TRAIN}: 1890.00 s, outside the video's 90.88 s", "not frames"],
    ),
    Case(
        "a negative point",
        append(PLAIN, f"{TRAIN},-2,golf\n"),
        [f"{PLAIN}: line ", f"{TRAIN}: -2.00 s, outside the video", "expected seconds"],
    ),
    Case("infinity", append(PLAIN, f"{TRAIN},inf,golf\n"), [f"{TRAIN}: inf s, outside", "expected seconds"]),
    Case(
        "minutes",
        append(PLAIN, f"{TRAIN},1:20,golf\n"),
        [f"{PLAIN}: line ", f"{TRAIN}: seconds '1:20' is not a number", "decimals after a point"],
    ),
    Case(
        "a decimal comma",
        append(PLAIN, f"{TRAIN},1,5,golf\n"),
        [f"{PLAIN}: line ", "too many cells", "expected video, seconds, class"],
    ),
    Case("a row cut short", append(PLAIN, f"{TRAIN},5\n"), [f"{PLAIN}: line ", "too few cells", "expected"]),
    Case("an empty cell", append(PLAIN, f"{TRAIN},5,\n"), [f"{PLAIN}: line ", "'class' is empty", "fill it"]),
    Case(
        "another column",
        rows("video,time,class", "v,1,run"),
        [f"{PLAIN}: line 1: no column 'seconds'", "expected video, seconds, class or class, video_id, point"],
    ),
    Case(
        "no header, times last",
        rows("v,run,1"),
        [f"{PLAIN}: line 1: no header, and 'v, run, 1' can mean", "columns are video, seconds, class"],
    ),
    Case("no header, two numbers", rows("7,1.5,run"), ["line 1: no header, and '7, 1.5, run' can mean"]),
    Case("a quote left open", append(PLAIN, f'"{TRAIN},5,golf\n'), [f"{PLAIN}: line ", "correct the quotes"]),
    Case(
        "frames of a video without an entry",
        rows("class,video_id,point", f"golf,{TRAIN},30"),
        [f"{PLAIN}: {TRAIN}: no entry in annotations.json, whose fps", "as video,seconds,class"],
    ),
    Case(
        "a video without features or an entry",
        append(PLAIN, "nowhere,5,golf\n"),
        ["features.h5: has no features of 'nowhere', whose length nothing else says; add them"],
    ),
    Case(
        "a header alone", rows("video,seconds,class"), ["no video of a training subset", "name the training"]
    ),
    Case(
        "subsets that say nothing",
        subsets("fold1", "fold2"),
        [
            "annotations.json: its subsets ('fold1', 'fold2') do not say",
            "set annotations: {train: [...], test: [",
        ],
    ),
    Case(
        "three usual subsets",
        subsets("training", "validation", "testing"),
        ["annotations.json: its subsets ('testing', 'training', 'validation') do not say", "set annotations"],
    ),
    Case(
        "a subset for some", subsets("test", ""), ["annotations.json: its subsets (none, 'test') do not say"]
    ),
    Case(
        "a subset that is not there",
        entry(subsets("test"), annotations={"test": ["Tset"]}),
        ["annotations.json: no video of subset 'tset'", "it has 'test'"],
    ),
    Case(
        "no training video to draw for",
        entry(subsets("test"), points={"from": "segments"}),
        ["annotations.json: no video of a training subset ('test')", "drawn of no other", "split_train.txt"],
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
        [f"{PLAIN}: line 2: {TRAIN}: unknown class 'gulf'", "annotations.json names 'dive', 'golf'"],
    ),
    Case(
        "an annotation file that is not there",
        entry(annotations={"file": "mine.json"}),
        ["data/mine.json: no such file"],
    ),
    Case("a point file that is not there", entry(points={"file": "p.csv"}), ["data/p.csv: no such file"]),
    Case(
        "a test video without length",
        entries(lambda d: d[TEST].update(duration=0)),
        [f"annotations.json: {TEST}", '"duration" is 0', "expected a number over 0"],
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


@table(CASES)
def test_faults(case, mine, out, lengths):
    values = case.damage(mine)
    more = ["--labels", json.dumps(values if isinstance(values, dict) else {}), "--features", lengths]
    assert_conversion_stops(mine, case.words, out, *more)


def test_a_length_that_nothing_says(mine, out):
    words = [
        "annotations.json: nothing about the length of 'demo_train_000', ",
        "add their",
        "--features FILE",
    ]
    assert_conversion_stops(mine, words, out)


# --- several points of one action


CLICKS = [(1.0, 0), (1.2, 0), (2.0, 0), (9.0, 0), (9.0, 1), (9.5, 0)]  # (seconds, class), in time order


@pytest.mark.parametrize(
    ("same_action", "numbers"),
    [(0.0, [0, 1, 2, 3, 4, 5]), (0.3, [0, 0, 1, 2, 3, 4]), (1.0, [0, 0, 0, 1, 2, 3])],
)
def test_points_of_one_class_close_to_each_other_mark_one_action(same_action, numbers):
    assert instances.actions(CLICKS, same_action) == numbers
    assert instances.actions([], same_action) == []


def test_clicks_a_second_apart_are_one_action_whatever_the_rounding():
    assert instances.actions([(k * 0.1 + 0.1, 0) for k in (0, 10, 20, 31)], 1.0) == [0, 0, 0, 1]


def test_points_of_a_class_in_one_snippet_are_one_point():
    times = [(0.1, "run"), (0.1, "run"), (0.3, "sit"), (0.6, "run"), (0.7, "run")]
    of_video = [{"seconds": seconds, "label": label} for seconds, label in times]
    pairs = ranking.number_labels(of_video, ["run", "sit"], Grid(1, 2))
    assert pairs == [(0.1, 0), (0.3, 1), (0.6, 0)]


@pytest.mark.parametrize(
    ("points_of_video", "expected"),
    [
        ([(3.0, 0), (20.0, 0)], [1, 3]),  # alone in the longer one of higher score
        ([(3.0, 0), (3.0, 0), (20.0, 0)], [1, 1, 3]),  # a copy is no neighbour of itself
        ([(3.0, 0), (4.0, 0), (20.0, 0)], [1, 1, 3]),  # nor is a second click
        ([(3.0, 0), (4.0, 1), (20.0, 0)], [0, None, 3]),  # a point of another class is
        ([(3.0, 0), (4.5, 0), (20.0, 0)], [0, 2, 3]),  # and one further away; none holds the second one alone
    ],
)
def test_the_points_of_an_action_are_not_each_others_neighbours(points_of_video, expected):
    proposals = segments([[2.0, 3.4], [2.0, 6.0], [2.0, 30.0], [18.0, 22.0]], [0] * 4, [0.5, 0.8, 0.9, 0.7])
    assert ranking.reliable(proposals, points_of_video, any_score=True) == expected


@pytest.mark.parametrize(
    ("same_action", "expected"),
    [
        (1.0, [(1.2, 0), (9.0, 0), (9.0, 1), (9.5, 0)]),
        (0.3, [(1.1, 0), (2.0, 0), (9.0, 0), (9.0, 1), (9.5, 0)]),
        (0.0, CLICKS),
    ],
)
def test_the_points_of_an_action_are_one_in_their_middle(same_action, expected):
    assert instances.joined(CLICKS, same_action) == expected
    assert instances.joined([], same_action) == []


@pytest.mark.parametrize("copies", [2, 3])
def test_copies_of_points_move_nothing(copies):
    clicks = [(0.1, 0), (2.7, 0), (9.0, 1)]
    assert instances.joined([click for click in clicks for _ in range(copies)], 1.0) == clicks


def test_the_middle_of_an_action_is_labelled():
    times = [(0.5, "a"), (2.5, "a"), (2.6, "b"), (3.5, "a")]
    of_video = [{"seconds": seconds, "label": label} for seconds, label in times]
    marked = seeds.point_labels(of_video, ["a", "b"], length=5, grid=Grid(1, 1), same_action=2.0)
    assert marked.T.tolist() == [[0, 1, 0, 1, 0], [0, 0, 1, 0, 0]]
    each = seeds.point_labels(of_video, ["a", "b"], length=5, grid=Grid(1, 1))
    assert each.T.tolist() == [[1, 0, 1, 1, 0], [0, 0, 1, 0, 0]]
    assert ranking.number_labels(of_video, ["a", "b"], Grid(1, 1), 2.0) == [(1.5, 0), (2.6, 1), (3.5, 0)]
