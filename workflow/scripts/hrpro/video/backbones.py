"""Networks that turn clips of a video into features, by name behind one interface (Backbone).

config.BACKBONES names them: i3d (i3d.py), and video models of torchvision.
"""

import itertools
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..config import BACKBONES, DOWNLOAD, I3D
from ..utils import progress
from ..utils.errors import InputError
from . import decoding, flow, i3d

# Frames of a clip that a network can take, at least and at most; 8 make one step of I3D's time.
WINDOWS = {I3D: (8, None), "s3d": (14, None), "mvit_v1_b": (16, 16), "mvit_v2_s": (16, 16)}


@dataclass(frozen=True)
class Backbone:
    """A network and the clips that it takes.

    resize: the shorter side in pixels, or height and width; crop: height and width cut out of the centre.
    ahead: frames after a clip's that it needs too. width: D. network: (N, 3, frames + ahead, *crop) uint8 on
    `device` -> (N, D).
    """

    width: int
    resize: tuple[int, ...]
    crop: tuple[int, int]
    network: Callable[[torch.Tensor], torch.Tensor]
    device: torch.device
    ahead: int = 0

    def __call__(self, clips: torch.Tensor) -> torch.Tensor:
        """(N, 3, frames + ahead, *crop) uint8 -> (N, D) float32."""
        with torch.inference_mode():
            return self.network(clips.to(self.device)).float().cpu()


def features(path, backbone: Backbone, *, stride: int, window: int, fps: float, batch: int) -> np.ndarray:
    """The features of a video's snippets, (T, D) float32; `batch` of them in memory at a time.

    stride, window: in frames at `fps` frames per second. Raises InputError on a file that cannot be read, and
    if the network gives NaN or infinity.
    """
    rows = []
    with decoding.open_video(path, torch.get_num_threads()) as reader:
        frames = reader.frames(fps, backbone.resize, backbone.crop)
        clips = decoding.snippets(frames, stride=stride, window=window, ahead=backbone.ahead)
        batches = reader.length(stride, fps) // batch + 1
        for clips_of_batch in progress.track(batched(clips, batch), batches, Path(path).name):
            rows.append(backbone(torch.from_numpy(np.stack(clips_of_batch))).numpy())
    array = np.concatenate(rows)
    if not np.isfinite(array).all():
        row, channel = np.argwhere(~np.isfinite(array))[0]
        value = array[row, channel]
        raise InputError(f"{path}: snippet {row}, channel {channel}: {value}; check the weights")
    return array


def batched(items: Iterable, size: int) -> Iterator[list]:
    """Lists of `size` items, the last one of what is left."""
    items = iter(items)
    return iter(lambda: list(itertools.islice(items, size)), [])


def load(model: str, weights, window: int, device: torch.device) -> Backbone:
    """A backbone by the name of its model, with its weights, for clips of `window` frames.

    weights: a file, or "download" for torchvision's; of i3d {"rgb": file, "flow": file}, either of them
    alone for a network of one stream. Raises InputError if they are missing or do not fit, and if the
    network cannot take such clips.
    """
    least, most = WINDOWS.get(model, (1, None))
    if window < least or window > (most or window):
        limits = f"{least} alone" if most else f"{least} or more"
        raise InputError(f"snippet.window: {window} frames, but {model} takes {limits}; correct it")
    if model == I3D:
        return load_i3d(weights, device)
    return load_torchvision(model, weights, device)


def load_i3d(weights: dict[str, str], device: torch.device) -> Backbone:
    """I3D with one stream or both; features are those of rgb, then those of flow."""
    streams = {}
    for stream, channels in (("rgb", 3), ("flow", 2)):
        if stream in weights:
            network = i3d.I3D(channels)
            fill(network, weights[stream], head="logits", name=f"i3d's {stream} stream")
            streams[stream] = network.eval().to(device)
    ahead = int("flow" in weights)  # the flow of a clip's last frame leads to the one after it

    def network(clips: torch.Tensor) -> torch.Tensor:
        by_stream = []
        if "rgb" in streams:
            pictures = clips[:, :, : clips.shape[2] - ahead]
            by_stream.append(streams["rgb"](normalized(pictures, [0.5] * 3, [0.5] * 3)))
        if "flow" in streams:
            by_stream.append(streams["flow"](flow.scaled(clips)))
        return torch.cat(by_stream, dim=1)

    width = BACKBONES[I3D] * len(streams)
    return Backbone(width=width, resize=(256,), crop=(224, 224), network=network, device=device, ahead=ahead)


def load_torchvision(model: str, weights: str, device: torch.device) -> Backbone:
    """One of torchvision's video models without its classifier; pictures are scaled as its weights ask."""
    models = torchvision_models(model)
    download = weights == DOWNLOAD
    try:
        network = models.get_model(model, weights="DEFAULT" if download else None)
    except (OSError, RuntimeError) as error:  # no connection, no such address, a broken file
        reason = str(error).splitlines()[0]
        raise InputError(
            f"weights: download: torchvision could not get those of {model} ({reason}); "
            "name a file of them in `weights`"
        ) from None
    head = [name for name, _ in network.named_children()][-1]  # the classifier comes last in all of them
    setattr(network, head, nn.Identity())
    if not download:
        fill(network, weights, head=head, name=f"torchvision's {model}")
    network.eval().to(device)
    transforms = models.get_model_weights(model).DEFAULT.transforms()
    mean, std = list(transforms.mean), list(transforms.std)
    return Backbone(
        width=BACKBONES[model],
        resize=tuple(transforms.resize_size),
        crop=tuple(transforms.crop_size),
        network=lambda clips: network(normalized(clips, mean, std)),
        device=device,
    )


def torchvision_models(model: str):
    """torchvision.models. Raises InputError if there is none, or one that was built for another torch."""
    install = f"pip install torchvision torch=={torch.__version__}, from the index that torch came from"
    try:
        import torchvision
    except ModuleNotFoundError:
        raise InputError(f"features.model: {model} needs torchvision: {install}") from None
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"features.model: {model} needs torchvision, and the one here does not work with "
            f"torch {torch.__version__} ({reason}): {install}"
        ) from None
    return torchvision.models


def normalized(clips: torch.Tensor, mean: list[float], std: list[float]) -> torch.Tensor:
    """(N, C, T, H, W) uint8 -> float32, by each channel's mean and deviation of values from 0 to 1."""
    shape = (1, -1, 1, 1, 1)
    mean, std = (torch.tensor(values, device=clips.device).reshape(shape) for values in (mean, std))
    return (clips.float() / 255 - mean) / std


def fill(network: nn.Module, path: str, *, head: str, name: str) -> None:
    """Give a network the weights of a file, those of its classifier `head` left out.

    The file: a state_dict, or a dictionary with one as "state_dict" (or "model"); "module." before every
    name is ignored. Raises InputError if it is not one, or one of another network.
    """
    weights = {key.removeprefix("module."): value for key, value in read_weights(path).items()}
    weights = {key: value for key, value in weights.items() if key.split(".")[0] != head}
    expected = network.state_dict()
    # counts of batches serve training alone; files of old torch releases have none
    missing = [key for key in expected if key not in weights and not key.endswith("num_batches_tracked")]
    unknown = [key for key in weights if key not in expected]
    if missing or unknown:
        faults = [
            f"{what} {keys[0]}" + (f" and {len(keys) - 1} more" if len(keys) > 1 else "")
            for what, keys in (("without", missing), ("with an unknown", unknown))
            if keys
        ]
        raise InputError(f"{path}: not the weights of {name}: {', '.join(faults)}; name the file that fits")
    for key, value in weights.items():
        if value.shape != expected[key].shape:
            raise InputError(
                f"{path}: not the weights of {name}: {key} is {tuple(value.shape)}, "
                f"expected {tuple(expected[key].shape)}; name the file that fits"
            )
        if not torch.isfinite(value).all():
            raise InputError(f"{path}: {key} holds NaN or infinity; copy the file again")
    network.load_state_dict(weights, strict=False)


def read_weights(path: str) -> dict[str, torch.Tensor]:
    """The tensors of a file that torch has saved, by name, read without unpickling code."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; correct `weights`")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path}: not a file of weights alone (what else it holds could run code); "
            "save the network's state_dict() with torch.save"
        ) from None
    except (OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: damaged or not a file of torch's ({reason}); copy it again") from None
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise InputError(
            f"{path}: not a dictionary of weights; save the network's state_dict() with torch.save"
        )
    return content
