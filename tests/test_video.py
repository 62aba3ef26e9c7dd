"""Features from videos: times of frames, snippets, networks, and what a user gets wrong.

The videos are written here. A film's frame i is as bright as BRIGHTNESS * i, so that a picture tells its
frame.
"""

import dataclasses
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml

import extract_features
from conftest import ROOT, SCRIPTS, copy_project, jobs_of, run_script, run_script_process, snakemake
from hrpro import config as configuration
from hrpro.utils.errors import InputError
from hrpro.video import backbones, decoding, flow, folders, i3d
from test_bad_input import Case, assert_says, table

BRIGHTNESS = 4
SMALL = (32,)
CLOSE = {"rtol": 1e-3, "atol": 1e-4}  # of features of about 1, computed in another order


def film(path, pictures=50, fps=25, codec="mpeg4", times=None, turn=0, sound=False) -> Path:
    """Write a video of 64 x 48; times: of the frames, in milliseconds."""
    pictures = range(pictures) if isinstance(pictures, int) else pictures
    base = 1 / Fraction(fps) if times is None else Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(fps))
        stream.width, stream.height, stream.bit_rate = 64, 48, 4_000_000
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = base
        if turn:
            stream.set_display_rotation(turn)
        if sound:
            add_sound(container)
        for i, picture in enumerate(pictures):
            if not isinstance(picture, np.ndarray):
                picture = np.full((48, 64, 3), BRIGHTNESS * picture % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = i if times is None else int(times[i]), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return Path(path)


def add_sound(container, seconds=2) -> None:
    """A silent sound track."""
    stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
    silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000 * seconds), np.int16), layout="mono")
    silence.sample_rate, silence.pts = 8000, 0
    container.mux(stream.encode(silence))


def sound(path) -> Path:
    """A file of sound alone."""
    with av.open(str(path), "w", format="matroska") as container:
        add_sound(container)
    return Path(path)


def frames(path, fps: float, resize=SMALL, crop=(32, 32)) -> list[np.ndarray]:
    with decoding.open_video(path) as reader:
        return list(reader.frames(fps, resize, crop))


def features(path, backbone, stride: int, window: int, fps: float, batch: int) -> np.ndarray:
    return backbones.features(path, backbone, stride=stride, window=window, fps=fps, batch=batch)


def numbers(path, fps: float) -> list[int]:
    """Which frame of a film is shown at each time k / fps."""
    return [round(picture.mean() / BRIGHTNESS) for picture in frames(path, fps)]


# --- the times of frames


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "mpeg4"), ("a.avi", "mpeg4"), ("a.mkv", "libx264"), ("a.mp4", "libx264"), ("a.ts", "libx264")],
)
def test_at_a_films_own_rate_each_frame_comes_once(tmp_path, name, codec):
    assert numbers(film(tmp_path / name, 50, codec=codec), 25) == list(range(50))


@pytest.mark.parametrize(
    ("fps", "expected"),
    [
        (50, [k // 2 for k in range(100)]),
        (12.5, list(range(0, 50, 2))),
        (10, [5 * k // 2 for k in range(20)]),
        (30, [5 * k // 6 for k in range(60)]),
        (0.5, [0]),
    ],
)
def test_at_another_rate_a_time_shows_the_last_frame_by_then(tmp_path, fps, expected):
    assert numbers(film(tmp_path / "a.mkv", 50), fps) == expected  # its times are whole milliseconds


def test_a_rate_that_is_no_whole_number(tmp_path):
    path = film(tmp_path / "a.mp4", 60, fps=Fraction(30000, 1001))
    assert numbers(path, 29.97) == list(range(60))


def test_a_variable_rate_goes_by_times(tmp_path):
    gaps = [40, 10, 10, 200, 33, 33, 34, 500, 7, 40, 80]
    times = np.cumsum([0, *gaps])
    path = film(tmp_path / "a.mkv", 12, times=times, codec="ffv1")
    asked = np.arange(0, times[-1] + 1, 40)
    expected = np.searchsorted(times, asked, side="right") - 1
    shown = numbers(path, 25)
    assert shown[: len(asked)] == expected.tolist()
    assert set(shown[len(asked) :]) <= {11}  # the last frame lasts as long as the file says


def test_a_film_that_does_not_begin_at_0(tmp_path):
    times = 5000 + 40 * np.arange(30)
    assert numbers(film(tmp_path / "a.mkv", 30, times=times, codec="ffv1"), 25) == list(range(30))


def test_sound_is_passed_over(tmp_path):
    assert numbers(film(tmp_path / "a.mkv", 50, sound=True), 25) == list(range(50))


def test_damaged_packets_leave_the_times_of_the_rest(tmp_path, caplog):
    path = film(tmp_path / "a.avi", 50, codec="mjpeg")
    content = bytearray(path.read_bytes())
    starts = [i for i in range(len(content) - 3) if content[i : i + 3] == b"\xff\xd8\xff"]
    assert len(starts) == 50
    for start in starts[20:23]:
        content[start : start + 600] = bytes(600)
    path.write_bytes(content)
    assert numbers(path, 25) == [*range(20), 19, 19, 19, *range(23, 50)]
    assert "a.avi: 3 damaged packets" in caplog.text


# --- pictures


def marked(height=48, width=64) -> np.ndarray:
    """Grey, and white in the upper left quarter."""
    picture = np.full((height, width, 3), 100, np.uint8)
    picture[: height // 2, : width // 2] = 250
    return picture


@pytest.mark.parametrize(("turn", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (-90, (0, 1))])
def test_pictures_are_turned_upright(tmp_path, turn, corner):
    """turn: counter-clockwise, in degrees; corner: where the upper left quarter comes to lie."""
    path = film(tmp_path / "a.mp4", [marked()] * 3, turn=turn)
    size = (64, 48) if turn % 180 else (48, 64)
    picture = frames(path, 25, size, size)[0].mean(2)
    assert picture.shape == size
    rows, columns = size[0] // 2, size[1] // 2
    quarters = {
        (i, j): picture[i * rows :, j * columns :][:rows, :columns].mean() for i in (0, 1) for j in (0, 1)
    }
    assert max(quarters, key=quarters.get) == corner
    assert quarters[corner] > 220


def test_pictures_keep_their_shape_and_are_cut_out_of_the_centre(tmp_path):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, 16:48] = (200, 100, 50)  # the middle half
    path = film(tmp_path / "a.mkv", [picture] * 2, codec="libx264")
    whole = frames(path, 25, (96,), (96, 128))[0]
    centre = frames(path, 25, (96,), (96, 64))[0]
    np.testing.assert_array_equal(whole[:, 32:96], centre)
    assert np.abs(centre[:, 8:-8].mean((0, 1)) - (200, 100, 50)).max() < 6  # red, green, blue
    assert whole[:, :24].max() < 30


# --- snippets


@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize(("stride", "window"), [(4, 4), (2, 5), (5, 2), (1, 1)])
@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 11])
def test_snippets_are_the_windows_that_a_film_has(count, stride, window, ahead):
    pictures = [np.full((2, 3, 3), i, np.uint8) for i in range(count)]
    clips = list(decoding.snippets(iter(pictures), stride, window, ahead))
    starts = [i for i in range(0, count, stride) if i + window <= count] or [0]
    expected = [[min(i + k, count - 1) for k in range(window + ahead)] for i in starts]
    assert [clip[0, :, 0, 0].tolist() for clip in clips] == expected
    assert clips[0].shape == (3, window + ahead, 2, 3)


def test_as_many_snippets_as_the_time_grid_has(tmp_path):
    """Without overlap: floor(duration * fps / frames)."""
    for count in (15, 16, 17, 31, 32, 50):
        path = film(tmp_path / f"{count}.mkv", count)
        assert len(features(path, MEANS, 16, 16, 25, 4)) == max(1, int(count / 25 * 25 / 16))


def test_one_window_is_in_memory_at_a_time():
    taken = []

    def pictures():
        for i in range(100):
            taken.append(i)
            yield np.zeros((1, 1, 3), np.uint8)

    for i, _ in enumerate(decoding.snippets(pictures(), 4, 6, 1)):
        assert len(taken) <= 4 * i + 7


# --- networks


def means(clips: torch.Tensor) -> torch.Tensor:
    """Which frame of a film a clip begins and ends with."""
    bright = clips.float().mean((1, 3, 4)) / BRIGHTNESS
    return torch.stack([bright[:, 0], bright[:, -1]], dim=1)


MEANS = backbones.Backbone(2, SMALL, (32, 32), means, torch.device("cpu"))


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> dict[str, str]:
    """Random weights of both streams, in files as the public ones are."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(5)
    for stream, channels in (("rgb", 3), ("flow", 2)):
        network = i3d.I3D(channels)
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv3d):
                torch.nn.init.kaiming_normal_(layer.weight)  # features of about 1
        state = network.state_dict()
        state |= {
            "logits.conv3d.weight": torch.zeros(400, 1024, 1, 1, 1),
            "logits.conv3d.bias": torch.zeros(400),
        }
        torch.save(state, folder / f"{stream}.pt")
    return {stream: str(folder / f"{stream}.pt") for stream in ("rgb", "flow")}


def test_snippets_stand_on_the_time_grid_whatever_the_batch(tmp_path):
    path = film(tmp_path / "a.mp4", 60)
    one_by_one = features(path, MEANS, 8, 12, 25, 1)
    starts = np.arange(0, 60 - 12 + 1, 8)
    assert one_by_one.dtype == np.float32
    np.testing.assert_allclose(one_by_one, np.stack([starts, starts + 11], 1), atol=0.3)
    for batch in (2, 3, 100):
        np.testing.assert_array_equal(features(path, MEANS, 8, 12, 25, batch), one_by_one)


def test_i3d_is_as_published():
    """12.7 M weights with the classifier of 400 classes: the paper's 25 M for two streams."""
    rgb, flows = i3d.I3D(3), i3d.I3D(2)
    counts = [sum(weight.numel() for weight in network.parameters()) for network in (rgb, flows)]
    classifier = 1024 * 400 + 400
    assert counts[0] + classifier == 12_697_264
    assert counts[0] - counts[1] == 64 * 7**3
    assert round(sum(counts) / 1e6 + 2 * classifier / 1e6) == 25
    names = dict(rgb.state_dict())
    assert names["Conv3d_1a_7x7.conv3d.weight"].shape == (64, 3, 7, 7, 7)
    assert names["Mixed_4f.b2b.conv3d.weight"].shape == (128, 32, 3, 3, 3)
    assert names["Mixed_5c.b3b.bn.running_var"].shape == (128,)
    assert not [name for name in names if name.endswith("conv3d.bias")]


def test_i3d_shrinks_time_by_8_and_space_by_32():
    network = i3d.I3D(3).eval()
    seen = {}
    for name, layer in network.named_children():
        layer.register_forward_hook(lambda _, __, out, name=name: seen.update({name: tuple(out.shape[1:])}))
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 16, 64, 96)).shape == (2, 1024)
    assert seen["Conv3d_1a_7x7"] == (64, 8, 32, 48)
    assert seen["Mixed_3c"] == (480, 8, 8, 12)
    assert seen["Mixed_4f"] == (832, 4, 4, 6)
    assert seen["Mixed_5c"] == (1024, 2, 2, 3)


def test_padding_is_tensorflows():
    """Of 3 missing values, 1 stands before and 2 after; of a kernel of 7 at every other one 5 are missing."""
    clip = torch.ones(1, 1, 1, 1, 5)
    assert i3d.padded(clip, (1, 1, 4), (1, 1, 1))[0, 0, 0, 0].tolist() == [0, 1, 1, 1, 1, 1, 0, 0]
    assert i3d.padded(torch.ones(1, 1, 16, 8, 9), (7, 7, 7), (2, 2, 2)).shape == (1, 1, 21, 13, 15)
    assert i3d.padded(torch.ones(1, 1, 2, 7, 7), (2, 2, 2), (2, 2, 2)).shape == (1, 1, 2, 8, 8)


def test_i3ds_streams_stand_side_by_side(weights):
    clips = torch.randint(0, 256, (2, 3, 9, 32, 32), dtype=torch.uint8)
    cpu = torch.device("cpu")
    both = backbones.load("i3d", weights, 8, cpu)
    rgb = backbones.load("i3d", {"rgb": weights["rgb"]}, 8, cpu)
    flows = backbones.load("i3d", {"flow": weights["flow"]}, 8, cpu)
    assert [(one.width, one.ahead) for one in (both, rgb, flows)] == [(2048, 1), (1024, 0), (1024, 1)]
    joined = both(clips)
    assert joined.shape == (2, 2048)
    assert (joined.std(dim=1) > 0.1).all()
    torch.testing.assert_close(joined[:, :1024], rgb(clips[:, :, :8]), **CLOSE)  # without the frame ahead
    torch.testing.assert_close(joined[:, 1024:], flows(clips), **CLOSE)
    reference = i3d.I3D(3).eval()
    state = torch.load(weights["rgb"], weights_only=True)
    reference.load_state_dict({name: value for name, value in state.items() if "logits" not in name})
    with torch.inference_mode():
        expected = reference(clips[:, :, :8].float() / 127.5 - 1)
    torch.testing.assert_close(joined[:, :1024], expected, **CLOSE)


def test_i3d_gives_the_same_whatever_the_batch(tmp_path, weights):
    path = film(tmp_path / "a.mkv", 40)
    loaded = backbones.load("i3d", {"rgb": weights["rgb"]}, 16, torch.device("cpu"))
    small = dataclasses.replace(loaded, resize=SMALL, crop=(32, 32))
    one, many = (features(path, small, 8, 16, 25, batch) for batch in (1, 4))
    assert one.shape == (4, 1024)
    assert np.abs(one[0] - one[-1]).max() > 0.1
    np.testing.assert_allclose(one, many, **CLOSE)


@pytest.mark.parametrize("wrapped", [lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}}])
def test_weights_of_a_training_are_read_too(tmp_path, weights, wrapped):
    torch.save(wrapped(torch.load(weights["rgb"], weights_only=True)), tmp_path / "rgb.pt")
    clips = torch.randint(0, 256, (1, 3, 8, 32, 32), dtype=torch.uint8)
    plain, other = (
        backbones.load("i3d", {"rgb": path}, 16, torch.device("cpu"))(clips)
        for path in (weights["rgb"], str(tmp_path / "rgb.pt"))
    )
    torch.testing.assert_close(plain, other, **CLOSE)


# --- optical flow


@pytest.mark.parametrize(("x", "y"), [(1, 0), (0, -2), (-4, 3), (9, 0)])
def test_flow_is_how_far_things_move(x, y):
    coarse = torch.rand(2, 1, 16, 16)
    scene = F.interpolate(coarse, size=(128, 128), mode="bicubic").clamp(0, 1) * 255
    first = scene[:, :, 16:112, 16:112]
    second = scene[:, :, 16 - y : 112 - y, 16 - x : 112 - x]
    moved = flow.tv_l1(first, second)
    inner = moved[:, :, 16:-16, 16:-16]
    assert (inner - torch.tensor([x, y]).reshape(1, 2, 1, 1)).abs().mean() < 0.2
    alone = flow.tv_l1(first[:1], second[:1])[:, :, 16:-16, 16:-16]
    assert (alone - inner[:1]).abs().mean() < 0.01


def test_flow_is_scaled_and_bounded(monkeypatch):
    frames = torch.zeros(2, 3, 4, 8, 8, dtype=torch.uint8)
    frames[:, :, 1:] = 100
    pairs = []

    def moved(first, second):
        pairs.append((first.mean((1, 2, 3)), second.mean((1, 2, 3))))
        return torch.tensor([5.0, -60.0]).reshape(1, 2, 1, 1).expand(len(first), 2, 8, 8)

    monkeypatch.setattr(flow, "tv_l1", moved)
    scaled = flow.scaled(frames)
    assert scaled.shape == (2, 2, 3, 8, 8)
    assert scaled[:, 0].unique().tolist() == [0.25]
    assert scaled[:, 1].unique().tolist() == [-1]
    first, second = pairs[0]
    assert first.round().tolist() == [0, 100, 100] * 2  # each frame and the next
    assert second.round().tolist() == [100, 100, 100] * 2


def test_no_motion_is_no_flow():
    still = torch.randint(0, 256, (1, 3, 1, 32, 32), dtype=torch.uint8).expand(1, 3, 3, 32, 32)
    assert flow.scaled(still).abs().max() < 1e-6


# --- torchvision, by a stand-in with what of its public interface is used

STAND_IN = """
from collections import OrderedDict
from types import SimpleNamespace
import torch

requests = []
# the name of the classifier, which comes last, and the channels that it reads
NETWORKS = dict.fromkeys(("r3d_18", "mc3_18", "r2plus1d_18"), ("fc", 512))
NETWORKS |= dict.fromkeys(("mvit_v1_b", "mvit_v2_s", "swin3d_t"), ("head", 768))
NETWORKS["s3d"] = "classifier", 1024

class Net(torch.nn.Module):
    def __init__(self, head, width):
        super().__init__()
        self.stem = torch.nn.Linear(3, width)
        setattr(self, head, torch.nn.Linear(width, 400))
        self.head_name = head

    def forward(self, clips):
        return getattr(self, self.head_name)(self.stem(clips.mean((2, 3, 4))))

def get_model(name, **config):
    assert set(config) == {"weights"}
    requests.append((name, config["weights"]))
    if config["weights"] and FAILS:
        from urllib.error import URLError
        raise URLError("no route to host")
    torch.manual_seed(1)
    return Net(*NETWORKS[name])

def get_model_weights(name):
    transforms = SimpleNamespace(crop_size=[112, 112], resize_size=[128, 171])
    transforms.mean, transforms.std = [0.1, 0.2, 0.3], [0.5, 0.25, 0.2]
    return SimpleNamespace(DEFAULT=SimpleNamespace(transforms=lambda: transforms))
"""


@pytest.fixture
def torchvision(tmp_path, monkeypatch):
    """Put a stand-in for torchvision in place; with fails=True nothing can be downloaded."""

    def install(text="", fails=False):
        for name in ("torchvision", "torchvision.models"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        folder = tmp_path / "site" / "torchvision"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(text or "from . import models\n")
        (folder / "models.py").write_text(f"FAILS = {fails}\n{STAND_IN}")
        monkeypatch.syspath_prepend(str(folder.parent))

    yield install
    for name in ("torchvision", "torchvision.models"):
        sys.modules.pop(name, None)


def test_a_model_of_torchvision(torchvision, tmp_path):
    torchvision()
    cpu = torch.device("cpu")
    downloaded = backbones.load("r3d_18", "download", 16, cpu)
    assert (downloaded.width, downloaded.resize, downloaded.crop) == (512, (128, 171), (112, 112))
    assert sys.modules["torchvision.models"].requests == [("r3d_18", "DEFAULT")]
    clips = torch.full((2, 3, 16, 8, 8), 51, dtype=torch.uint8)
    rows = downloaded(clips)
    assert rows.shape == (2, 512)
    stem = sys.modules["torchvision.models"].get_model("r3d_18", weights=None).stem
    torch.testing.assert_close(rows[0], stem(torch.tensor([0.2, 0.0, -0.5])))  # (0.2 - mean) / deviation

    state = {"stem.weight": torch.ones(512, 3), "stem.bias": torch.zeros(512)}
    state |= {"fc.weight": torch.zeros(7, 512), "fc.bias": torch.zeros(7)}  # of a fine-tuned one
    torch.save(state, tmp_path / "mine.pt")
    finetuned = backbones.load("r3d_18", str(tmp_path / "mine.pt"), 16, cpu)
    assert sys.modules["torchvision.models"].requests[-1] == ("r3d_18", None)
    torch.testing.assert_close(finetuned(clips), torch.full((2, 512), -0.3))


@pytest.mark.parametrize("model", [name for name in configuration.BACKBONES if name != "i3d"])
def test_every_model_of_the_configuration_can_be_loaded(torchvision, model):
    torchvision()
    backbone = backbones.load(model, "download", 16, torch.device("cpu"))
    clips = torch.zeros(1, 3, 16, 8, 8, dtype=torch.uint8)
    assert backbone(clips).shape == (1, backbone.width) == (1, configuration.BACKBONES[model])


# --- the script


def arguments(folder, *more) -> list[str]:
    """extract_features.py's, for folder/videos with the weights folder/rgb.pt; of two the last one counts."""
    words = ["--videos", folder / "videos", "--model", "i3d", "--weights", f"rgb={folder / 'rgb.pt'}"]
    words += ["--frames", 16, "--fps", 8, "--output", folder / "out", "--device", "cpu", *more]
    return [str(part) for part in words]


def extract(monkeypatch, *words) -> None:
    """Call the script as in this process."""
    monkeypatch.setattr(sys, "argv", ["extract_features.py", *words])
    extract_features.main()


@pytest.fixture
def folder(tmp_path, weights) -> Path:
    """A folder with two videos and weights."""
    (tmp_path / "videos" / "more").mkdir(parents=True)
    film(tmp_path / "videos" / "a.mp4")
    film(tmp_path / "videos" / "more" / "b.mkv", 26)
    (tmp_path / "rgb.pt").symlink_to(weights["rgb"])
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def extracted(monkeypatch) -> list[str]:
    """Take a small network in place of I3D; the videos that go through it are listed."""
    names = []
    real = backbones.features

    def features(path, *arguments, **settings):
        names.append(Path(path).name)
        return real(path, *arguments, **settings)

    monkeypatch.setattr(backbones, "load", lambda *arguments, **settings: MEANS)
    monkeypatch.setattr(backbones, "features", features)
    return names


def test_a_video_is_extracted_again_when_what_it_is_made_of_changes(folder, extracted, monkeypatch):
    def again(*more) -> list[str]:
        extracted.clear()
        extract(monkeypatch, *arguments(folder, *more))
        return sorted(extracted)

    assert again() == ["a.mp4", "b.mkv"]
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.json", "a.npy", "b.json", "b.npy"]
    assert np.load(folder / "out/a.npy").shape == (1, 2)
    assert again() == []
    (folder / "videos/a.mp4").touch()
    assert again() == []
    film(folder / "videos/a.mp4", 40)
    assert again() == ["a.mp4"]
    assert again("--fps", "16") == ["a.mp4", "b.mkv"]
    assert again("--fps", "16", "--window", "12") == ["a.mp4", "b.mkv"]
    assert again() == ["a.mp4", "b.mkv"]
    (folder / "out/b.npy").unlink()
    assert again() == ["b.mkv"]
    (folder / "rgb.pt").unlink()
    (folder / "rgb.pt").write_bytes(b"others")
    assert again() == ["a.mp4", "b.mkv"]


def test_names_of_videos_without_what_is_no_part_of_them(folder, extracted, monkeypatch):
    names = configuration.VideoNames(prefix="v_", suffix="_low")
    for before, after in (("a.mp4", "v_a_low.mp4"), ("more/b.mkv", "more/v_b.mkv")):
        (folder / "videos" / before).rename(folder / "videos" / after)
    paths = folders.find_all(folder / "videos", ["b", "a"], names)
    assert {video: path.name for video, path in paths.items()} == {"a": "v_a_low.mp4", "b": "v_b.mkv"}
    words = ["--names", configuration.canonical(names)]
    extract(monkeypatch, *arguments(folder, *words))
    extract(monkeypatch, *arguments(folder, *words, "--videos", str(folder / "videos/v_a_low.mp4")))
    assert sorted(path.name for path in (folder / "out").glob("*.npy")) == ["a.npy", "b.npy"]
    message = (
        r"no video a \(2 such: 'a', 'b'\); there is 'v_a_low', which `names: {prefix: v_, suffix: _low}`"
    )
    with pytest.raises(InputError, match=message):
        folders.find_all(folder / "videos", ["a", "b"])


def test_one_bad_video_does_not_hold_up_the_others(folder, extracted, monkeypatch):
    for name in ("0.mp4", "1.avi"):
        (folder / "videos" / name).write_text("no video")
    with pytest.raises(InputError, match=r"0\.mp4: not a video .* \(and 1 more; --log lists them\)"):
        extract(monkeypatch, *arguments(folder))
    assert sorted(path.name for path in (folder / "out").glob("*.npy")) == ["a.npy", "b.npy"]


@pytest.mark.slow
def test_killed_and_started_again(folder):
    """What is whole stays as it is; of the rest nothing is left by the killed one."""
    film(folder / "videos/c.mp4")
    command = [sys.executable, SCRIPTS / "extract_features.py", *arguments(folder)]
    process = subprocess.Popen([str(part) for part in command])
    first = folder / "out/a.json"
    deadline = time.monotonic() + 60
    while not first.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "out/c.npy").exists()
    before = (folder / "out/a.npy").stat().st_mtime_ns
    result = run_script_process("extract_features.py", *arguments(folder, "--log", folder / "log"))
    assert (result.returncode, result.stderr) == (0, "")
    assert (folder / "out/a.npy").stat().st_mtime_ns == before
    assert "a.npy: exists" in (folder / "log").read_text()
    for name in "abc":
        assert np.load(folder / f"out/{name}.npy").shape == (1, 1024)


# --- what a user gets wrong


def put(name: str, content):
    """Replace a file of the folder by bytes, or by what torch.save makes of an object."""

    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            torch.save(content, folder / name)

    return damage


def state(change):
    """Change the weights."""

    def damage(folder: Path) -> None:
        content = torch.load(folder / "rgb.pt", weights_only=True)
        change(content)
        put("rgb.pt", content)(folder)

    return damage


def alone(make):
    """One video, which `make` writes, for all others."""

    def damage(folder: Path) -> None:
        for path in (folder / "videos").rglob("*.m*"):
            path.unlink()
        make(folder / "videos")

    return damage


def cut(name: str, share: float, codec: str = "mpeg4"):
    """A film of which the first part alone is there."""

    def make(videos: Path) -> None:
        path = film(videos / name, 200, codec=codec)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return alone(make)


def nothing(folder: Path) -> None:
    """No damage: it is the arguments."""


def add(*words):
    """More arguments."""
    return lambda folder: [str(part) for part in words]


BN = "Mixed_5c.b3b.bn.running_mean"
CASES = [
    Case("no folder", add("--videos", "nowhere"), ["nowhere: no such folder", "put the videos there"]),
    Case("no video", alone(lambda videos: None), ["videos: no video; expected <video>.mp4"]),
    Case(
        "two videos of one name",
        lambda folder: (folder / "videos/b.avi").write_bytes(b""),
        ["b.mkv: ", "b.avi is a video b too", "remove one"],
    ),
    Case(
        "no video but text",
        alone(lambda videos: (videos / "a.mp4").write_text("no video")),
        ["a.mp4: not a video that can be read", "copy it again"],
    ),
    Case(
        "an empty file",
        alone(lambda videos: (videos / "a.mkv").write_bytes(b"")),
        ["a.mkv: not a video that can be read", "copy it again"],
    ),
    Case("half an mp4", cut("a.mp4", 0.5), ["a.mp4: not a video that can be read", "copy it again"]),
    Case(
        "the first half of a video",
        cut("a.mkv", 0.5, "ffv1"),
        ["a.mkv: ends after ", " s of 8.0 s", "copy it again", "ffmpeg -i IN -an OUT.mp4"],
    ),
    Case("sound alone", alone(lambda videos: sound(videos / "a.mkv")), ["a.mkv: no video in it, only sound"]),
    Case("no weights", lambda folder: (folder / "rgb.pt").unlink(), ["rgb.pt: no such file", "correct"]),
    Case("weights that are text", put("rgb.pt", b"weights"), ["rgb.pt: ", "torch.save"]),
    Case(
        "half a file of weights", put("rgb.pt", b"PK\x03\x04 and no more"), ["rgb.pt: damaged or not a file"]
    ),
    Case("a whole network", put("rgb.pt", torch.nn.Linear(2, 2)), ["could run code", "state_dict()"]),
    Case("a list of weights", put("rgb.pt", [torch.zeros(2)]), ["rgb.pt: not a dictionary of weights"]),
    Case(
        "weights of another network",
        put("rgb.pt", {"fc.weight": torch.zeros(3)}),
        [
            "not the weights of i3d's rgb stream: without Conv3d_1a_7x7.conv3d.weight and ",
            "unknown fc.weight",
        ],
    ),
    Case("a weight that lacks", state(lambda weights: weights.pop(BN)), [f"without {BN}; name the file"]),
    Case(
        "weights of the other stream",
        state(lambda weights: weights.update({"Conv3d_1a_7x7.conv3d.weight": torch.zeros(64, 2, 7, 7, 7)})),
        ["Conv3d_1a_7x7.conv3d.weight is (64, 2, 7, 7, 7), expected (64, 3, 7, 7, 7)"],
    ),
    Case("NaN", state(lambda weights: weights[BN].fill_(torch.nan)), [f"rgb.pt: {BN} holds NaN or infinity"]),
    Case("an unknown model", add("--model", "i3e"), ["features.model: 'i3e'", "'i3d', 'r3d_18'"]),
    Case(
        "a stream without a name", add("--weights", "rgb.pt"), ["'rgb.pt': expected {rgb: FILE, flow: FILE}"]
    ),
    Case("an unknown stream", add("--weights", "rgb=a", "depth=b"), ["weights: ", "expected {rgb: FILE"]),
    Case("i3d to download", add("--weights", "download"), ["'download': expected {rgb: FILE, flow: FILE}"]),
    Case(
        "streams of a model of one",
        add("--model", "s3d"),
        ["features.weights: {'rgb': ", "expected a file, or `download` for torchvision"],
    ),
    Case("too small a window", add("--window", 4), ["snippet.window: 4 frames, but i3d takes 8 or more"]),
    Case("no frames", add("--frames", 0), ["snippet.frames: 0", "greater than or equal to 1"]),
    Case("no fps", add("--fps", 0), ["snippet.fps: 0.0", "greater than or equal to 0.001"]),
    Case(
        "no GPU", add("--device", "cuda"), ["device: cuda: this machine has no CUDA GPU", "use auto or cpu"]
    ),
]


@table(CASES)
def test_what_a_user_gets_wrong(case, folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    more = case.damage(folder)
    with pytest.raises(InputError) as caught:
        extract(monkeypatch, *arguments(folder, *(more if isinstance(more, list) else [])))
    assert_says(caught.value, "", case.words)
    assert list((folder / "out").iterdir()) == []


def test_a_fault_is_one_line_of_the_script(folder):
    (folder / "videos/a.mp4").write_text("no video")
    (folder / "videos/more/b.mkv").unlink()
    result = run_script("extract_features.py", *arguments(folder))
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {folder / 'videos/a.mp4'}: not a video that can be read")
    assert list((folder / "out").iterdir()) == []


def test_without_pyav(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"needs PyAV; install it: pip install -r requirements-video\.lock"):
        extract(monkeypatch, *arguments(folder))


def test_without_torchvision(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(InputError) as caught:
        backbones.load("r3d_18", "download", 16, torch.device("cpu"))
    words = [f"r3d_18 needs torchvision: pip install torchvision torch=={torch.__version__}"]
    assert_says(caught.value, "features.model: ", words)


def test_a_torchvision_of_another_torch(torchvision):
    torchvision("raise RuntimeError('operator torchvision::nms does not exist')\n")
    with pytest.raises(InputError, match=r"does not work with torch .*torchvision::nms does not exist"):
        backbones.load("r3d_18", "download", 16, torch.device("cpu"))


def test_weights_that_cannot_be_downloaded(torchvision):
    torchvision(fails=True)
    with pytest.raises(InputError, match=r"could not get those of r3d_18 \(.*no route to host"):
        backbones.load("r3d_18", "download", 16, torch.device("cpu"))


def test_a_model_that_takes_16_frames_alone(torchvision, folder, monkeypatch):
    torchvision()
    words = arguments(folder, "--model", "mvit_v2_s", "--weights", "download", "--window", "32")
    with pytest.raises(InputError, match=r"snippet.window: 32 frames, but mvit_v2_s takes 16 alone"):
        extract(monkeypatch, *words)


CONFIGURATION_CASES = [
    Case("another source", {"from": "audio"}, ["features.from: 'audio'", "'videos'"]),
    Case("no model", {"model": None}, ["features.model: None", "'i3d'"]),
    Case("an unknown key", {"modle": "i3d"}, ["features.modle: unknown key", "did you mean"]),
    Case("no file", {"weights": {}}, ["features.weights: {}", "expected {rgb: FILE, flow: FILE}"]),
    Case("a number", {"weights": {"rgb": 3}}, ["features.weights: {'rgb': 3}", "expected {rgb: FILE"]),
]


@table(CONFIGURATION_CASES)
def test_configuration(case, raw_config):
    features = {"from": "videos", "model": "i3d", "weights": {"rgb": "rgb.pt"}} | case.damage
    entry = {"root": "data", "snippet": {"frames": 16, "fps": 25}, "features": features}
    with pytest.raises(InputError) as caught:
        configuration.parse(
            configuration.Config, configuration.merge(raw_config, {"datasets": {"mine": entry}})
        )
    assert_says(caught.value, "configuration: datasets.mine.", case.words)


# --- the workflow


@pytest.fixture
def mine(tmp_path, weights) -> Path:
    """A working directory with a data set of two videos."""
    (tmp_path / "data/videos").mkdir(parents=True)
    (tmp_path / "data/point_labels").mkdir()
    database = {}
    for split, video_name in (("train", "a"), ("test", "b c")):
        film(tmp_path / f"data/videos/{video_name}.mp4", 52, times=40 * np.arange(52))
        (tmp_path / f"data/split_{split}.txt").write_text(video_name)
        segments = [{"label": "dive", "segment": [0.5, 1.5]}]
        database[video_name] = {"duration": 2.08, "fps": 25, "annotations": segments}
    (tmp_path / "data/gt_full.json").write_text(json.dumps({"database": database}))
    (tmp_path / "data/point_labels/point_gaussian.csv").write_text("class,video_id,point\ndive,a,20\n")
    (tmp_path / "rgb.pt").symlink_to(weights["rgb"])
    features = {"from": "videos", "model": "i3d", "weights": {"rgb": "rgb.pt"}}
    entry = {"root": "data", "snippet": {"frames": 16, "fps": 8}, "features": features}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"device": "cpu", "datasets": {"mine": entry}}))
    return tmp_path


TARGET = "results/mine/test/features.h5"  # made of the training features too


@pytest.mark.slow
def test_the_workflow_makes_features_of_videos(mine):
    run = snakemake(mine, "--configfile=mine.yaml", "--", TARGET)
    assert run.returncode == 0, run.stderr
    assert "warning" not in run.stderr  # as many snippets as the durations say
    for split, name in (("train", "a"), ("test", "b c")):
        with h5py.File(mine / f"results/mine/{split}/features.h5") as file:
            extracted = np.load(mine / f"results/mine/extracted/{name}.npy")
            assert list(file) == [name]
            assert extracted.shape == (1, 1024)
            np.testing.assert_array_equal(file[name][()], extracted)

    def plan(snakefile=ROOT / "Snakefile", **changes) -> Counter:
        """The jobs that a dry run plans, by rule."""
        values = yaml.safe_load((mine / "mine.yaml").read_text())
        entry = values["datasets"]["mine"]
        entry["features"] |= changes.pop("features", {})
        entry |= changes
        (mine / "changed.yaml").write_text(yaml.safe_dump(values))
        run = snakemake(mine, "--dry-run", "--configfile=changed.yaml", "--", TARGET, snakefile=snakefile)
        assert run.returncode == 0, run.stderr
        return Counter(re.findall(r"^rule (\w+):", run.stdout, re.M))

    # where things lie does not matter
    (mine / "data").rename(mine / "elsewhere")
    (mine / "rgb.pt").rename(mine / "other.pt")
    moved = {"root": "elsewhere", "features": {"weights": {"rgb": "other.pt"}}}
    (mine / "elsewhere/videos/b c.mp4").touch()
    assert plan(**moved) == Counter()
    # what the features are made of does
    both = Counter(extract_features=2, convert_features=2)
    (mine / "copy").mkdir()
    copy_project(mine / "copy")
    with open(mine / "copy/workflow/scripts/hrpro/video/i3d.py", "a") as file:
        file.write("changed = True\n")
    assert plan(mine / "copy/Snakefile", **moved) == both
    for change in (
        {"snippet": {"frames": 16, "fps": 8, "window": 32}},
        {"features": {"weights": {"flow": "other.pt"}}},
        {"features": {"model": "s3d", "weights": "other.pt"}},
        {"features": {"model": "s3d", "weights": "download"}},
    ):
        assert plan(**moved | change) == both, change
    film(mine / "elsewhere/videos/b c.mp4", 60)
    assert plan(**moved) == Counter(extract_features=1, convert_features=1)
    (mine / "other.pt").unlink()  # it is a link to what other tests read
    (mine / "other.pt").write_bytes(b"others")
    assert plan(**moved) == both


MISSING = [
    Case("a video", "data/videos/a.mp4", ["error: data/videos: no video a; put a.mp4 there (or another of"]),
    Case("weights", "rgb.pt", ["error: rgb.pt: no such file; correct datasets.mine.features.weights"]),
]


@table(MISSING)
def test_the_workflow_stops_where_something_is_missing(case, mine):
    (mine / case.damage).unlink()
    run = snakemake(mine, "--dry-run", "--configfile=mine.yaml", "--", TARGET)
    assert run.returncode == 1
    assert case.words[0] in run.stderr
    assert "Traceback" not in run.stderr
    assert not (mine / "results").exists()


def test_a_brace_in_the_name_of_a_video_is_no_wildcard(mine):
    (mine / "data/videos/b c.mp4").rename(mine / "data/videos/b{c}.mp4")
    for name in ("split_test.txt", "gt_full.json"):
        path = mine / "data" / name
        path.write_text(path.read_text().replace("b c", "b{c}"))
    run = snakemake(mine, "--dry-run", "--configfile=mine.yaml", "--", TARGET)
    assert run.returncode == 1
    assert "a brace in 'b{c}', which Snakemake takes for a wildcard; rename the video" in run.stderr


@pytest.mark.slow
def test_features_of_a_video_in_no_split_are_made_to_say_whether_to_label_it(mine):
    target = "results/mine/label_next.csv"
    run = snakemake(mine, "--dry-run", "--configfile=mine.yaml", "--", target)
    assert run.returncode == 1
    assert "error: data set mine: videos of no video but those of the splits" in run.stderr
    film(mine / "data/videos/d.mp4", 52)
    jobs = jobs_of(snakemake(mine, "--dry-run", "--configfile=mine.yaml", "--", target))
    assert jobs == Counter(extract_features=2, convert_features=1, label_next=1)
    run = snakemake(mine, "--dry-run", "--configfile=mine.yaml", "--", "results/mine/extracted/z.npy")
    assert run.returncode == 1
    assert "z.npy: no such video of data set mine; put it into its folder" in run.stderr
