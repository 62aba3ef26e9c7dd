"""The training videos of P-MIL, as batches of proposals and video labels (docs/method.md, section 12.3)."""

from typing import NamedTuple

import numpy as np
import torch

from ..detection.segments import Segments, segments
from ..layers.packing import Packing
from ..training.candidates import CandidatePool, videos_with_proposals
from ..training.task import Stage2Task
from ..utils.devices import send
from ..utils.names import listed
from ..utils.progress import log
from .model import PmilModel


class Batch(NamedTuple):
    """M proposals of B videos, video by video."""

    vectors: torch.Tensor  # (M, 3, channels)
    proposals: torch.Tensor  # (M, 2), in snippets
    packing: Packing  # of the proposals of each video
    present: torch.Tensor  # (B, C), of 0 and 1: the classes of the videos


class Dataset:
    """The training videos with proposals, numbered, on the device of the training.

    model: computes the vectors, once its inputs' moments are set. Warns of videos without a label, which
    teach background alone. Raises InputError where no video has a proposal.
    """

    def __init__(self, task: Stage2Task, model: PmilModel):
        self.task = task
        videos = videos_with_proposals(task)
        self.pool = CandidatePool(
            task,
            {video: proposals_of(task.positive[video], task.settings.repeats) for video in videos},
            vectors=lambda video, features, proposals: model.vectors(features, proposals),
            channels=model.channels,
        )
        present = [[name in task.labels[video] for name in task.scores.classes] for video in videos]
        self.present = send(np.array(present, dtype=np.float32), task.device)
        unlabelled = [video for video, row in zip(videos, present, strict=True) if not any(row)]
        if unlabelled:
            log.warning(
                "videos without a label, which teach background alone: %d of %d (%s)",
                len(unlabelled), len(videos), listed(unlabelled),
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self.pool)

    def batch(self, numbers) -> Batch:
        """The batch of some videos, given by their numbers, with proposals drawn at random."""
        drawn = self.pool.draw(numbers, self.task.settings.proposals)
        present = self.present.index_select(0, send(np.asarray(numbers), self.task.device))
        return Batch(drawn.vectors, drawn.segments, drawn.packing, present)

    def prefetch(self, numbers) -> None:
        """Have the system read some videos ahead, if their vectors are not kept."""
        self.pool.prefetch(numbers)


def proposals_of(proposals: Segments, repeats: str) -> Segments:
    """The proposals' segments without class and score; with repeats "once", no two are equal (fault 20)."""
    times = proposals.times
    return segments(np.unique(times, axis=0) if repeats == "once" else times)
