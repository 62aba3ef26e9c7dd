"""The workflow's steps on a data set of its own, as the rules call them, but without Snakemake."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

import torch

from hrpro import config
from hrpro.data.features import FeatureFile
from settings import command, configuration, stages_of

KINDS = ("positive", "reliable", "negative")  # of training proposals
CONVERSION = (
    "annotations of train",
    "annotations of test",
    "points",
    "labels",
    "features of train",
    "features of test",
)
CHAIN = (
    "train stage 1", "score train", "score test", "propose train", "rank train", "propose test",
    "train stage 2", "detect by stage 1", "evaluate stage 1", "detect by stage 2", "evaluate stage 2",
    "train stage 3", "detect by stage 3", "evaluate stage 3",
)  # fmt: skip
AT_ONCE = (  # those of the conversion and of the chain that need none of their own line or of later ones
    ("annotations of train", "annotations of test", "points", "features of train"),
    ("labels", "features of test", "train stage 1"),
    ("score train", "score test"),
    ("propose train", "propose test"),
    ("rank train", "detect by stage 1"),
    ("train stage 2", "evaluate stage 1"),
    ("detect by stage 2", "train stage 3"),
    ("evaluate stage 2", "detect by stage 3"),
    ("evaluate stage 3",),
)
GB, EVERY = 1e9, 0.02  # bytes, and seconds between looks at memory
THREADS = 4  # of a training


class Jobs:
    """The steps of a data set under a folder; each is run once, and its seconds and memory are kept.

    entry: the data set's, of a configuration; device: where networks run; steps: {(variant, stage): optimizer
    steps} of trainings that are cut; threads: of a training. The settings are those of THUMOS14.
    """

    def __init__(
        self,
        entry: dict,
        folder: Path,
        device: torch.device,
        steps: dict | None = None,
        threads: int = THREADS,
    ):
        self.entry, self.folder, self.device, self.steps = entry, folder, device, steps or {}
        self.threads = threads
        self.whole = configuration()
        self.figures: dict[str, dict] = {}  # what `watched` says of each step
        self.failed: set[str] = set()
        self.scaled: dict[str, float] = {}  # seconds of trainings, had they not been cut
        self.written = 0.0  # seconds that the data set took

    def settings(self, variant: str, step: str):
        """The settings of a variant of a step, its training cut."""
        settings = self.whole.step("thumos", step, variant)
        if (variant, step) in self.steps:
            settings = cut(settings, self.steps[variant, step])
        return settings

    def convert(self, last: str = CONVERSION[-1]) -> None:
        """Run what has not been run of the conversion, up to a step of it."""
        for name in CONVERSION[: CONVERSION.index(last) + 1]:
            self.run(name, partial(self.conversion, name))

    def until(self, variant: str, last: str = CHAIN[-1]) -> None:
        """Run what has not been run of the conversion and of a variant's chain, up to a step of it."""
        self.convert()
        for name in CHAIN[: CHAIN.index(last) + 1]:
            if name in chain(variant):
                self.run(f"{variant}: {name}", partial(self.step, variant, name))

    def all_at_once(self, variant: str) -> float:
        """Run the conversion and a variant's chain, at once what the workflow runs at once; -> seconds."""
        seconds = 0.0
        for names in AT_ONCE:
            commands = [self.conversion(name) for name in names if name in CONVERSION]
            commands += [self.step(variant, name) for name in names if name in chain(variant)]
            seconds += together(commands)
        return seconds

    def run(self, name: str, make_command: Callable[[], list[str]]) -> None:
        """Run a step unless it has been. Raises RuntimeError where it fails or has failed."""
        if name in self.failed:
            raise RuntimeError(f"needs {name!r}, which failed")
        if name not in self.figures:
            self.failed.add(name)
            self.figures[name] = watched(make_command(), self.device)
            self.failed.remove(name)

    def count(self, split: str) -> int:
        """The videos of a split."""
        with FeatureFile(self.features(split)) as file:
            return len(file.videos)

    def conversion(self, name: str) -> list[str]:
        """The command of a step of the conversion."""
        root, split = {"root": self.entry["root"]}, name.rpartition(" ")[2]
        if name == "points":
            return command("convert_points.py", root | {"points": self.points})
        if name == "labels":
            return command("label_videos.py", {"points": self.points, "labels": self.labels})
        if name.startswith("annotations"):
            options = root | {"split": split, "annotations": self.folder / split / "annotations.json"}
            if "ambiguous" in self.entry:
                options["ambiguous"] = self.entry["ambiguous"]
            return command("convert_annotations.py", options)
        snippet = config.canonical(self.whole.step("thumos", "features"))
        options = root | self.entry["snippet"] | {"settings": snippet, "split": split}
        if split == "test":
            options["training-features"] = self.features("train")
        return command("convert_features.py", options | {"output": self.features(split)})

    @property
    def points(self) -> Path:
        """The points of the training videos."""
        return self.folder / "train/points.json"

    @property
    def labels(self) -> Path:
        """The classes of the training videos."""
        return self.folder / "train/labels.json"

    def features(self, split: str) -> Path:
        """A split's feature file."""
        return self.folder / split / "features.h5"

    def scores(self, variant: str, split: str) -> Path:
        """A split's score file."""
        return self.folder / variant / split / "scores.h5"

    def proposals(self, variant: str) -> dict[str, Path]:
        """The files of the training videos' proposals, by kind."""
        return {kind: self.folder / variant / "train" / f"{kind}.json" for kind in KINDS}

    def training(self, variant: str, stage: str, settings, output: Path) -> list[str]:
        """The command of a training with such settings, its model and the rest in the folder `output`."""
        options = {"features": self.features("train")}
        if stage != "stage2":
            options["points"] = self.points
        if stage != "stage1":
            options["scores"] = self.scores(variant, "train")
        if stage == "stage2":
            options |= {"labels": self.labels} | self.proposals(variant)
        if stage == "stage3":
            options |= {"positive": self.proposals(variant)["positive"]}
            options |= {"stage2": self.folder / variant / "stage2/model.pt"}
            options |= {"detection": config.canonical(self.settings(variant, "detection"))}
            options |= {"same-action": self.settings(variant, "proposals").same_action}
        options |= {"settings": config.canonical(settings), "seed": 0, "device": self.device}
        options |= {"threads": self.threads, "model": output / "model.pt", "events": output / "events"}
        options |= {"state": output / "state.pt", "state-every": self.whole.state_every}
        options["cache-memory"] = self.whole.cache_memory
        return command(f"train_{stage}.py", options)

    def step(self, variant: str, name: str) -> list[str]:
        """The command of a step of a variant's chain."""
        action, split, folder = name.split()[0], name.split()[-1], self.folder / variant
        annotations, stage = self.folder / "test/annotations.json", f"stage{split}"
        if action == "train":
            return self.training(variant, stage, self.settings(variant, stage), folder / stage)
        device = {"device": self.device, "threads": 2}
        if action == "score":
            options = {"features": self.features(split), "model": folder / "stage1/model.pt"} | device
            return command("score_snippets.py", options | {"output": self.scores(variant, split)})
        if action in ("propose", "rank"):
            settings = config.canonical(self.settings(variant, "proposals"))
            options = {"scores": self.scores(variant, split), "settings": settings}
            if split == "test":
                return command("propose_test.py", options | {"output": folder / "test/proposals.json"})
            kinds = self.proposals(variant)
            if action == "propose":
                options |= {"labels": self.labels, "output": kinds["positive"]}
                return command("propose_training.py", options)
            return command("rank_proposals.py", options | {"points": self.points, "seed": 0} | kinds)
        detections = folder / stage / "detections.json"
        if action == "detect":
            detection = self.settings(variant, "detection")
            options = {"labels": self.labels, "settings": config.canonical(detection), "output": detections}
            if detection.drop_ambiguous:
                options["annotations"] = annotations
            if stage != "stage3":
                options["proposals"] = folder / "test/proposals.json"
            if stage != "stage1":
                options |= {"model": folder / stage / "model.pt", "features": self.features("test")} | device
                options["candidates"] = folder / "stage2/candidates.h5"
            if stage == "stage2":
                options["scores"] = self.scores(variant, "test")
            return command(f"detect_{stage}.py", options)
        evaluation = self.settings(variant, "evaluation")
        options = {"annotations": annotations, "detections": detections, "subset": "test"}
        options |= {"exclude": ",".join(self.entry.get("exclude", [])), "output": folder / stage / "map.json"}
        options["tiou"] = ",".join(map(str, evaluation.tiou))
        flags = ["--ignore-ambiguous"] if evaluation.ignore_ambiguous else []
        return command("evaluate.py", options) + flags


def chain(variant: str) -> list[str]:
    """The steps of a variant's chain: those of CHAIN that are of a stage that it has, or of none."""
    stages = [f"stage {stage[-1]}" for stage in stages_of(variant)]
    return [name for name in CHAIN if "stage" not in name or name.endswith(tuple(stages))]


def cut(settings, steps: int):
    """A training's settings with so many optimizer steps."""
    changes = {"iterations": steps} | ({"epochs": None} if hasattr(settings, "epochs") else {})
    return settings.model_copy(update=changes)


def watched(command: list[str], device: torch.device) -> dict[str, float]:
    """Run a command: its seconds of wall and of processor time, and GB of memory at most, here and there.

    gpu_gb: what is in use on the device beyond what was before, the command's CUDA context included.
    """
    began, before = time.monotonic(), in_use(device)
    host, gpu = [0], [before]
    with started(command) as (process, errors):
        while True:
            number, status, usage = os.wait4(process.pid, os.WNOHANG)
            if number:
                break
            host.append(peak_memory(process.pid))
            gpu.append(in_use(device))
            time.sleep(EVERY)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        require_success(process, errors)
    figures = {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "host_gb": max(host) / GB}
    return figures | ({"gpu_gb": (max(gpu) - before) / GB} if device.type == "cuda" else {})


def peak_memory(process: int) -> int:
    """The most bytes that a process has had resident; its ru_maxrss would count this one's, too."""
    status = Path(f"/proc/{process}/status").read_text()
    return sum(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def in_use(device: torch.device) -> int:
    """Bytes in use on a GPU, by whatever process; 0 of a CPU."""
    if device.type != "cuda":
        return 0
    free, total = torch.cuda.mem_get_info(device)
    return total - free


def together(commands: list[list[str]]) -> float:
    """Run commands at once; -> the seconds until the last has ended."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(started(command)) for command in commands]
        for process, errors in processes:
            process.wait()
            require_success(process, errors)
    return time.monotonic() - began


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[tuple[subprocess.Popen, TextIO]]:
    """A process and what it writes to stderr; killed where the block ends before it, as when time is up."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            yield process, errors
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()


def require_success(process: subprocess.Popen, errors: TextIO) -> None:
    """Raise RuntimeError where a process has failed."""
    if process.returncode:
        errors.seek(0)
        raise RuntimeError(
            f"{' '.join(process.args)}: exit code {process.returncode}\n{errors.read()[-2000:]}"
        )
