"""Bad input stops before training with one line that says where and what to do, and leaves nothing behind."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest
import yaml

from conftest import run_script, snakemake
from hrpro import config as configuration
from hrpro.data import features
from hrpro.detection import results
from hrpro.utils import files
from hrpro.utils.errors import InputError

TRAIN, TEST = "demo_train_000", "demo_test_000"
GT, POINTS = "gt_full.json", "point_labels/point_gaussian.csv"
TRAIN_NPY = f"features/train/{TRAIN}.npy"
OTHER_NPY = "features/train/demo_train_001.npy"
LAYOUT = [GT, "split_train.txt and split_test.txt", POINTS, "features/{train,test}/<video>.npy"]


class Case(NamedTuple):
    """One way to get it wrong, and words that the message must have.

    damage: a function that changes a folder, the text of a file, or what overlays the configuration.
    """

    name: str
    damage: object
    words: list[str]


def table(cases: list[Case]):
    """Parametrize a test by cases, each under its name."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases])


@pytest.fixture
def root(demo_data, tmp_path) -> Path:
    """A copy of the demo's data set, to damage."""
    return Path(shutil.copytree(demo_data, tmp_path / "data"))


@pytest.fixture(scope="session")
def converted(demo_data, tmp_path_factory) -> Path:
    """A folder as results/demo, with what is made of the demo's data set in train/ and test/."""
    folder = tmp_path_factory.mktemp("converted")
    convert(demo_data, folder)
    return folder


def convert(root: Path, folder: Path) -> None:
    """Make train/ and test/ of a sound data set, without a warning."""
    train, test = folder / "train", folder / "test"
    for run in (
        convert_annotations(root, train),
        convert_points(root, train),
        convert_features(root, train),
        convert_annotations(root, test, "--split", "test"),
        convert_features(root, test, "--split", "test", "--training-features", train / "features.h5"),
    ):
        assert (run.returncode, run.stderr) == (0, "")


def convert_annotations(root: Path, out: Path, *more):
    """Of the training split, unless more arguments say otherwise; here and below."""
    output = ["--annotations", out / "annotations.json", "--split", "train"]
    return run_script("convert_annotations.py", "--root", root, *output, *more)


def convert_points(root: Path, out: Path, *more):
    return run_script("convert_points.py", "--root", root, "--points", out / "points.json", *more)


def convert_features(root: Path, out: Path, *more):
    return run_script(
        *("convert_features.py", "--root", root, "--settings", '{"dtype": "float32"}'),
        *("--frames", 16, "--fps", 25, "--split", "train", "--output", out / "features.h5", *more),
    )


def assert_stopped(result: subprocess.CompletedProcess, words: list[str], out: Path) -> None:
    """One "error: " line with the words, exit code 1, no traceback, in 10 s, and `out` as empty as before.

    result: what `run_script` gives; its seconds are processor time.
    """
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    *before, last = result.stderr.splitlines()
    assert last.startswith("error: ")
    assert [line for line in before if not line.startswith("warning: ")] == []
    assert [word for word in words if word not in last] == [], last
    assert list(out.iterdir()) == []
    assert result.seconds < 10


def assert_conversion_stops(root: Path, words: list[str], out: Path, *more) -> None:
    """The conversion of points stops, which reads all; that of annotations too, if it reads what is wrong."""
    result = convert_annotations(root, out, *more)
    if result.returncode:
        assert_stopped(result, words, out)
    else:
        (out / "annotations.json").unlink()
    assert_stopped(convert_points(root, out, *more), words, out)


def assert_says(error: InputError, start: str, words: list[str]) -> None:
    """The error is one line with that start and the words."""
    message = str(error)
    assert "\n" not in message
    assert message.startswith(start)
    assert [word for word in words if word not in message] == [], message


# --- ways to damage a data set


def write(name: str, content: str | bytes):
    """Replace a file."""
    content = content.encode() if isinstance(content, str) else content
    return lambda root: (root / name).write_bytes(content)


def append(name: str, text: str):
    """Add to the end of a text file."""
    return lambda root: (root / name).write_text((root / name).read_text() + text)


def cut(name: str):
    """Keep the first half of a file."""
    return lambda root: (root / name).write_bytes(
        (root / name).read_bytes()[: (root / name).stat().st_size // 2]
    )


def remove(name: str):
    """Remove a file."""
    return lambda root: (root / name).unlink()


def entry(change, video: str = TRAIN):
    """Change a video's entry of gt_full.json."""

    def damage(root: Path) -> None:
        content = json.loads((root / GT).read_text())
        change(content["database"][video])
        (root / GT).write_text(json.dumps(content))

    return damage


def annotation(number: int, **values):
    """Change values of an annotation (counted from 1) of the first training video."""
    return entry(lambda video: video["annotations"][number - 1].update(values))


def first_point(**cells):
    """Change cells of the first point, on line 2 of the file."""

    def damage(root: Path) -> None:
        header, row, *rest = (root / POINTS).read_text().splitlines()
        values = dict(zip(header.split(","), row.split(","), strict=True)) | cells
        (root / POINTS).write_text("\n".join([header, ",".join(values.values()), *rest]) + "\n")

    return damage


def array(change, name: str = TRAIN_NPY):
    """Change the array of a feature file."""

    def damage(root: Path) -> None:
        np.save(root / name, change(np.load(root / name)), allow_pickle=True)

    return damage


def value(row: int, channel: int, number: float):
    """Change one number of a feature file."""

    def change(values: np.ndarray) -> np.ndarray:
        values[row, channel] = number
        return values

    return array(change)


# --- annotations, splits and points

ANNOTATION_CASES = [
    Case("no folder", shutil.rmtree, [f"{GT}: no such file"]),
    Case("no annotations file", remove(GT), [f"{GT}: no such file"]),
    Case("no points file", remove(POINTS), [f"{POINTS}: no such file"]),
    Case("malformed JSON", cut(GT), [f"{GT}: line ", "not valid JSON", "correct it"]),
    Case(
        "a video twice",
        lambda root: write(GT, (root / GT).read_text().replace('"demo_train_001":', f'"{TRAIN}":'))(root),
        [f"{GT}: '{TRAIN}' stands twice in one object", "join the two or remove one"],
    ),
    Case(
        "a key twice in an entry",
        write(GT, '{"database": {"v": {"duration": 1, "duration": 2, "annotations": []}}}'),
        [f"{GT}: 'duration' stands twice"],
    ),
    Case("nested JSON", write(GT, "[" * 100_000), [f"{GT}: ", "nested too deep", "correct it"]),
    Case(
        "a duration of 5,000 digits",
        write(GT, f'{{"database": {{"{TRAIN}": {{"duration": {"9" * 5000}, "annotations": []}}}}}}'),
        [GT],
    ),
    Case(
        "a segment of 400 digits",
        annotation(1, segment=[1, 10**400]),
        [GT, TRAIN, "annotation 1", "[1, inf]", "expected [start, end] in seconds"],
    ),
    Case("an fps of 400 digits", entry(lambda video: video.update(fps=10**400)), [GT, TRAIN, '"fps" is inf']),
    Case(
        "a pipe", lambda root: ((root / GT).unlink(), os.mkfifo(root / GT)), [f"{GT}: ", "not a regular file"]
    ),
    Case(
        "a device",
        lambda root: ((root / POINTS).unlink(), (root / POINTS).symlink_to("/dev/zero")),
        [f"{POINTS}: not a regular file"],
    ),
    Case("empty JSON", write(GT, ""), [f"{GT}: line 1: not valid JSON"]),
    Case("no text", write(GT, b"\xff\xfe\x00"), [f"{GT}: not a text file in UTF-8", "save it as one"]),
    Case("no database", write(GT, '{"videos": {}}'), [f'{GT}: no "database"', "expected"]),
    Case("a list for a database", write(GT, "[]"), [f'{GT}: no "database"', "expected"]),
    Case(
        "a video without an entry",
        append("split_test.txt", "nowhere\n"),
        [f"{GT}: nowhere: no entry, but split_test.txt lists it", "add one or drop the video"],
    ),
    Case(
        "a video without annotations",
        entry(lambda video: video.pop("annotations")),
        [GT, TRAIN, 'no "annotations" list', "add one"],
    ),
    Case(
        "a segment that ends before it starts",
        annotation(2, segment=[9.5, 3.0]),
        [GT, TRAIN, "annotation 2", "[9.5, 3.0] ends before it starts", "swap its ends or remove it"],
    ),
    Case(
        "an empty segment",
        annotation(1, segment=[3.0, 3.0]),
        [GT, TRAIN, "annotation 1", "[3.0, 3.0] ends where it starts", "remove it"],
    ),
    Case(
        "a segment with NaN",
        annotation(1, segment=[1.0, float("nan")]),
        [GT, TRAIN, "annotation 1", "[1.0, nan]", "expected [start, end] in seconds"],
    ),
    Case(
        "a segment of text",
        annotation(1, segment=["1.0", "2 s"]),
        [GT, TRAIN, "annotation 1", "['1.0', '2 s']", "expected [start, end] in seconds"],
    ),
    Case(
        "a segment of one number",
        annotation(1, segment=[1.0]),
        [GT, TRAIN, "annotation 1", "[1.0]", "expected [start, end] in seconds"],
    ),
    Case(
        "no segment",
        entry(lambda video: video["annotations"][0].pop("segment")),
        [GT, TRAIN, "annotation 1", '"segment" is None', "expected [start, end] in seconds"],
    ),
    Case(
        "no label",
        entry(lambda video: video["annotations"][1].pop("label")),
        [GT, TRAIN, "annotation 2", 'no "label"', "expected the name of a class"],
    ),
    Case(
        "no duration",
        entry(lambda video: video.pop("duration")),
        [f"{GT}: nothing about the length of '{TRAIN}'; add their durations, or give their features"],
    ),
    Case(
        "a duration of text",
        entry(lambda video: video.update(duration="1:00")),
        [GT, TRAIN, "\"duration\" is '1:00'", "expected a number over 0"],
    ),
    Case(
        "an fps of 0",
        entry(lambda video: video.update(fps=0)),
        [GT, TRAIN, '"fps" is 0', "expected a number over 0"],
    ),
    Case(
        "no fps",
        entry(lambda video: video.pop("fps")),
        [GT, TRAIN, '"fps" is None', "expected a number over 0"],
    ),
    Case(
        "a video in both splits",
        append("split_test.txt", f"{TRAIN}\n"),
        ["split_test.txt", TRAIN, "is in split_train.txt too", "belongs to one split"],
    ),
    Case(
        "a video twice in a split",
        append("split_train.txt", f"{TRAIN}\n"),
        ["split_train.txt: line 25", TRAIN, "is on line 1 already", "remove one"],
    ),
    Case(
        "an empty split", write("split_test.txt", "\n"), ["split_test.txt: no video", "expected one per line"]
    ),
    Case(
        "a point past its video",
        first_point(point="900000"),
        [
            f"{POINTS}: line 2: {TRAIN}",
            "frame 900000",
            "30000.00 s, outside",
            "correct the point or the video's fps",
        ],
    ),
    Case(
        "a negative point",
        first_point(point="-40"),
        [f"{POINTS}: line 2: {TRAIN}", "frame -40", "outside the video's", "correct the point"],
    ),
    Case(
        "a point that is NaN",
        first_point(point="nan"),
        [f"{POINTS}: line 2: {TRAIN}", "frame nan", "outside the video's", "correct the point"],
    ),
    Case(
        "a point that is no number",
        first_point(point="twelve"),
        [f"{POINTS}: line 2: {TRAIN}", "'twelve' is not a number", "expected a frame's"],
    ),
    Case(
        "a point of an unknown class",
        first_point(**{"class": "dance"}),
        [
            f"{POINTS}: line 2: {TRAIN}",
            "unknown class 'dance'",
            f"{GT} names 'dive', 'golf', 'jump', 'throw', 'vault'",
        ],
    ),
    Case(
        "a missing column",
        write(POINTS, f"class,video_id,frame\ndive,{TRAIN},188\n"),
        [f"{POINTS}: line 1", "no column 'point'", "expected class, video_id, point"],
    ),
    Case(
        "an empty points file",
        write(POINTS, ""),
        [f"{POINTS}: line 1", "no column 'class'", "expected class,"],
    ),
    Case(
        "a row cut short",
        append(POINTS, "dive,3,4\n"),
        [f"{POINTS}: line ", "too few cells", "expected class, start_frame, stop_frame, video_id, point"],
    ),
    Case("a quote left open", append(POINTS, '"dive,3,4\n'), [f"{POINTS}: line ", "correct the quotes"]),
    Case(
        "no point of a training video",
        write(POINTS, f"class,video_id,point\ndive,{TEST},10\n"),
        [POINTS, "no point of a training video", "nothing to learn from"],
    ),
]


@table(ANNOTATION_CASES)
def test_annotations(case, root, out):
    case.damage(root)
    assert_conversion_stops(root, case.words, out)


AMBIGUOUS_CASES = [
    Case("too few cells", "v1  1.0 2.0\nv2  3.0\n", ["line 2", "'v2  3.0'", "expected: video start end"]),
    Case("no numbers", "v1  one two\n", ["line 1", "'v1  one two'", "expected: video start end"]),
    Case("NaN", f"\n{TEST}  nan 2.0\n", ["line 2", TEST, "nan to 2 s is not a segment", "correct it"]),
    Case("infinity", f"{TEST}  1.0 inf\n", ["line 1", TEST, "1 to inf s is not a segment"]),
    Case("swapped", f"{TEST}  3.0 2.0\n", ["line 1", TEST, "3 to 2 s is not a segment"]),
]


@table(AMBIGUOUS_CASES)
def test_ambiguous_segments(case, demo_data, tmp_path, out):
    path = tmp_path / "Ambiguous_test.txt"
    path.write_text(case.damage)
    result = convert_annotations(demo_data, out, "--ambiguous", path, "--split", "test")
    assert_stopped(result, [f"{path}: ", *case.words], out)


@pytest.mark.parametrize("lines", ["a 1 5\n", f"{TEST}.mp4 1 5\n", f"{TEST.upper()} 1 5\n"])
def test_a_list_of_ambiguous_segments_of_no_video_is_told(demo_data, tmp_path, out, lines):
    path = tmp_path / "Ambiguous_test.txt"
    path.write_text(lines)
    result = convert_annotations(demo_data, out, "--ambiguous", path, "--split", "test")
    assert result.returncode == 0
    assert (
        f"warning: {path}: no line is of a video of the data set; expected its names, as demo_"
        in result.stderr
    )
    path.write_text(lines + f"{TEST} 1 5\n")  # lists of both splits, or of excluded videos, hold more
    told = convert_annotations(demo_data, out, "--ambiguous", path, "--split", "test").stderr
    if lines.startswith("a "):
        assert told == ""
    else:
        name = lines.split()[0]
        assert told.startswith(
            f"warning: {path}: ignored lines of videos outside the data set: '{name}'; there is"
        )


def test_an_ambiguous_file_that_is_not_there(demo_data, tmp_path, out):
    result = convert_annotations(demo_data, out, "--ambiguous", tmp_path / "Ambiguous_test.txt")
    assert_stopped(result, ["Ambiguous_test.txt: no such file"], out)


def test_byte_order_marks_are_passed_over(root, out):
    for name in (GT, POINTS, "split_train.txt"):
        write(name, "\ufeff" + (root / name).read_text())(root)
    convert(root, out)


# --- features

FEATURE_CASES = [
    Case("missing", remove(TRAIN_NPY), ["no such file", "put it there or take the video out of the split"]),
    Case("NaN", value(5, 3, np.nan), ["row 5, channel 3: nan", "extract it again"]),
    Case("infinity", value(0, 63, -np.inf), ["row 0, channel 63: -inf", "extract it again"]),
    Case("integers", array(lambda a: a.astype(int)), ["values of type int64", "expected float32"]),
    Case("text", array(lambda a: a.astype(str)), ["values of type <U", "expected float32"]),
    Case("pickled", array(lambda a: a.astype(object)), ["a pickled array", "save it as float32"]),
    Case("truncated", cut(TRAIN_NPY), ["damaged or not in .npy format", "copy it again"]),
    Case("no bytes", write(TRAIN_NPY, b""), ["damaged or not in .npy format", "copy it again"]),
    Case("no npy", write(TRAIN_NPY, "1.0 2.0\n"), ["damaged or not in .npy format", "copy it again"]),
    Case("half a zip", write(TRAIN_NPY, b"PK\x03\x04 and no more"), ["a zip archive; call it .npz"]),
    Case(
        "a damaged header",
        write(TRAIN_NPY, b"\x93NUMPY\x01\x00\x04\x00({[\n"),
        ["damaged or not in .npy format"],
    ),
    Case("no rows", array(lambda a: a[:0]), ["shape (0, 64)", "expected (snippets, channels)"]),
    Case("one dimension", array(lambda a: a[0]), ["shape (64,)", "expected (snippets, channels)"]),
    Case("three dimensions", array(lambda a: a[None]), ["expected (snippets, channels)"]),
]


@table(FEATURE_CASES)
def test_features(case, root, converted, out):
    case.damage(root)
    result = convert_features(root, out)
    assert_stopped(result, [f"{root / TRAIN_NPY}: ", *case.words], out)


def test_features_of_another_width(root, converted, out):
    array(lambda a: a[:, :60], OTHER_NPY)(root)
    result = convert_features(root, out)
    words = [f"{root / OTHER_NPY}: 60 channels", f"{root / TRAIN_NPY} has 64", "extract it again"]
    assert_stopped(result, words, out)


def test_features_too_large_for_their_type(root, converted, out):
    value(0, 0, 1e6)(root)
    result = convert_features(root, out, "--settings", '{"dtype": "float16"}')
    assert_stopped(result, [TRAIN_NPY, "too large for float16", "settings.features.dtype: float32"], out)


DURATION_CASES = [
    Case("malformed", write(GT, "{"), ["not valid JSON"]),
    Case("no database", write(GT, "{}"), ['no "database"']),
    Case("no video", write(GT, '{"database": {}}'), [f"{TRAIN}: no entry, but split_train.txt lists it"]),
    Case(
        "a negative duration",
        entry(lambda video: video.update(duration=-60)),
        [TRAIN, '"duration" is -60', "expected a number over 0"],
    ),
]


@table(DURATION_CASES)
def test_annotations_that_features_are_checked_against(case, root, out):
    case.damage(root)
    assert_stopped(convert_features(root, out), [f"{root / GT}: ", *case.words], out)


@pytest.mark.parametrize(
    ("settings", "fps", "words"),
    [
        ("{dtype: float32}", 25, ["--settings {dtype: float32}: line 1: not valid JSON", "correct it"]),
        ('{"dtype": "int8"}', 25, ["configuration: dtype: 'int8'", "'float32' or 'float16'"]),
        ('{"dtype": "float32"}', 0, ["configuration: snippet.fps: 0.0", "greater than or equal to 0.001"]),
    ],
)
def test_arguments_of_convert_features(settings, fps, words, demo_data, converted, out):
    result = convert_features(demo_data, out, "--settings", settings, "--fps", fps)
    assert_stopped(result, words, out)


def test_test_features_need_the_training_features(demo_data, out):
    words = ["--training-features: missing", "decides width and orientation"]
    assert_stopped(convert_features(demo_data, out, "--split", "test"), words, out)


def inside(change):
    """Change what stands in an HDF5 file."""

    def damage(folder: Path) -> None:
        with h5py.File(folder / "features.h5", "a") as file:
            change(file)

    return damage


AGAIN = "remove it and convert again"
FEATURE_FILE_CASES = [
    Case("missing", remove("features.h5"), ["no such file; make it with convert_features.py"]),
    Case("empty", write("features.h5", b""), ["not a feature file of hrpro", AGAIN]),
    Case("no HDF5", write("features.h5", "text"), ["not a feature file of hrpro", AGAIN]),
    Case("truncated", cut("features.h5"), ["truncated", AGAIN]),
    Case("no format", inside(lambda file: file.attrs.pop("format_version")), ["format_version", AGAIN]),
    Case("no width", inside(lambda file: file.attrs.pop("width")), ["width", AGAIN]),
    Case("no grid", inside(lambda file: file.attrs.pop("snippet_fps")), ["snippet_fps", AGAIN]),
    Case("no orientation", inside(lambda file: file.attrs.pop("by_columns")), ["by_columns", AGAIN]),
    Case("no video", inside(lambda file: file.pop(TRAIN)), [TRAIN, AGAIN]),
    Case(
        "another format",
        inside(lambda file: file.attrs.modify("format_version", 99)),
        ["format 99, expected 4", AGAIN],
    ),
    Case(
        "a folder for a video",
        inside(lambda file: (file.pop(TRAIN), file.create_group(TRAIN))),
        ["not a feature file of hrpro", AGAIN],
    ),
]


@table(FEATURE_FILE_CASES)
def test_a_feature_file_that_is_none(case, converted, tmp_path):
    path = Path(shutil.copy(converted / "train/features.h5", tmp_path))
    case.damage(tmp_path)
    with pytest.raises(InputError) as caught, features.FeatureFile(path) as file:
        file.read([TRAIN])
    assert_says(caught.value, f"{path}: ", case.words)


# --- training


def stage1_settings(config, **changes) -> str:
    return json.dumps(config.step("demo", "stage1").model_dump() | changes)


def train_stage1(converted: Path, out: Path, settings: str, device: str = "cpu"):
    return run_script(
        *("train_stage1.py", "--features", converted / "train/features.h5"),
        *("--points", converted / "train/points.json"),
        *("--settings", settings, "--seed", 0, "--device", device),
        *("--model", out / "model.pt", "--events", out / "events"),
    )


def test_heads_that_do_not_divide_the_width(converted, config, out):
    result = train_stage1(converted, out, stage1_settings(config, heads=7))
    words = ["stage1.heads: 7 does not divide the 64 channels", "use null or one of 1, 2, 4, 8, 16, 32, 64"]
    assert_stopped(result, words, out)


def test_a_gpu_that_is_not_there(converted, config, out, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = train_stage1(converted, out, stage1_settings(config), "cuda")
    assert_stopped(result, ["device: cuda: this machine has no CUDA GPU", "use auto or cpu"], out)


def test_training_on_a_damaged_feature_file(converted, config, tmp_path, out):
    folder = Path(shutil.copytree(converted, tmp_path / "converted"))
    cut("train/features.h5")(folder)
    result = train_stage1(folder, out, stage1_settings(config))
    assert_stopped(result, [f"{folder / 'train/features.h5'}: ", "remove it and convert again"], out)


@pytest.mark.parametrize("content", ['{"classes": []}', "[]", '"videos"'])
def test_a_points_file_that_is_none(content, tmp_path):
    path = tmp_path / "points.json"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        files.read_json(path, "videos")
    assert_says(caught.value, f"{path}: ", ['no "videos"', "remove the file and make it again"])


# --- detections and their evaluation

GOOD = {"segment": [1.0, 2.0], "label": "dive", "score": 0.5}


def results_json(*found) -> str:
    return json.dumps({"results": {TEST: list(found)}})


DETECTION_CASES = [
    Case("malformed", '{"results": {', ["line 1: not valid JSON", "correct it"]),
    Case("no results", "{}", ['no "results" object', "expected"]),
    Case("a list for results", '{"results": []}', ['no "results" object', "expected"]),
    Case(
        "a NaN score",
        results_json(GOOD, GOOD | {"score": float("nan")}),
        [TEST, "detection 2", "nan", "remove it"],
    ),
    Case(
        "no score",
        results_json({"segment": [1, 2], "label": "dive"}),
        [TEST, "expected a list of", "'score'"],
    ),
    Case("a score of null", results_json(GOOD | {"score": None}), [TEST, "detection 1", "None", "remove it"]),
    Case(
        "an endless segment",
        results_json(GOOD | {"segment": [1, float("inf")]}),
        [TEST, "detection 1", "inf"],
    ),
    Case("three numbers", results_json(GOOD | {"segment": [1, 2, 3]}), [TEST, "expected a list of"]),
    Case("four numbers", results_json(GOOD | {"segment": [1, 2, 3, 4]}), [TEST, "expected a list of"]),
    Case("text", results_json("dive"), [TEST, "expected a list of"]),
    Case("null", f'{{"results": {{"{TEST}": null}}}}', [TEST, "expected a list of"]),
]


@table(DETECTION_CASES)
def test_detections(case, tmp_path):
    path = tmp_path / "detections.json"
    path.write_text(case.damage)
    with pytest.raises(InputError) as caught:
        results.read(path, ["dive"])
    assert_says(caught.value, f"{path}: ", case.words)


def test_detections_of_unknown_classes_are_left_out(tmp_path):
    path = tmp_path / "detections.json"
    path.write_text(results_json(GOOD | {"label": "dance"}, GOOD | {"score": 0.25}))
    found = results.read(path, ["dive"])[TEST]
    assert found.times.tolist() == [[1.0, 2.0]]
    assert found.labels.tolist() == [0]
    assert found.scores.tolist() == [0.25]


def evaluate(converted: Path, path: Path, out: Path, *more):
    return run_script(
        *("evaluate.py", "--annotations", converted / "test/annotations.json", "--detections", path),
        *("--output", out / "map.json", *more),
    )


EVALUATION_CASES = [
    Case("no results", "{}", ["detections.json", 'no "results" object']),
    Case(
        "a NaN score", results_json(GOOD | {"score": float("nan")}), ["detections.json", TEST, "detection 1"]
    ),
    Case("malformed", "{", ["detections.json: line 1: not valid JSON"]),
]


@table(EVALUATION_CASES)
def test_evaluation_of_bad_detections(case, converted, tmp_path, out):
    path = tmp_path / "detections.json"
    path.write_text(case.damage)
    assert_stopped(evaluate(converted, path, out, "--subset", "test"), case.words, out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--subset", "tset"], ["annotations.json", "no video of subset 'tset'", "the file has 'test'"]),
        (["--subset", "test", "--tiou", "0.1,half"], ["--tiou 0.1,half", "expected numbers, 0.1,0.2"]),
        (["--subset", "test", "--tiou", "0.5,0.3"], ["evaluation.tiou: [0.5, 0.3]", "must increase"]),
        (["--subset", "test", "--tiou", "0.5,1.5"], ["evaluation.tiou.1: 1.5", "less than or equal to 1"]),
        (["--subset", "test", "--tiou", "nan"], ["evaluation.tiou.0: nan", "finite number"]),
    ],
)
def test_arguments_of_evaluate(arguments, words, converted, tmp_path, out):
    path = tmp_path / "detections.json"
    path.write_text(results_json(GOOD))
    assert_stopped(evaluate(converted, path, out, *arguments), words, out)


# --- warnings: the run goes on


@pytest.mark.parametrize("surplus", [3, -3])
def test_features_longer_or_shorter_than_their_video(surplus, root, converted, out):
    array(lambda a: np.resize(a, (len(a) + surplus, a.shape[1])))(root)
    array(lambda a: np.resize(a, (len(a) + surplus // 3, a.shape[1])), OTHER_NPY)(root)  # by 1: no warning
    result = convert_features(root, out)
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    length = len(np.load(root / TRAIN_NPY))
    start = (
        f"warning: features of another length than the video: 1 of 24 ({TRAIN}: {length} snippets, but its "
    )
    assert line.startswith(start)
    assert f"are {length - surplus}.0); check snippet and durations" in line


def test_annotations_that_only_warn(root, out):
    def stretch(video: dict) -> None:
        last = video["annotations"][-1]
        last["segment"][1] = video["duration"] + 7.25

    entry(stretch)(root)
    rows = (root / POINTS).read_text().splitlines()
    dropped = next(row for row in rows if "demo_train_003" in row)
    rows.remove(dropped)
    rows += [f"dive,1,2,{video},1" for video in (TEST, TEST, "demo_test_001")]
    (root / POINTS).write_text("\n".join(rows) + "\n")
    result = convert_annotations(root, out)
    assert result.returncode == 0
    (late,) = result.stderr.splitlines()
    assert late == (
        f"warning: segments outside their videos: 1, by up to 7.25 s ({TRAIN} 7.25 s); they count as they are"
    )
    result = convert_points(root, out)
    assert result.returncode == 0
    outside, bare = result.stderr.splitlines()
    assert f"{POINTS}: ignored 3 points of 2 videos outside the training split: '{TEST}', 'demo" in outside
    label = dropped.split(",")[0]
    assert bare == f"warning: training instances without a point: 1 (demo_train_003: 1 of '{label}')"


def test_thumos_converts_with_what_is_known_of_it(shared, out):
    root = shared / "data" / "THUMOS14"
    late = {
        "train": "4, by up to 14.36 s (video_validation_0000364 14.36 s, video_validation_0000856 8.35 s)",
        "test": "4, by up to 155.86 s (video_test_0000814 155.86 s, video_test_0001081 12.86 s)",
    }
    database = {}
    for split in ("train", "test"):
        run = convert_annotations(root, out, "--ambiguous", root / "Ambiguous_test.txt", "--split", split)
        assert run.returncode == 0
        assert (
            run.stderr == f"warning: segments outside their videos: {late[split]}; they count as they are\n"
        )
        database |= json.loads((out / "annotations.json").read_text())["database"]
    run = convert_points(root, out)
    assert run.returncode == 0
    assert re.fullmatch(r"warning: training instances without a point: 4 \(.*\)\n", run.stderr)
    points = json.loads((out / "points.json").read_text())
    instances = [a for e in database.values() if e["subset"] == "train" for a in e["annotations"]]
    assert len(instances) == 3007
    assert sum(map(len, points["videos"].values())) == 3003
    assert len(points["classes"]) == 20
    assert any(e["ambiguous"] for e in database.values())


# --- the configuration


def settings(step: str, **values) -> dict:
    return {"settings": {step: values}}


def dataset(**values) -> dict:
    return {"datasets": {"demo": values}}


CONFIGURATION_CASES = [
    Case("unknown key", {"seed": [0]}, ["seed: unknown key", "did you mean 'seeds'?"]),
    Case("unknown key like none", {"qqq": 1}, ["qqq: unknown key", "config/README.md"]),
    Case("of a data set", dataset(rot="x"), ["datasets.demo.rot: unknown key", "'root'?"]),
    Case("of a snippet", dataset(snippet={"fsp": 25}), ["datasets.demo.snippet.fsp: unknown key", "'fps'?"]),
    Case("of settings", settings("stage4"), ["settings.stage4: unknown key", "did you mean 'stage"]),
    Case("of a step", settings("stage1", bach=8), ["settings.stage1.bach: unknown key", "'batch'?"]),
    Case(
        "nested",
        settings("stage1", loss_weights={"vidio": 1.0}),
        ["settings.stage1.loss_weights.vidio: unknown key", "'video'?"],
    ),
    Case(
        "of a data set's settings",
        dataset(settings={"stage1": {"learning_rat": 0.1}}),
        ["datasets.demo.settings.stage1.learning_rat: unknown key", "'learning_rate'?"],
    ),
    Case(
        "a step of a data set's settings",
        dataset(settings={"stgae1": {}}),
        ["datasets.demo.settings.stgae1: unknown key", "'stage1'?"],
    ),
    Case(
        "of a variant",
        {"variants": {"stage1": {"released": {"prototype_token": "paper"}}}},
        ["variants.stage1.released.prototype_token: unknown key", "'prototype_tokens'?"],
    ),
    Case(
        "of an experiment",
        {"experiments": {"default": {"stage4": "x"}}},
        ["experiments.default.stage4: unknown"],
    ),
    Case("a step of variants", {"variants": {"stage4": {}}}, ["variants.stage4: 'stage4'", "'stage1', "]),
    Case("text for a count", settings("stage1", batch="many"), ["stage1.batch: 'many'", "valid integer"]),
    Case("a fraction for a count", settings("stage1", blocks=1.5), ["stage1.blocks: 1.5", "integer"]),
    Case("text for a switch", settings("detection", clip_refined="yes"), ["clip_refined: 'yes'", "boolean"]),
    Case("a number for a list", settings("evaluation", tiou=0.5), ["evaluation.tiou: 0.5", "valid list"]),
    Case("a number for settings", {"settings": {"stage1": 5}}, ["settings.stage1: 5", "dictionary"]),
    Case("nothing for a list", {"seeds": None}, ["seeds: None", "valid list"]),
    Case(
        "1e-3, text to YAML",
        yaml.safe_load("settings: {stage1: {learning_rate: 1e-3}}"),
        ["settings.stage1.learning_rate: '1e-3'", "text to YAML", "write 0.001"],
    ),
    Case(
        "1e-5, text to YAML",
        yaml.safe_load("datasets: {demo: {settings: {stage2: {weight_decay: 1e-5}}}}"),
        ["datasets.demo.settings.stage2.weight_decay: '1e-5'", "write 1.0e-05"],
    ),
    Case(
        "text for a seed",
        {"seeds": ["0"]},
        ["seeds.0: '0'", "is text to YAML; write 0"],
    ),
    Case(
        "text for heads",
        settings("stage1", heads="4"),
        ["settings.stage1.heads: '4'", "write 4"],
    ),
    Case("nan in text", settings("stage1", temperature="nan"), ["temperature: 'nan'", "valid number"]),
    Case("NaN", settings("stage1", temperature=float("nan")), ["stage1.temperature: nan", "finite number"]),
    Case("no batch", settings("stage1", batch=0), ["settings.stage1.batch: 0", "greater than or equal to 1"]),
    Case(
        "all dropped",
        settings("stage2", dropout=1.0),
        ["stage2.dropout: 1.0", "less than or equal to 0.99"],
    ),
    Case("a negative weight", settings("stage2", weight_decay=-1.0), ["weight_decay: -1.0", "or equal to 0"]),
    Case(
        "no width",
        settings("detection", sigma=0.0),
        ["settings.detection.sigma: 0.0", "greater than or equal to"],
    ),
    Case("an unknown choice", settings("features", dtype="int8"), ["features.dtype: 'int8'", "'float32'"]),
    Case(
        "thresholds that do not increase",
        settings("proposals", class_thresholds=[0.2, 0.1]),
        ["settings.proposals.class_thresholds: [0.2, 0.1]", "must increase"],
    ),
    Case("a threshold twice", settings("evaluation", tiou=[0.5, 0.5]), ["tiou: [0.5, 0.5]", "must increase"]),
    Case("a threshold over 1", settings("evaluation", tiou=[0.5, 1.5]), ["tiou.1: 1.5", "or equal to 1"]),
    Case("no threshold", settings("evaluation", tiou=[]), ["evaluation.tiou: []", "at least 1 item"]),
    Case("a snippet of no frames", dataset(snippet={"frames": 0}), ["snippet.frames: 0", "or equal to 1"]),
    Case("no seed", {"seeds": []}, ["seeds: []", "at least 1 item"]),
    Case("a seed twice", {"seeds": [1, 1]}, ["seeds: 1 is listed twice"]),
    Case("a negative seed", {"seeds": [-1]}, ["seeds.0: -1", "greater than or equal to 0"]),
    Case("a device that is none", {"device": "gpu"}, ["device: 'gpu'", "auto|cpu|cuda"]),
    Case("a name with a blank", {"datasets": {"a b": {}}}, ["datasets.a b: 'a b'", "pattern"]),
    Case("a name that is an option", {"datasets": {"-x": {}}}, ["datasets.-x: '-x'", "pattern"]),
    Case(
        "a name that is too long for a file", {"datasets": {"x" * 244: {}}}, ["datasets.xxx", "at most 100"]
    ),
    Case("a data set without a folder", {"datasets": {"new": {}}}, ["datasets.new.root: missing"]),
    Case(
        "a bad value of a variant",
        {"variants": {"detection": {"sharp": {"sigma": -1.0}}}},
        ["variants.detection.sharp.sigma: -1.0", "greater than or equal to"],
    ),
    Case(
        "an unknown variant",
        {"experiments": {"default": {"stage1": "nope"}}},
        ["experiments.default.stage1: no variant 'nope'", "there are: default, released"],
    ),
    Case(
        "an unknown variant of a data set",
        dataset(variants={"stage1": {"defualt": {"iterations": 5}}}),
        ["datasets.demo.variants.stage1: no variant 'defualt'", "there are: default, released"],
    ),
    Case(
        "an unknown key in the ablation",
        {"ablation": {"default": {"more": {"stage2": ["epoch"]}}}},
        ["ablation.default.more.stage2.epoch: unknown key", "did you mean 'epochs'?"],
    ),
    Case(
        "a row of no experiment",
        {"ablation": {"more": {"stage2": ["epochs"]}}},
        ["ablation.more: a row stands under its experiment, ablation.default.more"],
    ),
    Case(
        "rows of an experiment that is not there",
        {"ablation": {"more": {"row": {"stage2": ["epochs"]}}}},
        ["ablation.more: no such experiment", "`ablation: {more: null}` turns it off"],
    ),
    Case(
        "rows of an experiment that corrects none",
        {"ablation": {"floor": {"row": {"detection": ["sigma"]}}}},
        ["ablation.floor: needs experiments.floor.corrects, another one"],
    ),
    Case(
        "a row that makes an experiment of another one's name",
        {"ablation": {"default": {"lacp_inputs": {"stage1": ["dropout"]}}}},
        ["ablation: two of its experiments would have one name; rename a row"],
    ),
    Case(
        "a data set with the name of a copy",
        {"datasets": {"demo-held": {"root": "data", "snippet": {"frames": 16, "fps": 25}}}},
        ["datasets.demo-held: is the name of a copy of demo"],
    ),
    Case(
        "settings of the floor",
        settings("floor", smoothing=3),
        ["settings.floor: unknown key; the linear baseline's settings", "variants.stage1.floor"],
    ),
    Case(
        "an unknown method",
        {"variants": {"stage1": {"mine": {"method": "mine"}}}},
        ["variants.stage1.mine.method: 'mine': unknown method; known methods: hrpro, linear, lacp"],
    ),
    Case(
        "a setting of another method",
        {"variants": {"stage1": {"floor": {"dropout": 0.1}}}},
        ["variants.stage1.floor.dropout: unknown key"],
    ),
    Case(
        "tests of a method that does not train in iterations",
        {"experiments": {"floor": {"best_on_test": True}}},
        ["experiments.floor: best_on_test, but the method linear of variants.stage1.floor"],
    ),
    Case(
        "an ablation between two methods",
        {"experiments": {"default": {"stage1": "floor"}}},
        ["ablation.default: needs experiments.default and experiments.released with one method of stage1"],
    ),
    Case(
        "an experiment with a name of the ablation",
        {"experiments": {"alone_none": {"stage1": "default"}}},
        ["experiments.alone_none.proposals: missing"],
    ),
    Case(
        "a variant with a name of the ablation",
        {"variants": {"stage2": {"without_noise": {}}}},
        ["without_noise: names that begin with without_ are the ablation's"],
    ),
    Case(
        "an ablation of a default without stage 2",
        {"experiments": {"default": {"stage2": None, "stage3": None}}},
        ["ablation.default: needs", "with one method of stage2, or none", "`ablation: {default: null}`"],
    ),
    Case("a seed of 2^64", {"seeds": [2**64]}, ["seeds.0: 18446744073709551616", "less than 1000000000"]),
    Case("iterations", settings("stage1", iterations=10**18), ["stage1.iterations: 1", "less than"]),
    Case("epochs", settings("stage2", epochs=10**9), ["stage2.epochs: 1000000000", "less than"]),
    Case("a slow video", dataset(snippet={"fps": 1e-320}), ["snippet.fps: 1e-320", "or equal to 0.001"]),
    Case("a fast video", dataset(snippet={"fps": 1e300}), ["snippet.fps: 1e+300", "or equal to 1000000"]),
    Case("an fps of 400 digits", dataset(snippet={"fps": 10**400}), ["snippet.fps: 1000", "..."]),
    Case("frames", dataset(snippet={"frames": 10**400}), ["snippet.frames: 1000", "0...: Input"]),
    Case("a window", dataset(snippet={"window": 10**9}), ["snippet.window: 1000000000", "less than"]),
    Case("channels", dataset(features={"width": 2**40}), ["features.width: 1099511627776", "less than"]),
    Case("tiny steps", settings("stage1", learning_rate=1e-320), ["learning_rate: 1e-320", "greater than"]),
    Case(
        "an experiment called last",
        {"experiments": {"last": {"stage1": "released"}}},
        ["experiments.last.proposals: missing"],
    ),
    *(
        Case(
            f"an experiment called {name}",
            {"experiments": {name: configuration.Config().experiments["default"].model_dump()}},
            [f"experiments.{name}: {name} is the name of a folder of results/<dataset>/", "choose another"],
        )
        for name in ("last", "train", "predict")
    ),
    Case("a data set called -x", {"datasets": {"-x": {}}}, ["datasets.-x: '-x'", "pattern"]),
    Case("a prediction called --x", {"predict": {"--x": "a"}}, ["predict.--x: '--x'", "pattern"]),
    Case("a long name", {"datasets": {"x" * 244: {}}}, ["xxx...: ", "at most 100 characters"]),
    Case("a variant's long name", {"variants": {"stage1": {"x" * 244: {}}}}, ["at most 100 characters"]),
    Case("NUL in the folder", dataset(root="a\0b"), ["demo.root: 'a\\x00b'", "control character"]),
    Case("a line break in a file", dataset(ambiguous="a\nb"), ["demo.ambiguous: ", "control character"]),
    Case("an empty folder", dataset(root=""), ["demo.root: ''", "is empty; expected a path"]),
    Case(
        "a long file name",
        dataset(annotations={"file": f"a/{'x' * 256}"}),
        ["annotations.file: 'a/xxx", "...: a name in it is longer than the 255 bytes"],
    ),
    Case("a surrogate", dataset(points={"file": "\ud800"}), ["points.file: '\\ud800'"]),
    Case("all points missing", {"copies": {"none": {"missing": 1.0}}}, ["none.missing: 1.0", "less than 1"]),
]


@table(CONFIGURATION_CASES)
def test_configuration(case, raw_config):
    with pytest.raises(InputError) as caught:
        configuration.parse(configuration.Config, configuration.merge(raw_config, case.damage))
    assert_says(caught.value, "configuration: ", case.words)


def nested(levels: int):
    """A list in a list and so on."""
    value = []
    for _ in range(levels):
        value = [value]
    return value


def of_aliases(make, levels: int = 12):
    """What `make` makes of ten times the same, and so on: 10^levels values, as YAML's aliases give them."""
    value = 1
    for _ in range(levels):
        value = make(value)
    return value


def holds_itself(value: dict) -> dict:
    """A dictionary that holds itself."""
    value["again"] = value
    return value


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seeds": nested(5000)}, "nests deeper than 50 levels"),
        ({"datasets": {"mine": holds_itself({})}}, "nests deeper than 50 levels"),
        ({"seeds": of_aliases(lambda value: [value] * 10)}, "more than 100000 values"),
        ({"settings": of_aliases(lambda value: {f"k{k}": value for k in range(10)})}, "more than 100000"),
        ({"seeds": [*range(100_001)]}, "more than 100000 values"),
    ],
)
def test_configurations_without_end(values, words):
    with pytest.raises(InputError) as caught:
        configuration.parse(configuration.Config, values)
    assert_says(caught.value, "configuration: ", [words])


@pytest.mark.parametrize("value", [0.001, 1e-5, 2.5e-7, 1e20, 3.0, -4.0, 0.0])
def test_numbers_are_advised_as_yaml_reads_them(value):
    advised = yaml.safe_load(configuration.yaml_number(value))
    assert not isinstance(advised, str)
    assert advised == value


def assert_workflow_stopped(result: subprocess.CompletedProcess, words: list[str], folder: Path) -> None:
    """Exit code 1, the words, no traceback of Python's, and neither results nor logs."""
    said = result.stdout + result.stderr
    assert result.returncode == 1, said
    assert "Traceback (most recent call last)" not in said
    assert [word for word in words if word not in said] == [], said
    assert not (folder / "results").exists()
    assert not (folder / "logs").exists()


def test_workflow_with_a_bad_value(tmp_path):
    (tmp_path / "bad.yaml").write_text("settings: {stage1: {learning_rate: 1e-3}}\n")
    result = snakemake(tmp_path, "-n", "--configfile", "bad.yaml")
    assert_workflow_stopped(
        result, ["configuration: settings.stage1.learning_rate: '1e-3'", "write 0.001"], tmp_path
    )


def test_workflow_with_a_misspelt_key(tmp_path):
    (tmp_path / "bad.yaml").write_text("datasets: {demo: {settings: {stage2: {epoch: 3}}}}\n")
    result = snakemake(tmp_path, "-n", "--configfile", "bad.yaml")
    words = ["configuration: datasets.demo.settings.stage2.epoch: unknown key", "did you mean 'epochs'?"]
    assert_workflow_stopped(result, words, tmp_path)


def test_workflow_without_the_files_of_a_data_set(tmp_path):
    result = snakemake(tmp_path, "results/thumos/map.json")
    words = [
        "data set thumos: no file data/THUMOS14/gt_full.json (and 1 more); expected in data/THUMOS14/: ",
        *LAYOUT,
        "thumos_features.tar.gz",
        "github.com/pipixin321/HR-Pro",
    ]
    assert_workflow_stopped(result, words, tmp_path)


@pytest.mark.parametrize("dataset", ["mine", "mine-wrong"])
def test_workflow_without_a_feature_file(root, tmp_path, dataset):
    entry = {"root": "data", "snippet": {"frames": 16, "fps": 25}, "source": "Ask the author."}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": entry}}))
    given = ("--configfile", "mine.yaml", "--", f"results/{dataset}/map.json")
    remove(OTHER_NPY)(root)
    words = [
        f"data set mine: data/{OTHER_NPY}: no such file; put it there or take the video out of the split, ",
        "`on_fault: leave_out` in the data set's entry. Ask the author.",
    ]
    assert_workflow_stopped(snakemake(tmp_path, *given), words, tmp_path)
    remove(TRAIN_NPY)(root)
    lost = "'demo_train_000', 'demo_train_001'"
    words = [f"data set mine: data/{TRAIN_NPY}: no such file (2 such: {lost}); put it there or take "]
    assert_workflow_stopped(snakemake(tmp_path, *given), words, tmp_path)
    shutil.rmtree(root / "features")
    words = [f"no file data/{TRAIN_NPY} (and ", "expected in data/: ", *LAYOUT, "Ask the author."]
    assert_workflow_stopped(snakemake(tmp_path, *given), words, tmp_path)
