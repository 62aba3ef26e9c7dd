"""The features of training videos where a network wants them."""

import torch

from ..data.features import FeatureFile
from ..layers.packing import Packing


class Resident:
    """The features of a file on a device.

    Up to `room` bytes of them stay there once they are read; the others are read from the file each time.
    """

    def __init__(self, file: FeatureFile, device: torch.device, room: float):
        self.file, self.device = file, device
        self.room = room
        self.kept: dict[str, torch.Tensor] = {}

    def packed(self, videos: list[str]) -> tuple[torch.Tensor, Packing]:
        """Some videos end to end: (N, D), and where each lies."""
        parts = [self.of(video) for video in videos]
        return torch.cat(parts), Packing([len(part) for part in parts], self.device)

    def of(self, video: str) -> torch.Tensor:
        """A video's features, (T, D)."""
        if video in self.kept:
            return self.kept[video]
        features = torch.from_numpy(self.file.read([video])[0]).to(self.device)
        if features.nbytes <= self.room:
            self.room -= features.nbytes
            self.kept[video] = features
        return features

    def prefetch(self, videos: list[str]) -> None:
        """Have the system read what will soon be asked for, while the network is at work."""
        self.file.prefetch([video for video in videos if video not in self.kept])
