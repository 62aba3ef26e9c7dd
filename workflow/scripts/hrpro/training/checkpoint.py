"""Checkpoints: a training's full state, saved at intervals so that it can resume after it is killed.

A training that is killed and started again with the same settings, code and inputs resumes from the last
checkpoint and ends with the same bytes.
"""

import hashlib
import io
import json
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

from ..utils import files, locks
from ..utils.errors import InputError
from ..utils.progress import log
from .logging import EventLog


class RngState:
    """The states of a training's random number generators: numpy's `rng`, and torch's of CPU and `device`."""

    def __init__(self, rng: np.random.Generator, device: torch.device):
        self.rng = rng
        self.device = device

    def state_dict(self) -> dict:
        """The states."""
        state = {"numpy": json.dumps(self.rng.bit_generator.state), "torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        self.rng.bit_generator.state = json.loads(state["numpy"])
        torch.set_rng_state(state["torch"])
        if self.device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)


class Checkpoint:
    """A training's checkpoint in the file `path`, saved every `every` seconds; without a path never.

    key: text of all that the training depends on, its settings, code and inputs; a checkpoint with another
    key is refused. From `resume` on, SIGTERM and Ctrl-C end the process at the next `maybe_save`, with its
    state saved; a second Ctrl-C at once. Raises InputError where another process trains in the same
    folder, such as one that a killed Snakemake left.
    """

    def __init__(self, path, *, key: str, every: float):
        self.path = None if path is None else Path(path)
        self.key = hashlib.sha256(key.encode()).hexdigest()
        self.every = every
        self.saved_at = time.monotonic()
        self.exit_code = 0  # another one: that with which the process is to end
        if self.path is not None:
            files.require_output(self.path)
            self.lock = lock_folder(self.path.parent)
            for partial in self.path.parent.glob(f".{self.path.name}.*"):  # killed while it was written
                partial.unlink()

    def terminate(self, number: int, _) -> None:
        """Remember that the process is to end."""
        self.exit_code = 128 + number
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def resume(self, parts: dict) -> int:
        """Restore the state of named parts, objects with `load_state_dict`; -> the steps done, or 0.

        A checkpoint that is damaged or has another key changes no part and is logged.
        """
        if self.path is not None:
            signal.signal(signal.SIGTERM, self.terminate)
            signal.signal(signal.SIGINT, self.terminate)
        state = self.read()
        if state is None:
            return 0
        for name, part in parts.items():
            part.load_state_dict(state[name])
        log.info("resumed at step %d from %s", state["step"], self.path)
        return state["step"]

    def read(self) -> dict | None:
        """The saved state, if it is complete and of this training."""
        if self.path is None or not self.path.is_file():
            return None
        digest, _, body = self.path.read_bytes().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != digest:
            log.warning("%s: the checkpoint is damaged; training starts from the beginning", self.path)
            return None
        state = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        if state["key"] != self.key:
            log.warning(
                "%s: the checkpoint is of other settings, code or inputs; training starts from the beginning",
                self.path,
            )
            return None
        return state

    def maybe_save(self, step: int, parts: dict, events: EventLog) -> None:
        """Save the parts after a step if `every` seconds have passed or the process is to end; then end it.

        The events are flushed before, since those of the steps up to the checkpoint are not written again.
        """
        if self.path is None:
            return
        if self.exit_code or time.monotonic() - self.saved_at >= self.every:
            events.flush()
            self.save(step, parts)
        if self.exit_code:
            log.warning("terminated after step %d; run again to resume", step)
            sys.exit(self.exit_code)

    def save(self, step: int, parts: dict) -> None:
        """Write the parts' state after a step, preceded by its digest."""
        state = {name: part.state_dict() for name, part in parts.items()}
        buffer = io.BytesIO()
        torch.save(state | {"step": step, "key": self.key}, buffer)
        digest = hashlib.sha256(buffer.getbuffer()).hexdigest().encode()
        with files.atomic(self.path) as temporary, open(temporary, "wb") as file:
            file.writelines([digest, b"\n", buffer.getbuffer()])
        self.saved_at = time.monotonic()


def lock_folder(folder: Path) -> int:
    """Lock a training's folder until this process ends; InputError where another process has locked it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return locks.acquire(folder)
    except BlockingIOError:
        raise InputError(f"{folder}: another process trains here; wait for it or end it") from None
