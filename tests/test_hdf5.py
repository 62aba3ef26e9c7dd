"""HDF5 files whose values are not all there, and files that are damaged, locked or left behind."""

import errno
import json
import os
import resource
import threading
import zipfile

import h5py
import numpy as np
import pytest
import torch

from feature_files import write_features
from hrpro import config, model_file
from hrpro.data import candidates, copies, features, hdf5, layouts, points, readers, scores
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile, Scores
from hrpro.data.sources import FileDigests
from hrpro.detection import export
from hrpro.detection.fusion import Candidates
from hrpro.detection.segments import segments
from hrpro.grid import Grid
from hrpro.snippet.model import SnippetModel
from hrpro.snippet.settings import Settings
from hrpro.utils import errors, files, progress
from hrpro.utils.errors import InputError
from hrpro.video import backbones
from test_bad_input import Case, assert_says, table

ROWS = np.arange(32.0, dtype=np.float32).reshape(8, 4)


def virtual(source: str, name="v", shape=(8, 4), part=8):
    """Virtual values: the first rows of another file's."""

    def write(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((8, 4), "f4")
        layout[:part] = h5py.VirtualSource(source, name, shape=shape)[:part]
        file.create_virtual_dataset("a", layout)

    return write


def half_written(file: h5py.File) -> None:
    file.create_dataset("a", shape=(8, 4), dtype="f4", chunks=(4, 4))[:4] = ROWS[:4]


def external(size: int):
    def write(file: h5py.File) -> None:
        path = f"{file.filename}.raw"
        file.create_dataset("a", data=ROWS, external=[(path, 0, 128)])
        os.truncate(path, size)

    return write


def linked_to_nothing(file: h5py.File) -> None:
    file["a"] = h5py.ExternalLink("gone.h5", "a")


def linked_to_a_pipe(file: h5py.File) -> None:
    os.mkfifo(f"{file.filename}.pipe")
    file["a"] = h5py.ExternalLink(f"{file.filename}.pipe", "a")


NOT_THERE = [
    Case("a virtual data set without its file", virtual("gone.h5"), ["gone.h5: no such file"]),
    Case("without its data set", virtual("other.h5", "w"), ["other.h5: w, which is missing"]),
    Case("of rows past its end", virtual("short.h5"), ["short.h5: v, which is too short"]),
    Case("half of it", virtual("other.h5", part=4), ["parts of this virtual data set have no source"]),
    Case("of one never written", virtual("other.h5", "never"), ["other.h5: never", "never written"]),
    Case("never written", lambda file: file.create_dataset("a", (8, 4), "f4"), ["never written"]),
    Case("half of the chunks", half_written, ["parts of it were never written"]),
    Case("external storage cut short", external(100), ["x.h5.raw, which is missing or cut short"]),
    Case("8 GB of nothing", lambda f: f.create_dataset("a", (2**25, 64), "f4", chunks=(64, 64)), ["never"]),
    Case("no dataspace", lambda f: f.create_dataset("a", data=h5py.Empty("f4")), ["no values"]),
    Case("a link to no file", linked_to_nothing, ["a link to gone.h5: a"]),
    Case("a link to a pipe", linked_to_a_pipe, ["a link to ", "x.h5.pipe: a, which is not there"]),
]


@table(NOT_THERE)
def test_what_is_not_there_is_not_read_as_zeros(case, tmp_path):
    for name, rows in (("other.h5", 8), ("short.h5", 5)):
        with h5py.File(tmp_path / name, "w") as file:
            file["v"] = ROWS[:rows]
            file.create_dataset("never", (8, 4), "f4")
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        case.damage(file)
    for function in (readers.headers, readers.digest):
        with pytest.raises(InputError) as caught:
            sources = layouts.of_folder(path, config.FeatureFiles(width=4))
            function(sources["a"])
        assert_says(caught.value, f"{path}: a: ", case.words)


@pytest.mark.parametrize("kind", ["external", "virtual"])
def test_a_digest_sees_the_files_that_a_file_links_to(kind, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["v"] = ROWS
    with h5py.File(tmp_path / "x.h5", "w") as file:
        if kind == "virtual":
            virtual("other.h5")(file)
        else:
            file["a"] = h5py.ExternalLink("other.h5", "v")

    def digest() -> str:
        sources = layouts.of_folder(tmp_path / "x.h5", config.FeatureFiles())
        return FileDigests(tmp_path / "memory.json").of_features(sources)

    before = digest()
    assert digest() == before
    with h5py.File(tmp_path / "other.h5", "a") as file:
        file["v"][0, 0] = 7
    assert digest() != before


def test_a_digest_sees_that_a_link_leads_to_another_file(tmp_path):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", ROWS + (name == "b"))
        os.utime(tmp_path / f"{name}.npy", ns=(1, 1))
    (tmp_path / "link.npy").symlink_to("a.npy")
    digests = FileDigests(tmp_path / "memory.json")
    before = digests.of([tmp_path / "link.npy"])
    (tmp_path / "link.npy").unlink()
    (tmp_path / "link.npy").symlink_to("b.npy")
    assert digests.of([tmp_path / "link.npy"]) != before


@pytest.mark.parametrize(
    "content", ["[]", "null", "7", '{"x": 1}', '{"x": [[1], 2]}', "[" * 10**5, "{", '{"x": []}']
)
def test_a_memory_of_no_use_is_made_again(content, tmp_path, capsys):
    np.save(tmp_path / "a.npy", ROWS)
    memory = tmp_path / "memory.json"
    memory.write_text(content)
    expected = [files.sha256(tmp_path / "a.npy")]
    assert FileDigests(memory).of([tmp_path / "a.npy"]) == expected
    assert capsys.readouterr().err.count("\n") == 1
    assert FileDigests(memory).of([tmp_path / "a.npy"]) == expected
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("read", [readers.headers, readers.read, readers.digest])
@pytest.mark.parametrize("key", [None, "feats"])
@pytest.mark.parametrize("ending", ["npz", "h5"])
def test_an_array_that_unpacks_to_far_more_than_it_takes(ending, key, read, tmp_path):
    path, zeros = tmp_path / f"a.{ending}", np.zeros((2**18, 70), np.float32)
    if ending == "npz":
        np.savez_compressed(path, feats=zeros)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("feats", data=zeros, chunks=(2**14, 70), compression="gzip")
    key = "feats" if ending == "h5" else key
    with pytest.raises(InputError, match=r"73 MB, of 0\.[01] MB in its file"):
        read(readers.Source((path,), key, by_columns=False))


def what_features_say(path) -> list:
    """All that is read of a feature file."""
    with FeatureFile(path) as file:
        facts = [file.width, file.grid, file.orientations, file.videos, file.digest()]
        return [*facts, *((file.length(video), file.read([video])[0].tobytes()) for video in file.videos)]


def what_scores_say(path) -> list:
    """All that is read of a score file."""
    with ScoreFile(path) as file:
        read = [file.read(video) for video in file.videos]
        facts = [file.classes, file.thresholds, file.grid, file.videos]
        return facts + [a.tobytes() for s in read for a in (s.classes, s.background, s.video)]


def what_candidates_say(path) -> list:
    """All that is read of a file of candidates."""
    with candidates.CandidateFile(path) as file:
        facts = [file.classes, file.grid, file.videos]
        for video, (of_video, completeness) in file.read_each():
            quality = None if completeness is None else completeness.tobytes()
            parts = [part.tobytes() for part in (of_video.times, of_video.labels, of_video.scores)]
            facts += [video, *parts, quality]
        return facts


def test_candidates_are_read_as_they_were(tmp_path):
    rng, grid = np.random.default_rng(0), Grid(16, 25.0)
    sure = Candidates(segments(rng.random((4, 2)), [1, 0, 1, 1], rng.random(4)), rng.random(4))
    videos = {"a": sure, "b": Candidates(segments([]), np.empty(0)), "c": Candidates(sure.segments, None)}
    path = tmp_path / "candidates.h5"
    written = candidates.write(path, videos.items(), classes=["x", "é"], grid=grid)
    assert [(video, of_video is videos[video]) for video, of_video in written] == [(v, True) for v in videos]
    with candidates.CandidateFile(path) as file:
        assert (file.classes, file.grid) == (["x", "é"], grid)
        for video, (of_video, completeness) in file.read_each():
            expected, quality = videos[video]
            assert of_video.labels.dtype == expected.labels.dtype
            for name in ("times", "labels", "scores"):
                assert getattr(of_video, name).tolist() == getattr(expected, name).tolist()
            assert (completeness is None) == (quality is None)
            assert quality is None or completeness.tolist() == quality.tolist()


@pytest.mark.parametrize("name", ["features", "links", "scores", "candidates"])
def test_a_flipped_bit_is_seen_or_means_nothing(name, tmp_path):
    rng = np.random.default_rng(0)
    videos = {name: tmp_path / f"{name}.npy" for name in "abc"}
    for path in videos.values():
        np.save(path, rng.normal(size=(3, 2)).astype(np.float32))
    path = tmp_path / "features.h5"
    sources = {video: readers.Source((file,)) for video, file in videos.items()}
    layout, grid = config.FeatureFiles(width=2), Grid(16, 25.0)
    features.convert(sources, {}, grid, dtype="float32", layout=layout, output=path)
    if name == "links":
        copies.link_features(path, ["a", "c"], tmp_path / "links.h5")
    if name == "scores":
        with FeatureFile(path) as file:
            scores.write(
                tmp_path / "scores.h5",
                file,
                lambda rows: Scores(rows, rows[:, 0], rows.mean(0)),
                classes=["a", "é"],
                thresholds={"background": 0.5, "action": 0.1},
            )
    if name == "candidates":
        of_video = Candidates(segments([[0, 1], [2, 3]], [0, 1], [0.5, 0.25]), np.array([0.1, 0.2]))
        each = [(video, of_video) for video in "abc"]
        assert (
            len(list(candidates.write(tmp_path / "candidates.h5", each, classes=["a", "é"], grid=grid))) == 3
        )
    says = {"scores": what_scores_say, "candidates": what_candidates_say}
    path, read = tmp_path / f"{name}.h5", says.get(name, what_features_say)
    expected, whole, refused = read(path), path.read_bytes(), 0
    for place in rng.integers(0, len(whole), 200):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        try:
            assert read(path) == expected  # nothing lies there
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
            assert "remove it" in str(error)
    assert refused > 100


@pytest.fixture
def model(tmp_path):
    path, settings = tmp_path / "model.pt", Settings()
    network = SnippetModel(2, 8, settings)
    model_file.save(path, network, settings=settings, classes=["a", "b"], width=8, grid=Grid(16, 25.0))
    return path


def test_a_flipped_bit_of_a_model_is_seen(model):
    def content() -> list:
        file = model_file.read(model)
        return [file["facts"], file["settings"], *(v.numpy().tobytes() for v in file["state"].values())]

    expected, whole, rng = content(), model.read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 200):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << rng.integers(8)
        model.write_bytes(flipped)
        try:
            assert content() == expected  # it was padding
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100


FACTS = [
    Case("numbers for classes", {"classes": [1, 2]}, ["classes.0: 1"]),
    Case("null for classes", {"classes": None}, ["classes: None"]),
    Case("no class", {"classes": []}, ["classes: []"]),
    Case("a lone surrogate", {"classes": ["\ud800", "b"]}, ["classes.0: "]),
    Case("a class twice", {"classes": ["a", "a"]}, ["a class twice"]),
    Case("fps 0", {"fps": 0.0}, ["fps: 0.0"]),
    Case("fps NaN", {"fps": float("nan")}, ["fps: nan"]),
    Case("frames 0", {"frames": 0}, ["frames: 0"]),
    Case("text for frames", {"frames": "16"}, ["frames: '16'"]),
    Case("window -5", {"window": -5}, ["window: -5"]),
    Case("width 10^9", {"width": 10**9}, ["width: 1000000000"]),
]


@table(FACTS)
def test_what_a_model_file_says_of_itself(case, model):
    content = torch.load(model, weights_only=True)
    facts = json.loads(content["facts"]) | case.damage
    torch.save(content | {"facts": json.dumps(facts)}, model)
    with pytest.raises(InputError) as caught:
        model_file.load(model, "stage1")
    assert_says(caught.value, f"{model}: not a model", case.words)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"blocks": 10**6}, "blocks: 1000000: Input should be less than or equal to 64"),
        ({"blocks": -1}, "blocks: -1"),
        ({"width": "wide"}, "width: 'wide'"),
        ({"secret": 1}, "secret: unknown key"),
    ],
)
def test_settings_in_a_model_file(parts, words, model):
    content = torch.load(model, weights_only=True)
    torch.save(content | {"settings": json.dumps(json.loads(content["settings"]) | parts)}, model)
    with pytest.raises(InputError) as caught:
        model_file.load(model, "stage1")
    assert_says(caught.value, f"{model}: not a model", [words])


@pytest.mark.parametrize(
    "values",
    [{"scale": 10**9}, {"class_thresholds": [i / 1e5 for i in range(10**5)]}, {"scale": 0}],
)
def test_bounds_of_proposals(values):
    with pytest.raises(InputError):
        config.parse(config.Proposals, values)


@pytest.mark.parametrize("kind", ["pickle", "zip", "text"])
def test_a_model_that_is_none(kind, model, tmp_path):
    if kind == "pickle":
        torch.save({"a": tmp_path}, model)
    elif kind == "zip":
        with zipfile.ZipFile(model, "w") as file:
            file.writestr("a", "b")
    else:
        model.write_text("text")
    with pytest.raises(InputError) as caught:
        model_file.read(model)
    assert_says(caught.value, f"{model}: not a model", ["train again"])
    assert "weights_only" not in str(caught.value)


# --- files


def test_what_a_killed_process_has_left_is_used_again(tmp_path):
    (tmp_path / ".x.json.unfinished").write_text("left behind, and longer than what is written")
    files.write_json(tmp_path / "x.json", 1)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"x.json": "1\n"}


def test_two_writers_of_one_file(tmp_path):
    with files.atomic(tmp_path / "x") as first, files.atomic(tmp_path / "x") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    files.write_json(tmp_path / "x.json", 1)
    with files.atomic(tmp_path / "x.h5") as temporary, hdf5.create(temporary) as file:
        file["a"] = ROWS
    assert {path.name for path in tmp_path.iterdir()} == {"x.json", "x.h5"}


@pytest.mark.parametrize(
    "error",
    [OSError("16384 requested and 8192 written"), RuntimeError("Can't flush"), OSError("errno = 28, x")],
)
def test_a_full_disk_has_a_reason(error, tmp_path, monkeypatch):
    free = 0 if "errno" not in str(error) else 10**9
    usage = files.shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(OSError, match="No space left") as caught, files.atomic(tmp_path / "x"):
        raise error
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "x"))


def test_a_log_on_a_full_disk_ends_with_one_line(capsys, monkeypatch):
    monkeypatch.setattr(progress, "require_output", lambda path: None)  # the device stands for a file
    progress.start("/dev/full")
    for _ in range(3):
        progress.log.info("a line")
    assert (
        capsys.readouterr().err
        == "warning: /dev/full: [Errno 28] No space left on device; the log ends here\n"
    )
    progress.start()


@pytest.mark.parametrize(("error", "told"), [(OSError(errno.ENOSPC, "full"), False), (ValueError("x"), True)])
def test_a_thread_s_end_is_told_unless_the_machine_refused(error, told, monkeypatch):
    failures = []
    monkeypatch.setattr("threading.__excepthook__", failures.append)
    monkeypatch.setattr("threading.excepthook", errors.in_thread)

    def fail():
        raise error

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert bool(failures) == told


@pytest.mark.parametrize("room", [1, 100, 1000, 3000, 5000])
def test_an_hdf5_file_without_room(room, tmp_path):
    path, before = tmp_path / "x.h5", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with (
            pytest.raises(OSError) as caught,
            files.atomic(path) as temporary,
            hdf5.create(temporary) as file,
        ):
            for number in range(9):
                data = file.add(f"{number}", ROWS)
                data.attrs["sha256"] = hdf5.text("x" * 64)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOLCK, errno.EACCES])
def test_an_error_of_the_machine_is_no_damage(number, tmp_path, monkeypatch):
    path = write_features(tmp_path / "f.h5", {"a": ROWS}, Grid(16, 25))

    def fail(*_, **__):
        raise OSError(number, "of HDF5")

    monkeypatch.setattr(h5py, "File", fail)
    for read in (FeatureFile, readers.h5_videos):
        with pytest.raises(InputError) as caught:
            read(path)
        assert str(caught.value) == f"{path}: {os.strerror(number)}"


def of_folder(path):
    """The headers of the features in a folder or file."""
    return [readers.headers(source) for source in layouts.of_folder(path, config.FeatureFiles()).values()]


@pytest.mark.parametrize("kind", ["pipe", "/dev/zero"])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a.npy", of_folder),
        ("a.npy", lambda path: of_folder(path.parent)),
        ("a.npz", lambda path: of_folder(path.parent)),
        ("all.h5", lambda path: of_folder(path.parent)),
        ("a.npy", lambda path: readers.read(readers.Source((path,), by_columns=False))),
        ("a.npz", lambda path: readers.digest(readers.Source((path,), "a"))),
        ("names.npy", readers.read_names),
        ("names.txt", readers.read_names),
        ("f.h5", FeatureFile),
        ("s.h5", ScoreFile),
        ("c.h5", candidates.CandidateFile),
        ("model.pt", model_file.read),
        ("weights.pt", files.sha256),
        ("weights.pt", backbones.read_weights),
        ("a.json", files.read_json),
        ("a.csv", points.read),
    ],
)
def test_what_is_no_regular_file_is_not_waited_for(name, read, kind, tmp_path):
    path = tmp_path / name
    os.mkfifo(path) if kind == "pipe" else path.symlink_to(kind)
    with pytest.raises(InputError, match=r"not a regular file|no such file|no features") as caught:
        read(path)
    assert "\n" not in str(caught.value)


# --- prediction

EXTRACTED = {
    "i3d": (
        ["x_rgb", "x_flow", "y_rgb", "y_flow", "x_fps", "x_timestamps_ms", "y_fps", "y_timestamps_ms"],
        2,
    ),
    "another network": (["x_clip", "y_clip", "x_fps", "x_timestamps_ms", "y_fps", "y_timestamps_ms"], 1),
    "one stream": (["x_rgb", "y_rgb"], 1),
    "flow with its files": (["x_flow", "y_flow", "x_fps", "y_fps"], 1),
    "plain": (["x", "y"], 1),
}


@pytest.mark.parametrize("name", EXTRACTED)
def test_a_folder_as_extractors_write_it(name, tmp_path):
    names, count = EXTRACTED[name]
    for file in names:
        side = file.endswith(("_fps", "_timestamps_ms"))
        np.save(tmp_path / f"{file}.npy", np.arange(8.0) if side else ROWS)
    sources = layouts.of_folder(tmp_path, config.FeatureFiles())
    assert {video: len(source.files) for video, source in sources.items()} == {"x": count, "y": count}


def test_the_least_score_counts_in_all_formats(tmp_path):
    found = {"x": segments([[0, 1], [1, 2], [2, 3]], [0, 0, 0], [0.01, 0.3, 0.9])}
    rows = {}
    for least in (None, 0.5):
        for ending in ("json", "csv", "vtt"):
            export.write(str(tmp_path / f"x.{ending}"), found, ["a"], least)
        texts = [(tmp_path / f"x.{ending}").read_text() for ending in ("json", "csv", "vtt")]
        rows[least] = [texts[0].count("score"), texts[1].count("\n") - 1, texts[2].count("-->")]
    assert rows == {None: [3, 3, 2], 0.5: [1, 1, 1]}
