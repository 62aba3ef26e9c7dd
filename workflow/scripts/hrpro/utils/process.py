"""Setting a process up for a network."""

import numpy as np
import torch

from . import speed
from .progress import log
from .threads import threads_that_pay


def start(seed: int, threads: int, width: int) -> np.random.Generator:
    """Set up memory, threads and random numbers, torch's by `seed`; -> numpy's generator by the same seed.

    width: channels of the features. Where they are few, one thread is used whatever `threads` says.
    """
    speed.keep_memory()
    torch.manual_seed(seed)
    torch.set_num_threads(threads_that_pay(threads, width))
    # what the last digits on a CPU depend on (docs/running.md)
    log.info(
        "threads: %d, instructions: %s", torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()
    )
    return np.random.default_rng(seed)


def machine(device: torch.device) -> dict:
    """What a network runs on, of that what its last digits depend on: device, threads, instructions."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
