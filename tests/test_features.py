"""The feature file."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from conftest import SCRIPTS, run_script
from hrpro.data import annotations, features
from hrpro.grid import Grid
from hrpro.utils import files
from hrpro.utils.errors import InputError


@pytest.fixture(scope="module")
def converted(demo_data, tmp_path_factory):
    """The demo's features.h5 and the splits it holds."""
    output = tmp_path_factory.mktemp("converted") / "features.h5"
    splits = annotations.read_splits(demo_data)
    durations = dict.fromkeys([v for names in splits.values() for v in names], 60.0)
    features.convert(demo_data, splits, durations, Grid(16, 25), "float32", output)
    return output, splits


def test_the_file_says_what_it_holds(demo_data, converted):
    path, splits = converted
    with h5py.File(path) as file:
        assert dict(file.attrs) == {
            "format_version": 1,
            "width": 64,
            "snippet_frames": 16,
            "snippet_window": 16,
            "snippet_fps": 25.0,
        }
        for split, videos in splits.items():
            assert sorted(file[split]) == sorted(videos)
            for video in videos:
                source = demo_data / "features" / split / f"{video}.npy"
                data = file[split][video]
                assert data.chunks == data.shape
                assert data.attrs["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
                np.testing.assert_array_equal(data[()], np.load(source))


def test_reading_one_video_and_all_of_a_split(demo_data, converted):
    path, splits = converted
    with features.FeatureFile(path) as file:
        assert (file.width, file.grid) == (64, Grid(16, 25))
        video = splits["test"][3]
        one, (length,) = file.read("test", [video])
        expected = np.load(demo_data / f"features/test/{video}.npy")
        np.testing.assert_array_equal(one, expected)
        assert length == len(expected)
        packed, lengths = file.read_split("train")
        assert sum(lengths) == len(packed)
        np.testing.assert_array_equal(
            packed[lengths[0] : lengths[0] + lengths[1]],
            np.load(demo_data / f"features/train/{file.videos['train'][1]}.npy"),
        )


def test_half_precision_halves_the_file_and_reads_as_float32(demo_data, converted, tmp_path):
    path, splits = converted
    durations = dict.fromkeys([v for names in splits.values() for v in names], 60.0)
    half = tmp_path / "half.h5"
    features.convert(demo_data, splits, durations, Grid(16, 25), "float16", half)
    assert half.stat().st_size < 0.6 * path.stat().st_size
    with features.FeatureFile(half) as small, features.FeatureFile(path) as large:
        a, _ = small.read_split("test")
        b, _ = large.read_split("test")
    assert a.dtype == np.float32
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    assert not np.array_equal(a, b)


def peak_of_converting(root, videos: int, tmp_path) -> int:
    """Peak resident bytes of convert_features.py on `videos` videos of 4 MB each."""
    rng = np.random.default_rng(0)
    names = [f"v{i:03d}" for i in range(videos)]
    for split, chosen in (("train", names[1:]), ("test", names[:1])):
        (root / "features" / split).mkdir(parents=True)
        (root / f"split_{split}.txt").write_text("\n".join(chosen))
        for name in chosen:
            np.save(root / "features" / split / f"{name}.npy", rng.random((1000, 1024), dtype=np.float32))
    truth = {"database": {v: {"duration": 640, "annotations": []} for v in names}}
    (root / "gt_full.json").write_text(json.dumps(truth))
    arguments = ["--root", root, "--features", '{"width": 1024}', "--frames", 16, "--fps", 25]
    arguments += ["--settings", '{"dtype": "float32"}', "--output", tmp_path / f"{videos}.h5"]
    command = [sys.executable, SCRIPTS / "convert_features.py", *arguments]
    process = subprocess.Popen([str(part) for part in command])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0
    return usage.ru_maxrss * 1024


def test_converting_needs_no_more_memory_for_more_videos(tmp_path):
    few = peak_of_converting(tmp_path / "few", 4, tmp_path)
    many = peak_of_converting(tmp_path / "many", 40, tmp_path)
    assert many - few < 20e6  # of the 144 MB that the larger data set has more


def test_features_that_have_no_place_are_not_begun(demo_data, converted, tmp_path, monkeypatch):
    _, splits = converted
    durations = dict.fromkeys([v for names in splits.values() for v in names], 60.0)
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    output = tmp_path / "features.h5"
    with pytest.raises(InputError, match=r"features.h5: 1\.\d MB, but 1\.0 MB are free; free some space"):
        features.convert(demo_data, splits, durations, Grid(16, 25), "float32", output)
    assert not list(tmp_path.iterdir())


def test_conversion_is_reproducible(demo_data, converted, tmp_path):
    path, splits = converted
    durations = dict.fromkeys([v for names in splits.values() for v in names], 60.0)
    again = tmp_path / "again.h5"
    features.convert(demo_data, splits, durations, Grid(16, 25), "float32", again)
    assert again.read_bytes() == path.read_bytes()


def test_the_demo_is_the_same_every_time(demo_data, tmp_path):
    run_script("make_demo.py", "--output", tmp_path / "again").check_returncode()
    files = [path.relative_to(demo_data) for path in sorted(demo_data.rglob("*")) if path.is_file()]
    assert len(files) == 36 + 4
    for name in files:
        assert (tmp_path / "again" / name).read_bytes() == (demo_data / name).read_bytes(), name


def test_what_goes_wrong_in_flushing_is_raised():
    with pytest.raises(OSError, match="Bad file descriptor"), files.flushing(10**6) as flush:
        flush()
