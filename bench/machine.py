"""How long things take here, and how fast this machine can be."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

SIDE = 3072  # of the large matrix product that stands for the machine's limit

Clock = Callable[[], float]


@dataclass
class Result:
    """A part's median seconds: its own, the plain oracle's, and those of its work at the machine's limit."""

    size: str
    seconds: float
    baseline_seconds: float | None = None
    limit_seconds: float | None = None

    def entry(self) -> dict:
        """The part as bench.json has it."""
        baseline, limit = self.baseline_seconds, self.limit_seconds
        return {
            "seconds": self.seconds,
            "baseline_seconds": baseline,
            "speedup": None if baseline is None else baseline / self.seconds,
            "limit_fraction": None if limit is None else limit / self.seconds,
            "size": self.size,
        }


def clock(call: Callable[[], object], now: Clock) -> float:
    """The seconds of one call."""
    began = now()
    call()
    return now() - began


def medians(rounds: int, now: Clock, *calls: Callable[[], object]) -> list[float]:
    """The median seconds of each call, in turn, so that all see the same machine, after one uncounted."""
    for call in calls:
        call()
    taken = [[clock(call, now) for call in calls] for _ in range(rounds)]
    return [median(column) for column in zip(*taken, strict=True)]


def product() -> Callable[[], object]:
    """A large fp32 matrix product, of `2 * SIDE**3` operations."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    return lambda: a @ b


def has_bfloat16() -> bool:
    """Whether the processor has bfloat16 instructions."""
    return any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def at_limit(operations: float, rounds: int, now: Clock, call: Callable[[], object]) -> tuple[float, float]:
    """The median seconds of a call, and of its operations at the rate of the large product beside it."""
    seconds, large = medians(rounds, now, call, product())
    return seconds, operations / (2 * SIDE**3) * large
