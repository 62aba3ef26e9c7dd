"""Features in every layout, and what is wrong with those that cannot be read."""

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from conftest import run_script, snakemake
from hrpro import config
from hrpro.data import features, layouts, orientation, readers, splits
from hrpro.data.features import FeatureFile
from hrpro.data.sources import FileDigests
from hrpro.grid import Grid
from hrpro.utils.errors import InputError
from test_bad_input import Case, assert_says, assert_stopped, table

TRAIN, OTHER, TEST = "demo_train_000", "demo_train_001", "demo_test_000"
HALF = 40  # of the demo's 64 channels: those of rgb; the rest are flow's
DEFAULT = config.FeatureFiles()


@pytest.fixture(scope="module")
def demo(demo_data) -> dict[tuple[str, str], np.ndarray]:
    """The demo's features: {(split, video): (T, 64)}."""
    pairs = [(split, video) for split, videos in splits.read_splits(demo_data).items() for video in videos]
    return {(split, video): np.load(demo_data / f"features/{split}/{video}.npy") for split, video in pairs}


@pytest.fixture
def root(demo_data, tmp_path) -> Path:
    """A copy of the demo's data set without its features."""
    ignored = shutil.ignore_patterns("features")
    return Path(shutil.copytree(demo_data, tmp_path / "data", ignore=ignored))


def convert(root: Path, out: Path, entry: dict | None = None, split="train", *more):
    """Run convert_features.py with an entry's `features`; of the test split after the training split."""
    if split == "test":
        more = ("--training-features", out / "train/features.h5", *more)
    return run_script(
        *("convert_features.py", "--root", root, "--features", json.dumps(entry or {}), "--split", split),
        *("--settings", '{"dtype": "float32"}', "--frames", 16, "--fps", 25),
        *("--output", out / split / "features.h5", *more),
    )


def convert_both(root: Path, out: Path, settings: config.FeatureFiles = DEFAULT) -> None:
    """What convert_features.py makes of both splits, out/<split>/features.h5, without its command line."""
    videos = splits.read_splits(root)
    sources = layouts.of_splits(root, settings, videos)

    def of_split(split: str, training: FeatureFile | None = None) -> None:
        features.convert(
            {video: sources[video] for video in sorted(videos[split])},
            {},
            Grid(16, 25.0),
            dtype="float32",
            layout=settings,
            output=out / split / "features.h5",
            training=training,
        )

    of_split("train")
    with FeatureFile(out / "train/features.h5") as training:
        of_split("test", training)


# --- ways to lay the features out


def saved(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def files_of(*patterns: str):
    """An .npy file per video and pattern; of two, the channels of rgb and of flow."""

    def lay(root: Path, demo: dict) -> None:
        for (split, video), array in demo.items():
            parts = [array] if len(patterns) == 1 else np.split(array, [HALF], axis=1)
            for pattern, part in zip(patterns, parts, strict=True):
                saved(root / "features" / pattern.format(split=split, video=video), part)

    return lay


def npz(**parts: slice):
    """An .npz file per video, with an array of these channels per name."""

    def lay(root: Path, demo: dict) -> None:
        (root / "features").mkdir()
        for (_, video), array in demo.items():
            np.savez(root / f"features/{video}.npz", **{name: array[:, part] for name, part in parts.items()})

    return lay


def npz_file(root: Path, demo: dict, name: str = "features.npz") -> None:
    """One .npz file, an array per video."""
    np.savez_compressed(root / name, **{video: array for (_, video), array in demo.items()})


def h5(name: str, *patterns: str):
    """One HDF5 file, a data set per video and pattern; of two, the channels of rgb and of flow."""

    def lay(root: Path, demo: dict) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        with h5py.File(root / name, "w") as file:
            for (split, video), array in demo.items():
                parts = [array] if len(patterns) == 1 else np.split(array, [HALF], axis=1)
                for pattern, part in zip(patterns, parts, strict=True):
                    file[pattern.format(split=split, video=video)] = part

    return lay


def joint(root: Path, demo: dict, names="Thumos14reduced-Annotations/videoname.npy", kind=np.bytes_) -> None:
    """W-TALC's joint file, in another order, and the list of its videos."""
    by_video = {video: array for (_, video), array in demo.items()}
    videos = sorted(by_video)
    arrays = np.empty(len(demo), dtype=object)
    arrays[:] = [by_video[video] for video in videos]
    np.save(root / "Joint.npy", arrays, allow_pickle=True)
    saved(root / names, np.array(videos, dtype=kind))


def listed_joint(root: Path, demo: dict) -> None:
    """As `joint`, with a list of text, a video per line."""
    joint(root, demo)
    names = np.load(root / "Thumos14reduced-Annotations/videoname.npy")
    shutil.rmtree(root / "Thumos14reduced-Annotations")
    (root / "names.txt").write_text("".join(f"{name.decode()}\n" for name in names))


def turned(lay):
    """The same with arrays (D, T)."""
    return lambda root, demo: lay(root, {key: array.T for key, array in demo.items()})


def by_columns(root: Path, demo: dict) -> None:
    """Flat files whose numbers lie column by column: (T, D) all the same."""
    files_of("{video}.npy")(root, {key: np.asfortranarray(array) for key, array in demo.items()})


JOINT = {"folder": "Joint.npy", "allow_pickle": True}
EVERY = {  # what lays the features out; the entry's `features`; the layout
    "HR-Pro's": (files_of("{split}/{video}.npy"), {}, "hrpro"),
    "LACP's": (files_of("{split}/rgb/{video}.npy", "{split}/flow/{video}.npy"), {}, "lacp"),
    "rgb and flow": (files_of("rgb/{video}.npy", "flow/{video}.npy"), {}, "rgb_flow"),
    "flat": (files_of("{video}.npy"), {}, "flat"),
    "flat rgb and flow": (files_of("{video}_rgb.npy", "{video}_flow.npy"), {}, "flat_rgb_flow"),
    "npz": (npz(feats=np.s_[:]), {}, "npz"),
    "npz of rgb and flow": (npz(flow=np.s_[HALF:], rgb=np.s_[:HALF]), {}, "npz"),
    "one npz": (npz_file, {}, "npz_file"),
    "one h5": (h5("features.h5", "{video}"), {}, "h5"),
    "one h5 in the folder": (h5("features/i3d.hdf5", "{video}"), {}, "h5"),
    "h5 of splits": (h5("all.h5", "{split}/{video}"), {"folder": "all.h5"}, "h5"),
    "h5 of groups": (h5("all.h5", "{video}/c3d_features"), {"folder": "all.h5"}, "h5"),
    "h5 of rgb and flow": (h5("all.h5", "{video}/rgb", "{video}/flow"), {"folder": "all.h5"}, "h5"),
    "W-TALC's": (joint, JOINT, "wtalc"),
    "W-TALC's with a list": (listed_joint, {**JOINT, "names": "names.txt"}, "wtalc"),
    "flat (D, T)": (turned(files_of("{video}.npy")), {"width": 64}, "flat"),
    "one h5 (D, T)": (turned(h5("features.h5", "{video}")), {}, "h5"),
    "by columns": (by_columns, {}, "flat"),
}


@pytest.fixture(scope="module")
def expected(demo_data, tmp_path_factory) -> dict[str, dict]:
    """What the two feature files have of the demo in HR-Pro's layout."""
    folder = tmp_path_factory.mktemp("expected")
    for split in config.SPLITS:
        run = convert(demo_data, folder, {}, split)
        assert (run.returncode, run.stderr) == (0, "")
    return contents(folder)


def contents(folder: Path) -> dict[str, dict]:
    """All data and attributes of the feature files of both splits, the sources' sha256 aside."""
    return {split: content(folder / split / "features.h5") for split in config.SPLITS}


def content(path: Path) -> dict:
    """The data and attributes of a feature file; by_columns, which says how the sources lie, is left out."""
    with h5py.File(path) as file:
        attributes = {key: str(value) for key, value in file.attrs.items() if key != "by_columns"}
        for data in file.values():
            assert len(data.attrs["sha256"]) == 64
        videos = {
            video: (data.dtype, data.shape, data.chunks, data[()].tobytes()) for video, data in file.items()
        }
    return {"attributes": attributes, "videos": videos}


@pytest.mark.parametrize("name", EVERY)
def test_every_layout_gives_the_same_feature_file(name, demo, root, expected, tmp_path):
    lay, entry, layout = EVERY[name]
    lay(root, demo)
    for settings in (config.FeatureFiles(**entry), config.FeatureFiles(**entry | {"layout": layout})):
        convert_both(root, tmp_path / settings.layout, settings)
        assert contents(tmp_path / settings.layout) == expected
        for split in config.SPLITS:
            with FeatureFile(tmp_path / settings.layout / split / "features.h5") as file:
                assert file.orientations == {name.endswith("(D, T)")}


def test_every_layout_has_a_name_in_the_configuration():
    assert {layout for _, _, layout in EVERY.values()} == set(config.LAYOUTS)
    assert [*layouts.PATTERNS, *layouts.SHARED] == list(config.LAYOUTS)


@pytest.mark.parametrize("name", [name for name in EVERY if name != "HR-Pro's"])
def test_a_folder_or_file_gives_all_its_videos(name, demo, root):
    lay, entry, _ = EVERY[name]
    lay(root, demo)
    settings = config.FeatureFiles(**{**entry, "width": 64})
    folder = root / settings.folder
    sources = layouts.of_folder(folder if folder.exists() else next(root.glob("features.*")), settings)
    assert list(sources) == sorted(video for _, video in demo)
    sources, _ = orientation.orient(sources, settings)
    for (_, video), array in demo.items():
        values, _ = readers.read(sources[video])
        np.testing.assert_array_equal(values, array)


def test_a_file_of_one_video(demo, demo_data, tmp_path):
    path = demo_data / f"features/train/{TRAIN}.npy"
    assert layouts.of_folder(path, DEFAULT) == {TRAIN: readers.Source((path,))}
    np.savez(tmp_path / "one.npz", feats=demo["train", TRAIN], fps=np.float64(25))
    sources = layouts.of_folder(tmp_path / "one.npz", DEFAULT)
    ((source,), _) = map(dict.values, orientation.orient(sources, config.FeatureFiles(width=64)))
    np.testing.assert_array_equal(readers.read(source)[0], demo["train", TRAIN])


def test_a_square_array_lies_as_the_others_do(demo, root, tmp_path):
    square = {key: array[:64] if key[1] == OTHER else array for key, array in demo.items()}
    for number, lay in enumerate((files_of("{video}.npy"), turned(files_of("{video}.npy")))):
        lay(root, square)
        convert_both(root, tmp_path / str(number))
        with h5py.File(tmp_path / f"{number}/train/features.h5") as file:
            np.testing.assert_array_equal(file[OTHER], square["train", OTHER])
            np.testing.assert_array_equal(file[TRAIN], square["train", TRAIN])


def test_no_test_file_turns_a_training_video(demo, root, tmp_path):
    """A square array lies as the training videos do, even where all of the test videos lie otherwise."""
    square = {key: array[:64] if key[1] == OTHER else array for key, array in demo.items()}
    mixed = {key: array.T if key[0] == "test" else array for key, array in square.items()}
    files_of("{split}/{video}.npy")(root, mixed)
    convert_both(root, tmp_path)
    for split in config.SPLITS:
        with h5py.File(tmp_path / split / "features.h5") as file:
            assert sorted(file) == sorted(video for own_split, video in square if own_split == split)
            for video in file:
                np.testing.assert_array_equal(file[video], square[split, video])


def test_a_square_test_video_lies_as_the_training_videos_do(demo, root, tmp_path):
    """All test videos are square: the training split's file says which side is time."""
    square = {key: array[:64] if key[0] == "test" else array for key, array in demo.items()}
    turned(files_of("{video}.npy"))(root, square)
    convert_both(root, tmp_path)
    with h5py.File(tmp_path / "test/features.h5") as file:
        np.testing.assert_array_equal(file[TEST], square["test", TEST])


def test_a_test_video_of_another_width_is_the_one_at_fault(demo, root, tmp_path):
    narrow = {key: array[:, :63] if key[0] == "test" else array for key, array in demo.items()}
    files_of("{split}/{video}.npy")(root, narrow)
    words = [
        f"test/{TEST}.npy: shape (",
        ", 63), but features here have 64 channels; say the",
    ]
    assert convert(root, tmp_path).returncode == 0
    (tmp_path / "test").mkdir()
    assert_stopped(convert(root, tmp_path, {}, "test"), words, tmp_path / "test")


def test_each_file_of_a_known_width_is_turned_as_it_needs(demo, tmp_path):
    saved(tmp_path / "a.npy", demo["train", TRAIN])
    saved(tmp_path / "b.npy", demo["train", OTHER].T)
    settings = config.FeatureFiles(width=64)
    sources, shapes = orientation.orient(layouts.of_folder(tmp_path, settings), settings)
    assert [sources[video].by_columns for video in "ab"] == [False, True]
    assert shapes == {"a": demo["train", TRAIN].shape, "b": demo["train", OTHER].shape}


def test_a_snippet_that_flow_lacks_is_left_out(demo, root, tmp_path):
    files_of("{video}_rgb.npy", "{video}_flow.npy")(root, demo)
    flow = root / f"features/{TRAIN}_flow.npy"
    np.save(flow, np.load(flow)[:-1])
    result = convert(root, tmp_path)
    assert result.returncode == 0
    length = len(demo["train", TRAIN])
    assert f"{length} snippets of rgb, {length - 1} of flow; the surplus is left out" in result.stderr
    with h5py.File(tmp_path / "train/features.h5") as file:
        np.testing.assert_array_equal(file[TRAIN], demo["train", TRAIN][:-1])


def test_names_that_python_2_has_pickled(demo, root, tmp_path, expected):
    joint(root, demo, "videoname.npy", object)
    convert_both(root, tmp_path, config.FeatureFiles(**JOINT))
    assert contents(tmp_path) == expected


def test_hidden_files_are_no_videos(demo, tmp_path):
    saved(tmp_path / "a.npy", demo["train", TRAIN])
    (tmp_path / "._a.npy").write_bytes(b"of macOS")
    assert list(layouts.of_folder(tmp_path, DEFAULT)) == ["a"]


# --- faults


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def hostile(root: Path, demo: dict) -> None:
    joint(root, demo)
    with open(root / "Joint.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (1,)})
        pickle.dump(Hostile(root / "was-here"), file)


def then(lay, *damages):
    """Lay the features out, then damage them."""

    def both(root: Path, demo: dict) -> None:
        lay(root, demo)
        for damage in damages:
            damage(root)

    return both


def rewritten(name: str, change):
    """Change the array in an .npy file."""
    return lambda root: np.save(root / name, change(np.load(root / name)))


def cut(name: str):
    return lambda root: (root / name).write_bytes((root / name).read_bytes()[:-1000])


def in_h5(change):
    def damage(root: Path) -> None:
        with h5py.File(root / "features.h5", "a") as file:
            change(file)

    return damage


def replaced(file: h5py.File, video: str, values) -> None:
    del file[video]
    file[video] = values


def without_nans(file: h5py.File) -> None:
    file[OTHER][7, 3] = np.nan


def equal_lengths(root: Path, demo: dict) -> None:
    files_of("{video}.npy")(root, {key: array[:90] for key, array in demo.items()})


def squares(root: Path, demo: dict) -> None:
    files_of("{video}.npy")(root, {key: array[:64] for key, array in demo.items()})


def added(name: str):
    return lambda root: saved(root / name, np.ones((80, 64), np.float32))


def damaged_member(root: Path) -> None:
    with zipfile.ZipFile(root / f"features/{TRAIN}.npz", "w") as file:
        file.writestr("feats.npy", b"\x93NUMPY\x01\x00 and no more")


FLAT, TWO = files_of("{video}.npy"), files_of("{video}_rgb.npy", "{video}_flow.npy")
ONE_H5 = h5("features.h5", "{video}")
OTHER_NAMES = h5("features.h5", "v_{video}")
CASES = [  # (what lays the features out, the entry's `features`), words of the message
    Case(
        "nothing of a video",
        (files_of("{split}{video}.npy"), {}),
        ["features: no features of demo_train_000", "flat", "docs/data.md", "features: {folder"],
    ),
    Case(
        "no folder",
        (lambda root, demo: None, {}),
        [f"features/train/{TRAIN}.npy: no such file", "put it there"],
    ),
    Case("an h5 of other videos", (OTHER_NAMES, {}), ["features.h5: no features of demo_train_000"]),
    Case("an h5 that is not there", (FLAT, {"folder": "all.h5"}), ["all.h5: no such file or folder, so no"]),
    Case(
        "no file of a layout that is named",
        (FLAT, {"layout": "h5"}),
        ["no features of demo_train_000", "in the layout h5"],
    ),
    Case(
        "two layouts",
        (then(FLAT, added(f"features/train/{OTHER}.npy")), {}),
        ["in more than one layout, hrpro and flat", "features: {layout: ...}"],
    ),
    Case(
        "one file missing",
        (then(FLAT, lambda root: (root / f"features/{OTHER}.npy").unlink()), {}),
        [f"features/{OTHER}.npy: no such file", "take the video out of the split"],
    ),
    Case(
        "no flow of one video",
        (then(TWO, lambda root: (root / f"features/{OTHER}_flow.npy").unlink()), {}),
        [f"features/{OTHER}_flow.npy: no such file"],
    ),
    Case(
        "flow of another length",
        (then(TWO, rewritten(f"features/{TRAIN}_flow.npy", lambda a: a[:-9])), {}),
        [f"{TRAIN}_rgb.npy has shape", f"{TRAIN}_flow.npy has shape", "different lengths", "same stride"],
    ),
    Case("all of one length", (equal_lengths, {}), ["64 or 90 channels?", "features: {width: ...}"]),
    Case("all square", (squares, {}), ["64 x 64", "which side is time", "add one that does"]),
    Case(
        "another width than the entry's",
        (FLAT, {"width": 65}),
        [f"features/{TRAIN}.npy: shape (", "but features here have 65 channels; say the right `width` or"],
    ),
    Case(
        "one of another width",
        (then(FLAT, rewritten(f"features/{OTHER}.npy", lambda a: a[:, :60])), {}),
        [f"features/{OTHER}.npy: 60 channels", f"{TRAIN}.npy has 64", "extract it again"],
    ),
    Case(
        "one of another width among (D, T)",
        (then(turned(FLAT), rewritten(f"features/{OTHER}.npy", lambda a: a[:60])), {}),
        [f"features/{OTHER}.npy: 60 channels", "has 64"],
    ),
    Case(
        "a video that the h5 lacks",
        (then(ONE_H5, in_h5(lambda file: file.pop(TEST))), {}),
        ["features.h5: no features of demo_test_000", "add them or take the video out"],
    ),
    Case(
        "an h5 that is none",
        (lambda root, demo: (root / "features.h5").write_text("text"), {}),
        ["features.h5: damaged or not in .h5 format", "copy it again"],
    ),
    Case(
        "an h5 cut short",
        (then(ONE_H5, cut("features.h5")), {}),
        ["features.h5: damaged or not in .h5 format"],
    ),
    Case(
        "NaN in an h5",
        (then(ONE_H5, in_h5(without_nans)), {}),
        [f"features.h5: {OTHER}: row 7, channel 3: nan", "extract it again"],
    ),
    Case(
        "whole numbers in an h5",
        (then(ONE_H5, in_h5(lambda file: replaced(file, OTHER, np.ones((9, 64), int)))), {}),
        [f"features.h5: {OTHER}: values of type int64", "expected float32"],
    ),
    Case(
        "three dimensions in an h5",
        (then(ONE_H5, in_h5(lambda file: replaced(file, OTHER, np.ones((2, 9, 64), "f4")))), {}),
        [f"features.h5: {OTHER}: shape (2, 9, 64)", "expected (snippets, channels)"],
    ),
    Case(
        "a video twice in an h5",
        (
            then(
                h5("all.h5", "{split}/{video}"),
                lambda root: h5py.File(root / "all.h5", "a").copy(f"train/{OTHER}", f"test/{OTHER}"),
            ),
            {"folder": "all.h5"},
        ),
        [f"all.h5: 2 arrays called {OTHER}, in test, train; a video has one array"],
    ),
    Case(
        "an npz of many arrays",
        (npz(early=np.s_[:], late=np.s_[:]), {}),
        [f"features/{TRAIN}.npz: holds early, late", "expected one array, or one of rgb and one of flow"],
    ),
    Case(
        "a damaged array in an npz",
        (then(npz(feats=np.s_[:]), damaged_member), {}),
        [f"features/{TRAIN}.npz: damaged or not in .npz format"],
    ),
    Case(
        "an npz cut short",
        (then(npz_file, cut("features.npz")), {}),
        ["features.npz: damaged or not in .npz format", "copy it again"],
    ),
    Case(
        "a joint file without leave",
        (joint, {"folder": "Joint.npy"}),
        ["Joint.npy: pickled", "can hold code", "if you trust it, say allow_pickle: true"],
    ),
    Case(
        "a joint file with code",
        (hostile, JOINT),
        ["Joint.npy: its pickle calls posix.system", "do not trust this file"],
    ),
    Case(
        "a joint file without a list",
        (then(joint, lambda root: shutil.rmtree(root / "Thumos14reduced-Annotations")), JOINT),
        ["Joint.npy: no videoname.npy beside it", "features: {names: ...}"],
    ),
    Case(
        "a joint file with two lists",
        (then(joint, added("videoname.npy")), JOINT),
        ["Joint.npy: more than one videoname.npy beside it", "features: {names: ...}"],
    ),
    Case(
        "a list of other videos",
        (
            then(listed_joint, lambda root: (root / "names.txt").write_text(f"{TRAIN}\n")),
            {**JOINT, "names": "names.txt"},
        ),
        ["Joint.npy: no features of demo_train_001 in it"],
    ),
    Case(
        "a list that is too long",
        (
            then(listed_joint, lambda root: (root / "names.txt").open("a").write("another\n")),
            {**JOINT, "names": "names.txt"},
        ),
        ["Joint.npy: shape (36,) of objects", "names.txt lists 37 videos"],
    ),
    Case(
        "a list with a video twice",
        (
            then(listed_joint, lambda root: (root / "names.txt").open("a").write(f"{TRAIN}\n")),
            {**JOINT, "names": "names.txt"},
        ),
        [f"names.txt: {TRAIN} is listed 2 times", "correct the list"],
    ),
    Case("a list that is not there", (joint, {**JOINT, "names": "names.txt"}), ["names.txt: no such file"]),
    Case(
        "pickled rows",
        (then(FLAT, lambda root: np.save(root / f"features/{TRAIN}.npy", np.ones((80, 64), object))), {}),
        [f"features/{TRAIN}.npy: a pickled array", "save it as float32"],
    ),
    Case("a layout that is none", (FLAT, {"layout": "i3d"}), ["configuration: layout: 'i3d'", "'hrpro'"]),
    Case(
        "a misspelt key",
        (FLAT, {"widht": 64}),
        ["configuration: widht: unknown key", "did you mean 'width'?"],
    ),
    Case("no channels", (FLAT, {"width": 0}), ["width: 0", "greater than or equal to 1"]),
    Case("a width that is text", (FLAT, {"width": "64"}), ["width: '64': is text to YAML", "write 64"]),
    Case("pickle by another word", (FLAT, {"allow_pickle": "yes"}), ["allow_pickle: 'yes'", "boolean"]),
    Case(
        "a folder that is a number",
        (FLAT, {"folder": 7}),
        ["folder: 7 is a number to YAML; write it in quotes"],
    ),
    Case("names that are a list", (FLAT, {"names": [TRAIN]}), ["names: [", "valid string"]),
    Case(
        "a text for a folder", (FLAT, {"folder": "gt_full.json"}), ["gt_full.json: no features of", "folder"]
    ),
]


@table(CASES)
def test_faults(case, demo, root, tmp_path):
    lay, entry = case.damage
    lay(root, demo)
    (tmp_path / "train").mkdir()
    assert_stopped(convert(root, tmp_path, entry), case.words, tmp_path / "train")
    assert not (root / "was-here").exists()


def both_splits(folder: Path) -> str:
    for split in ("train", "test"):
        saved(folder / split / "a.npy", np.ones((9, 4), np.float32))
    return ""


def written(name: str, text: str):
    return lambda folder: (folder / name).write_text(text) and name


FOLDER_CASES = [
    Case("not there", lambda folder: "nowhere", ["nowhere: no such file or folder"]),
    Case("empty", lambda folder: "", ["no features of a video in the layout hrpro or lacp"]),
    Case("text", written("a.txt", "1"), ["a.txt: no features of a video"]),
    Case("in both splits", both_splits, ["features of a in train and in test", "belongs to one split"]),
    Case("damaged", written("a.npy", "1"), ["a.npy: damaged or not in .npy format", "copy it again"]),
]


@table(FOLDER_CASES)
def test_folders_without_features(case, tmp_path):
    with pytest.raises(InputError) as caught:
        layouts.of_folder(tmp_path / case.damage(tmp_path), DEFAULT)
    message = str(caught.value)
    assert message.startswith(str(tmp_path))
    assert "\n" not in message
    assert [word for word in case.words if word not in message] == [], message


def test_one_array_alone_does_not_say_which_side_is_time(tmp_path):
    saved(tmp_path / "a.npy", np.ones((9, 4), np.float32))
    sources = layouts.of_folder(tmp_path, DEFAULT)
    with pytest.raises(InputError, match=r"a\.npy: 4 or 9 channels\?"):
        orientation.orient(sources, DEFAULT)
    sources, _ = orientation.orient(sources, config.FeatureFiles(width=9))
    array, _ = readers.read(sources["a"])
    assert array.shape == (4, 9)


# --- pickles


class Reduced:
    """What a pickle of it calls, and with what."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


def array_of(shape, dtype, content) -> Reduced:
    """An array by what its pickle says of it."""
    function, arguments, _ = np.empty(0).__reduce__()
    return Reduced(function, arguments, (1, shape, dtype, False, content))


def joint_of(*rows) -> Reduced:
    return array_of((len(rows),), np.dtype("O"), list(rows))


F4, OBJECT = np.dtype("f4"), np.dtype("O")
FROM_BUFFER = np.empty(0).__reduce_ex__(5)[0]
SHARED_BYTES = bytes(4000)
PICKLE_CASES = [  # what is pickled, or a pickle's bytes; words of the message
    Case("addresses for objects", Reduced(np.ndarray, ((36,), OBJECT, b"A" * 288)), ["calls numpy.ndarray"]),
    Case("zero strides", joint_of(Reduced(np.ndarray, ((9**9,), F4, b"A" * 4, 0, (0,)))), ["numpy.ndarray"]),
    Case("lying strides", joint_of(Reduced(np.ndarray, ((2,), F4, b"A" * 8, 0, (-400,)))), ["numpy.ndarray"]),
    Case("objects of bytes", array_of((36,), OBJECT, b"A" * 288), ["not an array of objects"]),
    Case(
        "a row of addresses",
        joint_of(array_of((2, 1), OBJECT, b"A" * 16)),
        ["array 1", "values of type 'O8'"],
    ),
    Case(
        "a row of objects", joint_of(joint_of(1, 2)), ["array 1", "values of type 'O8'", "expected float32"]
    ),
    Case(
        "a structure with objects",
        joint_of(array_of((1,), np.dtype([("a", "O")]), b"A" * 8)),
        ["more than arrays"],
    ),
    Case("whole numbers", joint_of(array_of((1, 1), np.dtype("i4"), bytes(4))), ["array 1", "type 'i4'"]),
    Case("a shape past the bytes", joint_of(array_of((9**9, 64), F4, bytes(8))), ["does not fit its bytes"]),
    Case("a shape short of them", joint_of(array_of((1, 1), F4, bytes(8))), ["array 1", "does not fit its"]),
    Case("a negative shape", joint_of(array_of((-1, -2), F4, bytes(8))), ["array 1", "shape (-1, -2)"]),
    Case("a shape of text", joint_of(array_of(("2",), F4, bytes(8))), ["array 1", "shape ('2',)"]),
    Case("more objects than listed", array_of((9**9,), OBJECT, [1]), ["shape (387420489,), but 1 objects"]),
    Case("a buffer's lies", joint_of(Reduced(FROM_BUFFER, (bytes(8), F4, (9**9,), "C"))), ["does not fit"]),
    Case("no bytes", joint_of(Reduced(FROM_BUFFER, (None, F4, (2,), "C"))), ["does not fit its bytes"]),
    Case(
        "another order of bytes",
        joint_of(array_of((1,), Reduced(np.dtype, ("f4",), (3, "O")), bytes(4))),
        ["f4"],
    ),
    Case(
        "a type by a function",
        joint_of(array_of((1,), Reduced(eval, ("1",)), bytes(4))),
        [".eval, which no features need"],
    ),
    Case("a file of numpy's", joint_of(Reduced(np.memmap, ("x",))), ["calls numpy.memmap", "do not trust"]),
    Case("a number of numpy's", joint_of(np.float64(1)), ["multiarray.scalar", "do not trust this file"]),
    Case("a dictionary", {"a": 1}, ["holds more than arrays (EMPTY_DICT)", "save it as an array of arrays"]),
    Case("a list", [1, 2], ["not an array but list"]),
    Case(
        "the same bytes again and again",
        joint_of(*[array_of((1000,), F4, SHARED_BYTES)] * 9),
        ["do not trust"],
    ),
    Case("a place far out", b"\x80\x02Nr\xff\xff\xff\x7f.", ["damaged or not in .npy format"]),
    Case(
        "more bytes than there are",
        b"\x80\x04\x8e" + b"\xff" * 7 + b"\x0fA.",
        ["damaged or not in .npy format"],
    ),
    Case(
        "a frame past the end", b"\x80\x04\x95" + b"\xff" * 7 + b"\x0fN.", ["damaged or not in .npy format"]
    ),
    Case("a nest", b"\x80\x02]" + b"]" * 100_000 + b"a" * 100_000 + b".", ["not an array but list"]),
    Case("cut short", pickle.dumps(joint_of(1))[:-9], ["damaged or not in .npy format"]),
]


@pytest.mark.parametrize("protocol", [2, 5])
@table(PICKLE_CASES)
def test_a_pickle_calls_nothing(case, protocol, tmp_path):
    path, pickled = tmp_path / "Joint.npy", case.damage
    write_pickle(path, pickled if isinstance(pickled, bytes) else pickle.dumps(pickled, protocol))
    with pytest.raises(InputError) as caught:
        readers.opened_joint_file(path)
    assert_says(caught.value, f"{path}: ", case.words)


def write_pickle(path: Path, content: bytes) -> None:
    """Write an .npy file of an array of objects with that pickle."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (1,)})
        file.write(content)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_floats_are_unpickled(protocol, tmp_path):
    rows = np.empty(4, dtype=object)
    rows[:] = [np.arange(12.0).reshape(3, 4).astype(kind) for kind in ("f2", "<f4", ">f4", "f8")]
    rows[1] = np.asfortranarray(rows[1])
    write_pickle(tmp_path / "Joint.npy", pickle.dumps(rows, protocol))
    for row, expected in zip(readers.opened_joint_file(tmp_path / "Joint.npy"), rows, strict=True):
        assert row.dtype == expected.dtype
        np.testing.assert_array_equal(row, expected)


def test_arrays_that_python_2_has_pickled(tmp_path):
    def array(shape: bytes, dtype: bytes, order: bytes, content: bytes) -> bytes:
        dtype = b"cnumpy\ndtype\nU\x02" + dtype + b"K\x00K\x01\x87R(K\x03U\x01" + order
        dtype += b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
        array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        return array + b"(K\x01" + shape + dtype + b"\x89" + content + b"tb"

    row = array(b"K\x01K\x02\x86", b"f4", b"<", b"U\x08" + np.array([1.5, -2.5], "<f4").tobytes())
    write_pickle(
        tmp_path / "Joint.npy", b"\x80\x02" + array(b"K\x01\x85", b"O8", b"|", b"]" + row + b"a") + b"."
    )
    (unpickled,) = readers.opened_joint_file(tmp_path / "Joint.npy")
    np.testing.assert_array_equal(unpickled, np.array([[1.5, -2.5]], "f4"))


# --- digests


def digests(root: Path, memory: Path, features: dict) -> dict[str, str]:
    """The digest of each split's features."""
    videos = splits.read_splits(root)
    sources = layouts.of_splits(root, config.FeatureFiles(**features), videos)
    return {
        split: FileDigests(memory).of_features({video: sources[video] for video in names})
        for split, names in videos.items()
    }


@pytest.mark.parametrize("name", EVERY)
def test_a_digest_of_a_split_changes_with_its_features_alone(name, demo, root, tmp_path):
    lay, features, layout = EVERY[name]

    def digests_of(arrays: dict) -> dict[str, str]:
        shutil.rmtree(root / "features", ignore_errors=True)
        lay(root, arrays)
        return digests(root, tmp_path / "memory.json", features)

    before = digests_of(demo)
    assert digests_of(demo) == before
    after = digests_of({key: array + (key == ("test", TEST)) for key, array in demo.items()})
    assert after["test"] != before["test"]
    # W-TALC's pickle is not opened to see what a video has
    assert (after["train"] == before["train"]) == (layout != "wtalc")
    after = digests_of({key: array + (key == ("train", TRAIN)) for key, array in demo.items()})
    assert after["train"] != before["train"]


def test_a_digest_of_a_file_that_holds_more_than_features(demo, root, tmp_path):
    """Names beside the features: not a video of the splits, so they do not matter."""
    h5("features.h5", "{video}")(root, demo)
    before = digests(root, tmp_path / "memory.json", {})
    with h5py.File(root / "features.h5", "a") as file:
        file["names"] = ["a", "b"]
    assert digests(root, tmp_path / "memory.json", {}) == before


def test_a_digest_does_not_depend_on_where_the_features_lie(demo, root, tmp_path):
    files_of("{video}.npy")(root, demo)
    before = digests(root, tmp_path / "memory.json", {})
    (root / "features").rename(root / "moved")
    assert digests(root, tmp_path / "memory.json", {"folder": "moved"}) == before


# --- in the workflow

STEP = "results/mine/test/features.h5"


def plan(folder: Path, features: dict, *arguments):
    """Run or plan the conversion of the data set `mine`."""
    entry = {"root": "data", "snippet": {"frames": 16, "fps": 25}, "features": features}
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": entry}}))
    return snakemake(folder, "--configfile", "mine.yaml", *arguments, "--", STEP)


@pytest.mark.parametrize("name", ["one h5", "flat rgb and flow"])
def test_the_workflow_converts_a_layout_and_sees_it_change(name, demo, root, expected):
    lay, entry, _ = EVERY[name]
    lay(root, demo)
    folder = root.parent
    run = plan(folder, entry)
    assert run.returncode == 0, run.stderr
    assert contents(folder / "results/mine") == expected
    file = max(
        (path for path in root.rglob("*") if path.suffix in (".h5", ".npy")), key=lambda p: p.stat().st_size
    )
    file.touch()
    assert "Nothing to be done" in plan(folder, entry).stderr
    lay(root, {key: array + (key == ("train", TRAIN)) for key, array in demo.items()})
    assert "rule convert_features:" in plan(folder, entry, "-n").stdout


def test_the_workflow_stops_where_nothing_is_recognized(demo, root):
    files_of("x_{video}.npy")(root, demo)
    run = plan(root.parent, {})
    assert run.returncode == 1
    assert "data/features: no features of demo_train_000 or another video of the splits" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (root.parent / "results").exists()


def test_the_window_stands_in_the_feature_file_and_in_the_settings(demo_data, tmp_path):
    assert convert(demo_data, tmp_path, {}, "train", "--window", 32).returncode == 0
    with FeatureFile(tmp_path / "train/features.h5") as file:
        assert (file.grid.frames, file.grid.window, file.grid.fps) == (16, 32, 25)
    same = [
        config.parse(config.Snippet, {"frames": 16, "fps": 25.0} | window)
        for window in ({}, {"window": None}, {"window": 16})
    ]
    assert len({config.canonical(snippet) for snippet in same}) == 1
