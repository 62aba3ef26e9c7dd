"""Results files a video at a time, and how many detections are kept."""

import json

import numpy as np
import pytest

from hrpro import config
from hrpro.detection import results, suppression
from hrpro.detection.segments import segments
from hrpro.evaluation import mean_ap
from hrpro.utils import json_stream
from hrpro.utils.errors import InputError

ROW = {"segment": [1.5, 12.25e-1], "label": "dive", "score": 10}
NAMES = ["dive", "run"]

READABLE = {
    "as written": {"version": "hrpro 1", "results": {"a": [ROW, ROW], "b": []}, "external_data": {}},
    "results alone": {"results": {"a": [ROW]}},
    "no video": {"results": {}},
    "much around it": {"version": {"results": {"x": 1}}, "n": -12.5, "results": {'ü "a{': [ROW]}, "z": [[]]},
}
REFUSED = {
    "nothing": ("", "line 1: not valid JSON (Expecting value)"),
    "no JSON": ("\n\nresults", "line 3: not valid JSON (Expecting value)"),
    "a list": ("[1, 2]", 'no "results" object'),
    "a number": ("12", 'no "results" object'),
    "no results": ('{"result": {}}', 'no "results" object'),
    "results as a list": ('{"results": []}', 'no "results" object'),
    "cut in a video": ('{"results": {"a": [\n{"segment": [1', "line 2: not valid JSON"),
    "cut after a video": ('{"results": {"a": []', "line 1: not valid JSON (Expecting ',' delimiter)"),
    "cut after results": ('{"results": {"a": []}', "line 1: not valid JSON (Expecting ',' delimiter)"),
    "no colon": ('{"results": {"a" []}}', "line 1: not valid JSON (Expecting ':' delimiter)"),
    "a comma too many": ('{"results": {"a": [],\n}}', "line 2: not valid JSON (Expecting property name"),
    "a number as a name": ('{"results": {1: []}}', "line 1: not valid JSON (Expecting property name"),
    "two objects": ('{"results": {}}\n{}', "line 2: not valid JSON (Extra data)"),
    "a video twice": ('{"results": {"a": [], "b": [], "a": []}}', "'a' stands twice"),
    "results twice": ('{"results": {}, "results": {}}', "'results' stands twice"),
    "a score twice": ('{"results": {"a": [{"score": 1, "score": 2}]}}', "'score' stands twice"),
    "too deep": ('{"results": {"a": ' + "[" * 100_000, "nested too deep"),
}


@pytest.fixture(params=[1, 7, 2**22])
def chunk(request, monkeypatch):
    """Files are read in chunks of so many characters, so that a chunk ends at every place."""
    monkeypatch.setattr(json_stream, "CHUNK", request.param)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("content", READABLE.values(), ids=READABLE)
def test_a_results_file_is_read_as_json_reads_it(content, indent, chunk, tmp_path):
    path = tmp_path / "detections.json"
    path.write_text("\ufeff" + json.dumps(content, indent=indent) + "\n", encoding="utf-8")
    assert list(json_stream.entries(path, "results")) == list(content["results"].items())
    found = results.read(path, NAMES)
    assert {video: found[video].times.tolist() for video in found} == {
        video: [row["segment"] for row in rows] for video, rows in content["results"].items()
    }


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_results_file_ends_in_one_line(text, words, chunk, tmp_path):
    path = tmp_path / "detections.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        results.read(path, NAMES)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


def candidates(seed: int) -> dict:
    """Candidates of two classes in some videos, one of them without."""
    rng = np.random.default_rng(seed)
    videos = {"none": segments([])}
    for number in range(5):
        times = np.sort(rng.uniform(0, 50, (40, 2)))
        videos[f"v{number}"] = segments(times, rng.integers(2, size=40), rng.random(40))
    return videos


@pytest.mark.parametrize("batch", [1, 100, 2**18])
@pytest.mark.parametrize("most", [1, 3, 15, 1000, None])
def test_the_best_of_each_video_and_class_are_kept(most, batch, monkeypatch):
    monkeypatch.setattr(suppression, "BATCH", batch)
    videos = candidates(seed=0)
    settings = config.Detection(max_per_class=most)
    kept = dict(suppression.suppress(videos.items(), settings, {}))
    assert list(kept) == list(videos)
    every = suppression.soft_nms(videos, settings.sigma, settings.tiou_padding)
    for video, detections in every.items():
        best = [np.flatnonzero(detections.labels == label)[:most] for label in (0, 1)]
        expected = detections.take(np.concatenate(best))
        assert kept[video].times.tolist() == expected.times.tolist()
        assert kept[video].scores.tolist() == expected.scores.tolist()
        assert kept[video].labels.tolist() == expected.labels.tolist()
        for label in (0, 1):
            assert (np.diff(kept[video].scores[kept[video].labels == label]) <= 0).all()


def test_detections_are_written_and_scored_as_they_come(tmp_path):
    """From a generator, which holds a video at a time, as from what lies in memory."""
    videos = candidates(seed=1)
    truth = {video: found.take(slice(None, 5)) for video, found in videos.items()}
    for path, content in (("memory", videos.items()), ("stream", (item for item in videos.items()))):
        results.write(tmp_path / path, content, NAMES)
    assert (tmp_path / "memory").read_bytes() == (tmp_path / "stream").read_bytes()
    scored = mean_ap.evaluate(truth, videos.items(), NAMES, [0.5])
    assert mean_ap.evaluate(truth, results.read_each(tmp_path / "stream", NAMES), NAMES, [0.5]) == scored
