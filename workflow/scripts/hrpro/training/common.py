"""What the training of both stages shares: draws, devices, reports, tests and the models' files."""

import argparse
import ctypes
import inspect
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from .. import config
from ..grid import Grid
from ..utils import files
from ..utils.errors import InputError
from ..utils.progress import log
from .checkpoint import Resume

WIDE = 256  # channels from which a second thread pays
EVENTS = 10  # steps whose events are written at a time
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h
RISE = 0.05  # share of the steps over which a cosine schedule's learning rate rises

# A test during training: the model -> its mAP on the test split.
Test = Callable[[torch.nn.Module], float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the training scripts of both stages take alike."""
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", required=True, help="output")
    parser.add_argument("--events", required=True, help="output: folder of TensorBoard events")
    parser.add_argument("--state", help="where the training's state is saved, to go on from if it is killed")
    parser.add_argument("--state-every", type=int, default=60, help="seconds between saves of it")
    parser.add_argument("--code", default="", help="digest of the code; a state of other code is refused")
    parser.add_argument("--test-features", nargs="?", help="the test split's features")
    parser.add_argument("--test-annotations", nargs="?", help="its annotations")
    parser.add_argument(
        "--test", nargs="?", help="JSON of settings.{proposals,detection,evaluation} and exclude: the test"
    )
    parser.add_argument("--log", help="log file")


def resume_of(args, features: str, *inputs: str | None) -> Resume:
    """Where the state of a training of these arguments is saved, under a key of all that it depends on.

    features: digest of the features; inputs: the other files that it reads, None for what it does without.
    """
    if not args.state:
        return Resume(None, "", args.state_every)
    digests = [files.sha256(path) for path in inputs if path]
    key = " ".join([args.code, args.settings, str(args.seed), str(args.test), features, *digests])
    return Resume(args.state, key, args.state_every)


def device_of(model: torch.nn.Module) -> torch.device:
    """Where a model lies."""
    return next(model.parameters()).device


def start(seed: int, threads: int, width: int) -> np.random.Generator:
    """Set the process up: its memory, its threads, and every draw, torch's by `seed`; -> numpy's generator.

    Features of few channels (width) get one thread: on small products threads cost more than they do.
    """
    keep_memory()
    torch.manual_seed(seed)
    torch.set_num_threads(threads if width >= WIDE else 1)
    return np.random.default_rng(seed)


def keep_memory() -> bool:
    """Have glibc keep what is freed for the next tensors, until the process ends; -> whether it does.

    The system would clear each page that it gives anew, a seventh of a step's time with 2048 channels.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))


class Batches:
    """Batches of numbers below `count` without end: each epoch shuffled, its remainder dropped.

    With fewer than `size`, each batch is all of them (fault 10).
    """

    def __init__(self, count: int, size: int, rng: np.random.Generator):
        self.count, self.size, self.rng = count, min(size, count), rng
        self.left = np.zeros((0, self.size), dtype=np.int64)  # of the epoch, (batches, size)

    def following(self) -> np.ndarray:
        """The next batch, without drawing for it: none where the next one opens an epoch."""
        return self.left[0] if len(self.left) else np.zeros(0, dtype=np.int64)

    def __next__(self) -> np.ndarray:
        if not len(self.left):
            whole = self.count // self.size * self.size
            self.left = self.rng.permutation(self.count)[:whole].reshape(-1, self.size)
        batch, self.left = self.left[0], self.left[1:]
        return batch

    def state_dict(self) -> dict:
        """What is left of the epoch."""
        return {"left": torch.from_numpy(self.left.copy())}

    def load_state_dict(self, state: dict) -> None:
        """Go on where `state_dict` was taken."""
        self.left = state["left"].numpy()


class Adam(torch.optim.Adam):
    """torch's, without what is of use to compiled trainings alone: importing torch._dynamo takes a second.

    torch's decorators import it at the first call of what they wrap; this is the same, unwrapped.
    """

    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Adam.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


def optimizer(model: torch.nn.Module, settings, steps: int):
    """Adam with the settings' rates, and the schedule of its learning rate over `steps` steps.

    cosine: up to the full rate over the first RISE of the steps, then along half a cosine to 0.
    """
    adam = Adam(
        model.parameters(),
        lr=settings.learning_rate,
        betas=tuple(settings.betas),
        weight_decay=settings.weight_decay,
        fused=True,
    )

    def share(step: int) -> float:
        """The share of the full rate at a step, from 0."""
        if settings.schedule == "constant":
            return 1.0
        rise = min(1.0, (step + 1) / (RISE * steps))
        return rise * 0.5 * (1 + math.cos(math.pi * step / steps))

    return adam, torch.optim.lr_scheduler.LambdaLR(adam, share)


def autocast(settings, device: torch.device):
    """Matrix products in bfloat16 inside it, where the settings' precision says so."""
    return torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16")


class Events:
    """TensorBoard events in a folder, after the steps `done`; a context manager.

    They are written EVENTS steps at a time, so that no step waits until a GPU has its losses. None are
    kept of an earlier training. status: gets the last written "loss".
    """

    def __init__(self, folder, done: int, status: dict):
        for old in Path(folder).glob("events.out.tfevents.*") if not done else ():
            old.unlink()
        self.writer = SummaryWriter(folder, purge_step=done + 1 if done else None)
        self.status = status
        self.waiting: list[tuple[int, float, list[str], torch.Tensor]] = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.write()
        self.writer.close()

    def add(self, step: int, rate: float, values: dict[str, torch.Tensor]) -> None:
        """Note a step's learning rate and values, each averaged."""
        means = torch.stack([value.detach().mean() for value in values.values()])
        self.waiting.append((step, rate, list(values), means))
        if len(self.waiting) == EVENTS:
            self.write()

    def write(self) -> None:
        """Write what is noted."""
        for step, rate, names, means in self.waiting:
            values = dict(zip(names, means.tolist(), strict=True))
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)
            self.writer.add_scalar("learning rate", rate, step)
            self.status["loss"] = values["loss/total"]
        self.waiting.clear()

    def flush(self) -> None:
        """Write what is noted, and hand it to the system."""
        self.write()
        self.writer.flush()


class Best:
    """Keeps the weights of the best tested model; without a test it keeps nothing."""

    def __init__(self, test: Test | None):
        self.test = test
        self.score = -1.0
        self.state = None

    def offer(self, model: torch.nn.Module, step: int, events: Events) -> None:
        """Test a model and remember its weights if none was better."""
        if self.test is None:
            return
        model.eval()
        score = self.test(model)
        events.writer.add_scalar("mAP", score, step)
        log.info("step %d: mAP on the test split %.2f", step, score)
        if score > self.score:
            self.score = score
            self.state = {name: value.clone() for name, value in model.state_dict().items()}

    def state_dict(self) -> dict:
        """The best score and weights so far."""
        return {"score": self.score, "state": self.state}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` gave."""
        self.score, self.state = state["score"], state["state"]

    def restore(self, model: torch.nn.Module) -> torch.nn.Module:
        """The model, with the remembered weights if there are any, ready for use."""
        if self.state is not None:
            model.load_state_dict(self.state)
        return model.eval()


def save(path, model: torch.nn.Module, settings, classes: list[str], width: int, grid: Grid) -> None:
    """Write a trained model with all that its use needs; equal models give equal bytes."""
    facts = {"classes": classes, "width": width}
    facts |= {"frames": grid.frames, "fps": grid.fps, "window": grid.window}
    state = {name: value.cpu() for name, value in model.state_dict().items()}
    write(path, {"facts": json.dumps(facts), "settings": config.canonical(settings), "state": state})


def grid_of(facts: dict) -> Grid:
    """The grid of the features that a model was trained on, from its facts."""
    return Grid(facts["frames"], facts["fps"], facts.get("window"))  # models from before there was one


def write(path, content: dict) -> None:
    """Write text and tensors as a model file; equal contents give equal bytes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with files.atomic(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read(path) -> dict:
    """The content of a file of `write`. Raises InputError where it is none, or damaged."""
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; wanted a trained model") from None
    except (OSError, EOFError, RuntimeError, LookupError, TypeError, ValueError, UnpicklingError) as error:
        raise no_model(path, error) from None


def load(path) -> tuple[dict, dict]:
    """The content of a model file, {"settings": JSON, "state"}, and its facts, as `save` wrote them.

    Raises InputError where it is damaged, or the model of both stages in one file.
    """
    content = read(path)
    if "stage1" in content:
        raise InputError(f"{path}: the model of both stages in one file; give that of one stage")
    try:
        return content, json.loads(content["facts"])
    except (LookupError, TypeError, ValueError) as error:
        raise no_model(path, error) from None


def no_model(path, error: Exception) -> InputError:
    """The error on a file that is no model file, a damaged one, or one of another version."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return InputError(f"{path}: no model of hrpro as it is now ({reason}); remove it and train again")
