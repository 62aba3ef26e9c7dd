"""Resuming a training: its full state, saved now and then outside of its outputs.

A training that is killed and started again, with the same settings, code and inputs, goes on from the
last saved state and ends with the same bytes.
"""

import fcntl
import hashlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

from ..utils import files
from ..utils.errors import InputError
from ..utils.progress import log

TERMINATED = 128 + signal.SIGTERM  # exit code


def hold(folder: Path) -> int:
    """Lock a folder until this process ends, where the file system can; InputError where another holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"{folder}: another process trains here; wait for it, or end it") from None
    except OSError as error:
        log.info("%s: cannot be locked (%s)", folder, error.strerror)
    return handle


class Draws:
    """The states of a training's random generators: numpy's `rng` and torch's own, of CPU and `device`."""

    def __init__(self, rng: np.random.Generator, device: torch.device):
        self.rng = rng
        self.device = device

    def state_dict(self) -> dict:
        """What `load_state_dict` takes."""
        state = {"numpy": json.dumps(self.rng.bit_generator.state), "torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def load_state_dict(self, state: dict) -> None:
        """Go on drawing where `state_dict` was taken."""
        self.rng.bit_generator.state = json.loads(state["numpy"])
        torch.set_rng_state(state["torch"])
        if self.device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)


class Resume:
    """The state of one training in the file `path`, saved at most every `every` seconds; None: nowhere.

    key: of what the training is, its settings, code and inputs; a state of another key is refused. From
    here on SIGTERM ends the process at the next `offer`, once the state is saved. Raises InputError where
    another process trains in the same folder, such as one that a killed Snakemake has left behind.
    """

    def __init__(self, path, key: str, every: float):
        self.path = path
        self.key = hashlib.sha256(key.encode()).hexdigest()
        self.every = every
        self.saved = time.monotonic()
        self.terminated = False
        if path is not None:
            self.lock = hold(Path(path).parent)
            for left in Path(path).parent.glob(f".{Path(path).name}.*"):  # of a kill while it was written
                left.unlink()
            signal.signal(signal.SIGTERM, self.terminate)

    def terminate(self, *_) -> None:
        """Remember that the process is to end."""
        self.terminated = True

    def restore(self, parts: dict) -> int:
        """Set the parts, by name what has a state_dict, to their saved state; -> its step, 0 without one.

        A state that is damaged or of another key leaves the parts as they are, and a line in the log.
        """
        state = self.read()
        if state is None:
            return 0
        for name, part in parts.items():
            part.load_state_dict(state[name])
        log.info("resumed at step %d from %s", state["step"], self.path)
        return state["step"]

    def read(self) -> dict | None:
        """The saved state, if it is whole and of this training."""
        if self.path is None or not Path(self.path).is_file():
            return None
        digest, _, body = Path(self.path).read_bytes().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != digest:
            log.warning("%s: the saved state is damaged; training starts anew", self.path)
            return None
        state = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        if state["key"] != self.key:
            log.warning(
                "%s: the saved state is of other settings, code or inputs; training starts anew", self.path
            )
            return None
        return state

    def offer(self, step: int, parts: dict, events) -> None:
        """Save the parts after a step if it is time to, or the process is to end; then end it.

        Its Events are written before: those of the steps up to the state's are not made again.
        """
        if self.path is None:
            return
        if self.terminated or time.monotonic() - self.saved >= self.every:
            events.flush()
            self.save(step, parts)
        if self.terminated:
            log.warning("terminated after step %d; run again to go on from there", step)
            sys.exit(TERMINATED)

    def save(self, step: int, parts: dict) -> None:
        """Write the parts' state after a step, behind its own digest."""
        state = {name: part.state_dict() for name, part in parts.items()} | {"step": step, "key": self.key}
        buffer = io.BytesIO()
        torch.save(state, buffer)
        digest = hashlib.sha256(buffer.getbuffer()).hexdigest().encode()
        with files.atomic(self.path) as temporary, open(temporary, "wb") as file:
            file.writelines([digest, b"\n", buffer.getbuffer()])
        self.saved = time.monotonic()
