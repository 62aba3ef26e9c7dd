"""Model files: a trained model of one stage with all that its use needs.

torch writes a zip archive, which holds a checksum of all that is in it; torch itself does not look at it.
"""

import io
import json
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Annotated, NamedTuple

import torch
from pydantic import AfterValidator, Field

from . import config
from .grid import Grid
from .utils import files
from .utils.errors import InputError
from .utils.names import shown
from .utils.settings import Count, Strict

SETTINGS = {"stage1": config.Stage1, "stage2": config.Stage2, "stage3": config.Stage3}
UNNAMED = "hrpro"  # the method that files of stages 1 and 2 leave out, as they did when it was the only one
DAMAGED = (InputError, LookupError, RuntimeError, TypeError, ValueError)  # what reading a wrong file raises


def is_text(name: str) -> str:
    """Pass a name on if it can be written."""
    if not name.isprintable():
        raise ValueError("expected printable text")
    return name


class Facts(config.Snippet):
    """What a model file says of its features and classes."""

    classes: Annotated[
        list[Annotated[str, Field(min_length=1), AfterValidator(is_text)]], Field(min_length=1)
    ] = Field(description="names, in the order of their numbers")
    width: Annotated[Count, Field(le=2**20)] = Field(description="channels")


class ModelFile(NamedTuple):
    """What a model file holds. The grid and the width (channels) are those of the features."""

    settings: Strict  # the Settings of the model's method
    classes: list[str]
    width: int
    grid: Grid
    weights: dict[str, torch.Tensor]


def save(
    path, model: torch.nn.Module, *, settings: Strict, classes: list[str], width: int, grid: Grid
) -> None:
    """Write a trained model; equal ones give equal bytes. Raises InputError where a weight is not finite."""
    values = settings.model_dump()
    if values["method"] == UNNAMED:
        del values["method"]
    facts = {"classes": classes, "width": width}
    facts |= {"frames": grid.frames, "fps": grid.fps, "window": grid.window}
    weights = {name: value.cpu() for name, value in model.state_dict().items()}
    for name, value in weights.items():
        if not value.isfinite().all():
            raise InputError(
                f"the training diverged: weights of {name} are NaN or infinite; lower its learning_rate"
            )
    write(
        path,
        {"facts": json.dumps(facts), "settings": json.dumps(values, sort_keys=True), "state": weights},
    )


def load(path, stage: str) -> ModelFile:
    """Read a trained model of "stage1", "stage2" or "stage3".

    Raises InputError where the file is missing or damaged, or holds the model of another stage or of several.
    """
    content = read(path)
    if "stage1" in content:
        raise InputError(f"{path}: holds the models of all stages; expected the model of one stage")
    try:
        return parse(content, stage)
    except DAMAGED as error:
        raise not_a_model(path, error) from None


def parse(content: dict, stage: str) -> ModelFile:
    """The content of a model file, as `read` gives it -> what it holds. Raises one of DAMAGED."""
    facts = config.from_json(Facts, content["facts"])
    if len(set(facts.classes)) < len(facts.classes):
        raise InputError("a class twice")
    require_weights(content["state"])
    return ModelFile(
        settings=config.from_json(SETTINGS[stage], content["settings"]),
        classes=facts.classes,
        width=facts.width,
        grid=Grid(facts.frames, facts.fps, facts.window),
        weights=content["state"],
    )


def require_weights(state) -> None:
    """Raise InputError where a state is not {name: dense tensor of finite floats, or of whole numbers}."""
    if not isinstance(state, dict) or not state:
        raise InputError("it has no weights")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise InputError("its weights are not tensors by name")
        known = value.is_floating_point() or value.dtype == torch.int64  # numbers of classes, say
        if not known or value.layout != torch.strided:
            raise InputError(f"its weights of {shown(name)} are not a dense tensor of real floats")
        if not value.isfinite().all():
            raise InputError(f"its weights of {shown(name)} are NaN or infinite")


def write(path, content: dict) -> None:
    """Write text and tensors; equal contents give equal bytes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with files.atomic(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read(path) -> dict:
    """What `write` has written. Raises InputError where the file is missing, damaged or of another kind."""
    if Path(path).exists():
        files.require_regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise InputError("it is compressed, which torch's are not")
            damaged = archive.testzip()
        if damaged:
            raise InputError(f"damaged at {damaged}")
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a trained model") from None
    except UnpicklingError:  # torch advises to load it all the same, which would run what it holds
        raise not_a_model(path, InputError("it holds more than text and tensors")) from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (*DAMAGED, EOFError, AssertionError, NotImplementedError, zipfile.BadZipFile) as error:
        raise not_a_model(path, error) from None


def not_a_model(path, error: Exception) -> InputError:
    """The error on a file that is not a model file, damaged, or of another version of hrpro."""
    if isinstance(error, InputError):
        reason = str(error)
    elif isinstance(error, KeyError):
        reason = f"it lacks {error}"
    elif "state_dict" in str(error):
        reason = "its weights are of another network"
    else:  # Python's and torch's own words would not help
        reason = "damaged, or of another program"
    return InputError(f"{path}: not a model of this version of hrpro ({reason}); remove it and train again")
