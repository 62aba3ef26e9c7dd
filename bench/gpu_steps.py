"""Seconds per step of each stage on THUMOS14's lengths, beside the card's limits and the plain oracle.

A step: forward and backward pass, optimizer, prototypes; its features and proposals are on the device.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch

import made
import stages
from gpu_run import CPU, NARROW, VARIANTS, WIDE, Check, Run
from machine import clock
from settings import configuration, stages_of

PRECISIONS = ("float32", "TF32", "bfloat16")
SIDE, QUICK_SIDE = 8192, 512  # of the large matrix product
COPIED = 4 * 2**30  # bytes
WARMUP = 5
ORACLE_VIDEOS = 2  # on which stage 1's oracle is timed
VIDEOS = 16  # of a step of stage 1, as released


def checks(run: Run) -> dict[str, Check]:
    """The checks, by name."""
    timed = {"limits": lambda: limits(run)}
    for channels in (NARROW, WIDE):
        for variant in VARIANTS:
            for stage in stages_of(variant):
                name = f"{stage}, {channels} channels, {variant}"
                timed[name] = lambda s=stage, c=channels, v=variant: steps(run, s, c, v)
    return timed | {
        f"oracle, {stage}": lambda s=stage: oracle_steps(run, s) for stage in stages_of("released")
    }


def limits(run: Run) -> dict:
    """The rates of a large matrix product and of a copy on the device."""
    side = QUICK_SIDE if run.quick else SIDE
    figures = {}
    for precision in PRECISIONS:
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        a, b = (torch.randn(side, side, dtype=dtype, device=run.device) for _ in range(2))
        with products_in(precision):
            seconds = step_seconds(run, lambda a=a, b=b: a @ b, 3 if run.quick else 10)
        figures[f"{precision} product, TFLOP/s"] = 2 * side**3 / seconds / 1e12
    source = torch.randn((COPIED // (256 if run.quick else 1)) // 4, device=run.device)
    target = torch.empty_like(source)
    seconds = step_seconds(run, lambda: target.copy_(source), 3 if run.quick else 10)
    return figures | {"copy, read and written, GB/s": 2 * source.nbytes / seconds / 1e9}


def steps(run: Run, stage: str, channels: int, variant: str) -> dict:
    """Milliseconds of a step in each precision, its memory, and its videos."""
    settings = configuration().step("thumos", stage, variant)
    figures = {}
    for precision in PRECISIONS:
        if precision == "bfloat16":
            settings = settings.model_copy(update={"precision": "bfloat16"})
        if run.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(run.device)
        step, lengths = made_step(run, stage, channels, settings)
        with products_in(precision):
            figures[f"{precision}, ms"] = 1000 * step_seconds(run, step.run, 2 if run.quick else 30)
        if run.device.type == "cuda":
            figures[f"{precision}, GB"] = torch.cuda.max_memory_allocated(run.device) / 1e9
        if stage == "stage1" and variant == "released":
            operations = stages.stage1_operations(lengths, channels, settings)
            figures[f"{precision}, TFLOP/s"] = operations / figures[f"{precision}, ms"] / 1e9
    return figures | {"videos": len(lengths), "snippets": sum(lengths)}


def made_step(run: Run, stage: str, channels: int, settings) -> tuple[stages.Step, list[int]]:
    """A step on a made batch and the lengths of its videos: VIDEOS in stage 1, else the settings' batch."""
    videos = 2 if run.quick else VIDEOS if stage == "stage1" else settings.batch
    channels = channels // 16 if run.quick else channels
    lengths = made.lengths("train", videos)
    if stage != "stage2":
        return stages.BY_LENGTHS[stage](lengths, channels, settings, run.device), lengths
    proposals = min(made.PROPOSALS, 20 if run.quick else settings.proposals)
    return stages.stage2_step(videos, proposals, channels, settings, run.device), lengths


def oracle_steps(run: Run, stage: str) -> dict:
    """Seconds of a released step with few channels by the oracle, on the CPU, scaled from a part of it."""
    settings = configuration().step("thumos", stage, "released")
    channels = NARROW // 16 if run.quick else NARROW
    lengths = made.lengths("train", settings.batch)
    if stage == "stage1":
        step = stages.stage1_step(lengths, channels, settings, CPU)
        whole = stages.stage1_operations(lengths, channels, settings)
        part = stages.stage1_operations(lengths[:ORACLE_VIDEOS], channels, settings)
        seconds = clock(lambda: step.plain(ORACLE_VIDEOS), time.perf_counter) * whole / part
    else:
        step = stages.stage2_step(settings.batch, made.PROPOSALS, channels, settings, CPU)
        share = 2 * stages.FEW / (settings.batch * made.PROPOSALS)
        seconds = clock(step.plain, time.perf_counter) / share
    return {"seconds": seconds, "channels": channels}


@contextlib.contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Have float32 products use TF32, or not."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "TF32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def step_seconds(run: Run, call: Callable[[], object], rounds: int) -> float:
    """The median seconds of a call on the device, after some for warming up."""
    for _ in range(1 if run.quick else WARMUP):
        call()
    if run.device.type != "cuda":
        return median(clock(call, time.perf_counter) for _ in range(rounds))
    marks = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(rounds)]
    for began, ended in marks:
        began.record()
        call()
        ended.record()
    torch.cuda.synchronize(run.device)
    return median(began.elapsed_time(ended) for began, ended in marks) / 1000
