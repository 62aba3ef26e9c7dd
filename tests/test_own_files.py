"""A data set's own files as people have them: names, faults, lengths, splits and tolerance."""

import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import yaml

from conftest import snakemake
from hrpro import config
from hrpro.data import annotations, conversion, features, layouts, splits
from hrpro.grid import Grid
from hrpro.utils import names
from hrpro.utils.errors import InputError
from test_bad_input import (
    Case,
    assert_says,
    assert_stopped,
    convert_annotations,
    convert_features,
    convert_points,
    table,
)

GRID = Grid(16, 25)
TRAIN, TEST, CLASSES = ["é 1", "é 2", "é 3"], ["ü 1", "ü 2"], ["crème", "stir"]
SNIPPETS, SECONDS = 40, 25.6


def action(label: str, start: float, end: float) -> dict:
    return {"label": label, "segment": [start, end]}


def actions() -> list[dict]:
    return [action(CLASSES[0], 3, 6), action(CLASSES[1], 12, 15)]


@pytest.fixture
def root(tmp_path) -> Path:
    """A small data set with names that are not in ASCII: every video with an entry and two actions."""
    root = tmp_path / "mine"
    (root / "features").mkdir(parents=True)
    for video in TRAIN + TEST:
        np.save(root / "features" / f"{video}.npy", np.full((SNIPPETS, 4), len(video), np.float32))
    subsets = dict.fromkeys(TRAIN, "training") | dict.fromkeys(TEST, "testing")
    write_database(
        root, {v: {"subset": s, "duration": SECONDS, "annotations": actions()} for v, s in subsets.items()}
    )
    write_points(
        root,
        [(video, seconds, label) for video in TRAIN for seconds, label in zip((4, 13), CLASSES, strict=True)],
    )
    return root


def write_database(root: Path, database: dict) -> None:
    (root / "annotations.json").write_text(json.dumps({"database": database}))


def read_database(root: Path) -> dict:
    return json.loads((root / "annotations.json").read_text())["database"]


def write_points(root: Path, rows: list[tuple]) -> None:
    lines = [f'"{video}",{seconds},{label}' for video, seconds, label in rows]
    (root / "points.csv").write_text("\n".join(["video,seconds,class", *lines]) + "\n")


def read_points(root: Path) -> list[tuple]:
    lines = (root / "points.csv").read_text().splitlines()[1:]
    return [tuple(line.replace('"', "").rsplit(",", 2)) for line in lines]


def edited(change):
    """An edit of the database of the annotations."""

    def edit(root: Path) -> None:
        database = read_database(root)
        write_database(root, change(database) or database)

    return edit


def converted(root: Path, ambiguous=None, lengths=None, **values) -> conversion.Converted:
    """The annotations and points of a data set whose entry says some values."""
    contents = splits.read(root, config.parse(config.Labels, values))
    return conversion.convert(contents, ambiguous=ambiguous, lengths=lengths, tolerance=GRID.tolerance)


def feature_files(root: Path, **values) -> dict[str, str]:
    """The name of the feature file of each video."""
    labels = config.parse(config.Labels, values)
    sources = layouts.of_splits(root, config.FeatureFiles(), splits.read_splits(root, labels), labels.names)
    return {video: source.files[0].name for video, source in sources.items()}


# --- names


def in_annotations(root: Path, change) -> None:
    write_database(root, {change(video): entry for video, entry in read_database(root).items()})


def in_points(root: Path, change) -> None:
    write_points(root, [(change(video), *rest) for video, *rest in read_points(root)])


def in_lists(root: Path, change) -> None:
    for split, videos in (("train", TRAIN), ("test", TEST)):
        (root / f"split_{split}.txt").write_text("\n".join(map(change, videos)))


def in_features(root: Path, change) -> None:
    for path in list((root / "features").iterdir()):
        path.rename(path.with_name(f"{change(path.stem)}.npy"))


READERS = {"annotations": in_annotations, "points": in_points, "lists": in_lists, "features": in_features}
SPELLINGS = {
    "another form of Unicode": (lambda name: unicodedata.normalize("NFD", name), {}),
    "blanks at the ends": (lambda name: f" {name}\u00a0", {}),
    "a file's ending": (lambda name: f"{name}.mp4", {"suffix": ".mp4"}),
    "a prefix": (lambda name: f"v_{name}", {"prefix": "v_"}),
    "both": (lambda name: f"v_v_{name}_rgb", {"prefix": "v_", "suffix": "_rgb"}),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_video_has_one_name_whichever_file_names_it(root, reader, spelling):
    before = converted(root), set(feature_files(root))
    change, setting = SPELLINGS[spelling]
    READERS[reader](root, change)
    assert (converted(root, names=setting), set(feature_files(root, names=setting))) == before


def test_ambiguous_segments_and_excluded_videos_are_named_likewise(root, tmp_path):
    path = tmp_path / "ambiguous.txt"
    path.write_text(f"v_{unicodedata.normalize('NFD', TEST[0])}, 1 2\n{TEST[1]};3;4\n")
    database = converted(root, path, names={"prefix": "v_"}).annotations["database"]
    assert [database[video]["ambiguous"] for video in TEST] == [[[1, 2]], [[3, 4]]]
    entry = {"root": "mine", "snippet": {"frames": 16, "fps": 25}, "names": {"prefix": "v_"}}
    dataset = config.parse(config.Dataset, entry | {"exclude": [f" v_{TEST[0]} "]})
    assert dataset.exclude == TEST[:1]
    write_database(root, converted(root).annotations["database"])
    assert (
        list(annotations.test_truth(root / "annotations.json", "test", [f"{TEST[0]} "]).instances) == TEST[1:]
    )


@pytest.mark.parametrize("label", [" crème", unicodedata.normalize("NFD", "crème"), "crème\t"])
def test_a_class_has_one_name_in_annotations_and_points(root, label):
    before = converted(root)
    edited(lambda d: [e["annotations"][0].update(label=label) for e in d.values()] and None)(root)
    assert converted(root) == before
    write_points(root, [(v, s, label if c == CLASSES[0] else c) for v, s, c in read_points(root)])
    assert converted(root) == before


REFUSED = {
    ".": "is that of a folder",
    "..": "is that of a folder",
    "a/b": "has a slash",
    "x" * 201: "is longer than 200 bytes",
    "é" * 101: "is longer than 200 bytes",
    "a\nb": "has a control character",
    "\x1b[31mv": "has a control character",
    "a\x00b": "has a control character",
    "a\u2028b": "has a control character",
    "": "is empty",
}


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_no_file_can_have_are_refused_where_they_are_read(root, name):
    def rename(database: dict) -> dict:
        return {name if video == TEST[0] else video: entry for video, entry in database.items()}

    edited(rename)(root)
    with pytest.raises(InputError) as caught:
        splits.read(root)
    words = [f"the name {REFUSED[name]}; rename the video"]
    assert_says(caught.value, f"{root / 'annotations.json'}: ", words)
    assert str(caught.value).isprintable()
    assert splits.read(root, config.Labels(on_fault="leave_out")).videos["test"] == TEST[1:]


@pytest.mark.parametrize("name", ["..", "a/b", "\x1b[31mv", "x" * 300])
def test_names_of_videos_with_points_alone_are_refused_too(root, name):
    write_points(root, [*read_points(root), (name, 3, "stir")])
    with pytest.raises(InputError, match=r"points\.csv: .*: the name "):
        splits.read(root)


@pytest.mark.parametrize("name", ["a\tb", "\x1b[31mv", "x" * 210])
def test_names_of_new_videos_are_refused_too(root, name):
    np.save(root / "features" / f"{name}.npy", np.ones((9, 4), np.float32))
    with pytest.raises(InputError, match=r"features: the video name .*; rename the video"):
        layouts.of_folder(root / "features", config.FeatureFiles())


def test_two_files_of_one_name_are_told(root):
    shutil.copy(root / f"features/{TRAIN[0]}.npy", root / f"features/{TRAIN[0]}_rgb.npy")
    assert feature_files(root)
    with pytest.raises(InputError, match=r"'é 1.*' and another one are both 'é 1'; rename or remove one"):
        feature_files(root, names={"suffix": "_rgb"})
    in_annotations(root, lambda video: video if video != TRAIN[1] else f" {TRAIN[0]}")
    with pytest.raises(InputError, match="video 'é 1' stands twice"):
        splits.read(root)


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        (
            "x",
            ["v_x", "y"],
            "; there is 'v_x', which `names: {prefix: v_}` in the data set's entry makes the same",
        ),
        ("x.mp4", ["x", "x1"], "; there is 'x', which `names: {suffix: .mp4}` in"),
        ("x", ["a-x_rgb"], "; there is 'a-x_rgb', which `names: {prefix: a-, suffix: _rgb}` in"),
        ("Big Cat", ["big_cat"], "; there is 'big_cat'"),
        ("train_07", ["train_071", "train_17"], ""),  # others' names
        ("x", [], ""),
    ],
)
def test_the_near_name_and_the_setting_that_it_needs(name, known, hint):
    said = names.hint(name, known)
    assert said.startswith(hint) and bool(said) == bool(hint)


@pytest.mark.parametrize("spelling", ["a file's ending", "a prefix"])
@pytest.mark.parametrize("reader", ["points", "features"])
def test_where_one_file_spells_names_otherwise_the_message_says_the_setting(root, reader, spelling):
    change, setting = SPELLINGS[spelling]
    in_lists(root, lambda name: name)
    READERS[reader](root, change)
    with pytest.raises(InputError) as caught:
        converted(root)
        feature_files(root)
    ((key, affix),) = setting.items()
    assert f"`names: {{{key}: {affix}}}` in the data set's entry makes the same" in str(caught.value)
    assert converted(root, names=setting) and feature_files(root, names=setting)


# --- faults: all of a kind at once, or left out


def broken(count: int, value: dict):
    """One more annotation in each of the first videos."""

    def change(database: dict) -> None:
        for entry in list(database.values())[:count]:
            entry["annotations"] += [action("stir", 20, 21) | value] * 2

    return edited(change)


ANNOTATION_FAULTS = [
    Case("no length", {"segment": [5, 5]}, ["[5, 5] ends where it starts", "correct or remove it"]),
    Case("swapped", {"segment": [9, 5]}, ["[9, 5] ends before it starts", "swap its ends or remove it"]),
    Case("text", {"segment": ["a", 5]}, ["\"segment\" is ['a', 5]", "expected [start, end] in seconds"]),
    Case("no class", {"label": " "}, ['no "label"', "expected the name of a class"]),
    Case("null", {"label": None}, ['no "label"', "expected the name of a class"]),
    Case("a class with a control character", {"label": "a\x07"}, ["in the label 'a\\x07'", "correct it"]),
]


@table(ANNOTATION_FAULTS)
def test_annotations_with_a_fault(case, root, caplog):
    before = converted(root)
    broken(3, case.damage)(root)
    places = ", ".join(f"{video}: annotation {row}" for video in TRAIN for row in (3, 4))
    with pytest.raises(InputError) as caught:
        converted(root)
    words = [*case.words, f"(6 such: {places.rpartition(', ')[0]} and 1 more)", "`on_fault: leave_out` in"]
    assert_says(caught.value, f"{root / 'annotations.json'}: {TRAIN[0]}: annotation 3: ", words)
    contents = splits.read(root, config.Labels(on_fault="leave_out"))
    database = conversion.annotate(contents, "train") | conversion.annotate(contents, "test")
    assert database == before.annotations["database"]
    caplog.clear()
    for split in config.SPLITS:
        conversion.warn_of_annotations(contents, database, split, GRID.tolerance)
    assert len(caplog.messages) == 1
    assert "annotations.json: left out 6: " in caplog.messages[0] and case.words[0] in caplog.messages[0]


ENTRY_FAULTS = [
    Case("no annotations", {"annotations": None}, ['no "annotations" list', "add one, empty for no action"]),
    Case("a duration of text", {"duration": "1:20"}, ["\"duration\" is '1:20'", "expected a number over 0"]),
    Case("no length", {"duration": 0}, ['"duration" is 0', "expected a number over 0"]),
    Case("a length past all", {"duration": 10**400}, ['"duration" is ', "expected a number over 0"]),
]


@table(ENTRY_FAULTS)
def test_videos_with_a_fault(case, root):
    edited(lambda database: [database[v].update(case.damage) for v in TRAIN[:2] + TEST[:1]] and None)(root)
    with pytest.raises(InputError) as caught:
        splits.read(root)
    words = [*case.words, f"(2 such: {TRAIN[0]}, {TRAIN[1]})"]
    assert_says(caught.value, f"{root / 'annotations.json'}: {TRAIN[0]}: ", words)
    left = converted(root, on_fault="leave_out")
    assert set(left.annotations["database"]) == {TRAIN[2], TEST[1]}
    assert set(left.points["videos"]) == {TRAIN[2]}


@pytest.mark.parametrize("fault", [*ANNOTATION_FAULTS, *ENTRY_FAULTS], ids=lambda case: case.name)
def test_what_no_split_uses_is_not_checked(fault, root):
    before = converted(root)
    database = read_database(root)
    hidden = {"subset": "hidden", "duration": 9, "annotations": [action("stir", 1, 2) | fault.damage]}
    database["hidden"] = hidden | (fault.damage if fault in ENTRY_FAULTS else {})
    database["other"] = {"subset": "hidden"}
    write_database(root, database)
    write_points(root, [*read_points(root), ("ü 1", "x", "stir"), ("hidden", -99, "stir"), ("other", 1, "")])
    subsets = {"train": ["training"], "test": ["testing"]}
    assert converted(root, annotations=subsets) == before
    in_lists(root, lambda name: name)
    assert converted(root) == before


POINT_FAULTS = [
    Case("no number", ("4 s", "stir"), ["seconds '4 s' is not a number", "expected a second's"]),
    Case("not-a-number", ("nan", "stir"), ["nan s, outside the video's 25.6 s", "expected seconds"]),
    Case("far outside", (99, "stir"), ["99.00 s, outside the video's 25.6 s", "expected seconds"]),
    Case("an unknown class", (4, "stirr"), ["unknown class 'stirr'", "names 'crème', 'stir'"]),
    Case("no class", (4, " "), ["the cell of 'class' is empty", "fill it in"]),
    Case("a class with a control character", (4, "a\x07"), ["a control character in the class 'a\\x07'"]),
]


@table(POINT_FAULTS)
def test_points_with_a_fault(case, root, caplog):
    before = converted(root)
    write_points(root, [*read_points(root), *((video, *case.damage) for video in TRAIN[:2])])
    with pytest.raises(InputError) as caught:
        converted(root)
    words = [*case.words, f"(2 such: line 8: {TRAIN[0]}, line 9: {TRAIN[1]})", "leave it out by `on_fault"]
    assert_says(caught.value, f"{root / 'points.csv'}: line 8: {TRAIN[0]}: ", words)
    caplog.clear()
    content = converted(root, on_fault="leave_out").points
    (told,) = content.pop("left_out")
    assert content == before.points
    assert told["place"] == "points.csv" and f"line 8: {TRAIN[0]}: " in told["what"]
    (message,) = caplog.messages
    assert "points.csv: left out 2: line 8: " in message


def test_the_class_of_a_point_that_is_left_out_does_not_count(root):
    edited(lambda database: [database.pop(video) for video in TRAIN] and None)(root)
    write_points(root, [*read_points(root), (TRAIN[0], 99, "else"), (TRAIN[0], 9, "wave")])
    lengths = dict.fromkeys(TRAIN, SECONDS)
    assert converted(root, lengths=lengths, on_fault="leave_out").points["classes"] == [*CLASSES, "wave"]


def test_where_nothing_is_left_the_run_stops(root):
    edited(lambda database: [database[v].update(duration=-1) for v in TRAIN] and None)(root)
    with pytest.raises(InputError, match="mine: no training video is without a fault"):
        converted(root, on_fault="leave_out")


def test_wrong_lines_of_ambiguous_segments(root, tmp_path):
    path = tmp_path / "ambiguous.txt"
    path.write_text(f"{TEST[0]} 5 3\n{TEST[0]} 5 6\n{TEST[1]} 7 7\nelsewhere 9 1\n")
    with pytest.raises(InputError) as caught:
        converted(root, path)
    words = ["5 to 3 s is not a segment", f"(2 such: line 1: {TEST[0]}, line 3: {TEST[1]})", "correct it"]
    assert_says(caught.value, f"{path}: line 1: ", words)
    database = converted(root, path, on_fault="leave_out").annotations["database"]
    assert [database[video]["ambiguous"] for video in TEST] == [[[5, 6]], []]


# --- videos without features


def as_npz(root: Path) -> None:
    arrays = {path.stem: np.load(path) for path in (root / "features").iterdir()}
    shutil.rmtree(root / "features")
    np.savez(root / "features.npz", **arrays)


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        (None, ["features/é 2.npy: no such file (3 such: 'é 2', 'é 3', 'ü 1')", "put it there"]),
        (as_npz, ["features.npz: no features of é 2 in it (3 such: 'é 2', 'é 3', 'ü 1')", "add them"]),
    ],
    ids=["a file per video", "one file"],
)
def test_videos_without_features_are_counted_or_left_out(root, layout, words):
    lost = [*TRAIN[1:], TEST[0]]
    for video in lost:
        (root / f"features/{video}.npy").unlink()
    if layout:
        layout(root)
    with pytest.raises(InputError) as caught:
        feature_files(root)
    assert_says(caught.value, f"{root}/", [*words, "leave it out by `on_fault: leave_out` in the data set's"])
    sources = layouts.look(root, config.FeatureFiles(), splits.read_splits(root))
    assert layouts.missing(sources) == lost
    left = converted(root, on_fault="leave_out", without=lost)
    assert set(left.annotations["database"]) == set(feature_files(root, on_fault="leave_out", without=lost))


BROKEN = {
    "cut short": (lambda array: b"\x93NUMPY", "damaged or not in .npy format; copy it again"),
    "NaN": (lambda array: np.full_like(array, np.nan), "row 0, channel 0: nan; extract it again"),
    "integers": (lambda array: array.astype(int), "values of type int64; expected float32"),
    "another width": (lambda array: array[:, :3], "shape (40, 3), but features here have 4 channels"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_all_videos_whose_features_are_broken_are_named_at_once(root, out, what):
    change, words = BROKEN[what]
    for video in TRAIN[1:]:
        path = root / f"features/{video}.npy"
        content = change(np.load(path))
        path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    run = convert_features(root, out, "--features", '{"width": 4}')
    assert_stopped(run, [f"features/{TRAIN[1]}.npy: {words}", "(2 videos have a fault: 'é 2', 'é 3')"], out)


def plan(folder: Path, *arguments, **values):
    entry = {"root": "mine", "snippet": {"frames": 16, "fps": 25}, "features": {"width": 4}, **values}
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": entry}}))
    targets = [f"results/mine/{split}/{name}" for split in config.SPLITS for name in TARGETS]
    targets.append("results/mine/train/points.json")
    return snakemake(folder, "--configfile=mine.yaml", *arguments, "--", *targets)


TARGETS = ("annotations.json", "features.h5")


@pytest.mark.slow
def test_the_workflow_leaves_out_what_has_a_fault_or_no_features(root, tmp_path):
    (root / f"features/{TRAIN[1]}.npy").unlink()
    broken(1, {"segment": [5, 5]})(root)
    edited(lambda database: database[TEST[1]].pop("annotations") and None)(root)
    write_points(root, [*read_points(root), (TRAIN[0], "x", "stir")])
    run = plan(tmp_path, on_fault="leave_out")
    assert run.returncode == 0, run.stderr
    said = sorted(line for line in run.stderr.splitlines() if line.startswith("warning: "))
    assert said == [
        f'warning: mine/annotations.json: left out 1: {TEST[1]}: no "annotations" list',
        f"warning: mine/annotations.json: left out 2: {TRAIN[0]}: annotation 3: the segment [5, 5] ends "
        f"where it starts (2 such: {TRAIN[0]}: annotation 3, {TRAIN[0]}: annotation 4)",
        f"warning: mine/points.csv: left out 1: line 8: {TRAIN[0]}: seconds 'x' is not a number",
        f"warning: mine: left out 1: {TRAIN[1]}: no features",
    ]
    for split, videos in (("train", [TRAIN[0], TRAIN[2]]), ("test", TEST[:1])):
        with features.FeatureFile(tmp_path / f"results/mine/{split}/features.h5") as file:
            assert file.videos == videos
    # the same videos by lists, and by another setting of names: nothing runs again
    in_lists(root, lambda name: name)
    (root / "split_train.txt").write_text(f"{TRAIN[0]}\n{TRAIN[2]}\n")
    (root / "split_test.txt").write_text(f"{TEST[0]}\n")
    run = plan(tmp_path, "--dry-run", on_fault="leave_out", names={"suffix": ".mp4"})
    assert "Nothing to be done" in run.stdout


# --- numbers and lengths


def test_quoted_numbers_and_numbers_for_classes(root):
    def number(database: dict) -> None:
        for entry in database.values():
            entry["duration"] = str(entry["duration"])
            for row, annotation in enumerate(entry["annotations"]):
                annotation["segment"] = [f" {time}.0" for time in annotation["segment"]]
                annotation["label"] = [7, 8.0][row]

    before = converted(root)
    edited(number)(root)
    write_points(root, [(v, s, "7" if c == CLASSES[0] else "8") for v, s, c in read_points(root)])
    after = converted(root)
    assert after.points["classes"] == ["7", "8"]
    text = json.dumps([before.annotations, before.points], ensure_ascii=False)
    text = text.replace("crème", "7").replace("stir", "8")
    assert json.loads(text) == [after.annotations, after.points]


def lacp(root: Path, split: str) -> None:
    """As LACP has it: splits by lists, times as text, no durations, frames as points, their rates apart."""
    database = read_database(root)
    for entry in database.values():
        del entry["duration"]
        for annotation in entry["annotations"]:
            annotation["segment"] = [f"{time:.1f}" for time in annotation["segment"]]
    write_database(root, database)
    in_lists(root, lambda name: name)
    rows = [f"{c},0,{v},{int(s) * 30}" for v, s, c in read_points(root)]
    (root / "points.csv").write_text("\n".join(["class,class_index,video_id,point", *rows]) + "\n")
    (root / "fps_dict.json").write_text(json.dumps(dict.fromkeys(TRAIN + TEST, 30.0)))


def detad(root: Path, split: str) -> None:
    """As DETAD has it: no durations, and much beside the segments."""
    database = read_database(root)
    for entry in database.values():
        del entry["duration"]
        for annotation in entry["annotations"]:
            annotation |= {"all-segments": None, "num-instances": 2, "coverage": 0.1, "context-size": None}
    write_database(root, database)


def some_durations(root: Path, split: str) -> None:
    """One video without a duration."""
    database = read_database(root)
    database[{"train": TRAIN, "test": TEST}[split][0]]["duration"] = None
    write_database(root, database)


@pytest.mark.parametrize("split", config.SPLITS)
@pytest.mark.parametrize("lay", [lacp, detad, some_durations])
def test_the_features_say_how_long_videos_are(root, tmp_path, lay, split):
    before = converted(root)
    lay(root, split)
    output = tmp_path / "train/features.h5"
    more = ("--features", '{"width": 4}')
    assert convert_features(root, tmp_path / "train", *more).returncode == 0
    if split == "test":
        more = (*more, "--split", "test", "--training-features", output)
        assert convert_features(root, tmp_path / "test", *more).returncode == 0
    of_split = tmp_path / split / "features.h5"
    run = convert_annotations(root, tmp_path, "--split", split, "--features", of_split)
    assert (run.returncode, run.stderr) == (0, "")
    assert read_database(tmp_path) == annotations.of_split(before.annotations["database"], split)
    run = convert_points(root, tmp_path, "--features", output)
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads((tmp_path / "points.json").read_text()) == before.points
    run = convert_annotations(root, tmp_path / "none", "--split", split)
    assert "annotations.json: nothing about the length of " in run.stderr


def test_points_are_drawn_where_features_say_the_length(root):
    edited(lambda database: [entry.pop("duration") for entry in database.values()] and None)(root)
    drawn = {"points": {"from": "segments", "distribution": "uniform"}}
    lengths = dict.fromkeys(TRAIN, 14.0)  # it ends within the second action
    placed = converted(root, lengths=lengths, **drawn).points["videos"]
    assert all(3 <= first["seconds"] <= 6 and 12 <= last["seconds"] <= 14 for first, last in placed.values())
    assert converted(root, **drawn).points["classes"] == CLASSES


@pytest.mark.slow
def test_the_workflow_takes_each_splits_lengths_from_its_features(root, tmp_path):
    expected = converted(root)
    detad(root, "test")
    run = plan(tmp_path)
    assert run.returncode == 0, run.stderr
    assert "warning" not in run.stderr
    for split in config.SPLITS:
        database = read_database(tmp_path / "results/mine" / split)
        assert database == annotations.of_split(expected.annotations["database"], split)
    assert "Nothing to be done" in plan(tmp_path, "--dry-run").stdout


# --- tolerance: two snippets


def test_the_last_frame_of_a_video_whose_duration_is_rounded(root):
    edited(lambda database: [entry.update(duration=25.63, fps=30) for entry in database.values()] and None)(
        root
    )
    (root / "points.csv").write_text(f"class,video_id,point\nstir,{TRAIN[0]},769\nstir,{TRAIN[1]},0\n")
    contents = splits.read(root)
    for tolerance in (conversion.TOLERANCE, GRID.tolerance):
        placed = conversion.convert(contents, tolerance=tolerance).points["videos"]
        assert placed[TRAIN[0]] == [{"label": "stir", "seconds": 25.63}]


@pytest.mark.parametrize("with_entry", [True, False])
@pytest.mark.parametrize(("off", "fits"), [(0.01, True), (1.27, True), (1.3, False), (100, False)])
def test_points_past_the_end_follow_one_rule(root, caplog, off, fits, with_entry):
    if not with_entry:
        edited(lambda database: [database.pop(video) for video in TRAIN] and None)(root)
    write_points(root, [(TRAIN[0], SECONDS + off, "stir"), (TRAIN[0], -off, "stir")])
    lengths = dict.fromkeys(TRAIN, SECONDS)
    if fits:
        placed = converted(root, lengths=lengths).points["videos"][TRAIN[0]]
        assert [point["seconds"] for point in placed] == [0.0, SECONDS]
        (message,) = [message for message in caplog.messages if "moved" in message]
        assert "moved 2 points into their videos" in message
    else:
        with pytest.raises(InputError, match=r"outside the video's 25\.6 s"):
            converted(root, lengths=lengths)


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ([20, SECONDS + 1.2], None),
        ([-1.2, 2], None),
        ([20, SECONDS + 1.5], "segments outside their videos: 2, by up to 1.50 s (é 1 1.50 s, é 2 1.50 s)"),
        ([-3, 2], "segments outside their videos: 2, by up to 3.00 s (é 1 3.00 s, é 2 3.00 s)"),
    ],
)
def test_segments_past_the_end_follow_the_same_rule(root, tmp_path, segment, said):
    edited(lambda d: [d[v]["annotations"][0].update(segment=segment) for v in TRAIN[:2]] and None)(root)
    run = convert_annotations(root, tmp_path)
    assert run.returncode == 0
    assert run.stderr == (f"warning: {said}; they count as they are\n" if said else "")


def test_what_is_odd_is_said_once_for_a_data_set(root, tmp_path):
    write_points(root, [*read_points(root), (TRAIN[0], 26, "stir"), (TEST[0], 1, "stir")])
    runs = [
        convert_annotations(root, tmp_path),
        convert_annotations(root, tmp_path, "--split", "test"),
        convert_points(root, tmp_path),
    ]
    said = [line for run in runs for line in run.stderr.splitlines()]
    assert [line.partition("points.csv: ")[2][:14] for line in said] == ["ignored 1 poin", "moved 1 points"]


# --- splits


def unnamed(root: Path) -> None:
    """No subset is named, and the annotations are of the test videos."""
    database = {video: read_database(root)[video] for video in TEST}
    for entry in database.values():
        del entry["subset"]
    write_database(root, database)


def test_annotated_videos_that_have_points_are_named(root, tmp_path):
    unnamed(root)
    write_points(root, [*read_points(root), (TEST[0], 4, "stir")])
    contents = splits.read(root)
    assert contents.videos == {"train": [*TRAIN, TEST[0]], "test": TEST[1:]}
    lengths = tmp_path / "features.h5"
    assert convert_features(root, tmp_path, "--features", '{"width": 4}').returncode == 0
    run = convert_annotations(root, tmp_path, "--features", lengths)
    (line,) = run.stderr.splitlines()
    assert "annotations.json: names no subset, so 1 annotated videos that have points are training" in line
    assert f"('{TEST[0]}'); to test on them, take their points away or name their subset" in line
    assert convert_annotations(root, tmp_path, "--features", lengths, "--split", "test").stderr == ""


def test_where_all_annotated_videos_have_points_the_message_says_so(root):
    unnamed(root)
    write_points(root, [*read_points(root), *((video, 4, "stir") for video in TEST)])
    contents = splits.read(root)
    assert contents.videos["test"] == []
    database = conversion.convert(contents).annotations["database"]
    with pytest.raises(InputError) as caught:
        annotations.require_truth(database, "data set mine", contents.pointed)
    words = [
        "nothing to score (those that are annotated have points, so they are training videos: 'ü 1', 'ü 2')"
    ]
    assert_says(caught.value, "data set mine: no test video", words)


@pytest.mark.parametrize("subset", ["testing", "validation"])
def test_named_test_videos_stay_test_videos_whatever_their_points(root, subset):
    edited(lambda database: [database[video].update(subset=subset) for video in TEST] and None)(root)
    write_points(root, [*read_points(root), *((video, 4, "stir") for video in TEST)])
    contents = splits.read(root)
    assert (contents.videos["test"], contents.pointed) == (TEST, [])
