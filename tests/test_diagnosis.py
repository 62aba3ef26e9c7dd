"""The diagnosis of detections against a slow plain version, by hand and on real detections."""

import itertools
import json
import math

import numpy as np
import pytest

from conftest import run_script
from hrpro.data import annotations
from hrpro.data.points import read_seconds
from hrpro.detection import results
from hrpro.detection.segments import segments
from hrpro.diagnosis import audit, buckets, errors, figures, matching, precision, words
from hrpro.evaluation import mean_ap

CLASSES = ["run", "sit", "swim"]
TIOU = [0.1, 0.3, 0.5, 0.7]


# The slow plain version: lists of detections and instances, one threshold and class at a time.


def overlap(one, other) -> float:
    shared = max(min(one[1], other[1]) - max(one[0], other[0]), 0)
    return shared / (one[1] - one[0] + other[1] - other[0] - shared)


class Slow:
    """instances: (video, row, label, start, end); detections: (video, row, label, start, end, score)."""

    def __init__(self, truth: dict, detections: dict, durations: dict):
        self.durations = durations
        self.instances = [
            (video, row, label, *times)
            for video, of_video in truth.items()
            for row, (label, times) in enumerate(zip(of_video.labels, of_video.times.tolist(), strict=True))
            if 0 < times[1] - times[0] <= durations.get(video, math.inf)
        ]
        self.detections = [
            (video, row, label, *times, score)
            for video, of_video in detections.items()
            for row, (label, times, score) in enumerate(
                zip(of_video.labels, of_video.times.tolist(), of_video.scores, strict=True)
            )
        ]
        self.present = sorted({instance[2] for instance in self.instances})
        self.average = len(self.instances) / len(self.present)

    def positives(self, label: int) -> int:
        return sum(instance[2] == label for instance in self.instances)

    def ranked(self, label: int) -> list:
        return sorted((d for d in self.detections if d[2] == label), key=lambda d: -d[5])

    def matched(self, label: int, threshold: float) -> dict:
        """(video, row) of a detection -> its instance, or None."""
        taken, result = set(), {}
        for detection in self.ranked(label):
            best = None
            for instance in self.instances:
                same = instance[0] == detection[0] and instance[2] == label and instance not in taken
                value = overlap(instance[3:5], detection[3:5])
                if same and value >= threshold and (best is None or value > best[0]):
                    best = (value, instance)
            result[detection[:2]] = best and best[1]
            if best:
                taken.add(best[1])
        return result

    def type_of(self, detection, instance, threshold: float) -> str:
        if instance:
            return "true positive"
        near = [
            (overlap(i[3:5], detection[3:5]), i[2] == detection[2])
            for i in self.instances
            if i[0] == detection[0]
        ]
        value, own = max(near, default=(0, False))
        if value >= threshold:
            return "double detection" if own else "wrong label"
        if value >= 0.1:
            return "localization" if own else "confusion"
        return "background"

    def ap(self, hits: list[bool], positives: int, weight: float = 1.0) -> float:
        points, true, wrong = [], 0, 0
        for hit in hits:
            true, wrong = true + hit, wrong + (not hit)
            points.append((true / positives, weight * true / (weight * true + wrong)))
        return sum(
            max(value for later, value in points if later >= count / positives - 1e-12) / positives
            for count in range(1, true + 1)
        )

    def mean_ap(self, threshold: float, keep=lambda *_: True, *, normalized=False, best=None) -> float:
        values = []
        for label in self.present:
            positives, matched = self.positives(label), self.matched(label, threshold)
            ranked = self.ranked(label)[: best and best * positives]
            hits = [matched[d[:2]] is not None for d in ranked if keep(d, matched[d[:2]], threshold)]
            values.append(self.ap(hits, positives, self.average / positives if normalized else 1.0))
        return float(np.mean(values))

    def without(self, kind: str, threshold: float, *, normalized=False) -> float:
        return self.mean_ap(
            threshold,
            lambda d, instance, threshold: self.type_of(d, instance, threshold) != kind,
            normalized=normalized,
            best=10,
        )

    def shares(self, times: int, threshold: float) -> dict | None:
        kinds = []
        for label in self.present:
            count, matched = self.positives(label), self.matched(label, threshold)
            for detection in self.ranked(label)[times * count : (times + 1) * count]:
                kinds.append(self.type_of(detection, matched[detection[:2]], threshold))
        return {kind: kinds.count(kind) / len(kinds) for kind in errors.TYPES} if kinds else None

    def characteristic(self, name: str, instance) -> float:
        length = instance[4] - instance[3]
        if name == "length":
            return length
        if name == "coverage":
            return length / self.durations[instance[0]]
        return sum(other[0] == instance[0] for other in self.instances)

    def bucket_map(self, name: str, low: float, high: float, threshold: float) -> float | None:
        inside = [i for i in self.instances if low < self.characteristic(name, i) <= high]
        values = []
        for label in self.present:
            positives = sum(i[2] == label for i in inside)
            if positives:
                matched = self.matched(label, threshold).values()
                hits = [i is not None for i in matched if i is None or i in inside]
                values.append(self.ap(hits, positives, self.average / positives))
        return float(np.mean(values)) if values else None

    def found(self, threshold: float) -> set:
        """Matched before the normalized precision stays at 0.05 or less."""
        instances = set()
        for label in self.present:
            weight, true, wrong, passed = self.average / self.positives(label), 0, 0, []
            for instance in self.matched(label, threshold).values():
                true, wrong = true + (instance is not None), wrong + (instance is None)
                passed.append((weight * true / (weight * true + wrong), instance))
            last = max((n for n, (value, _) in enumerate(passed, 1) if value > 0.05), default=0)
            instances |= {instance for _, instance in passed[:last] if instance}
        return instances

    def recall(self, limit: int, threshold: float, *, any_label: bool) -> float:
        best = []
        for video in {d[0] for d in self.detections}:
            best += sorted((d for d in self.detections if d[0] == video), key=lambda d: -d[5])[:limit]
        covered = [
            any(
                d[0] == i[0] and (any_label or d[2] == i[2]) and overlap(d[3:5], i[3:5]) >= threshold
                for d in best
            )
            for i in self.instances
        ]
        return sum(covered) / len(covered)


def random_case(seed: int):
    """Videos with instances and detections; one video without the former, one without the latter."""
    rng = np.random.default_rng(seed)
    truth, detections, durations = {}, {}, {}
    for number in range(6):
        video = f"v{number}"
        durations[video] = 60.0
        count = 0 if number == 4 else int(rng.integers(1, 9))
        start = rng.uniform(0, 50, count)
        times = np.stack([start, start + rng.uniform(0.5, 10, count)], axis=1)
        labels = rng.integers(0, 3, count)
        truth[video] = segments(times, labels)
        copies = np.repeat(np.arange(count), 4)
        near = times[copies] + rng.normal(0, 1.0, (len(copies), 2))
        near = np.stack([near.min(1), near.max(1) + 0.01], axis=1)
        start = rng.uniform(0, 50, 15)
        far = np.stack([start, start + rng.uniform(0.5, 10, 15)], axis=1)
        wrong = rng.random(len(copies)) < 0.3
        own = np.where(wrong, rng.integers(0, 2, len(copies)), labels[copies]) % (2 if seed % 2 else 3)
        if number != 5:
            detections[video] = segments(
                np.concatenate([near, far]),
                np.concatenate([own, rng.integers(0, 2, 15)]),
                rng.random(len(near) + 15).round(2),  # some are equal
            )
    return truth, detections, durations


@pytest.fixture(scope="module", params=range(3))
def compared(request):
    """A random case: by the plain version, matched, and its figures."""
    truth, detections, durations = random_case(request.param)
    matched = matching.match(truth, detections.items(), CLASSES, TIOU, durations=durations)
    return Slow(truth, detections, durations), matched, figures.diagnose(matched)


def test_matching_and_types(compared):
    slow, matched, _ = compared
    kinds = errors.types(matched)
    for number, threshold in enumerate(TIOU):
        verdicts = errors.of_videos(matched, kinds, threshold)
        for label in slow.present:
            for (video, row), instance in slow.matched(label, threshold).items():
                verdict = verdicts[video]
                assert verdict.instance[row] == (instance[1] if instance else -1)
                [detection] = [d for d in slow.detections if d[:2] == (video, row)]
                assert errors.TYPES[verdict.error[row]] == slow.type_of(detection, instance, threshold)
                nearest = max(
                    (overlap(i[3:5], detection[3:5]) for i in slow.instances if i[0] == video), default=0
                )
                assert verdict.tiou[row] == pytest.approx(nearest)
        assert kinds.shape == (len(TIOU), len(slow.detections)), number


def test_map_impact_and_profile(compared):
    slow, _, result = compared
    assert result["mAP"] == pytest.approx([slow.mean_ap(t) for t in TIOU])
    assert result["normalized_mAP"] == pytest.approx([slow.mean_ap(t, normalized=True) for t in TIOU])
    impact = result["errors"]["impact"]
    base = [slow.mean_ap(t, best=10) for t in TIOU]
    assert impact["mAP"] == pytest.approx(np.mean(base))
    for kind, row in impact["types"].items():
        gains = [slow.without(kind, t) - value for t, value in zip(TIOU, base, strict=True)]
        assert row["per_tiou"] == pytest.approx(gains)
        assert row["gain"] == pytest.approx(np.mean(gains))
        normalized = [
            slow.without(kind, t, normalized=True) - slow.mean_ap(t, normalized=True, best=10) for t in TIOU
        ]
        assert row["gain_normalized"] == pytest.approx(np.mean(normalized))
    for times, row in enumerate(result["errors"]["profile"]):
        shares = [slow.shares(times, threshold) for threshold in TIOU]
        for kind in errors.TYPES:
            expected = None if None in shares else pytest.approx(np.mean([share[kind] for share in shares]))
            assert row["shares"][kind] == expected


def test_buckets_sensitivity_and_misses(compared):
    slow, matched, result = compared
    found = [slow.found(threshold) for threshold in TIOU]
    assert result["missed"]["per_tiou"] == pytest.approx(
        [1 - len(instances) / len(slow.instances) for instances in found]
    )
    for scheme in (*buckets.SCHEMES, buckets.QUANTILES):
        rows = figures.diagnose(matched, scheme=scheme)["characteristics"]
        for name, characteristic in rows.items():
            assert sum(bucket["instances"] for bucket in characteristic["buckets"]) == len(slow.instances)
            for bucket in characteristic["buckets"]:
                low, high = bucket["low"], math.inf if bucket["high"] is None else bucket["high"]
                inside = {i for i in slow.instances if low < slow.characteristic(name, i) <= high}
                assert bucket["instances"] == len(inside)
                values = [slow.bucket_map(name, low, high, threshold) for threshold in TIOU]
                assert bucket["per_tiou"] == (pytest.approx(values) if inside else values)
                missed = [1 - len(of_tiou & inside) / len(inside) for of_tiou in found] if inside else None
                assert bucket["missed"] == (pytest.approx(np.mean(missed)) if inside else None)


def test_recall_against_detections_per_video(compared):
    slow, _, result = compared
    recall = result["recall"]
    assert (
        recall["per_video"][-2] < 47 <= recall["per_video"][-1]
    )  # 8 instances of 4 detections, and 15 others
    for column, limit in enumerate(recall["per_video"]):
        for any_label, key in ((False, "per_tiou"), (True, "per_tiou_any_label")):
            values = [slow.recall(limit, threshold, any_label=any_label) for threshold in TIOU]
            assert [row[column] for row in recall[key]] == pytest.approx(values)


def test_ends_calibration_and_confusion(compared):
    slow, matched, result = compared
    hits = {t: [slow.matched(label, t) for label in slow.present] for t in TIOU}
    by_name = {detection[:2]: detection for detection in slow.detections}
    for row in figures.diagnose(matched, snippet_s=0.5)["boundaries"]:
        pairs = [(by_name[d], i) for of_class in hits[row["tiou"]] for d, i in of_class.items() if i]
        assert row["matched"] == len(pairs)
        for column, end in ((3, "start"), (4, "end")):
            off = [detection[column] - instance[column] for detection, instance in pairs]
            assert row[f"{end}_s"]["median"] == pytest.approx(np.median(off))
            assert row[f"{end}_s"]["q25"] == pytest.approx(np.percentile(off, 25))
            assert row[f"{end}_snippets"]["q75"] == pytest.approx(np.percentile(off, 75) / 0.5)
    assert result["boundaries"][0]["start_snippets"] is None
    scored = [d for label in slow.present for d in slow.ranked(label)[: 10 * slow.positives(label)]]
    scores, error, low = sorted(d[5] for d in scored), np.zeros(len(TIOU)), -1.0
    rows = result["calibration"]["bins"]
    highest = {scores[math.ceil(number * len(scores) / 20) - 1] for number in range(1, 21)}
    assert [row["high"] for row in rows] == sorted(highest)
    for row in rows:
        inside = [d for d in scored if low < d[5] <= row["high"]]
        low = row["high"]
        assert row["detections"] == len(inside)
        assert row["low"] == min(d[5] for d in inside)
        assert row["score"] == pytest.approx(np.mean([d[5] for d in inside]))
        for number, threshold in enumerate(TIOU):
            matched_by_name = {name: i for of_class in hits[threshold] for name, i in of_class.items()}
            share = np.mean([matched_by_name[d[:2]] is not None for d in inside])
            assert row["right"][number] == pytest.approx(share)
            error[number] += abs(np.mean([d[5] for d in inside]) - share) * len(inside) / len(scored)
        near = [
            max((overlap(i[3:5], d[3:5]) for i in slow.instances if i[0] == d[0] and i[2] == d[2]), default=0)
            for d in inside
        ]
        assert row["tiou"] == pytest.approx(np.mean(near))
    assert result["calibration"]["error"] == pytest.approx(error)
    confusion = result["confusion"]
    assert confusion["tiou"] == [0.3, 0.5, 0.7]
    for threshold, cells in zip(confusion["tiou"], confusion["per_tiou"], strict=True):
        expected = {}
        for label, of_class in zip(slow.present, hits[threshold], strict=True):
            for detection in slow.ranked(label)[: slow.positives(label)]:
                near = [
                    (overlap(i[3:5], detection[3:5]), i[2]) for i in slow.instances if i[0] == detection[0]
                ]
                value, true = max(near, default=(0, None))
                if of_class[detection[:2]]:
                    true = label
                elif value < threshold:
                    true = None
                pair = (CLASSES[label], None if true is None else CLASSES[true])
                expected[pair] = expected.get(pair, 0) + 1
        assert {(detected, true): count for detected, true, count in cells} == expected


def test_videos_and_curves(compared):
    slow, _, result = compared
    assert list(result["videos"]) == [f"v{number}" for number in range(6)]
    kinds = dict.fromkeys(itertools.product(result["videos"], errors.TYPES), 0)
    for threshold in TIOU:
        for label in slow.present:
            matched = slow.matched(label, threshold)
            for detection in slow.ranked(label)[: slow.positives(label)]:
                kind = slow.type_of(detection, matched[detection[:2]], threshold)
                kinds[detection[0], kind] += 1 / len(TIOU)
    for video, row in result["videos"].items():
        inside = [i for i in slow.instances if i[0] == video]
        assert row["instances"] == len(inside)
        assert row["errors"] == pytest.approx({kind: kinds[video, kind] for kind in errors.TYPES})
        found = [sum(i[0] == video for i in slow.found(t)) for t in TIOU]
        assert row["missed"] == (pytest.approx(1 - np.mean(found) / len(inside)) if inside else None)
    curves = result["curves"]
    for name, of_class in curves["precision"].items():
        label = CLASSES.index(name)
        for threshold, curve in zip(curves["tiou"], of_class, strict=True):
            true, points = 0, []
            for rank, instance in enumerate(slow.matched(label, threshold).values(), 1):
                true += instance is not None
                points.append((true / slow.positives(label), true / rank))
            for recall, value in zip(curves["recall"], curve, strict=True):
                expected = max((p for r, p in points if r >= recall - 1e-9), default=0)
                assert value == pytest.approx(expected, abs=1e-4)


# By hand.


def diagnosed(truth: dict, detections: dict, tiou=(0.5,), **options) -> tuple:
    """Matched and figures of {video: [(label, start, end)]} and {video: [(label, start, end, score)]}."""
    matched = matching.match(
        {video: of(rows) for video, rows in truth.items()},
        ((video, of(rows)) for video, rows in detections.items()),
        CLASSES,
        list(tiou),
        **options,
    )
    return matched, figures.diagnose(matched)


def of(rows):
    return segments(
        [row[1:3] for row in rows], [CLASSES.index(row[0]) for row in rows], [[*row, 0][3] for row in rows]
    )


def kinds(matched, threshold=0.5) -> dict[str, list]:
    verdicts = errors.of_videos(matched, errors.types(matched), threshold)
    names = [*errors.TYPES, "ignored", "not scored"]
    return {video: [names[kind] for kind in verdict.error] for video, verdict in verdicts.items()}


def test_every_type_of_error():
    truth = {"a": [("run", 0, 10), ("sit", 20, 30), ("run", 50, 60)], "empty": []}
    detections = {
        "a": [
            ("run", 70, 80, 0.3),
            ("run", 0, 10, 0.9),
            ("run", 0, 9, 0.8),
            ("run", 20, 30, 0.7),
            ("run", 50, 53, 0.6),
            ("run", 20, 23, 0.5),
            ("swim", 0, 10, 1.0),  # a class without an instance
            ("run", 50, 50.9, 0.2),  # tIoU 0.09
            ("run", 50, 51, 0.2),  # tIoU 0.1
        ],
        # the released diagnosis compares these with the video before
        "empty": [("run", 0, 10, 0.4), ("run", 50, 60, 0.4)],
        "outside": [("sit", 20, 30, 0.9)],
    }
    matched, result = diagnosed(truth, detections)
    assert kinds(matched) == {
        "a": [
            "background",
            "true positive",
            "double detection",
            "wrong label",
            "localization",
            "confusion",
            "not scored",
            "background",
            "localization",
        ],
        "empty": ["background", "background"],
        "outside": ["background"],
    }
    verdict = errors.of_videos(matched, errors.types(matched), 0.5)["a"]
    assert verdict.tiou == pytest.approx([0, 1, 0.9, 1, 0.3, 0.3, 1, 0.09, 0.1])
    assert verdict.nearest.tolist() == [-1, 0, 0, 1, 2, 1, 0, 2, 2]
    assert verdict.instance.tolist() == [-1, 0, -1, -1, -1, -1, -1, -1, -1]
    counts = result["counts"]
    assert (counts["videos_without_instance"], counts["detections_outside"]) == (1, 1)
    assert counts["detections_of_no_class"] == 1
    assert counts["videos_without_detection"] == 0
    assert sum(result["errors"]["profile"][0]["shares"].values()) == pytest.approx(1)


def test_of_equally_near_instances_that_of_the_class_decides():
    truth = {"a": [("sit", 0, 10), ("run", 0, 10)]}  # as CliffDiving is Diving
    detections = {"a": [("run", 0, 10, 0.9), ("run", 0, 10, 0.8), ("run", 0, 4, 0.7)]}
    matched, _ = diagnosed(truth, detections)
    assert kinds(matched)["a"] == ["true positive", "double detection", "localization"]


def test_the_nearest_instance_decides_though_one_of_the_class_is_reached():
    truth = {"a": [("sit", 0, 10), ("run", 0, 8)]}
    detections = {"a": [("run", 0, 8, 0.9), ("run", 0, 10, 0.8)]}
    matched, _ = diagnosed(truth, detections)
    assert kinds(matched)["a"] == ["true positive", "wrong label"]


def test_a_threshold_is_reached_and_not_passed():
    matched, _ = diagnosed({"a": [("run", 0, 10)]}, {"a": [("run", 0, 5, 0.9), ("run", 5, 10, 0.8)]})
    assert kinds(matched)["a"] == ["true positive", "double detection"]


def test_detections_on_ambiguous_segments_count_neither_way():
    truth = {"a": [("run", 0, 10)]}
    detections = {"a": [("run", 20, 30, 0.9), ("run", 0, 10, 0.8), ("run", 40, 50, 0.7)]}
    regions = {"a": np.array([[8.0, 25.0]])}
    matched, result = diagnosed(truth, detections, ambiguous=regions)
    assert kinds(matched)["a"] == ["ignored", "true positive", "background"]
    assert result["average"] == 1
    assert [row["shares"]["background"] for row in result["errors"]["profile"][:4]] == [None, 0, 1, None]
    assert result["confusion"]["per_tiou"] == [[]]  # the best detection of one instance is the ignored one


def test_only_ten_times_as_many_detections_as_instances_are_looked_at():
    wrong = [("run", 20 + 2 * number, 21 + 2 * number, 0.9) for number in range(10)]
    detections = {"a": [*wrong, ("run", 0, 10, 0.5)]}
    _, result = diagnosed({"a": [("run", 0, 10)]}, detections)
    assert result["average"] == pytest.approx(1 / 11)
    assert result["errors"]["impact"]["mAP"] == 0
    assert result["errors"]["impact"]["all"] == {"mAP": 0, "gain": 0}
    assert [row["detections"] for row in result["errors"]["profile"]] == [1] * 10


@pytest.mark.parametrize(("wrong", "missed"), [(18, 0), (19, 1)])
def test_an_instance_is_missed_where_precision_is_no_more_than_a_twentieth(wrong, missed):
    detections = [("run", 20 + 2 * number, 21 + 2 * number, 0.9) for number in range(wrong)]
    _, result = diagnosed({"a": [("run", 0, 10)]}, {"a": [*detections, ("run", 0, 10, 0.5)]})
    assert result["missed"]["share"] == missed


def test_a_class_whose_best_detection_is_wrong_does_not_miss_all():
    detections = {"a": [("run", 20, 30, 0.9), ("run", 0, 10, 0.8)]}
    _, result = diagnosed({"a": [("run", 0, 10)]}, detections)
    assert result["missed"]["share"] == 0


def test_buckets_are_closed_on_the_right():
    edges = buckets.SCHEMES["thumos14"]
    values = [0.1, 3, np.nextafter(3, 4), 6, 12, 18, 18.1, np.nan]
    assert buckets.split(np.array(values), edges["length"]).number.tolist() == [0, 0, 1, 1, 2, 3, 4, -1]
    values = np.array([1, 2, 40, 41, 80, 81])
    assert buckets.split(values, edges["instances"]).number.tolist() == [0, 1, 1, 2, 2, 3]
    assert buckets.split(np.array([0.02, 0.021, 1]), edges["coverage"]).number.tolist() == [0, 1, 4]
    edges = buckets.SCHEMES["activitynet"]
    values = np.array([30, 31, 60, 120, 180, 181])
    assert buckets.split(values, edges["length"]).number.tolist() == [0, 1, 1, 2, 3, 4]
    assert buckets.split(np.array([1, 4, 5, 8, 9]), edges["instances"]).number.tolist() == [0, 1, 2, 2, 3]
    assert buckets.split(np.array([0.2, 0.5, 0.8, 1]), edges["coverage"]).number.tolist() == [0, 2, 3, 4]


def test_buckets_in_words():
    edges = {name: np.array(values) for name, values in buckets.SCHEMES["thumos14"].items()}
    assert buckets.labels("length", edges["length"]) == ["0-3 s", "3-6 s", "6-12 s", "12-18 s", "> 18 s"]
    assert buckets.labels("instances", edges["instances"]) == ["1", "2-40", "41-80", "> 80"]
    assert buckets.labels("coverage", edges["coverage"])[::4] == ["0-0.02", "> 0.08"]


def test_buckets_by_quantiles():
    lengths = np.array([1, 1, 1, 2, 3, 4, 5, 6, 7, 9.0])
    assert buckets.edges_of("length", lengths) == [0, 1, 2, 4, 6, math.inf]
    assert buckets.edges_of("length", np.full(4, 5.0)) == [0, math.inf]
    assert buckets.labels("length", np.array([0, math.inf])) == ["all"]
    assert buckets.edges_of("instances", np.array([1, 1, 2, 2, 3, 3, 9, 9.0])) == [0, 1, 2, 3, math.inf]
    assert buckets.edges_of("coverage", np.full(3, np.nan)) == [0, 1]


@pytest.mark.parametrize(
    ("videos", "classes", "scheme"),
    [
        (["video_test_0000004", "video_validation_0000051"], 20, "thumos14"),
        (["video_test_0000004", "mine"], 20, "quantiles"),
        (["v_--0edUL8zmA", "v_sJFgo9H6zNo"], 3, "activitynet"),
        (["--0edUL8zmA", "sJFgo9H6zNo"], 200, "activitynet"),
        (["kitchen_001", "kitchen_002"], 7, "quantiles"),
    ],
)
def test_the_buckets_of_a_data_set(videos, classes, scheme):
    assert buckets.scheme_of(videos, classes) == scheme


def test_buckets_do_not_depend_on_the_other_thresholds(compared):
    slow, matched, _ = compared
    truth, detections = {}, {}
    for video in matched.videos:
        rows = [i for i in slow.instances if i[0] == video]
        truth[video] = segments([i[3:5] for i in rows], [i[2] for i in rows])
        rows = [d for d in slow.detections if d[0] == video]
        detections[video] = segments([d[3:5] for d in rows], [d[2] for d in rows], [d[5] for d in rows])
    both, backwards = (
        matching.match(truth, detections.items(), CLASSES, tiou, durations=slow.durations)
        for tiou in ([0.1, 0.5], [0.5, 0.1])
    )
    for name, of_both in buckets.of_instances(both, "thumos14").items():
        of_backwards = buckets.of_instances(backwards, "thumos14")[name]
        one = buckets.normalized_map(both, of_both)
        np.testing.assert_array_equal(one, buckets.normalized_map(backwards, of_backwards)[:, ::-1])


def test_a_class_without_a_detection_and_videos_without_anything():
    truth = {"a": [("run", 0, 10), ("sit", 20, 30)], "b": [], "c": [("run", 0, 4)]}
    _, result = diagnosed(truth, {"a": [("run", 0, 10, 0.9)]}, durations={"a": 60, "b": 60})
    assert result["counts"]["classes_without_detection"] == ["sit"]
    assert result["counts"]["videos_without_detection"] == 2
    assert result["counts"]["unknown_duration"] == 1
    assert result["per_class"]["sit"]["average"] == 0
    assert result["average"] == pytest.approx(0.25)
    assert [bucket["instances"] for bucket in result["characteristics"]["coverage"]["buckets"]] == [2]


def test_no_detection_at_all():
    _, result = diagnosed({"a": [("run", 0, 10)]}, {})
    assert result["average"] == 0
    assert result["missed"]["share"] == 1
    assert result["recall"]["recall"] == [0]
    assert result["boundaries"][0]["start_s"] is None
    assert result["calibration"]["error"] == [None]
    text = "\n".join(words.lines(result))
    assert "    0.0 %  run (1 instances)\n" in text
    assert "missed instances: 100.0 %\n\nno detection is matched at tIoU 0.5" in text


def test_instances_without_length_or_longer_than_their_video_are_left_out():
    truth = {"a": [("run", 0, 10), ("run", 5, 5), ("run", 0, 61), ("run", 0, 60)], "b": [("run", 0, 99)]}
    matched, result = diagnosed(truth, {"a": [("run", 0, 60, 0.9)]}, durations={"a": 60.0})
    assert result["counts"]["left_out"] == {"no_length": 1, "too_long": 1}
    assert result["counts"]["instances"] == 3
    verdict = errors.of_videos(matched, errors.types(matched), 0.5)["a"]
    assert (verdict.instance[0], verdict.nearest[0]) == (3, 3)  # rows of what was given


def test_scores_that_are_no_shares():
    detections = {"a": [("run", 0, 10, 12.0), ("run", 20, 30, -3.0)]}
    _, result = diagnosed({"a": [("run", 0, 10)]}, detections)
    assert result["calibration"]["error"] == [None]
    assert [(row["low"], row["high"]) for row in result["calibration"]["bins"]] == [(-3, -3), (12, 12)]


def test_points_against_instances():
    truth = {
        "a": of([("run", 0, 10), ("run", 5, 15), ("sit", 20, 30), ("run", 40, 40)]),
        "b": of([]),
        "c": of([("run", 0, 4)]),
    }
    points = {"a": [(5.0, 0), (7.5, 0), (25.0, 0), (50.0, 0), (22.0, 1)], "b": [(1.0, 0)]}
    result = audit.audit(truth, points)
    # 5 lies in the first, nearest its centre; 7.5 between the two centres, of which the first is taken
    assert (result["points"], result["instances"]) == (5, 4)
    assert (result["inside"], result["outside"], result["in_another_class"]) == (3, 2, 1)
    assert (result["without"], result["repeated"]) == (2, 1)
    assert result["without_share"] == 0.5
    assert result["position"]["mean"] == pytest.approx((0.5 + 0.75 + 0.2) / 3)
    assert result["histogram"] == [0, 0, 1, 0, 0, 1, 0, 1, 0, 0]
    assert audit.audit({}, points)["position"] is None


# diagnose.py on anybody's files.

DATABASE = {
    "a": {
        "subset": "Test",
        "duration": 60,
        "fps": 25,
        "annotations": [
            {"label": "run", "segment": [0, 10]},
            {"label": "sit", "segment": [20, 30]},
            {"label": "run", "segment": [40, 40]},
            {"label": "run", "segment": [0, 70]},
        ],
    },
    "b": {"subset": "Test", "annotations": [{"label": "run", "segment": [5, 8]}]},
    "empty": {"subset": "Test", "duration": 9, "annotations": []},
    "train": {"subset": "Train", "annotations": [{"label": "swim", "segment": [2, 6]}]},
}
RESULTS = {
    "a": [
        {"label": "run", "segment": [1, 10], "score": 0.9},
        {"label": "run", "segment": [20, 30], "score": 0.8},
        {"label": "Run", "segment": [0, 10], "score": 1.0},
        {"label": None, "segment": [0, 10], "score": 1.0},
        {"label": "swim", "segment": [0, 10], "score": 0.1},
    ],
    "empty": [{"label": "run", "segment": [0, 3], "score": 0.2}],
    "elsewhere": [{"label": "run", "segment": [0, 3], "score": 0.1}],
}


@pytest.fixture
def pair(tmp_path) -> list:
    """Arguments of diagnose.py: two files with all that the files of others may have."""
    (tmp_path / "gt.json").write_text(json.dumps({"database": DATABASE}))
    (tmp_path / "det.json").write_text(json.dumps({"results": RESULTS}))
    files = ["--annotations", tmp_path / "gt.json", "--detections", tmp_path / "det.json"]
    return [*files, "--subset", "Test"]


def test_files_of_others(pair, tmp_path):
    points = tmp_path / "points.csv"
    points.write_text("video,seconds,class\ntrain,3,swim\ntrain,7,swim\na,25,sit\na,x,sit\nunknown,1,run\n")
    run = run_script(
        "diagnose.py", *pair, "--points", points, "--snippet", "0.64", "--output", tmp_path / "out.json"
    )
    assert run.returncode == 0, run.stderr
    for line in (
        "left out 1 segments of classes that are not known here: 'Run'",
        "1 videos, such as 'elsewhere', are not of subset Test; their detections count as wrong",
        "left out 1 instances without length and 1 longer than their video",
        "points.csv: left out 1 rows that are no points",
        "points.csv: left out the points of videos without annotations: 'unknown'",
    ):
        assert run.stderr.count(line) == 1, line
    assert run.stderr.count("\n") == 5
    result = json.loads((tmp_path / "out.json").read_text(), parse_constant=pytest.fail)
    assert result["classes"] == ["run", "sit"]
    assert result["per_class"]["run"]["ap"] == pytest.approx([0.5] * 7)
    assert result["per_class"]["sit"]["points"] == 1
    assert result["counts"]["videos_without_detection"] == 1
    assert result["points"]["points"] == 3
    assert result["points"]["outside"] == 1
    assert result["points"]["instances"] == 4
    assert result["boundaries"][0]["start_snippets"]["median"] == pytest.approx(1 / 0.64)
    assert "  wrong label           +0.0" in run.stdout
    assert "start 1.00 s late" in run.stdout
    assert "3 points: 33.3 % in no instance of their class; 50.0 % of 4 instances without one" in run.stdout


def test_points_of_the_workflow_and_of_frames(pair, tmp_path):
    ours, frames = tmp_path / "points.json", tmp_path / "frames.csv"
    ours.write_text(json.dumps({"classes": ["sit"], "videos": {"a": [{"label": "sit", "seconds": 22}]}}))
    frames.write_text("class,video_id,point\nsit,a,550\nrun,b,100\nfly,a,1\n")
    for path, position in ((ours, 0.2), (frames, 0.2)):
        run = run_script("diagnose.py", *pair, "--points", path, "--output", tmp_path / "out.json")
        assert run.returncode == 0, run.stderr
        audited = json.loads((tmp_path / "out.json").read_text())["points"]
        assert (audited["inside"], audited["position"]["mean"]) == (1, pytest.approx(position))
    assert "left out 1 rows that are no points, or frames of videos without fps" in run.stderr
    assert "points of classes that" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tiou", "a"], "--tiou a: expected numbers, 0.1,0.2"),
        (["--snippet", "0"], "--snippet 0: expected seconds, from 1e-06 on"),
        (["--snippet", "inf"], "--snippet inf: expected seconds, from 1e-06 on"),
        (["--tiou", "0.5,0.1"], "evaluation.tiou"),
        (["--subset", "val"], "no video of subset 'val'; the file has 'Test', 'Train'"),
        (
            ["--output", "det.json"],
            "det.json: stands twice on the command line; give the output a name of its own",
        ),
        (["--exclude", "a,b"], "no video of subset Test has an instance with a length; add what to"),
        (["--points", "other.json"], 'other.json: expected {"videos": {video: [{"label", "seconds"}]}}'),
    ],
)
def test_what_a_user_can_do_wrong(pair, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.json").write_text(json.dumps({"videos": {"a": [{"label": "sit"}]}}))
    run = run_script("diagnose.py", *pair, *arguments)
    assert run.returncode == 1
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_what_ignores_ambiguous_segments_and_excluded_videos(pair, tmp_path):
    database = {**DATABASE, "empty": {**DATABASE["empty"], "ambiguous": [[0, 9]]}}
    (tmp_path / "gt.json").write_text(json.dumps({"database": database}))
    out = tmp_path / "out.json"
    run_script("diagnose.py", *pair, "--output", out, "--ignore-ambiguous").check_returncode()
    assert json.loads(out.read_text())["videos"]["empty"]["errors"]["background"] == 0
    run_script("diagnose.py", *pair, "--output", out, "--exclude", "empty").check_returncode()
    assert list(json.loads(out.read_text())["videos"]) == ["a", "b"]


# Real detections.


@pytest.fixture(scope="module")
def thumos(shared):
    """The golden detections on THUMOS14's test videos, matched, their mAP by the evaluation, and figures."""
    exclude = ["video_test_0000270", "video_test_0001292", "video_test_0001496"]
    path = shared / "data" / "THUMOS14" / "gt_full.json"
    truth, _, classes = annotations.test_truth(path, "Test", exclude)
    detections = dict(results.read_each(shared / "golden" / "detections_thumos14_test.json", classes))
    detections = {video: of_video for video, of_video in detections.items() if video not in exclude}
    tiou = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    entries = annotations.read_entries(path)
    durations = {video: annotations.number(entries[video], "duration") for video in truth}
    matched = matching.match(truth, detections.items(), classes, tiou, durations=durations)
    evaluated = mean_ap.evaluate(truth, detections.items(), classes, tiou)
    return matched, evaluated, figures.diagnose(matched)


def test_ap_of_real_detections_is_the_evaluations(thumos):
    _, evaluated, result = thumos
    assert {name: row["ap"] for name, row in result["per_class"].items()} == evaluated


def test_identities_of_real_detections(thumos):
    matched, _, result = thumos
    rows = result["errors"]["profile"]
    for row in rows:
        assert sum(row["shares"].values()) == pytest.approx(1)
        np.testing.assert_allclose(np.sum(row["per_tiou"], axis=1), 1)
    best = matched.best(errors.RANKS)
    assert sum(row["detections"] for row in rows) == best.sum()
    # with no wrong detection left, precision is 1 and AP is recall
    recall = [
        [
            matched.hit[number, matched.of_class(label)][best[matched.of_class(label)]].sum()
            for label in matched.present
        ]
        for number in range(len(matched.tiou))
    ]
    recall = np.mean(recall / matched.positives[matched.present])
    kinds = errors.types(matched)
    none = best & (kinds == errors.TRUE)
    assert precision.average_precisions(matched, none).mean() == pytest.approx(recall, abs=1e-12)
    impact = result["errors"]["impact"]
    assert impact["all"]["mAP"] == pytest.approx(recall, abs=1e-12)
    assert impact["mAP"] + impact["all"]["gain"] == pytest.approx(recall, abs=1e-12)
    assert all(0 <= row["gain"] <= impact["all"]["gain"] for row in impact["types"].values())
    # one bucket with all instances is all there is
    edges = buckets.Buckets(np.array([0, np.inf]), np.zeros(len(matched.instances), dtype=int))
    np.testing.assert_allclose(buckets.normalized_map(matched, edges)[0], result["normalized_mAP"])
    for characteristic in result["characteristics"].values():
        counts = np.array([bucket["instances"] for bucket in characteristic["buckets"]])
        missed = np.array([bucket["missed"] for bucket in characteristic["buckets"]])
        assert counts @ missed / counts.sum() == pytest.approx(result["missed"]["share"])
    assert result["errors"]["profile"][0]["detections"] == 3311
    bins = result["calibration"]["bins"]
    assert sum(row["detections"] for row in bins) == best.sum()
    assert sum(row["detections"] * row["right"][4] for row in bins) == pytest.approx(
        matched.hit[4, best].sum()
    )


def test_figures_of_real_detections(thumos):
    _, _, result = thumos
    # equal tIoUs follow numpy's sorting, which differs between processors
    exact = np._core._multiarray_umath.__cpu_features__["AVX512_SKX"]

    def near(values):
        return pytest.approx(values, abs=5e-7 if exact else 5e-3)

    impact = result["errors"]["impact"]
    assert impact["mAP"] == near(0.432682)
    assert {kind: row["gain"] for kind, row in impact["types"].items()} == near(
        {
            "double detection": 0.0090005,
            "wrong label": 0.0017736,
            "localization": 0.0707065,
            "confusion": 0.0005943,
            "background": 0.0611831,
        }
    )
    assert impact["all"]["mAP"] == near(0.6787086)
    assert result["normalized_average"] == near(0.4537372)
    assert result["errors"]["profile"][0]["shares"] == near(
        {
            "true positive": 0.5068387,
            "double detection": 0.0338266,
            "wrong label": 0.0114769,
            "localization": 0.2564611,
            "confusion": 0.0083704,
            "background": 0.1830263,
        }
    )
    by_length = result["characteristics"]["length"]
    assert by_length["scheme"] == "thumos14"
    assert [bucket["label"] for bucket in by_length["buckets"]] == [
        "0-3 s",
        "3-6 s",
        "6-12 s",
        "12-18 s",
        "> 18 s",
    ]
    assert [bucket["instances"] for bucket in by_length["buckets"]] == [1607, 843, 711, 113, 37]
    assert [bucket["normalized_mAP"] for bucket in by_length["buckets"]] == near(
        [0.3876451, 0.5399396, 0.5440752, 0.3919557, 0.4472544]
    )
    assert [bucket["missed"] for bucket in by_length["buckets"]] == near(
        [0.4543515, 0.1952211, 0.1432590, 0.3034134, 0.4169884]
    )
    assert result["missed"]["share"] == near(0.3160029)


def test_buckets_of_the_whole_test_split(shared):
    """Every annotated video, as the literature counts them."""
    truth, _, classes = annotations.test_truth(shared / "data" / "THUMOS14" / "gt_full.json", "Test", [])
    matched = matching.match(truth, [], classes, [0.5])
    number = buckets.of_instances(matched, "thumos14")["length"].number
    assert np.bincount(number).tolist() == [1626, 851, 730, 114, 37]


def test_published_points(shared):
    """What the literature says of drawn points and of those that four people clicked."""
    folder = shared / "data" / "THUMOS14"
    entries = annotations.read_entries(folder / "gt_full.json")
    truth, _, classes = annotations.test_truth(folder / "gt_full.json", None, [])
    rows = []
    for name in ("point_labels/point_gaussian.csv", *(f"human_points/THUMOS{n}.txt" for n in range(1, 5))):
        points = read_seconds(folder / name, entries)
        numbered = {v: [(s, classes.index(label)) for s, label in of_v] for v, of_v in points.items()}
        result = audit.audit({video: truth[video] for video in points}, numbered)
        position = result["position"]
        shares = [100 * result["outside_share"], 100 * result["without_share"]]
        rows.append([position["mean"], position["std"], *shares])
    assert np.array(rows) == pytest.approx(
        np.array(
            [
                [0.475, 0.032, 0, 0.13],
                [0.305, 0.201, 4.06, 5.32],
                [0.573, 0.203, 2.36, 5.52],
                [0.600, 0.193, 3.92, 4.22],
                [0.340, 0.211, 1.61, 2.49],
            ]
        ),
        abs=6e-3,
    )
