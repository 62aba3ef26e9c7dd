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

from conftest import SCRIPTS, run_script_process
from hrpro.config import FeatureFiles
from hrpro.data import demo, features, layouts, splits
from hrpro.data.features import FeatureFile
from hrpro.grid import Grid
from hrpro.utils import files
from hrpro.utils.errors import InputError


def convert(root, split: str, output, dtype="float32", training: FeatureFile | None = None) -> list[str]:
    """Convert a split's features; its videos, sorted."""
    videos = splits.read_splits(root)
    sources = layouts.of_splits(root, FeatureFiles(), videos)
    features.convert(
        {video: sources[video] for video in sorted(videos[split])},
        {},
        Grid(16, 25),
        dtype=dtype,
        layout=FeatureFiles(),
        output=output,
        training=training,
    )
    return sorted(videos[split])


@pytest.fixture(scope="module")
def converted(demo_data, tmp_path_factory):
    """A folder with the demo's train/features.h5 and test/features.h5, and the splits' videos."""
    folder = tmp_path_factory.mktemp("converted")
    videos = {"train": convert(demo_data, "train", folder / "train/features.h5")}
    with FeatureFile(folder / "train/features.h5") as training:
        videos["test"] = convert(demo_data, "test", folder / "test/features.h5", training=training)
    return folder, videos


def test_the_file_says_what_it_holds(demo_data, converted):
    folder, videos = converted
    for split in ("train", "test"):
        with h5py.File(folder / split / "features.h5") as file:
            attributes = dict(file.attrs)
            assert attributes.pop("by_columns").tolist() == [False]
            if split == "train":
                every = np.concatenate([file[video][()] for video in file]).astype(np.float64)
                np.testing.assert_allclose(attributes.pop("mean"), every.mean(0), rtol=0, atol=1e-12)
                np.testing.assert_allclose(attributes.pop("deviation"), every.std(0), rtol=1e-9)
            assert attributes == {
                "format_version": 4,
                "width": 64,
                "snippet_frames": 16,
                "snippet_window": 16,
                "snippet_fps": 25.0,
            }
            assert sorted(file) == videos[split]
            for video in videos[split]:
                source = demo_data / "features" / split / f"{video}.npy"
                data = file[video]
                assert data.chunks == data.shape
                assert data.attrs["sha256"].decode() == hashlib.sha256(source.read_bytes()).hexdigest()
                np.testing.assert_array_equal(data[()], np.load(source))


def test_reading_one_video_and_all_of_a_split(demo_data, converted):
    folder, videos = converted
    with FeatureFile(folder / "test/features.h5") as file:
        assert (file.width, file.grid, file.videos) == (64, Grid(16, 25), videos["test"])
        video = file.videos[3]
        one, (length,) = file.read([video])
        expected = np.load(demo_data / f"features/test/{video}.npy")
        np.testing.assert_array_equal(one, expected)
        assert length == len(expected) == file.length(video)
    with FeatureFile(folder / "train/features.h5") as file:
        packed, lengths = file.read(file.videos)
        assert sum(lengths) == len(packed)
        np.testing.assert_array_equal(
            packed[lengths[0] : lengths[0] + lengths[1]],
            np.load(demo_data / f"features/train/{file.videos[1]}.npy"),
        )


def test_half_precision_halves_the_file_and_reads_as_float32(demo_data, converted, tmp_path):
    folder, _ = converted
    convert(demo_data, "train", tmp_path / "half.h5", "float16")
    whole = folder / "train/features.h5"
    assert (tmp_path / "half.h5").stat().st_size < 0.6 * whole.stat().st_size
    with FeatureFile(tmp_path / "half.h5") as small, FeatureFile(whole) as large:
        a, _ = small.read(small.videos)
        b, _ = large.read(large.videos)
    assert a.dtype == np.float32
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    assert not np.array_equal(a, b)


def test_a_digest_is_that_of_what_the_file_holds(demo_data, converted, tmp_path):
    folder, _ = converted
    with FeatureFile(folder / "train/features.h5") as file, FeatureFile(folder / "test/features.h5") as other:
        before = file.digest()
        assert other.digest() != before
    convert(demo_data, "train", tmp_path / "half.h5", "float16")
    with FeatureFile(tmp_path / "half.h5") as file:
        assert file.digest() != before
    convert(demo_data, "train", tmp_path / "again.h5")
    with FeatureFile(tmp_path / "again.h5") as file:
        assert file.digest() == before


def peak_of_converting(root, videos: int, tmp_path) -> int:
    """Peak resident bytes of convert_features.py on `videos` videos of 4 MB each."""
    rng = np.random.default_rng(0)
    names = [f"v{i:03d}" for i in range(videos)]
    for split, of_split in (("train", names[1:]), ("test", names[:1])):
        (root / "features" / split).mkdir(parents=True)
        (root / f"split_{split}.txt").write_text("\n".join(of_split))
        for name in of_split:
            np.save(root / "features" / split / f"{name}.npy", rng.random((1000, 1024), dtype=np.float32))
    truth = {"database": {v: {"duration": 640, "annotations": []} for v in names}}
    (root / "gt_full.json").write_text(json.dumps(truth))
    (root / "points.csv").write_text("video,seconds,class\nv001,1,run\n")
    arguments = ["--root", root, "--features", '{"width": 1024}', "--frames", 16, "--fps", 25]
    arguments += [
        "--settings",
        '{"dtype": "float32"}',
        "--split",
        "train",
        "--output",
        tmp_path / f"{videos}.h5",
    ]
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


def test_features_that_have_no_place_are_not_begun(demo_data, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    output = tmp_path / "features.h5"
    with pytest.raises(InputError, match=r"features.h5: 1\.\d MB, but 1\.0 MB are free; free some space"):
        convert(demo_data, "train", output)
    assert not list(tmp_path.iterdir())


def test_conversion_is_reproducible(demo_data, converted, tmp_path):
    folder, _ = converted
    convert(demo_data, "train", tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == (folder / "train/features.h5").read_bytes()


def test_the_demo_is_the_same_every_time(demo_data, tmp_path):
    run_script_process("make_demo.py", "--output", tmp_path / "again").check_returncode()
    files = [path.relative_to(demo_data) for path in sorted(demo_data.rglob("*")) if path.is_file()]
    assert len(files) == 36 + 4
    for name in files:
        assert (tmp_path / "again" / name).read_bytes() == (demo_data / name).read_bytes(), name
    demo.write(tmp_path / "other", seed=1)
    path = "features/train/demo_train_000.npy"
    assert (tmp_path / "other" / path).read_bytes() != (demo_data / path).read_bytes()


def test_what_goes_wrong_in_flushing_is_raised():
    with pytest.raises(OSError, match="Bad file descriptor"), files.flushing(10**6) as flush:
        flush()
