"""Detections on new videos: the pipeline's own numbers, in three formats, by a model in one file."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml

from conftest import MINE, ROOT, SCRIPTS, run_script, snakemake
from hrpro import config as settings
from hrpro import predict
from hrpro.data import layouts
from hrpro.detection import export as exports
from hrpro.detection import results
from hrpro.detection.segments import Segments, segments
from hrpro.utils.errors import InputError
from test_bad_input import Case, assert_says, assert_stopped, assert_workflow_stopped, cut, table, write
from test_invalidation import both, planned, replaced, touched, write_config

SEED = "results/mine/last/seed0/stage1-default"
MODEL1, MODEL2 = f"{SEED}/model.pt", f"{SEED}/proposals-default/stage2-default/model.pt"
STAGE1 = f"{SEED}/proposals-default/detection-default/detections.json"
STAGE3 = f"{SEED}/proposals-default/stage2-default/detection-default/stage3-default"
MODEL3, DETECTIONS = f"{STAGE3}/model.pt", f"{STAGE3}/detections.json"
MODEL, PREDICTED = "results/mine/model.pt", "results/mine/predict/new"
TARGET = f"{PREDICTED}/detections.json"
VIDEO = "demo_test_004"
NPY = f"videos/{VIDEO}.npy"


def configuration(seeds=(0,), predicted="videos", **steps: dict) -> dict:
    """The finished run's configuration with others of its settings; steps: settings of the data set."""
    values = json.loads(json.dumps(MINE))
    own = values["datasets"]["mine"]["settings"]
    for step, changes in steps.items():
        own.setdefault(step, {}).update(changes)
    return values | {"seeds": list(seeds), "predict": {"new": predicted}}


@pytest.fixture(scope="session")
def run(finished_run) -> Path:
    return finished_run


def make(folder: Path, *targets: str) -> None:
    """Run the workflow of the folder's own project."""
    made = snakemake(folder, "--configfile=extra.yaml", "--", *targets, snakefile=folder / "Snakefile")
    assert made.returncode == 0, made.stderr


@pytest.fixture
def folder(run, tmp_path) -> Path:
    """A copy of it to change, dates included."""
    return shutil.copytree(run, tmp_path / "run")


@pytest.fixture(scope="session")
def model(run) -> predict.Model:
    return predict.load(run / MODEL, "cpu")


@pytest.fixture(scope="session")
def expected(run, model) -> dict[str, Segments]:
    """The pipeline's detections, of stage 3."""
    return results.read(run / DETECTIONS, model.classes)


def assert_same(found: Segments, expected: Segments) -> None:
    """Equal to the last bit."""
    assert len(expected) > 0
    for name in ("times", "labels", "scores"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


# --- the numbers


def test_the_pipelines_bytes(run):
    assert len(json.loads((run / DETECTIONS).read_text())["results"]) == 12
    assert (run / TARGET).read_bytes() == (run / DETECTIONS).read_bytes()


@pytest.mark.slow
def test_a_default_that_ends_at_stage_1(folder):
    path = folder / "config/config.yaml"
    values = yaml.safe_load(path.read_text()) | {"ablation": None}
    values["experiments"]["default"] |= {"stage2": None, "stage3": None}
    path.write_text(yaml.safe_dump(values))
    assert planned(folder, TARGET) == Counter(["bundle_model", "predict"])
    make(folder, TARGET)
    assert (folder / TARGET).read_bytes() == (folder / STAGE1).read_bytes()


def test_one_video_in_python(run, model, expected):
    assert_same(predict.predict(model, np.load(run / NPY)), expected[VIDEO])


@pytest.mark.parametrize(
    "change", [np.asfortranarray, lambda a: a.astype(np.float64), lambda a: np.repeat(a, 2, axis=0)[::2]]
)
def test_the_array_may_lie_in_memory_as_it_likes(run, model, expected, change):
    given = change(np.load(run / NPY))
    given.setflags(write=False)
    assert_same(predict.predict(model, given), expected[VIDEO])


def test_features_are_rounded_as_those_of_the_training_were(run, model):
    half = settings.Features(dtype="float16")
    rounding = replace(model, settings=model.settings.model_copy(update={"features": half}))
    features = np.load(run / NPY)
    found = predict.predict(rounding, features)
    assert_same(found, predict.predict(model, features.astype(np.float16)))
    assert (
        len(found) != len(whole := predict.predict(model, features)) or (found.scores != whole.scores).any()
    )


@pytest.mark.parametrize("length", [1, 2, 3])
def test_very_short_videos(run, model, length):
    features = np.load(run / NPY)[:length]
    found = predict.predict(model, features)
    assert np.isfinite(found.scores).all()
    assert ((found.times >= 0) & (found.times <= model.grid.seconds(length))).all()


def test_equal_models_give_equal_bytes(run, tmp_path):
    for name in ("a.pt", "b.pt"):
        bundle_model(run, tmp_path / name)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes() == (run / MODEL).read_bytes()


def bundle_model(run: Path, path: Path, change=lambda values: None, stage2: str = MODEL2) -> None:
    """Write a model by what the run has made, with other settings."""
    values = json.loads(torch.load(run / MODEL, weights_only=True)["settings"])
    change(values)
    values = settings.parse(settings.Prediction, values)
    predict.bundle(path, run / MODEL1, run / stage2, values, run / MODEL3)


# --- the command line and the formats


def test_without_snakemake(run, tmp_path):
    """Of a single video, in several formats at once; from another working directory."""
    outputs = [tmp_path / f"deep/found{suffix}" for suffix in (".json", ".csv", ".vtt")]
    ran = run_script(
        *("predict.py", "--model", run / MODEL, "--features", run / NPY, "--device", "cpu"),
        *("--output", *outputs),
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    whole = json.loads((run / TARGET).read_text())["results"]
    assert json.loads(outputs[0].read_text())["results"] == {VIDEO: whole[VIDEO]}
    rows = [row for row in rows_of(run / f"{PREDICTED}/detections.csv") if row["video"] == VIDEO]
    assert rows_of(outputs[1]) == rows
    assert outputs[2].read_bytes() == (run / f"{PREDICTED}/vtt/{VIDEO}.vtt").read_bytes()
    assert sorted((tmp_path / "deep").iterdir()) == sorted(outputs)


def rows_of(path: Path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_csv_holds_what_the_json_holds(run):
    whole = json.loads((run / TARGET).read_text())["results"]
    expected = [
        {"video": video, "start": start, "end": end, "class": one["label"], "score": one["score"]}
        for video, found in whole.items()
        for one in found
        for start, end in [one["segment"]]
    ]
    numbers = ("start", "end", "score")
    rows = [
        row | {name: float(row[name]) for name in numbers}
        for row in rows_of(run / f"{PREDICTED}/detections.csv")
    ]
    assert rows == expected


CLOCK = r"(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})"
CUE = re.compile(rf"{CLOCK} --> {CLOCK}\n(.+) (-?\d+\.\d\d)")


def cues_of(text: str) -> list[tuple]:
    """(start ms, end ms, text, score) of each cue of a WebVTT file, which has nothing else."""
    head, *cues = text.removesuffix("\n").split("\n\n")
    assert head == "WEBVTT"
    found = []
    for cue in cues:
        *clocks, name, score = CUE.fullmatch(cue).groups()
        start, end = (
            int(seconds) * 1000 + int(milliseconds) + 60_000 * int(minutes) + 3_600_000 * int(hours)
            for hours, minutes, seconds, milliseconds in (clocks[:4], clocks[4:])
        )
        found.append((start, end, name, score))
    return found


def test_a_vtt_shows_the_detections_of_a_high_score_by_their_start(run, model, expected):
    assert {path.stem for path in (run / PREDICTED / "vtt").glob("*.vtt")} == set(expected)
    shown = 0
    for video, found in expected.items():
        cues = cues_of((run / f"{PREDICTED}/vtt/{video}.vtt").read_text())
        above_the_threshold = [
            (round(1000 * start), round(1000 * end), model.classes[label], f"{score:.2f}")
            for (start, end), label, score in zip(found.times, found.labels, found.scores, strict=True)
            if score >= 0.1
        ]
        assert [cue[0] for cue in cues] == sorted(cue[0] for cue in cues)
        assert sorted(cues) == sorted(above_the_threshold)
        shown += len(cues)
    assert 0 < shown < sum(map(len, expected.values()))


def test_the_least_score_is_the_users(run, tmp_path):
    given = ["--model", run / MODEL, "--features", run / NPY, "--output", tmp_path / "found.vtt"]

    def scores(least: float) -> list[float]:
        run_script("predict.py", *given, "--device", "cpu", "--least-score", least).check_returncode()
        return [float(score) for *_, score in cues_of((tmp_path / "found.vtt").read_text())]

    every = sorted(scores(0))
    middle = every[len(every) // 2] + 0.005  # they are rounded
    assert every[0] < middle < every[-1]
    assert sorted(scores(middle)) == [score for score in every if score > middle]
    assert scores(1) == []


def test_a_cue_is_safe_whatever_the_class_is_called():
    times = [[3599.9996, 363_600.0], [-2.0, 1.5], [5.0, 5.0002], [7.0, 6.0]]
    found = segments(times, [0, 1, 1, 1], [0.5, 0.25, 0.9, 0.9])
    text = exports.as_vtt(found, ["a <b> & --> c", "über\n\nNOTE it"])
    assert text == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.500\nüber NOTE it 0.25\n\n"
        "01:00:00.000 --> 101:00:00.000\na &lt;b&gt; &amp; --&gt; c 0.50\n"
    )


def test_a_csv_quotes_what_it_has_to(tmp_path):
    path = tmp_path / "found.csv"
    found = {'v,"1"': segments([[0.1, 2 / 3]], [0], [1e-20])}
    exports.write(str(path), found, ["über,\nall"], None)
    expected = {"video": 'v,"1"', "start": "0.1", "end": "0.6666666666666666", "class": "über,\nall"}
    assert rows_of(path) == [expected | {"score": "1e-20"}]


def test_a_folder_keeps_what_else_is_in_it(run, tmp_path):
    """So that the .vtt files may lie beside the videos."""
    (tmp_path / "film.mp4").write_text("a film")
    given = ["--model", run / MODEL, "--features", run / "videos", "--device", "cpu"]
    run_script("predict.py", *given, "--output", tmp_path).check_returncode()
    made = {path.name for path in (run / PREDICTED / "vtt").glob("*.vtt")}
    assert {path.name for path in tmp_path.iterdir()} == made | {"film.mp4"}


@pytest.mark.slow
def test_the_page_is_true(run, tmp_path):
    """The commands of docs/predict.md without Snakemake, and its lines of Python, on this data set."""
    page = (ROOT / "docs/predict.md").read_text()
    page = page.replace("results/demo/data/features/test", "videos").replace("results/demo", "results/mine")
    commands = re.findall(r"^python (?:.+\\\n)*.+$", page, re.M)
    commands = [each for each in commands if "calibrated.pt" not in each]  # tests/test_events.py has that one
    (lines,) = re.findall(r"```python\n(.+?)```", page, re.S)
    assert len(commands) == 3
    for name in ("workflow", "results", "videos"):
        (tmp_path / name).symlink_to(run / name)
    (tmp_path / "lines.py").write_text(lines)
    path = os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS), "PATH": path}
    said = [
        subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        ).stdout
        for command in [*commands, "python lines.py"]
    ]
    assert {path.name for path in tmp_path.glob("detections.*")} == {"detections.json", "detections.csv"}
    assert len(list((tmp_path / "vtt").glob("*.vtt"))) == 12
    assert (tmp_path / "demo_test_000.vtt").is_file()
    assert said[:3] == [""] * 3 and len(said[3].splitlines()) == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: 1000 * a, "times as much"),
        (lambda a: a / 255, "times as much"),
        (lambda a: a + 100, "standard deviations away"),
        (lambda a: a.T, "they lie as (channels, snippets), the training's as (snippets, channels)"),
        (lambda a: a, ""),
        (lambda a: a[:64], ""),  # square: as the training's lay
    ],
)
def test_features_unlike_the_trainings_are_said(change, words, run, model, tmp_path):
    features = np.load(run / NPY)
    np.save(tmp_path / "x.npy", change(features).astype(np.float32))
    ran = run_script(
        *("predict.py", "--model", run / MODEL, "--features", tmp_path / "x.npy", "--device", "cpu"),
        *("--output", tmp_path / "x.csv"),
    )
    assert ran.returncode == 0
    said = ran.stderr.splitlines()
    assert len(said) == bool(words)
    assert all("1 of 1 videos have features unlike" in line and words in line for line in said)


def test_a_model_holds_how_the_trainings_features_lay(model, tmp_path):
    assert (model.settings.layout, model.settings.orientations) == ("auto", [False])
    assert model.settings.names == settings.AS_THEY_ARE
    np.save(tmp_path / "x.npy", np.zeros((9, 64), np.float32))
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file["y"] = np.zeros((9, 64), np.float32)
    with pytest.raises(InputError, match="in more than one layout, flat and h5"):
        layouts.of_folder(tmp_path, settings.FeatureFiles())
    for layout, video in (("flat", "x"), ("h5", "y")):
        assert list(layouts.of_folder(tmp_path, settings.FeatureFiles(), layout)) == [video]
    (tmp_path / "x.npy").rename(tmp_path / "v_x_clip.npy")
    names = settings.VideoNames(prefix="v_", suffix="_clip")
    assert list(layouts.of_folder(tmp_path, settings.FeatureFiles(), "flat", names)) == ["x"]


def test_a_model_of_before_that_says_nothing_of_it(run):
    values = json.loads(torch.load(run / MODEL, weights_only=True)["settings"])
    del values["layout"], values["orientations"], values["names"]
    old = settings.parse(settings.Prediction, values)
    assert (old.layout, old.orientations, old.names) == ("auto", [], settings.AS_THEY_ARE)


# --- what runs again

PREDICT = Counter(["predict"])
BUNDLED = Counter(["bundle_model"]) + PREDICT
FROM_STAGE3 = Counter(["train_stage3"]) + BUNDLED
FROM_STAGE2 = Counter(["train_stage2"]) + FROM_STAGE3
FROM_PROPOSALS = Counter(["propose_training", "rank_proposals"]) + FROM_STAGE2
FROM_STAGE1 = Counter(["train_stage1", "score_snippets"]) + FROM_PROPOSALS


def changed(path: str):
    """One value of a feature file changed."""

    def edit(folder):
        array = np.load(folder / path)
        array[0, 0] += 1
        np.save(folder / path, array)

    return edit


def configured(*given, **steps):
    """The configuration changed."""
    return lambda folder: write_config(folder, configuration(*given, **steps))


EDITS = {
    "nothing": (lambda folder: None, Counter()),
    "touched": (touched("videos/*.npy", MODEL, MODEL1, MODEL2, MODEL3), Counter()),
    "a video changed": (changed(NPY), PREDICT),
    "a video added": (lambda folder: shutil.copy(folder / NPY, folder / "videos/more.npy"), PREDICT),
    "a video removed": (lambda folder: (folder / NPY).unlink(), PREDICT),
    "a video renamed": (lambda folder: (folder / NPY).rename(folder / "videos/other.npy"), PREDICT),
    "another file beside the videos": (write("videos/notes.txt", "none"), Counter()),
    "suppression": (configured(detection={"sigma": 0.4}), FROM_STAGE3),
    "a setting of stage 2": (configured(stage2={"dropout": 0.4}), FROM_STAGE2),
    "proposals": (configured(proposals={"class_score": 0.3}), FROM_PROPOSALS),
    "evaluation": (configured(evaluation={"tiou": [0.5]}), Counter()),
    "a second seed": (configured((0, 1)), Counter()),
    "a first seed": (configured((1, 0)), FROM_STAGE1),
    "the test split's features": (changed("data/features/test/demo_test_001.npy"), Counter()),
    "the training split's": (
        changed("data/features/train/demo_train_001.npy"),
        Counter(["convert_features"]) + FROM_STAGE1,
    ),
    "the writing of formats": (
        replaced("workflow/scripts/hrpro/detection/export.py", ':.2f}"', ':.3f}"'),
        PREDICT,
    ),
    "another folder to predict for": (
        both(
            lambda folder: (folder / "videos").rename(folder / "before"),
            lambda folder: shutil.copytree(folder / "before", folder / "after"),
            lambda folder: (folder / "after" / f"{VIDEO}.npy").unlink(),
            configured((0,), "after"),
        ),
        PREDICT,
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_runs_what_it_reaches_and_no_more(folder, name):
    edit, jobs = EDITS[name]
    edit(folder)
    assert planned(folder, TARGET) == jobs


def test_what_is_planned_is_run_and_then_done(folder):
    (folder / NPY).unlink()
    make(folder, TARGET)
    assert VIDEO not in json.loads((folder / TARGET).read_text())["results"]
    assert not (folder / PREDICTED / f"vtt/{VIDEO}.vtt").exists()
    assert planned(folder, TARGET) == Counter()


def assert_refused(folder: Path, words: list[str], **values) -> None:
    """To plan predictions by the demo's model ends with one line of the words; values: the configuration."""
    (folder / "extra.yaml").write_text(yaml.safe_dump(values))
    target = "results/demo/predict/new/detections.json"
    ran = snakemake(folder, "--dry-run", "--configfile=extra.yaml", "--", target)
    assert_workflow_stopped(ran, words, folder)
    assert ran.stderr.splitlines()[-1].startswith("error: configuration: ")


@pytest.mark.slow
def test_the_linear_baseline_predicts_too(folder):
    """Its file holds its weights: nothing else of the training is needed."""
    values = configuration()
    values["ablation"] = None
    values["experiments"] = {"default": {"stage1": "floor", "stage2": None, "stage3": None}}
    write_config(folder, values)
    train = ["train_stage1", "score_snippets", "propose_test", "detect_stage1"]
    expected = f"{SEED.replace('default', 'floor')}/proposals-default/detection-default/detections.json"
    assert planned(folder, TARGET, expected) == Counter(train) + BUNDLED
    make(folder, TARGET, expected)
    assert (folder / TARGET).read_bytes() == (folder / expected).read_bytes()
    assert len(json.loads((folder / TARGET).read_text())["results"]) == 12


# --- what goes wrong


def array(change, path: str = NPY):
    """Change the array of a feature file."""
    return lambda folder: np.save(folder / path, change(np.load(folder / path)), allow_pickle=True)


def holed(features: np.ndarray) -> np.ndarray:
    features[7, 3] = np.nan
    return features


def linked(folder: Path) -> None:
    (folder / "videos/gone.npy").symlink_to(folder / "nowhere.npy")


def emptied(folder: Path) -> None:
    shutil.rmtree(folder / "videos")
    (folder / "videos").mkdir()


def another_version(folder: Path) -> None:
    content = torch.load(folder / MODEL, weights_only=True)
    torch.save(content | {"settings": content["settings"].replace('"sigma"', '"sgima"')}, folder / MODEL)


def another_network(folder: Path) -> None:
    content = torch.load(folder / MODEL, weights_only=True)
    content["stage1"]["state"].popitem()
    torch.save(content, folder / MODEL)


def half_precision(folder: Path) -> None:
    bundle_model(folder, folder / MODEL, lambda values: values["features"].update(dtype="float16"))
    array(lambda features: 1e6 * features)(folder)


def asks(**arguments):
    """No damage, but other arguments of the command line."""
    return lambda folder: {f"--{name}": value for name, value in arguments.items()}


# damage: a function that changes a copy of `run` and may return arguments in place of those of `predicted`.
CASES = [
    Case(
        "no model",
        lambda folder: (folder / MODEL).unlink(),
        ["model.pt: no such file", "expected a trained model"],
    ),
    Case(
        "half a model",
        cut(MODEL),
        ["model.pt: not a model of this version of hrpro", "remove it and train again"],
    ),
    Case("text for a model", write(MODEL, "no model"), ["model.pt: not a model of this version of hrpro"]),
    Case(
        "stage 1's model",
        asks(model=MODEL1),
        ["holds the model of one stage", "expected results/<dataset>/model.pt"],
    ),
    Case("stage 2's model", asks(model=MODEL2), ["holds the model of one stage", "bundle_model.py makes it"]),
    Case(
        "another version's model",
        another_version,
        ["not a model of this version of hrpro", "detection.sgima: unknown key"],
    ),
    Case(
        "another version's network",
        another_network,
        ["not a model of this version of hrpro (its weights are of another network)"],
    ),
    Case(
        "no folder",
        asks(features="nowhere"),
        ["nowhere: no such file or folder", "expected the features of videos"],
    ),
    Case("no such video", asks(features="videos/none.npy"), ["videos/none.npy: no such file or folder"]),
    Case("an empty folder", emptied, ["videos: no features of a video", "name the folder or file"]),
    Case("a file of another kind", asks(features="extra.yaml"), ["extra.yaml: no features of a video"]),
    Case("a link that leads nowhere", linked, ["videos/gone.npy: no such file"]),
    Case(
        "other channels",
        array(lambda a: a[:, :60]),
        [f"{NPY}: shape (", ", 60)", "the model takes 64 channels"],
    ),
    Case("NaN", array(holed), [f"{NPY}: row 7, channel 3: nan", "extract it again"]),
    Case("integers", array(lambda a: a.astype(int)), [f"{NPY}: values of type int64", "expected float32"]),
    Case("pickled", array(lambda a: a.astype(object)), [f"{NPY}: a pickled array", "save it as float32"]),
    Case("no rows", array(lambda a: a[:0]), [f"{NPY}: shape (0, 64)"]),
    Case("half a file", cut(NPY), [f"{NPY}: damaged or not in .npy format", "copy it again"]),
    Case("too large", half_precision, [f"{NPY}: a value is NaN, infinite or too large for float16"]),
    Case(
        "an unknown format",
        asks(output="out/found.txt"),
        ["found.txt: no format of that name", "expected .json, .csv"],
    ),
    Case("no suffix", asks(output="out/found"), ["found: no format of that name", "a folder: ", "found/"]),
    Case(
        "many videos in a .vtt",
        asks(output="out/a.vtt"),
        ["a.vtt: a .vtt holds one video", "there are 12", "out/a/"],
    ),
    Case(
        "a file for a folder",
        asks(output="extra.yaml/a.json"),
        ["extra.yaml is not a folder", "name another place"],
    ),
    Case(
        "a file with a slash",
        asks(output="extra.yaml/"),
        ["extra.yaml is not a folder", "name another place"],
    ),
    Case("a device that is none", asks(device="gpu"), ["device 'gpu': expected auto, cpu, cuda"]),
]


@table(CASES)
def test_bad_input(case, folder, monkeypatch):
    monkeypatch.chdir(folder)
    out = folder / "out"
    out.mkdir()
    given = {"--model": MODEL, "--features": "videos", "--output": "out/found.json", "--device": "cpu"}
    others = case.damage(folder)
    given |= others if isinstance(others, dict) else {}
    ran = run_script("predict.py", *(part for pair in given.items() for part in pair))
    assert_stopped(ran, case.words, out)


def test_both_stages_given_for_one(run, tmp_path):
    ran = run_script(
        *("score_snippets.py", "--features", run / "results/mine/train/features.h5", "--model", run / MODEL),
        *("--output", tmp_path / "out/scores.h5"),
    )
    (tmp_path / "out").mkdir(exist_ok=True)
    assert_stopped(
        ran, ["holds the models of all stages", "expected the model of one stage"], tmp_path / "out"
    )


def test_stages_that_do_not_belong_together(folder, tmp_path):
    content = torch.load(folder / MODEL2, weights_only=True)
    facts = json.loads(content["facts"])
    torch.save(
        content | {"facts": json.dumps(facts | {"classes": facts["classes"][:4]})}, folder / "other.pt"
    )
    with pytest.raises(InputError, match=r"other classes, channels or snippets .* all stages of one run"):
        bundle_model(folder, tmp_path / "model.pt", stage2="other.pt")
    assert list(tmp_path.glob("*.pt")) == []


def test_a_videos_name_leaves_no_folder(tmp_path):
    for name in ("../x", "a/b"):
        with pytest.raises(InputError, match="cannot be a file"):
            exports.write(f"{tmp_path}/", {name: segments([])}, [], 0.1)
    assert list(tmp_path.iterdir()) == []


FOLDER_CASES = [
    Case("no such name", {"old": "videos"}, ["predict.new: missing (there are: old)", "name a folder"]),
    Case("no such folder", {"new": "nowhere"}, ["predict.new: nowhere: no such file or folder"]),
    Case("a folder without features", {"new": "."}, ["predict.new: .: no features of a video"]),
]


@table(FOLDER_CASES)
def test_what_there_is_to_predict_for(case, tmp_path):
    assert_refused(tmp_path, case.words, predict=case.damage)


def test_a_link_to_no_file_in_a_folder_to_predict_for(tmp_path):
    (tmp_path / "videos").mkdir()
    linked(tmp_path)
    words = ["predict.new: videos/gone.npy: no file; remove it"]
    assert_refused(tmp_path, words, predict={"new": "videos"})


CONFIGURATION_CASES = [
    Case("a list of folders", {"predict": {"new": ["a"]}}, ["predict.new: ['a']", "valid string"]),
    Case("a name with a blank", {"predict": {"a b": "a"}}, ["predict.a b: 'a b'", "pattern"]),
    Case("a folder without a name", {"predict": "videos"}, ["predict: 'videos'", "valid dictionary"]),
]


@table(CONFIGURATION_CASES)
def test_configuration(case, raw_config):
    with pytest.raises(InputError) as caught:
        settings.parse(settings.Config, settings.merge(raw_config, case.damage))
    assert_says(caught.value, "configuration: ", case.words)
