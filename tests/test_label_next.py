"""Which video to label next, and what a model detects on the page: the order, accepting and rejecting."""

import json
import time

import numpy as np
import pandas as pd
import pytest

import label_model
from conftest import run_script
from hrpro import predict
from hrpro.config import FeatureFiles
from hrpro.data import layouts
from hrpro.grid import Grid
from hrpro.labelling import cli, order
from hrpro.labelling.marks import Action, Refused, action_of
from hrpro.labelling.predictions import Predictions, as_recorded, drawing, features_of, moment
from hrpro.labelling.recordings import Recording
from hrpro.labelling.server import Site
from hrpro.labelling.store import Store
from hrpro.utils.errors import InputError
from test_video import film

POUR, STIR = (2, 4, "pour"), (6, 8, "stir")  # snippets


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return label_model.train(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def model(trained):
    return predict.load(trained, "cpu")


# --- the order


def on_a_line(videos: dict[str, float]) -> dict[str, np.ndarray]:
    """Mean features of one channel."""
    return {video: np.array([value], dtype=float) for video, value in videos.items()}


def test_each_next_video_brings_the_others_nearest_to_a_label():
    means = on_a_line({"a": 0, "b": 1, "c": 9, "d": 10, "e": 11, "f": 30})
    ranks = order.rank({video: means[video] for video in "bcdef"}, {"a": means["a"]})
    # d is the middle of three; f, an outlier, brings only itself near
    assert [(rank.video, rank.covers) for rank in ranks] == [("d", 4), ("f", 1), ("b", 1), ("c", 1), ("e", 1)]
    deviation = np.std([0, 1, 9, 10, 11, 30])
    nearer = [(9 - 1) + 10 + (11 - 1) + (30 - 20), 20, 1, 1, 1]
    np.testing.assert_allclose([rank.gain for rank in ranks], np.array(nearer) / 6 / deviation, rtol=1e-4)


def test_the_order_is_that_of_a_search_through_all():
    rng = np.random.default_rng(0)
    means = {f"v{number:02}": rng.normal(size=3) for number in range(40)}
    labelled = {video: means.pop(video) for video in ["v03", "v17"]}
    values = np.array([*labelled.values(), *means.values()])
    distance = order.distances(values)
    nearest, left, expected = distance[:2].min(0), set(range(2, 40)), []
    while left:
        best = min(left, key=lambda number: np.minimum(nearest, distance[number]).sum())
        left.remove(best)
        nearest = np.minimum(nearest, distance[best])
        expected.append([*labelled, *means][best])
    assert [rank.video for rank in order.rank(means, labelled)] == expected


def test_distances_count_channels_alike_and_constant_ones_not_at_all():
    values = np.array([[0, 0, 7], [1, 0, 7], [0, 1000, 7]], dtype=float)
    np.testing.assert_allclose(order.distances(values)[0], [0, 3 / 2**0.5, 3 / 2**0.5], rtol=1e-6)


def test_without_labels_the_first_is_in_the_middle():
    first, second, third = order.rank(on_a_line({"a": 0, "b": 4, "c": 10}), {})
    assert first == ("b", None, 3)
    assert [(second.video, second.covers), (third.video, third.covers)] == [("c", 1), ("a", 1)]
    assert order.rank({}, on_a_line({"a": 0})) == []


def test_a_name_is_no_formula_in_the_list():
    ranks = [order.Rank("=a", None, 2), order.Rank("b, c", 0.5, 1)]
    assert order.as_csv(ranks) == 'rank,video,gain,covers\n1,\'=a,,2\n2,"b, c",0.500,1\n'


# --- accepted and rejected


def test_accepting_and_rejecting_are_actions_as_any_other(tmp_path):
    path = tmp_path / "points.csv"
    store = Store(path, ["pour", "stir"])
    rejected = ["rejected", 1.2, 1.7, "stir"]
    store.act(Action("1", "a", add=(("point", 0.7, "pour"),)))
    store.act(action_of({"id": "2", "video": "a", "add": [rejected]}))
    assert path.read_text() == "video,seconds,class\na,0.7,pour\n"
    more = tmp_path / "points.more.json"
    [entry] = json.loads(more.read_text())["rejected"]
    assert entry == {"video": "a", "start": 1.2, "end": 1.7, "class": "stir"}
    assert store.labelled() == {"a"}
    store.close()
    store = Store(path)
    assert store.snapshot()["marks"]["a"] == [("point", 0.7, "pour"), ("rejected", 1.2, 1.7, "stir")]
    undo = action_of({"id": "3", "video": "a", "remove": [rejected]})
    store.act(undo)
    assert json.loads(more.read_text())["rejected"] == []
    with pytest.raises(
        Refused, match=r"the rejection of stir from 1\.20 to 1\.70 s has been changed elsewhere"
    ):
        store.act(undo._replace(id="4"))
    store.close()


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (["rejected", 1, 1, "stir"], "without length"),
        (["rejected", 1, 2], "not a mark"),
        (["rejected", 1, 2, ""], "needs a name"),
        (["rejected", -1, 2, "stir"], "not a number from 0"),
    ],
)
def test_what_is_no_rejection_is_refused(mark, message):
    with pytest.raises(Refused, match=message):
        action_of({"id": "1", "video": "a", "add": [mark]})


# --- what the model detects


def test_a_detection_has_the_moment_at_which_it_is_surest(model):
    features, scores = predict.score(model, label_model.features(10, POUR, STIR))
    drawn = drawing(model, predict.detect(model, features, scores), scores)
    first, second = drawn["detections"][:2]
    assert (first["label"], first["moment"]) == ("pour", pytest.approx(0.7))
    assert (second["label"], second["moment"]) == ("stir", pytest.approx(1.5))
    assert first["score"] >= second["score"] >= 0.1
    assert drawn["curves"].keys() == {"pour", "stir"}
    assert int(np.argmax(drawn["curves"]["pour"])) == 3
    assert (drawn["from"], drawn["step"]) == (0, pytest.approx(0.2))


def test_the_moment_of_one_between_two_centres_is_its_middle():
    curve = np.array([0.1, 0.9, 0.2])
    assert moment(curve, 0.0, 3.0, Grid(25, 25)) == 1.5
    assert moment(curve, 1.6, 2.6, Grid(25, 25)) == 2.5
    assert moment(curve, 1.6, 1.8, Grid(25, 25)) == 1.7


def test_the_page_never_waits_for_the_model(model):
    videos = {name: lambda: label_model.features(10, POUR) for name in "abc"}

    def damaged():
        raise InputError("d.npy: damaged")

    def gone():
        raise KeyError("e")

    def narrow():
        return np.zeros((10, 2))

    faulty = {
        "d": (damaged, "d.npy: damaged"),
        "e": (gone, "'e'"),
        "f": (narrow, "2 channels, but the model takes 3"),
    }
    predictions = Predictions(model, videos | {video: read for video, (read, _) in faulty.items()})
    assert predictions.of("b") is None
    assert predictions.ranked(set()) is None
    assert "no features of this video" in predictions.of("x")["message"]
    predictions.start()
    until = time.monotonic() + 60
    while predictions.ranked(set()) is None or predictions.of("b") is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert predictions.of("b")["detections"][0]["label"] == "pour"
    assert {rank.video for rank in predictions.ranked({"a"})} == {"b", "c"}
    for video, (_, message) in faulty.items():
        while (answer := predictions.of(video)) is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert answer == {"message": message}
    predictions.stop()


# --- mistakes, told at the start


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "features").mkdir()
    film(tmp_path / "videos" / "a.mp4", 20)
    return tmp_path


def label(folder, *more, videos="videos"):
    return run_script("label.py", "--videos", folder / videos, "--points", folder / "points.csv", *more)


def told(run) -> str:
    """Its one line, and no file written."""
    assert run.returncode == 1
    [line] = run.stderr.splitlines()
    return line


def test_a_fault_of_the_model_or_its_features_is_told_at_the_start(folder, trained):
    features = folder / "features"
    assert "no such file" in told(label(folder, "--model", folder / "model.pt", "--features", features))
    (folder / "model.pt").write_bytes(b"no model")
    assert "not a model" in told(label(folder, "--model", folder / "model.pt", "--features", features))
    assert "is for the model of --model" in told(label(folder, "--features", features))
    assert "name the folder of the features by --features" in told(label(folder, "--model", trained))
    given = ("--model", trained, "--features", features)
    assert "no features of a video" in told(label(folder, *given))
    np.save(features / "b.npy", label_model.features(10))
    line = told(label(folder, *given))
    assert line.endswith(f"but of no video of {folder / 'videos'}: 'a'; name the folder of their features")
    np.save(features / "a.npy", label_model.features(10)[:, :2])
    (features / "b.npy").unlink()
    assert "a.npy: shape (10, 2), but features here have 3 channels" in told(label(folder, *given))
    assert not (folder / "points.csv").exists()


def test_test_videos_can_be_left_out_of_the_list(folder):
    (folder / "annotations.json").write_text('{"database": {"a": {"annotations": []}}}')
    line = told(label(folder, "--leave-out", folder / "annotations.json"))
    assert line.endswith("names every video of " + str(folder / "videos") + "; name the test videos' file")
    every = [Recording("a"), Recording("b")]
    assert cli.left_of(every, "videos", folder / "annotations.json") == [Recording("b")]


def test_the_classes_of_the_model_get_keys(folder, trained, monkeypatch):
    np.save(folder / "features" / "a.npy", label_model.features(10, POUR))
    began = []

    def run(site) -> None:
        """What `run` does, without serving."""
        began.append((site.store.snapshot()["classes"], list(site.predictions.features)))
        site.server.server_close()
        site.conversions.close()
        site.store.close()

    monkeypatch.setattr(Site, "run", run)
    run = label(folder, "--classes", "cut", "--model", trained, "--features", folder / "features")
    assert run.returncode == 0, run.stderr
    assert began == [(["cut", "pour", "stir"], ["a"])]


def test_recordings_may_be_the_features(model):
    of_right_width = [Recording("a", values=lambda: label_model.features(10, POUR))]
    known = features_of(model, of_right_width, "tables", rate=5)
    assert known["a"]().shape == (10, 3)
    with pytest.raises(InputError, match="--rate 50: the model takes 5 snippets per second"):
        as_recorded(model, of_right_width, "tables", 50)
    with pytest.raises(InputError, match="tables: a has 2 channels, but the model takes 3"):
        as_recorded(model, [Recording("a", values=lambda: np.zeros((4, 2)))], "tables", 5)


# --- label_next.csv


def test_features_beside_those_of_the_splits(tmp_path):
    for split, video in (("train", "a"), ("test", "b"), ("train", "c"), ("test", "d")):
        (tmp_path / "features" / split).mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "features" / split / f"{video}.npy", label_model.features(4))
    np.save(tmp_path / "features" / "x.npy", label_model.features(4))  # of another layout
    others = layouts.beside(tmp_path, FeatureFiles(), {"train": ["a"], "test": ["b"]})
    assert list(others) == ["c", "d"]


def test_label_next_ranks_those_in_neither_split(tmp_path):
    (tmp_path / "features").mkdir()
    for number, video in enumerate("abcde"):
        np.save(tmp_path / "features" / f"{video}.npy", np.full((4, 2), number, dtype=np.float32))
    (tmp_path / "points.csv").write_text("video,seconds,class\na,1,pour\n")
    training = label_model.write_features(tmp_path / "train.h5", {"a": np.zeros((4, 2))}, label_model.GRID)
    arguments = {
        "root": tmp_path,
        "labels": "{}",
        "features": "{}",
        "names": "{}",
        "training": training,
        "output": tmp_path / "label_next.csv",
    }
    words = [word for name, value in arguments.items() for word in (f"--{name}", value)]
    run = run_script("label_next.py", *words)
    assert run.returncode == 0, run.stderr
    table = pd.read_csv(tmp_path / "label_next.csv")
    assert list(table) == ["rank", "video", "gain", "covers"]
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert table["video"].tolist() == ["d", "b", "c", "e"]
    assert table["covers"].tolist() == [3, 1, 1, 1]
