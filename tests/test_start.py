"""hrpro-start: what it takes a folder for, the configuration that it writes, and what it says is missing."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from conftest import jobs_of, run_script, snakemake
from hrpro import config
from hrpro.grid import Grid
from hrpro.start import cli, entry, folder, snippets, survey
from test_label_formats import ELAN, GOOD, LABELSTUDIO, put
from test_video import film

POINTS = "video,seconds,class\na,0.5,pour\na,12,stir\nb,1,pour\n"
TRUTH = {"database": {"c": {"annotations": [{"label": "pour", "segment": [1, 5]}]}}}
LENGTHS = {"a": 60, "b": 50, "c": 40}  # snippets of 4 frames at 10 fps


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """An empty folder of a data set in the working directory, which is hrpro's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text("")
    (tmp_path / "mine").mkdir()
    return Path("mine")


def save_features(place: Path, lengths=LENGTHS, suffix="") -> None:
    place.mkdir(parents=True, exist_ok=True)
    for video, length in lengths.items():
        np.save(place / f"{video}{suffix}.npy", np.ones((length, 6), np.float32))


def films(place: Path, fps=10) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for video, length in LENGTHS.items():
        film(place / f"{video}.mp4", 4 * length, fps=fps)


def start(root: Path) -> tuple[dict, str]:
    """The configuration that is written and what is said."""
    run = run_script("start.py", root)
    assert run.returncode == 0, run.stderr
    values = yaml.safe_load(Path(f"{root.name}.yaml").read_text())
    [entry] = values["datasets"].values()
    if "snippet" in entry and "weights" in entry.get("features", {"weights": ""}):
        config.parse(config.Config, values)
    return entry, run.stdout


def test_a_whole_data_set_is_planned_as_it_is_written(root):
    films(root / "videos")
    save_features(root / "features")
    save_features(root / "new", {"d": 30})
    (root / "points.csv").write_text(POINTS)
    (root / "annotations.json").write_text(json.dumps(TRUTH))
    values, said = start(root)
    assert values == {"root": "mine", "snippet": {"frames": 4, "fps": 10}}
    assert yaml.safe_load(Path("mine.yaml").read_text())["predict"] == {"new": "mine/new"}
    for line in (
        "videos       mine/videos: 3, 10 fps, 1.0 min",
        "features     mine/features: 3 videos, 6 channels",
        "points       mine/points.csv: 3 points of 2 videos",
        "annotations  mine/annotations.json: 1 instance of 1 video",
        "splits       2 training videos, 1 test video",
        "classes      pour 2, stir 1",
    ):
        assert f"  {line}\n" in said
    assert "missing" not in said
    commands = [line.strip() for line in said.splitlines() if "snakemake" in line]
    assert [command.split()[-1] for command in commands] == [
        "results/mine/check.html", "results/mine/map.json", "results/mine/report.html",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_workflow_plans_with_it_as_it_is_written(root):
    films(root / "videos")
    save_features(root / "features")
    (root / "points.csv").write_text(POINTS)
    (root / "annotations.json").write_text(json.dumps(TRUTH))
    start(root)
    jobs = jobs_of(snakemake(Path.cwd(), "-n", "--configfile", "mine.yaml", "--", "results/mine/map.json"))
    # the chain without held-back videos, too, and the detections that the gate lets through
    assert (jobs["train_stage1"], jobs["train_stage2"], jobs["evaluate"]) == (2, 2, 4)


def test_videos_alone(root):
    films(root / "videos")
    values, said = start(root)
    assert values["features"] == {"from": "videos", "folder": "videos", "model": "i3d"}
    assert "# weights: {rgb: rgb_imagenet.pt, flow: flow_imagenet.pt}" in Path("mine.yaml").read_text()
    assert "no features: mine.yaml has them computed of the videos; name a network's weights there" in said
    assert "label.py --videos mine/videos --points mine/points.csv\n" in said


def test_the_test_videos_are_kept_off_the_labelling_page(root):
    films(root / "videos")
    (root / "annotations.json").write_text(json.dumps(TRUTH))
    _, said = start(root)
    assert "--points mine/points.csv --leave-out mine/annotations.json\n" in said


def test_weights_that_are_there_are_named(root):
    films(root)
    Path("weights").mkdir()
    Path("weights/rgb_imagenet.pt").write_bytes(b"")
    (root / "points.csv").write_text(POINTS)
    values, said = start(root)
    assert values["features"]["weights"] == {"rgb": "weights/rgb_imagenet.pt"}
    assert values["features"]["folder"] == "."
    parsed = config.parse(config.Dataset, values)
    assert parsed.features.width == 1024
    assert "no annotated test videos, so no mAP" in said
    assert "results/mine/model.pt" in said and "results/mine-held_points/map.json" in said


def test_features_alone_are_labelled_as_curves(root):
    with h5py.File(root / "all.h5", "w") as file:
        file["a"], file["b"] = np.ones((9, 6), np.float32), np.ones((8, 6), np.float32)
    values, said = start(root)
    assert values["features"] == {"folder": "."} and "snippet" not in values
    assert "the grid of the snippets is unknown, nothing says how long a video is" in said
    assert "label.py --videos mine --rate ROWS-PER-SECOND --points mine/points.csv" in said


def test_what_extraction_has_noted_is_the_grid(root):
    save_features(root / "features")
    snippet = {"frames": 5, "fps": 25.0, "window": 16}
    for video in LENGTHS:
        (root / f"features/{video}.json").write_text(json.dumps({"model": "i3d", "snippet": snippet}))
    values, _ = start(root)
    assert values["snippet"] == snippet


def test_classes_of_videos_without_times(root):
    save_features(root / "features")
    (root / "points.csv").write_text("video,class\na,pour\nb,stir\n")
    (root / "annotations.json").write_text(json.dumps(TRUTH))
    _, said = start(root)
    assert "no times of the points: the experiment `videos` alone" in said
    assert "results/mine/videos/map.json" in said and "results/mine/map.json" not in said


def test_names_that_differ_by_an_ending(root):
    save_features(root / "i3d", suffix="_rgb")
    (root / "points.csv").write_text(POINTS)
    values, said = start(root)
    assert values["names"] == {"suffix": "_rgb"} and values["features"] == {"folder": "i3d"}
    assert "no features of" not in said


def test_labels_of_other_tools_by_their_names(root):
    films(root / "videos", fps=25)
    put(root / "test_eaf", {"a.eaf": ELAN, "b.eaf": ELAN})
    (root / "train.json").write_text(json.dumps(LABELSTUDIO))
    values, _ = start(root)
    assert (values["annotations"], values["points"]) == ({"file": "test_eaf"}, {"file": "train.json"})
    text = Path("mine.yaml").read_text()
    assert "add fps, how many a second has (the frameRate of the project's <Video>" in text


@pytest.mark.parametrize("name", GOOD)
def test_every_format_is_counted(root, name):
    files, settings, labels, _ = GOOD[name]
    put(root, files)
    [found] = folder.labels(folder.files_in(root), set(), set(), settings.get("fps"))
    assert found.form == name.partition(",")[0]
    if "tiers" not in settings:
        points = sum(end is None for *_, end in labels)
        assert (found.points, found.instances) == (points, len(labels) - points)


def test_files_that_may_all_be_the_points_are_left_to_the_user(root):
    save_features(root / "features")
    for name in ("ann.csv", "bob.csv"):
        (root / name).write_text(POINTS)
    values, said = start(root)
    assert "points" not in values
    assert "# points: {file: ann.csv}  # or bob.csv" in Path("mine.yaml").read_text()
    assert "not used     mine/ann.csv: 3 points of 2 videos" in said
    assert "more than one file of points: name one of ann.csv, bob.csv under `points` in mine.yaml" in said


def test_annotated_training_videos_without_points(root):
    save_features(root / "features")
    database = {
        video: {
            "subset": "training" if video < "c" else "validation",
            "duration": 0.4 * length,
            "fps": 10,
            "annotations": [{"label": "pour", "segment": [1, 5]}],
        }
        for video, length in LENGTHS.items()
    }
    (root / "gt.json").write_text(json.dumps({"database": database}))
    values, said = start(root)
    assert values["points"] == {"from": "segments"} and values["annotations"] == {"file": "gt.json"}
    assert values["snippet"] == {"frames": 4, "fps": 10}
    assert "missing" not in said


def test_actionformers_layout(root):
    """Windows of 16 frames overlap; a text that looks like labels is none of the videos'."""
    lengths = {"v_a": 1200, "v_b": 700, "v_c": 900}
    save_features(root / "i3d_features", lengths)
    database = {
        video: {
            "subset": "Test" if video == "v_c" else "Validation",
            "duration": (4 * length + 14) / 30,
            "fps": 30,
            "annotations": [{"label": "dive", "segment": [1, 5]}],
        }
        for video, length in lengths.items()
    }
    (root / "annotations").mkdir()
    (root / "annotations/thumos14.json").write_text(json.dumps({"database": database}))
    (root / "readme.txt").write_text("one\none\ntwo\n")
    values, said = start(root)
    assert values == {
        "root": "mine",
        "snippet": {"frames": 4, "fps": 30, "window": 16},
        "features": {"folder": "i3d_features"},
        "annotations": {"file": "annotations/thumos14.json"},
        "points": {"from": "segments"},
    }
    assert "drawn from the annotated segments" in said and "missing" not in said


def test_labels_in_frames_of_an_unknown_rate(root):
    save_features(root / "features")
    put(root / "labels", {f"{video}.txt": "SIL\n" * 3 + "run\n" * 5 for video in LENGTHS})
    values, said = start(root)
    assert values["annotations"] == {"file": "labels"}
    assert "mine/labels: its times are frames; add `fps` under `annotations` in mine.yaml" in said
    assert "or list annotated videos to train on in mine/split_train.txt" in said


def test_a_broken_file_is_told_with_its_place(root):
    save_features(root / "features")
    (root / "points.csv").write_text("video;class,seconds\n")
    _, said = start(root)
    assert said.count("mine/points.csv: line 1: no column") == 1


def test_pickled_features_are_not_looked_into(root):
    array = np.empty(2, object)
    array[:] = [np.ones((3, 4)), np.ones((5, 4))]
    np.save(root / "joint.npy", array, allow_pickle=True)
    values, said = start(root)
    assert "features" not in values
    assert "# features: {folder: joint.npy, allow_pickle: true}" in Path("mine.yaml").read_text()
    assert "a pickle can hold code of whoever made it" in said


def test_a_configuration_that_is_there_stays(root):
    (root / "points.csv").write_text(POINTS)
    Path("mine.yaml").write_text("mine\n")
    run = run_script("start.py", root)
    assert (run.returncode, Path("mine.yaml").read_text()) == (1, "mine\n")
    assert run.stderr == (
        "error: mine.yaml: is there already and stays as it is; rename or remove it to have it written anew\n"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [("mine", "mine: no videos, features or labels in it"), ("yours", "yours: no such folder")],
)
def test_nothing_to_start_with(root, name, message):
    run = run_script("start.py", name)
    assert run.returncode == 1 and run.stderr.startswith(f"error: {message}")
    assert run.stderr.count("\n") == 1 and not list(Path().glob("*.yaml"))


def test_elsewhere_places_are_absolute(root, tmp_path):
    Path("Snakefile").unlink()
    (root / "points.csv").write_text(POINTS)
    values, said = start(root)
    assert values["root"] == str(tmp_path / "mine")
    assert f"--configfile {tmp_path}/mine.yaml" in said and "in the folder of hrpro's Snakefile" in said


@pytest.mark.parametrize(
    ("name", "known"),
    [("mine", "mine"), ("my data, 2", "my_data_2"), ("gtea", "my_gtea"), ("行", "data"), ("-x-", "x")],
)
def test_names_of_data_sets(name, known):
    assert cli.name_of(Path(name)) == known
    config.parse(config.Config, {"datasets": {known: {"root": ".", "snippet": {"frames": 1, "fps": 1}}}})


def test_the_names_of_the_shipped_data_sets(raw_config):
    assert set(cli.SHIPPED) == set(raw_config["datasets"])


@pytest.mark.parametrize(
    "value",
    [
        "a b/c.d",
        ".",
        "../x",
        "/a",
        "no",
        "2024",
        "1e5",
        ".5",
        "a: b",
        "{x}",
        "a # b",
        "a ",
        "行",
        "'",
        '"',
        "~",
        "",
    ],
)
def test_text_is_what_yaml_reads(value):
    assert yaml.safe_load(entry.flow({"key": value})) == {"key": value}


def durations(grid: Grid, lengths, more=0.5) -> tuple[dict, dict]:
    """Lengths in snippets, and the seconds of videos that end `more` of a snippet later."""
    counts = {str(n): n for n in lengths}
    return counts, {video: grid.duration(n) + more * grid.snippet for video, n in counts.items()}


@pytest.mark.parametrize(
    ("grid", "lengths", "rates"),
    [
        (Grid(4, 15), (225, 300), [15]),
        (Grid(16, 25), (60, 94), [25]),
        (Grid(16, 25), (300, 500), [30]),  # extracted at a rate of its own
        (Grid(16, 25), (300, 500), []),
        (Grid(25, 50), (100, 700), [50]),
        (Grid(4, 30, 16), (200, 900), [30]),  # windows overlap
    ],
)
def test_the_grid_follows_from_lengths(grid, lengths, rates):
    inferred = snippets.infer(*durations(grid, lengths), rates)
    assert inferred.grids == [grid]
    assert inferred.seconds == pytest.approx(grid.snippet, rel=0.1)


def test_short_videos_fit_several_grids():
    inferred = snippets.infer(*durations(Grid(16, 25), (6, 8)), [25])
    assert Grid(16, 25) in inferred.grids and len(inferred.grids) > 1


def test_no_grid_fits():
    assert snippets.infer({"a": 100, "b": 100}, {"a": 10.0, "b": 90.0}, [25]).grids == []
    assert snippets.infer({"a": 100}, {}, [25]) is None


def test_an_ambiguous_grid_is_left_to_the_user(root):
    save_features(root / "features", {"a": 4, "b": 5})
    database = {
        v: {"subset": "train", "duration": n, "fps": 25, "annotations": []}
        for v, n in (("a", 2.6), ("b", 3.2))
    }
    (root / "annotations.json").write_text(json.dumps({"database": database}))
    (root / "points.csv").write_text(POINTS.replace("12", "2"))
    values, said = start(root)
    assert "snippet" not in values
    assert "more than one grid of snippets fits" in said
    assert "    # snippet: {frames: " in Path("mine.yaml").read_text()


def test_real_data_sets_are_recognized(shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, grid in (("gtea", Grid(4, 15)), ("gtea-2048", Grid(16, 15)), ("hapt", Grid(25, 50))):
        found = survey.survey(shared / "data" / name)
        assert (found.grids, found.entry, found.problems) == ([grid], {}, [])
