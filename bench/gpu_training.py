"""Whether trainings, scores, proposals and detections of a GPU are the CPU's; whether it resumes and shares.

On the demo's data set; draws differ between devices, so dropout and noise are off where two are compared.
"""

import contextlib
import json
import math
import signal
import subprocess
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import jobs
import made
import trainings
from gpu_run import CPU, STEP, Check, Run, largest, quiet, relative, within
from hrpro import inference, methods, model_file
from hrpro.config import Detection, FeatureFiles, Proposals
from hrpro.data import conversion, demo, features, layouts, scores, splits
from hrpro.detection.fusion import Candidates
from hrpro.detection.segments import Segments
from hrpro.proposals.generation import propose_test
from hrpro.training.checkpoint import Checkpoint
from hrpro.utils import files
from settings import command, configuration, stages_of

CURVE = 1e-2  # what rounding may do in twenty steps of training
AGAIN = 1e-2  # between two trainings with the same draws, whose sums a GPU adds up in any order
DIFFERENT_PROPOSALS = 0.01  # share of proposals that scores within rounding may change
STOP_AFTER = 12  # steps, of a training that is resumed


def checks(run: Run) -> dict[str, Check]:
    """The checks, by name."""
    trained = Trained(run)
    compared = {
        f"training of {stage}, {method}": lambda s=stage, m=method: trained.compared(s, m)
        for stage, of_stage in methods.STAGES.items()
        for method in of_stage
    }
    return compared | {
        "scores": trained.scores_compared,
        "proposals of the scores": trained.proposals_compared,
        "detections": trained.detections_compared,
        "saved and resumed": trained.resumed,
        "two processes": trained.two_processes,
    }


class Trained:
    """Trainings on the demo's data set, each once on the CPU and once on the device."""

    def __init__(self, run: Run):
        self.run = run
        self.folder = run.folder / "equality"
        self.steps = 14 if run.quick else 20
        self.models: dict[tuple[str, str], model_file.ModelFile] = {}  # by stage and method, the CPU's

    @cached_property
    def data(self) -> trainings.Inputs:
        """What stage 1 reads: features and points; the other files are not there yet."""
        root = self.folder / "data"
        demo.write(root, seed=0)
        contents = splits.read(root)
        inputs = trainings.Inputs(
            features=self.folder / "features.h5",
            points=self.folder / "points.json",
            scores=self.folder / "scores.h5",
            proposals={kind: self.folder / f"{kind}.json" for kind in jobs.KINDS},
        )
        points = conversion.convert(contents).points
        inputs.points.write_text(json.dumps(points))
        videos = list(points["videos"])
        layout = FeatureFiles()
        features.convert(
            layouts.of_splits(root, layout, {"train": videos}),
            conversion.durations(contents, "train"),
            made.GRID,
            dtype="float32",
            layout=layout,
            output=inputs.features,
        )
        return inputs

    def train(self, stage: str, settings, device, folder: Path, checkpoint=None) -> torch.nn.Module:
        """A model trained on a device; folder: of its events."""
        return trainings.train(
            stage,
            settings,
            self.data if stage == "stage1" else self.ranked,
            candidates=self.candidates_of_stage3() if stage == "stage3" else None,
            same_action=Proposals().same_action,
            threads=torch.get_num_threads(),
            device=device,
            events=folder,
            checkpoint=checkpoint or Checkpoint(None, key="", every=math.inf),
            cache_memory=100,
        )

    def compared(self, stage: str, method: str) -> dict:
        """The loss curve, if there is one, and the weights after a training on each device."""
        settings = self.settings(stage, method)
        models = {}
        for name, device in (("cpu", CPU), ("device", self.run.device)):
            folder = self.folder / f"{stage}-{method}-{name}"
            models[name] = self.train(stage, settings, device, folder)
            if name == "cpu":
                self.keep(stage, method, models[name], settings)
        states = [flat(models[name]) for name in ("device", "cpu")]
        figures = {"weights": within(relative(*states), CURVE)}
        curves = [loss_curve(self.folder / f"{stage}-{method}-{name}") for name in ("device", "cpu")]
        if any(curves):
            figures["loss"] = within(max(map(relative, *curves)), CURVE)
            figures["losses on the device"] = curves[0]
        return figures

    def settings(self, stage: str, method: str):
        """A method's defaults for the demo, trained for a few steps without dropout and noise."""
        variant = {"hrpro": "default", "linear": "floor", "pyramid": "default"}.get(method, method)
        settings = quiet(configuration().step("demo", stage, variant))
        return jobs.cut(settings, self.steps) if hasattr(settings, "iterations") else settings

    def keep(self, stage: str, method: str, model: torch.nn.Module, settings) -> None:
        """Write and remember a model."""
        path = self.folder / f"{stage}-{method}.pt"
        classes = files.read_json(self.data.points)["classes"]
        with features.FeatureFile(self.data.features) as file:
            model_file.save(path, model, settings=settings, classes=classes, width=file.width, grid=file.grid)
        self.models[stage, method] = model_file.load(path, stage)

    def model(self, stage: str, method: str) -> model_file.ModelFile:
        """A model that the CPU has trained."""
        if (stage, method) not in self.models:
            settings = self.settings(stage, method)
            model = self.train(stage, settings, CPU, self.folder / f"{stage}-{method}-cpu")
            self.keep(stage, method, model, settings)
        return self.models[stage, method]

    @cached_property
    def ranked(self) -> trainings.Inputs:
        """The same with stage 1's scores of the training videos and their ranked proposals."""
        file, inputs = self.model("stage1", methods.default("stage1")), self.data
        thresholds = {
            "background": file.settings.background_threshold,
            "action": file.settings.action_threshold,
        }
        with features.FeatureFile(inputs.features) as source:
            one = inference.stage1(file, CPU).score
            scores.write(inputs.scores, source, one, classes=file.classes, thresholds=thresholds)
        points, labels = inputs.points, self.folder / "labels.json"
        options = {"scores": inputs.scores, "settings": Proposals().model_dump_json()}
        kinds = inputs.proposals
        for step in (
            command("label_videos.py", {"points": points, "labels": labels}),
            command("propose_training.py", options | {"labels": labels, "output": kinds["positive"]}),
            command("rank_proposals.py", options | {"points": points, "seed": 0} | kinds),
        ):
            subprocess.run(step, check=True)
        return inputs

    def scored(self, method: str, device) -> list[scores.Scores]:
        """The scores of the training videos by a model of a method, on a device."""
        stage1 = inference.stage1(self.model("stage1", method), device)
        with features.FeatureFile(self.data.features) as file:
            return [stage1.score(file.read([video])[0]) for video in file.videos]

    def scores_compared(self) -> dict:
        """Scores by one model on either device, of each method; the largest difference."""
        figures = {}
        for method in methods.STAGE1:
            here, there = (self.scored(method, device) for device in (CPU, self.run.device))
            off = [
                largest(getattr(a, field), getattr(b, field))
                for a, b in zip(there, here, strict=True)
                for field in ("classes", "background", "video")
            ]
            figures[method] = within(max(off), STEP)
        return figures

    def proposals_compared(self) -> dict:
        """The share of the proposals of the device's scores that are none of the CPU's."""
        of_devices = []
        for device in (self.run.device, CPU):
            given = iter(self.scored(methods.default("stage1"), device))
            rows = set()
            for number, found in enumerate(propose_test(given, made.GRID, Proposals())):
                columns = found.labels.tolist(), *found.times.round(6).T.tolist()
                rows |= {(number, *row) for row in zip(*columns, strict=True)}
            of_devices.append(rows)
        there, here = of_devices
        share = len(there ^ here) / max(1, len(here))
        return {"proposals": len(here), "share that differs": within(share, DIFFERENT_PROPOSALS)}

    def candidates(self, device) -> dict[str, dict[str, Candidates]]:
        """Stage 2's candidates of the training videos by the CPU's models on a device, by method."""
        models = {method: inference.stage2(self.model("stage2", method), device) for method in methods.STAGE2}
        return {
            method: trainings.candidates(model, self.ranked, detection_settings())
            for method, model in models.items()
        }

    def candidates_of_stage3(self) -> dict[str, Segments]:
        """What stage 3 learns from: those of the CPU by the default method, scored."""
        return trainings.fused(self.candidates(CPU)[methods.default("stage2")], detection_settings())

    def detections(self, device) -> dict[str, dict[str, Segments]]:
        """Scored candidates of the training videos by the CPU's models of stages 2 and 3, by method."""
        candidates, settings = self.candidates(device), detection_settings()
        scored = {method: trainings.fused(each, settings) for method, each in candidates.items()}
        with features.FeatureFile(self.data.features) as source:
            for method in methods.STAGE3:
                stage3 = inference.stage3(self.model("stage3", method), device)
                of_stage2 = candidates[methods.default("stage2")].items()
                scored[method] = dict(stage3.detect_all(source, of_stage2, settings))
        return scored

    def detections_compared(self) -> dict:
        """Times and scores of stages 2 and 3 by one model, on either device."""
        here, there = (self.detections(device) for device in (CPU, self.run.device))
        figures = {}
        for method in here:
            pairs = [(there[method][video], segments) for video, segments in here[method].items()]
            same = [(ours, theirs) for ours, theirs in pairs if len(ours) == len(theirs)]
            figures[f"{method}: videos with another number"] = within(len(pairs) - len(same), 0)
            for name in ("times", "scores"):
                off = [largest(getattr(a, name), getattr(b, name)) for a, b in same if len(b)]
                figures[f"{method}: {name}"] = within(max(off), STEP)
        return figures

    def resumed(self) -> dict:
        """A training with dropout and noise, stopped and resumed, beside one that was not."""
        bound = 0.0 if self.run.device.type == "cpu" else AGAIN
        figures = {}
        for stage in stages_of("default"):
            settings = jobs.cut(configuration().step("demo", stage, "default"), self.steps)
            folder = self.folder / f"{stage}-resumed"
            device = self.run.device
            whole, again = (flat(self.train(stage, settings, device, folder / n)) for n in ("whole", "again"))
            with unchanged_signals():
                stopped = Stopping(folder / "stopped" / "state.pt")
                try:
                    self.train(stage, settings, device, folder / "events", stopped)
                except SystemExit:
                    pass
                else:
                    raise RuntimeError("the training was not stopped")
                state = folder / "state" / "state.pt"
                state.parent.mkdir()
                stopped.path.rename(state)
                checkpoint = Checkpoint(state, key="", every=math.inf)
                resumed = flat(self.train(stage, settings, device, folder / "events", checkpoint))
            figures[f"{stage}: resumed"] = within(relative(resumed, whole), bound)
            figures[f"{stage}: trained again"] = within(relative(again, whole), bound)
        return figures

    def two_processes(self) -> dict:
        """A training alone, then two of the same at once, each a process."""
        bound = 0.0 if self.run.device.type == "cpu" else AGAIN
        settings = jobs.cut(configuration().step("demo", "stage1", "default"), self.steps)
        commands = {}
        for name in ("alone", "first", "second"):
            folder = self.folder / f"process-{name}"
            options = {"features": self.data.features, "points": self.data.points}
            options |= {"settings": settings.model_dump_json(), "seed": 0, "device": self.run.device}
            options |= {"model": folder / "model.pt", "events": folder / "events"}
            commands[name] = command("train_stage1.py", options)
        figures = {}
        for names in (["alone"], ["first", "second"]):
            seconds = jobs.together([commands[name] for name in names])
            figures[f"seconds, {' and '.join(names)}"] = seconds
        for name in ("first", "second"):
            figures[name] = within(relative(*map(self.weights, (name, "alone"))), bound)
        return figures

    def weights(self, name: str) -> torch.Tensor:
        """All weights of a process's model as one vector."""
        file = model_file.load(self.folder / f"process-{name}/model.pt", "stage1")
        return torch.cat([weight.double().flatten() for weight in file.weights.values()])


class Stopping(Checkpoint):
    """A checkpoint that ends its training after STOP_AFTER steps, as SIGTERM does."""

    def __init__(self, path: Path):
        super().__init__(path, key="", every=math.inf)

    def maybe_save(self, step, parts, events) -> None:
        """Save and end at that step."""
        if step == STOP_AFTER:
            self.exit_code = 128 + signal.SIGTERM
        super().maybe_save(step, parts, events)


def flat(model: torch.nn.Module) -> torch.Tensor:
    """Weights and buffers of a model as one vector."""
    return torch.cat([value.detach().cpu().double().flatten() for value in model.state_dict().values()])


def loss_curve(folder: Path) -> list[float]:
    """The losses of a training, from its events; empty of a method that writes none."""
    if not folder.is_dir():
        return []
    events = EventAccumulator(str(folder))
    events.Reload()
    return [event.value for event in events.Scalars("loss/total")]


@contextlib.contextmanager
def unchanged_signals() -> Iterator[None]:
    """Undo what a checkpoint does to the handling of signals."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)


def detection_settings() -> Detection:
    """The default's."""
    return configuration().step("demo", "detection", "default")
