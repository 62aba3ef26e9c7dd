"""Which device a network runs on."""

import os
import re
import tempfile
from pathlib import Path

import torch

from . import locks
from .errors import InputError

CACHE_SHARE = 0.4  # of a GPU's free memory, for features and for proposals' vectors each


def choose_device(name: str) -> torch.device:
    """The device called `name`: cpu, cuda, cuda:N, or auto for a CUDA GPU if there is one and else the CPU.

    Of several GPUs, where no number is given, one that no other step of this user runs on.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise InputError(f"device {name!r}: expected auto, cpu, cuda or cuda:N")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"configuration: device: {name}: this machine has no CUDA GPU; use auto or cpu")
    if name == "cuda" and torch.cuda.device_count() > 1:
        name = f"cuda:{lock_free_gpu(torch.cuda.device_count())}"
    return torch.device(name)


def send(values, device: torch.device) -> torch.Tensor:
    """A list or array as a tensor on a device; the host does not wait until it is there."""
    return torch.as_tensor(values).to(device, non_blocking=True)


def gpu_lock_path(gpu: int) -> Path:
    """The file that a step of this user locks while it runs on a GPU."""
    return Path(tempfile.gettempdir()) / f"hrpro-{os.getuid()}-gpu{gpu}.lock"


def lock_free_gpu(count: int) -> int:
    """Lock one of GPUs 0 ... count - 1 that no other step of this user runs on, until this process ends.

    If there is none, GPU 0: running more steps than there are GPUs means sharing them.
    """
    for gpu in range(count):
        try:
            locks.acquire(gpu_lock_path(gpu))
        except BlockingIOError:
            continue
        return gpu
    return 0


def cache_size(device: torch.device, memory: float) -> float:
    """Bytes of inputs that a training keeps: of a GPU a share of its free memory, else `memory` MB."""
    if device.type != "cuda":
        return memory * 1e6
    free, _ = torch.cuda.mem_get_info(device)
    return CACHE_SHARE * free
