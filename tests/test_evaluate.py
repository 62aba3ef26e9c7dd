"""evaluate.py on its own, and the protocol's corners."""

import json

import numpy as np
import pytest

from conftest import run_script
from hrpro.detection.segments import segments, tiou
from hrpro.evaluation import mean_ap as evaluation


def files(tmp_path, database: dict, results: dict, **more):
    truth, found = tmp_path / "gt.json", tmp_path / "det.json"
    truth.write_text(json.dumps({"database": database}))
    found.write_text(json.dumps({"results": results} | more))
    return ["--annotations", truth, "--detections", found]


def entry(*annotations, subset="Test") -> dict:
    return {
        "subset": subset,
        "duration": 60,
        "annotations": [{"label": label, "segment": segment} for label, segment in annotations],
    }


def found(*items) -> list[dict]:
    return [{"label": label, "segment": segment, "score": score} for label, segment, score in items]


def evaluate(tmp_path, arguments, *more) -> dict:
    output = tmp_path / "map.json"
    run = run_script("evaluate.py", *arguments, "--subset", "Test", "--output", output, *more)
    assert run.returncode == 0, run.stderr
    return json.loads(output.read_text())


def test_a_pair_of_files_without_version_and_external_data(tmp_path):
    database = {
        "a": entry(("run", [0, 10]), ("run", [20, 30]), ("sit", [0, 5])),
        "b": entry(("run", [0, 10])),
        "other": entry(("run", [0, 10]), subset="Validation"),
    }
    results = {
        "a": found(("run", [0, 10], 0.9), ("run", [21, 30], 0.8), ("swim", [0, 10], 1.0)),
        "b": found(("run", [40, 50], 0.85), ("run", [0, 5], 0.1)),
    }
    result = evaluate(tmp_path, files(tmp_path, database, results), "--tiou", "0.1,0.5,0.7")
    # hits and misses in order of score: at 0.1 and 0.5 hit, miss, hit, hit of three; at 0.7 the last misses
    assert result["per_class"]["run"] == pytest.approx(
        [100 * (1 + 0.75 + 0.75) / 3] * 2 + [100 * (1 + 2 / 3) / 3]
    )
    assert result["per_class"]["sit"] == [0, 0, 0]  # a class without a detection has AP 0
    assert "swim" not in result["per_class"]
    assert result["mAP"] == pytest.approx([v / 2 for v in result["per_class"]["run"]])
    assert result["average"] == {"0.1:0.7": pytest.approx(np.mean(result["mAP"]))}


def test_excluded_videos_count_neither_way(tmp_path):
    database = {"a": entry(("run", [0, 10])), "b": entry(("run", [0, 10]))}
    results = {"a": found(("run", [0, 10], 0.5)), "b": found(("run", [30, 40], 0.9))}
    arguments = files(tmp_path, database, results, version="1.3")
    assert evaluate(tmp_path, arguments)["mAP"][0] == pytest.approx(25)
    assert evaluate(tmp_path, arguments, "--exclude", "b,c")["mAP"][0] == pytest.approx(100)


@pytest.mark.parametrize("exclude", ["b,c", "b, c", " c ,b, ", "c,b,"])
def test_blanks_in_a_list_of_videos_do_not_count(tmp_path, exclude):
    database = {video: entry(("run", [0, 10])) for video in "abc"}
    results = {"a": found(("run", [0, 10], 0.5)), "b": found(("run", [30, 40], 0.9)), "c": []}
    arguments = files(tmp_path, database, results)
    run = run_script("evaluate.py", *arguments, "--subset", "Test", "--exclude", exclude)
    assert "mAP at tIoU 0.1: 100.00 %" in run.stdout
    assert run.stderr == ""


@pytest.mark.parametrize(
    ("exclude", "label", "words"),
    [
        ("B,C", "run", "has none of the excluded videos 'B', 'C'; correct their names"),
        ("b,c.mp4", "run", "has none of the excluded videos 'c.mp4';"),
        (
            "",
            "Run",
            "left out 2 segments of classes that are not known here: 'Run'; expected, to the letter, 'run'",
        ),
        ("", " run ", None),  # blanks at the ends are no part of a name
        ("", None, None),  # proposals without a class count as before
    ],
)
def test_what_matches_no_name_is_told(tmp_path, exclude, label, words):
    results = {"a": found((label, [0, 10], 0.5)), "b": found((label, [30, 40], 0.9))}
    arguments = files(tmp_path, {video: entry(("run", [0, 10])) for video in "abc"}, results)
    run = run_script("evaluate.py", *arguments, "--subset", "Test", "--exclude", exclude)
    assert run.returncode == 0
    assert run.stderr.count("\n") == (words is not None)
    assert (words or "") in run.stderr


def test_detections_outside_the_subset_count_as_wrong_and_are_told(tmp_path):
    database = {"a": entry(("run", [0, 10])), "b": entry(("run", [0, 10]), subset="Validation")}
    results = {"b": found(("run", [0, 10], 0.9)), "a": found(("run", [0, 10], 0.5))}
    arguments = files(tmp_path, database, results)
    run = run_script("evaluate.py", *arguments, "--subset", "Test")
    assert "mean over 0.1:0.7: 50.00 %" in run.stdout
    assert "1 videos, such as 'b', are not of subset Test" in run.stderr


def test_ambiguous_segments_excuse_only_what_matches_nothing(tmp_path):
    video = entry(("run", [0, 10])) | {"ambiguous": [[8, 30]]}
    results = {"a": found(("run", [20, 30], 0.9), ("run", [0, 10], 0.8), ("run", [40, 50], 0.7))}
    arguments = files(tmp_path, {"a": video}, results)
    assert evaluate(tmp_path, arguments)["mAP"][0] == pytest.approx(50)
    assert evaluate(tmp_path, arguments, "--ignore-ambiguous")["mAP"][0] == pytest.approx(100)


def test_equal_scores_keep_the_order_of_the_file():
    truth = {"a": segments([[0, 10]], [0]), "b": segments([[0, 10]], [0])}
    right, wrong = [[0, 10]], [[30, 40]]
    first = {"b": segments(right, [0], [0.5]), "a": segments(wrong, [0], [0.5])}
    last = {"a": first["a"], "b": first["b"]}
    assert evaluation.evaluate(truth, first.items(), ["run"], [0.5])["run"] == [0.5]
    assert evaluation.evaluate(truth, last.items(), ["run"], [0.5])["run"] == [0.25]


def test_an_instance_is_found_once():
    truth = {"a": segments([[0, 10], [20, 30]], [0, 0])}
    given = {"a": segments([[0, 10], [0, 9], [1, 10]], [0, 0, 0], [0.9, 0.8, 0.7])}
    assert evaluation.evaluate(truth, given.items(), ["run"], [0.5])["run"] == [0.5]


def test_nothing_found_at_all():
    truth = {"a": segments([[0, 10]], [0])}
    per_class = evaluation.evaluate(truth, {}.items(), ["run", "sit"], [0.5])
    assert per_class == {"run": [0.0]}
    assert evaluation.summary(per_class, [0.5])["mAP"] == [0.0]


@pytest.mark.parametrize(
    ("thresholds", "ranges"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], ["0.1:0.7", "0.1:0.5", "0.3:0.7"]),
        ([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95], ["0.5:0.95"]),
        ([0.3, 0.4, 0.5, 0.6, 0.7], ["0.3:0.7"]),
        ([0.5], ["0.5:0.5"]),
    ],
)
def test_the_ranges_that_are_averaged(thresholds, ranges):
    assert list(evaluation.averages(np.ones(len(thresholds)), thresholds)) == ranges


# A video of points at 5 s (run), 20 s (run) and 22 s (sit), and a segment of 40 to 50 s (run).
POINTS = [("run", [5, 5]), ("run", [20, 20]), ("sit", [22, 22]), ("run", [40, 50])]


def test_a_point_agrees_with_what_holds_it_the_less_the_more_it_holds():
    times = np.array([segment for _, segment in POINTS], dtype=float)
    points = evaluation.lengthless(times)
    assert points.tolist() == [5, 20, 22]
    given = np.array([[0, 10], [19, 21], [20, 22], [0, 30], [22.5, 30], [35, 50], [20, 20]], dtype=float)
    held = evaluation.count_points(given, segments(times))
    agreement = evaluation.agreement(given, np.tile(times, (len(given), 1, 1)), held)
    assert agreement[:, :3].tolist() == [
        [1, 0, 0],
        [0, 1, 0],
        [0, 1 / 2, 1 / 2],  # ends included, the point of the other class counted
        [1 / 3, 1 / 3, 1 / 3],
        [0, 0, 0],
        [0, 0, 0],
        [0, 1, 0],
    ]
    np.testing.assert_array_equal(agreement[:, 3], tiou(given, times[3:])[:, 0])


def test_points_as_truth(tmp_path):
    results = {
        "a": found(
            ("run", [0, 10], 0.9),  # holds its point alone: a hit at every threshold
            ("run", [18, 24], 0.8),  # holds its own and sit's: a hit up to 0.5
            ("run", [4, 6], 0.7),  # of a point that is taken
            ("run", [40, 50], 0.6),  # the segment itself, by tIoU
            ("sit", [0, 30], 0.5),  # all three: up to 1/3
        )
    }
    arguments = files(tmp_path, {"a": entry(*POINTS) | {"truth": "points"}}, results)
    per_class = evaluate(tmp_path, arguments, "--tiou", "0.3,0.5,0.6")["per_class"]
    # hit, hit, miss, hit of three; over 0.5 hit, miss, miss, hit
    assert per_class["run"] == pytest.approx([100 * (1 + 1 + 3 / 4) / 3] * 2 + [100 * (1 + 2 / 4) / 3])
    assert per_class["sit"] == pytest.approx([100, 0, 0])


def test_a_segment_that_ends_before_it_starts_is_refused_still(tmp_path):
    arguments = files(tmp_path, {"a": entry(("run", [5, 4]))}, {})
    run = run_script("evaluate.py", *arguments, "--subset", "Test")
    assert run.returncode == 1
    assert "annotation 1: the segment [5, 4] ends before it starts" in run.stderr


# P-MIL's protocol on the published detections that it starts from (../shared/baselines.md, B.7)
LEFT_OUT = ["--exclude", "video_test_0000270,video_test_0001496"]  # by LACP and HR-Pro
PUBLISHED = {
    "rounded, 212 videos": (
        ["--protocol", "pmil"],
        [68.07, 62.86, 54.02, 45.50, 36.34, 24.69, 12.33, 43.40, 53.36, 34.58],
    ),
    "rounded, 210 videos": (
        ["--protocol", "pmil", *LEFT_OUT],
        [69.43, 64.16, 55.06, 46.40, 37.02, 25.23, 12.58, 44.27, 54.41, 35.26],
    ),
    "seconds, 210 videos": (
        LEFT_OUT,
        [69.69, 63.74, 54.63, 44.89, 34.10, 23.39, 12.47, 43.27, 53.41, 33.90],
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_protocols_on_published_detections(shared, tmp_path, name):
    options, expected = PUBLISHED[name]
    truth, detections = shared / "data/THUMOS14/gt_full.json", shared / "golden/detections_thumos14_test.json"
    result = evaluate(tmp_path, ["--annotations", truth, "--detections", detections], *options)
    assert [*result["mAP"], *result["average"].values()] == pytest.approx(expected, abs=0.00501)
    assert result.get("protocol") == ("pmil" if "pmil" in options else None)


def test_an_instance_that_rounding_empties_counts_and_is_never_found(tmp_path):
    # at 16 frames of 16 a second a snippet is a second; halves go to even numbers
    database = {"a": entry(("run", [0.5, 1.5]), ("run", [2.6, 3.4]))}
    results = {"a": found(("run", [0, 2], 0.9), ("run", [3, 3], 0.8), ("run", [2.6, 3.4], 0.7))}
    arguments = files(tmp_path, database, results)
    result = evaluate(tmp_path, arguments, "--protocol", "pmil", "--fps", "16", "--tiou", "0.9")
    assert result["per_class"]["run"] == [50.0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ignore-ambiguous"], ["--protocol pmil", "drop --ignore-ambiguous"]),
        (["--fps", "0"], ["snippet.fps: 0.0", "greater than"]),
    ],
)
def test_what_p_mils_protocol_refuses(tmp_path, options, words):
    arguments = files(tmp_path, {"a": entry(("run", [0, 10]))}, {"a": []})
    run = run_script("evaluate.py", *arguments, "--subset", "Test", "--protocol", "pmil", *options)
    assert run.returncode == 1 and len(run.stderr.splitlines()) == 1
    assert all(word in run.stderr for word in words)
