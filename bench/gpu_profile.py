"""Where a training step's time goes: kernels, operator calls, how long the card idles, where the host waits.

The real training loops on the made data set, watched between their steps.
"""

import contextlib
import cProfile
import math
import pstats
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

import trainings
from gpu_run import VARIANTS, Check, Run
from hrpro import inference
from hrpro.training.checkpoint import Checkpoint
from jobs import THREADS, cut
from settings import ROOT, stages_of

PACKAGE = str(ROOT / "workflow" / "scripts" / "hrpro")
EPOCH = 26  # steps after which each video has been read once, whatever the batch
TIMED, WATCHED, PROFILED = 20, 10, 5  # steps; losses go to the event log every 10
LONGEST, LARGEST = 10, 15  # kernels and operators, and functions
HOST_READS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "_unique2")
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx")
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


def checks(run: Run) -> dict[str, Check]:
    """The checks, by name."""
    return {
        f"{stage}, {variant}": partial(watch, run, stage, variant)
        for variant in VARIANTS
        for stage in stages_of(variant)
    }


def watch(run: Run, stage: str, variant: str) -> dict:
    """What is seen of a training's steps."""
    if stage == "stage1":
        run.jobs.convert()
    else:
        run.jobs.until(variant, "rank train" if stage == "stage2" else "train stage 2")
    if run.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(run.device)
    counts = (1, 1, 2, 1) if run.quick else (EPOCH, TIMED, WATCHED, PROFILED)
    figures = {}
    train(run, stage, variant, Watching(observed(run, figures, *counts)), steps=sum(counts) + counts[-1] + 1)
    return figures


class Watching(Checkpoint):
    """In place of a training's checkpoint: goes on with a generator after each step."""

    def __init__(self, observer: Iterator[None]):
        super().__init__(None, key="", every=math.inf)
        self.observer = observer

    def maybe_save(self, step, parts, events) -> None:
        """Let the observer look."""
        next(self.observer, None)


def train(run: Run, stage: str, variant: str, checkpoint: Checkpoint, *, steps: int) -> None:
    """Train for so many steps."""
    jobs, candidates = run.jobs, None
    inputs = trainings.Inputs(
        features=jobs.features("train"),
        points=jobs.points,
        scores=jobs.scores(variant, "train"),
        proposals=jobs.proposals(variant),
    )
    if stage == "stage3":
        _, stage2 = inference.of_file(jobs.folder / variant / "stage2/model.pt", "stage2", run.device)
        detection = jobs.settings(variant, "detection")
        candidates = trainings.fused(trainings.candidates(stage2, inputs, detection), detection)
    trainings.train(
        stage,
        cut(jobs.whole.step("thumos", stage, variant), steps),
        inputs,
        candidates=candidates,
        same_action=jobs.settings(variant, "proposals").same_action,
        threads=THREADS,
        device=run.device,
        events=run.folder / f"profile-{stage}-{variant}",
        checkpoint=checkpoint,
        cache_memory=jobs.whole.cache_memory,
    )


def observed(run: Run, figures: dict, epoch: int, timed: int, watched: int, profiled: int) -> Iterator[None]:
    """Fill in the figures of a training, a `yield` after each of its steps."""
    began = time.perf_counter()
    for _ in range(epoch):
        yield
    run.synchronize()
    figures["ms per step of the first epoch"] = 1000 * (time.perf_counter() - began) / epoch
    began = time.perf_counter()
    for _ in range(timed):
        yield
    run.synchronize()
    milliseconds = 1000 * (time.perf_counter() - began) / timed
    figures["ms per step"] = milliseconds
    if run.device.type == "cuda":
        figures["GB"] = torch.cuda.max_memory_allocated(run.device) / 1e9

    places = Counter()
    with waits_seen(run, places):
        for _ in range(watched):
            yield
    figures["host waits per step"] = sum(places.values()) / watched
    figures["where it waits"] = {place: count / watched for place, count in places.most_common()}

    seen = cProfile.Profile()
    seen.enable()
    for _ in range(profiled):
        yield
    seen.disable()
    figures["longest functions, ms of the host per step"] = functions(seen, profiled)

    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if run.device.type == "cuda" else [])
    with profile(activities=kinds) as seen:
        for _ in range(profiled):
            yield
        run.synchronize()
    figures |= profiled_figures(seen, profiled, milliseconds)


def profiled_figures(seen: profile, steps: int, milliseconds: float) -> dict:
    """Calls and times per step from a profile; milliseconds: a step's, without the profiler."""
    calls, outermost, host, device, launches = 0, 0, Counter(), Counter(), 0
    count = Counter()
    waits = Counter()
    for event in seen.events():
        if event.device_type == DeviceType.CUDA:
            if not event.is_user_annotation:
                device[event.name] += event.time_range.elapsed_us() / 1000 / steps
                count[event.name] += 1 / steps
            continue
        host[event.name] += event.self_cpu_time_total / 1000 / steps
        launches += event.name in LAUNCHES
        waits[event.name] += event.name in WAITS
        if event.name.startswith("aten::"):
            calls += 1
            outermost += not inside_another(event)
    figures = {"operator calls": outermost / steps, "operator calls, inner ones too": calls / steps}
    if device:
        busy = sum(device.values())
        figures |= {
            "kernel launches": launches / steps,
            "kernels and copies": sum(count.values()),
            "waits in the profile": {name: n / steps for name, n in waits.items() if n},
            "ms of kernels and copies": busy,
            "share in which the card idles": max(0.0, 1 - busy / milliseconds),
        }
        figures["longest kernels, ms per step"] = dict(device.most_common(LONGEST))
    return figures | {"longest operators, ms of the host per step": dict(host.most_common(LONGEST))}


def functions(seen: cProfile.Profile, steps: int) -> dict[str, float]:
    """The functions of hrpro, and torch's backward pass, in which the host is longest: ms per step."""
    seconds = Counter()
    for (file, line, name), (_, _, _, total, _) in pstats.Stats(seen).stats.items():
        if file.startswith(PACKAGE):
            seconds[f"{Path(file).relative_to(PACKAGE)}:{line} {name}"] = 1000 * total / steps
        elif "run_backward" in name:
            seconds["backward pass"] = 1000 * total / steps
    return dict(seconds.most_common(LARGEST))


def inside_another(event) -> bool:
    """Whether an operator is called by another one."""
    parent = event.cpu_parent
    while parent is not None:
        if parent.name.startswith("aten::"):
            return True
        parent = parent.cpu_parent
    return False


@contextlib.contextmanager
def waits_seen(run: Run, places: Counter) -> Iterator[None]:
    """Count where the host waits for the device, by file and line.

    On a CPU, which waits for nothing: where a value is read that a GPU would have to be waited for.
    """
    if run.device.type != "cuda":
        with HostReads(places):
            yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("always")

        def note(message, *_, **__) -> None:
            if "synchronizing" in str(message):
                places[place()] += 1

        warnings.showwarning = note
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")


class HostReads(TorchDispatchMode):
    """Counts operators whose result the host reads."""

    def __init__(self, places: Counter):
        super().__init__()
        self.places = places

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        """Call the operator, and count it."""
        if function.overloadpacket.__name__ in HOST_READS:
            self.places[f"{place()} {function.overloadpacket.__name__}"] += 1
        return function(*arguments, **(options or {}))


def place() -> str:
    """The innermost line of hrpro that is being run."""
    frames = [frame for frame in traceback.extract_stack() if Path(frame.filename) != Path(__file__)]
    own = [frame for frame in frames if frame.filename.startswith(PACKAGE)] or frames
    path = Path(own[-1].filename)
    path = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{path}:{own[-1].lineno} {own[-1].line}"
