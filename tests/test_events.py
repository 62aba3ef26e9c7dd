"""A list of events: one at a time of each class, calibrated on held-back videos, and how good it is."""

import itertools
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import report_files
from conftest import MINE, run_script, snakemake
from hrpro import config, predict
from hrpro.detection import results
from hrpro.detection.segments import segments
from hrpro.evaluation import segmental, tables
from hrpro.events import calibration, figures, fitting, listing, selection
from hrpro.utils.errors import InputError
from test_bad_input import assert_stopped, assert_workflow_stopped
from test_invalidation import planned, write_config
from test_predict import DETECTIONS, MODEL, MODEL1, MODEL2, MODEL3, PREDICTED, VIDEO, bundle_model

LOG3 = np.log(3)


def calibrated(**changes) -> config.CalibratedEvents:
    """Probability 0.75 at a score of 1 and 0.25 at e^-1 down to e^-2; ten held-back points."""
    values = {
        "slope": 2 * LOG3,
        "intercept": LOG3,
        "points": 10,
        "scores": [0.9, 0.5, 0.3, 0.1],
        "events": [1, 4, 5, 20],
        "right": [1, 3, 4, 6],
    }
    cut = {key: changes.pop(key) for key in ("cut", "at") if key in changes}
    return config.CalibratedEvents(**cut, calibration=config.Calibration(**values | changes))


# --- selection


def test_of_each_class_those_stay_whose_scores_have_the_largest_sum():
    given = segments(
        [[0, 4], [3, 9], [6, 8], [4, 6], [1, 9], [2, 2], [4, 5], [20, 21]],
        [0, 0, 0, 0, 1, 0, -1, 0],
        [0.5, 0.9, 0.4, 0.1, 0.1, 1.0, 1.0, 0.0],
    )
    chosen = selection.one_at_a_time(given)
    assert chosen.times.tolist() == [[0, 4], [4, 6], [6, 8], [1, 9]]  # 0.5 + 0.1 + 0.4 > 0.9; ends may touch
    assert chosen.labels.tolist() == [0, 0, 0, 1]
    assert chosen.scores.tolist() == [0.5, 0.1, 0.4, 0.1]
    assert len(selection.one_at_a_time(segments([]))) == 0


def test_no_other_choice_has_a_larger_sum():
    """Against all choices of up to 9 detections."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        start = rng.integers(0, 12, 9)
        given = segments(np.stack([start, start + rng.integers(1, 6, 9)], 1), np.zeros(9), rng.random(9))
        sums = []
        for chosen in itertools.product([False, True], repeat=9):
            times = given.times[list(chosen)]
            times = times[np.argsort(times[:, 0])]
            if (times[1:, 0] >= times[:-1, 1]).all():
                sums.append(given.scores[list(chosen)].sum())
        found = selection.one_at_a_time(given)
        assert (found.times[1:, 0] >= found.times[:-1, 1]).all()
        assert found.scores.sum() == pytest.approx(max(sums))


# --- calibration


def test_a_saturated_regression_is_solved_to_the_last_digit():
    """Mean targets 0.8 at x = 0 and 0.2 at x = -1: log-odds ln 4 and -ln 4."""
    x, targets = np.array([0.0, 0.0, -1.0, -1.0]), np.array([0.9, 0.7, 0.3, 0.1])
    slope, intercept = fitting.logistic(x, targets)
    assert (slope, intercept) == pytest.approx((2 * np.log(4), np.log(4)), abs=1e-5)


def test_higher_scores_are_never_held_less_probable():
    slope, intercept = fitting.logistic(np.array([0.0, -1.0]), np.array([0.2, 0.8]))
    assert (slope, intercept) == (0.0, pytest.approx(0.0))
    slope, intercept = fitting.logistic(np.full(4, -2.0), np.array([0.9, 0.1, 0.1, 0.1]))
    assert calibration.sigmoid(np.array([slope * -2 + intercept])) == pytest.approx(0.3)


def test_few_events_are_not_taken_for_certainty():
    """Ten points, all found before anything wrong: Platt's targets are 11/12 and 1/7."""
    scores = np.linspace(1, 0.1, 15)
    right = np.arange(15) < 10
    assert fitting.smoothed(right).tolist() == [11 / 12] * 10 + [1 / 7] * 5
    fitted = fitting.fit(scores, right, points=10)
    probabilities = calibration.probabilities(fitted, scores)
    assert (np.diff(probabilities) < 0).all()
    assert 0.01 < probabilities.min() < 0.3 and 0.7 < probabilities.max() < 0.99
    assert probabilities.mean() == pytest.approx((10 * 11 / 12 + 5 / 7) / 15, abs=1e-3)


def test_what_a_cut_at_each_score_would_have_brought():
    scores, right = np.array([0.9, 0.7, 0.7, 0.5, 0.3]), np.array([True, False, True, False, True])
    fitted = fitting.fit(scores, right, points=4)
    assert (fitted.scores, fitted.events, fitted.right) == ([0.9, 0.7, 0.3], [1, 3, 5], [1, 2, 3])
    found = calibration.held_back(fitted)
    assert found["precision"] == pytest.approx([1, 2 / 3, 3 / 5])
    assert found["recall"] == pytest.approx([1 / 4, 2 / 4, 3 / 4])
    assert found["f1"] == pytest.approx([2 / 5, 4 / 7, 6 / 9])


@pytest.mark.parametrize(
    ("cut", "at", "score"),
    [
        ("f1", 0.9, 0.3),  # 2/11, 6/14, 8/15, 12/30
        ("precision", 0.8, 0.3),  # 1, 0.75, 0.8, 0.3: the longest list that has it
        ("precision", 0.76, 0.3),
        ("precision", 0.81, 0.9),
        ("recall", 0.35, 0.3),  # 0.1, 0.3, 0.4, 0.6: the shortest
        ("recall", 0.6, 0.1),
    ],
)
def test_where_the_list_ends(cut, at, score):
    settings = calibrated(cut=cut, at=at)
    assert settings.calibration.scores[calibration.place_of(settings)] == score


def test_a_recall_that_held_back_videos_do_not_reach():
    with pytest.raises(InputError, match=r"a recall of 0.7: on held-back videos it is at most 0.6; .* lower"):
        calibration.place_of(calibrated(cut="recall", at=0.7))


def test_an_event_is_right_that_holds_a_point_of_its_class_and_no_other():
    truth = {
        "a": segments([[1, 1], [5, 5], [8, 8]], [0, 1, 0]),
        "b": segments([[2, 2]], [0]),
    }
    detections = {
        # the second holds two points, and keeps the fourth out
        "a": segments([[0, 2], [4, 9], [4, 6], [7.5, 8.5]], [0, 0, 1, 0], [0.9, 0.8, 0.7, 0.6]),
        "b": segments([[3, 4], [1, 3]], [0, 1], [0.5, 0.4]),  # no point; one of another class
        "c": segments([[1, 3]], [0], [0.3]),  # no such video
    }
    fitted = fitting.calibrate(truth, detections.items(), ["x", "y"])
    assert fitted.points == 4
    assert (fitted.scores, fitted.events, fitted.right) == ([0.9, 0.7], [1, 3], [1, 2])


def test_where_no_held_back_event_is_right_none_is_listed():
    truth = {"a": segments([[1, 1], [5, 5]], [0, 1])}
    wrong = {"a": segments([[2, 3], [6, 7]], [0, 1], [0.9, 0.2])}
    for detections, odds in ((wrong, 3), ({"a": segments([])}, 1)):  # Platt's targets: 1/4 of both, 1/2
        fitted = fitting.calibrate(truth, detections.items(), ["x", "y"])
        assert (fitted.points, fitted.scores, fitted.events, fitted.right) == (2, [], [], [])
        assert calibration.probabilities(fitted, np.array([0.9, 0.2])) == pytest.approx([1 / (odds + 1)] * 2)
        for cut in ("f1", "precision", "recall"):
            settings = config.CalibratedEvents(cut=cut, calibration=fitted)
            assert not len(listing.of_detections(wrong, settings)["a"])
            assert figures.held_back(settings) == {
                "points": 2, "events": 0, "F1": 0, "precision": 0, "recall": 0,
            }  # fmt: skip
    instance = {"a": segments([[2, 3]], [0])}
    measured = figures.measure(instance, wrong, settings, classes=["x", "y"], ambiguous={})
    assert (measured["events"], measured["probability"], measured["edit"]) == (0, None, 0)
    assert measured["F1"] == {"0.1": 0, "0.25": 0, "0.5": 0}


def test_a_list_without_a_right_held_back_event_is_empty_and_warns(finished_run, out, tmp_path):
    files = {"points": tmp_path / "points.json", "wrong": tmp_path / "wrong.json"}
    point = {"label": "golf", "segment": [1, 1]}
    entry = {"subset": "test", "duration": 9, "annotations": [point], "truth": "points"}
    files["points"].write_text(json.dumps({"database": {"a": entry}}))
    wrong = [{"label": "golf", "segment": [3, 4], "score": 0.9}]
    files["wrong"].write_text(json.dumps({"results": {"a": wrong}}))
    labels = ["--labels", finished_run / "results/mine/train/labels.json", "--detections", files["wrong"]]
    made = run_script(
        "calibrate_events.py", *labels, "--annotations", files["points"], "--output", out / "fitted.json"
    )
    assert made.returncode == 0, made.stderr
    assert "no event in the held-back videos is right, by their 1 points" in made.stderr
    options = ["--calibration", out / "fitted.json", "--events", "{}", "--output", out / "events.csv"]
    made = run_script("list_events.py", *labels, *options)
    assert made.returncode == 0, made.stderr
    assert "no events: none was right in the held-back videos that calibrate them" in made.stderr
    assert (out / "events.csv").read_text() == "video,start,end,class,probability\n"


def test_the_list_is_by_start_and_as_long_as_the_cut_says():
    detections = segments(
        [[6, 7], [0, 2.00049], [1, 3], [0, 1], [8, 9]], [0, 1, 0, 1, 0], [1.0, np.exp(-1), 0.2, 0.1, 0.32]
    )
    [events] = listing.of_detections({"v": detections}, calibrated(cut="precision", at=0.8)).values()
    assert events.times.tolist() == [[0, 2], [6, 7], [8, 9]]
    assert events.labels.tolist() == [1, 0, 0]
    assert events.scores[:2].tolist() == [0.25, 0.75]
    assert len(listing.events(detections, calibrated())) == 4  # before the cut


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scores": [0.9, 0.5, 0.5, 0.1]}, "must increase"),
        ({"events": [1, 4, 5]}, "different lengths"),
        ({"events": [1, 2, 5, 20]}, "more events are right"),
        ({"points": 5}, "more events are right"),
        ({"slope": -1.0}, "greater than or equal to 0"),
    ],
)
def test_a_calibration_that_cannot_be(changes, words):
    values = calibrated().calibration.model_dump() | changes
    with pytest.raises(InputError, match=words):
        config.parse(config.Calibration, values, "calibration")


# --- F1 and the edit score


TRUE = {"a": segments([[0, 10], [10, 20], [12, 16]], [0, 0, 1]), "b": segments([[0, 5]], [1])}


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0.1, (3, 2, 1)), (0.25, (2, 3, 2)), (0.5, (1, 4, 3))],
)
def test_f1_by_hand(threshold, expected):
    events = {
        # tIoU 0.2 and, first by start, 0.5 with [0, 10]; 1/6 with [12, 16]; nothing of its class
        "a": segments([[5, 7], [0, 5], [15, 18], [17, 19]], [0, 0, 1, 1]),
        "b": segments([[0, 2]], [1]),  # 0.4
    }
    counts = segmental.count(TRUE, events, threshold, {})
    assert tuple(counts) == expected
    right, wrong, missed = expected
    assert counts.figures == pytest.approx(
        {
            "F1": 200 * right / (2 * right + wrong + missed),
            "precision": 100 * right / (right + wrong),
            "recall": 100 * right / (right + missed),
        }
    )


def test_an_event_takes_the_instance_of_its_best_tiou_or_none():
    """As in the field's program: the second one's best instance is taken, though another would do."""
    true = segments([[0, 10], [8, 20]], [0, 0])
    events = segments([[0, 9], [1, 10]], [0, 0])
    assert segmental.match(true, events, 0.1).tolist() == [True, False]


def test_what_counts_neither_way_and_what_has_nothing_to_match():
    ambiguous = {"a": np.array([[30, 40]])}
    events = {"a": segments([[31, 32], [50, 51]], [0, 0]), "other": segments([[0, 1]], [0])}
    assert tuple(segmental.count(TRUE, events, 0.1, ambiguous)) == (0, 2, 4)
    assert tuple(segmental.count(TRUE, {}, 0.1, {})) == (0, 0, 4)
    assert segmental.count({"a": segments([])}, {}, 0.1, {}).figures == {"F1": 0, "precision": 0, "recall": 0}
    nothing = {"a": segments([]), "b": segments([])}
    assert segmental.edit_score(nothing, {"b": segments([[31, 32]], [0])}, {"b": ambiguous["a"]}) == 100


def test_the_edit_distance_is_levenshteins():
    assert segmental.edit_distance(list("kitten"), list("sitting")) == 3
    assert segmental.edit_distance([], [1, 2]) == segmental.edit_distance([1, 2], []) == 2
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b, c = (rng.integers(0, 3, rng.integers(0, 6)).tolist() for _ in range(3))
        distance = segmental.edit_distance
        assert distance(a, b) == distance(b, a) and (distance(a, b) == 0) == (a == b)
        assert distance(a, c) <= distance(a, b) + distance(b, c)


def test_the_edit_score_by_hand():
    """a: true 0 0 1 by start, found 0 1: one insertion of three; b: 1 against nothing; c: both empty."""
    truth = TRUE | {"c": segments([])}
    events = {"a": segments([[11, 12], [3, 4]], [1, 0]), "other": segments([[0, 1]], [0])}
    assert segmental.edit_score(truth, events, {}) == pytest.approx(100 * (2 / 3 + 0 + 1) / 3)


def test_the_figures_of_a_list_and_their_means_over_seeds():
    truth = {"a": segments([[0, 10], [20, 30]], [0, 1])}
    right = {"a": segments([[0, 10], [20, 30]], [0, 1], [0.9, 0.5])}
    wrong = {"a": segments([[0, 10], [40, 50]], [0, 1], [0.9, 0.5])}
    settings = calibrated(slope=0.0, intercept=0.0)
    runs = [
        figures.measure(truth, detections, settings, classes=["x", "y"], ambiguous={})
        for detections in (right, wrong)
    ]
    assert runs[0]["F1"] == {"0.1": 100, "0.25": 100, "0.5": 100}
    assert runs[1]["F1"] == {"0.1": 50, "0.25": 50, "0.5": 50}
    assert runs[0]["calibration_error"] == {"0.1": 50, "0.25": 50, "0.5": 50}  # said 0.5, and all are right
    assert runs[1]["calibration_error"]["0.1"] == 0
    mean = figures.over_seeds(runs)
    assert mean["events"] == 2 and mean["edit"] == 100 and mean["F1"]["0.5"] == 75
    assert mean["std"]["F1"]["0.5"] == pytest.approx(50 / np.sqrt(2))
    none = figures.measure(truth, {"a": segments([])}, settings, classes=["x", "y"], ambiguous={})
    assert none["events"] == 0 and none["edit"] == 0 and none["calibration_error"]["0.5"] is None
    assert figures.over_seeds([none])["calibration_error"]["0.5"] is None
    assert figures.held_back(calibrated()) == pytest.approx(
        {"points": 10, "events": 5, "F1": 800 / 15, "precision": 80, "recall": 40}
    )


# --- a model that lists events


def write_calibration(path: Path) -> Path:
    """A calibration of the finished run's scores, as if held-back videos had been."""
    values = calibrated(scores=[0.5, 0.1, 1e-2, 1e-3]).calibration.model_dump()
    path.write_text(json.dumps(values))
    return path


def bundle_calibrated(run: Path, folder: Path, *options: str) -> Path:
    """A calibrated model by what the run has made."""
    values = json.loads(predict.model_file.read(run / MODEL)["settings"])
    path = folder / "calibrated.pt"
    made = run_script(
        *("bundle_model.py", "--stage1", run / MODEL1, "--stage2", run / MODEL2, "--stage3", run / MODEL3),
        *("--features", run / "results/mine/train/features.h5", "--settings", json.dumps(values)),
        *("--calibration", write_calibration(folder / "calibration.json"), *options, "--output", path),
    )
    assert (made.returncode, made.stderr) == (0, "")
    return path


def test_a_model_lists_the_workflows_events(finished_run, tmp_path):
    """predict.py by calibrated.pt alone, and list_events.py by detections and the calibration."""
    model = bundle_calibrated(finished_run, tmp_path, "--events", '{"cut": "precision", "at": 0.8}')
    ran = run_script(
        *("predict.py", "--model", model, "--features", finished_run / "videos", "--device", "cpu"),
        *("--events", tmp_path / "events.csv", tmp_path / "events.json"),
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    events = (tmp_path / "events.csv").read_text()
    assert events.startswith("video,start,end,class,probability\n") and len(events.splitlines()) > 12
    for cut, same in (('{"cut": "precision", "at": 0.8}', True), ('{"cut": "recall", "at": 0.6}', False)):
        listed = run_script(
            *("list_events.py", "--detections", finished_run / PREDICTED / "detections.json"),
            *("--labels", finished_run / "results/mine/train/labels.json"),
            *("--calibration", tmp_path / "calibration.json", "--events", cut),
            *("--output", tmp_path / "listed.csv"),
        )
        assert listed.returncode == 0, listed.stderr
        assert ((tmp_path / "listed.csv").read_text() == events) is same
    classes = predict.load(model, "cpu").classes
    for found in results.read(tmp_path / "events.json", classes).values():
        for label in np.unique(found.labels):
            times = found.times[found.labels == label]
            assert (times[1:, 0] >= times[:-1, 1]).all()  # by start, and one at a time
        assert ((found.scores > 0) & (found.scores < 1)).all()


def test_options_of_predict_stand_before_the_models_settings(finished_run, tmp_path):
    model = bundle_calibrated(finished_run, tmp_path)
    video = finished_run / "videos" / f"{VIDEO}.npy"
    lengths = []
    for options in ([], ["--cut", "precision", "--at", "0.99"], ["--cut", "recall", "--at", "0.6"]):
        ran = run_script(
            *("predict.py", "--model", model, "--features", video, "--device", "cpu", *options),
            *("--events", tmp_path / "events.csv"),
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        lengths.append(len((tmp_path / "events.csv").read_text().splitlines()))
    default, precise, complete = lengths
    assert precise < default < complete


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--events", "x.csv", "--cut", "recall", "--at", "0.7"], ["a recall of 0.7", "at most 0.6"]),
        (["--events", "x.csv", "--cut", "recall", "--at", "7"], ["--at 7: expected a number from 0 to 1"]),
        (["--events", "x.csv", "--at", "0.7"], ["--at 0.7", "with --cut precision or recall"]),
        (["--output", "x.csv", "--cut", "f1"], ["--cut: is of events; give --events FILE too"]),
        ([], ["nothing to write; give --output FILE, --events FILE or both"]),
        (["--events", "x.txt"], ["x.txt: no format of that name"]),
    ],
)
def test_what_a_list_cannot_be(finished_run, tmp_path, out, options, words):
    model = bundle_calibrated(finished_run, tmp_path)
    options = [str(out / word) if word.startswith("x.") else word for word in options]
    ran = run_script("predict.py", "--model", model, "--features", finished_run / "videos", *options)
    assert_stopped(ran, words, out)


def test_a_model_without_a_calibration_lists_no_events(finished_run, out):
    ran = run_script(
        *("predict.py", "--model", finished_run / MODEL, "--features", finished_run / "videos"),
        *("--events", out / "events.csv"),
    )
    assert_stopped(ran, [f"{MODEL}: is not calibrated", "give results/<dataset>/calibrated.pt"], out)


@pytest.mark.parametrize("change", [{"right": [9, 9, 9, 9]}, {"slope": "1"}, {"more": 1}])
def test_a_model_whose_calibration_is_damaged_is_none(finished_run, tmp_path, change):
    model = bundle_calibrated(finished_run, tmp_path)
    content = predict.model_file.read(model)
    values = json.loads(content["settings"])
    values["events"]["calibration"] |= change
    predict.model_file.write(model, content | {"settings": json.dumps(values)})
    with pytest.raises(InputError, match="not a model of this version of hrpro"):
        predict.load(model, "cpu")


def test_a_model_that_lists_no_events_has_the_bytes_that_it_had(finished_run, tmp_path):
    bundle_model(finished_run, tmp_path / "a.pt")
    assert (tmp_path / "a.pt").read_bytes() == (finished_run / MODEL).read_bytes()
    settings = json.loads(predict.model_file.read(finished_run / MODEL)["settings"])
    assert set(settings) == {"detection", "features", "layout", "names", "orientations", "proposals"}
    assert predict.load(finished_run / MODEL, "cpu").settings.events is None


def test_another_file_than_a_calibration(finished_run, tmp_path, out):
    for content in ({"slope": 1}, calibrated().calibration.model_dump() | {"points": 0}):
        (tmp_path / "x.json").write_text(json.dumps(content))
        ran = run_script(
            *(
                "list_events.py",
                "--detections",
                finished_run / DETECTIONS,
                "--calibration",
                tmp_path / "x.json",
            ),
            *("--labels", finished_run / "results/mine/train/labels.json", "--events", "{}"),
            *("--output", out / "events.csv"),
        )
        assert_stopped(ran, ["x.json"], out)


# --- what shows it


EMPTY = {"slope": 0, "intercept": -LOG3, "scores": [], "events": [], "right": []}  # no event was right


@pytest.mark.parametrize(
    ("changes", "listed", "promised", "found"),
    [
        ({}, "2 events to 2 true", "80.0 % of 5 events", "40.0 % of 10 points"),
        (EMPTY, "0 events to 2 true", "0.0 % of 0 events", "0.0 % of 10 points"),
    ],
)
def test_the_report_shows_how_good_a_list_is(tmp_path, changes, listed, promised, found):
    by = calibrated(**changes)
    *arguments, settings = report_files.write(tmp_path / "files")
    settings = json.loads(settings)
    truth = {"a": segments([[0, 10], [20, 30]], [0, 1])}
    detections = {"a": segments([[0, 10], [40, 50]], [0, 1], [0.9, 0.5])}
    scoring = {"classes": ["x", "y"], "ambiguous": {}}
    measured = figures.over_seeds([figures.measure(truth, detections, by, **scoring)])
    measured |= {"held_back": figures.held_back(by), "instances": 2}
    measured["calibration"] = figures.diagnose(truth, detections, by, **scoring)
    path = report_files.dump(tmp_path / "events-quality.json", measured)
    settings["experiments"]["default"]["events"] = str(path)
    outputs = ["--html", tmp_path / "report.html", "--json", tmp_path / "report.json"]
    ran = run_script("write_report.py", *arguments, json.dumps(settings), *outputs)
    assert (ran.returncode, ran.stderr) == (0, "")
    page = (tmp_path / "report.html").read_text()
    assert '<section id="events">' in page and f"{listed} segments" in page
    assert promised in page and found in page
    assert json.loads((tmp_path / "report.json").read_text())["experiments"]["default"]["events"] == measured


def test_tables_show_the_events_of_a_map():
    of_threshold = {"0.1": 50.0, "0.5": 25.0}
    keys = ("F1", "precision", "recall", "calibration_error")
    events = {"edit": 60.0, **dict.fromkeys(keys, of_threshold)}
    average = {"average": {"0.1:0.7": 1.0}, "std": {"0.1:0.7": 0.0}, "mAP": [1.0]}
    content = {"dataset": "d", "experiment": "e", "tiou": [0.1], "seeds": [0, 1]}
    content |= {"stages": {"stage1": {"last": average}}, "events": events | {"std": events}}
    [_, table] = tables.of_results([content])
    assert table["events"].tolist() == ["tIoU 0.1", "tIoU 0.5"]
    assert table["F1"].tolist() == ["50.0 ± 50.0", "25.0 ± 25.0"]
    assert table["edit"].tolist() == ["60.0 ± 60.0"] * 2


# --- the rules

CHAIN = Counter(
    {
        **{"copy_training_split": 1, "copy_test_split": 1, "label_videos": 1, "train_stage1": 1},
        **{"score_snippets": 2, "propose_training": 1, "rank_proposals": 1, "propose_test": 1},
        **{
            "train_stage2": 1,
            "train_stage3": 1,
            "detect_stage2": 1,
            "detect_stage3": 1,
            "calibrate_events": 1,
        },
    }
)
TARGETS = {
    "results/mine/events.csv": "list_events",
    "results/mine/events-quality.json": "measure_events",
    f"{PREDICTED}/events.csv": "list_new_events",
    "results/mine/calibrated.pt": "bundle_calibrated_model",
}


def test_who_asks_for_events_pays_for_one_chain(finished_run):
    assert planned(finished_run, "results/mine/events.csv") == CHAIN + Counter(["list_events"])
    assert planned(finished_run, *TARGETS) == CHAIN + Counter(TARGETS.values())


@pytest.mark.slow
def test_of_an_experiment_without_stage_2(finished_run):
    jobs = planned(finished_run, "results/mine/floor/events-quality.json")
    assert jobs["train_stage1"] == 2 and "train_stage2" not in jobs
    assert jobs["calibrate_events_of_experiment"] == jobs["measure_events_of_experiment"] == 1


def slow(values: tuple):
    """A case of the slow tests."""
    return pytest.param(*values, marks=pytest.mark.slow)


REFUSED = [
    (
        "results/mine-wrong/events.csv",
        {},
        "error: mine-wrong: is a copy, whose events nothing calibrates; ask for those of mine",
    ),
    ("results/mine/events.csv", {"held_points": None}, "error: copies.held_points: calibrates events"),
    (
        "results/mine/events.csv",
        {"held_points": {"truth": "segments"}},
        "expected {held_back: 0.25, truth: points}, as by default",
    ),
]


@pytest.mark.parametrize(("target", "copies", "words"), [REFUSED[0], *(slow(each) for each in REFUSED[1:])])
def test_without_held_back_videos_there_are_no_events(demo_data, tmp_path, target, copies, words):
    shutil.copytree(demo_data, tmp_path / "data")
    write_config(tmp_path, MINE | {"copies": copies})
    ran = snakemake(tmp_path, "-n", "--configfile=extra.yaml", "--", target)
    assert_workflow_stopped(ran, [words], tmp_path)


@pytest.mark.slow
def test_points_without_times_calibrate_nothing(demo_data, tmp_path):
    shutil.copytree(demo_data, tmp_path / "data")
    points = tmp_path / "data/point_labels/point_gaussian.csv"
    names, *rows = [row.split(",") for row in points.read_text().splitlines()]
    columns = [names.index("video_id"), names.index("class")]
    lines = ["video,class", *(",".join(row[column] for column in columns) for row in rows)]
    points.write_text("\n".join(lines) + "\n")
    write_config(tmp_path, MINE)
    ran = snakemake(tmp_path, "-n", "--configfile=extra.yaml", "--", "results/mine/events.csv")
    assert_workflow_stopped(ran, ["has no times", "or add a column `seconds`"], tmp_path)
