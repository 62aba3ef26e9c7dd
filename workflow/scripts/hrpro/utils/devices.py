"""Where a network runs."""

import fcntl
import os
import re
import tempfile
from pathlib import Path

import torch

from .errors import InputError

CARD_SHARE = 0.5  # of a GPU's free memory, for the features that stay there
HELD = []  # locks of the GPUs that this process uses


def choose_device(name: str) -> torch.device:
    """`auto`: a CUDA GPU if there is one, else the CPU; otherwise what is named.

    Of several GPUs, where none is named by number, one that no other step holds.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise InputError(f"device {name!r}: wanted auto, cpu, cuda or cuda:N")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"configuration: device: {name}: no CUDA GPU here; say auto or cpu")
    if name == "cuda" and torch.cuda.device_count() > 1:
        name = f"cuda:{free_card(torch.cuda.device_count())}"
    return torch.device(name)


def free_card(count: int) -> int:
    """Of GPUs 0 ... count - 1, one that no other step of this user holds, held until this process ends.

    The first, if all are held: who starts more steps than there are GPUs wants them shared.
    """
    for card in range(count):
        name = Path(tempfile.gettempdir()) / f"hrpro-{os.getuid()}-gpu{card}.lock"
        lock = name.open("w")  # open until this process ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        HELD.append(lock)
        return card
    return 0


def card_room(device: torch.device) -> float:
    """How many bytes of features may stay on a device: none of the CPU's, whose files are cached anyway."""
    return CARD_SHARE * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
