"""The features of training videos on the network's device."""

import torch

from ..data.features import FeatureFile
from ..layers.packing import Packing


class FeatureCache:
    """The features of a file on a device.

    Up to `size` bytes stay there once they are read; the rest is read from the file each time.
    """

    def __init__(self, file: FeatureFile, device: torch.device, size: float):
        self.file, self.device = file, device
        self.free = size
        self.features: dict[str, torch.Tensor] = {}

    def read(self, video: str) -> torch.Tensor:
        """A video's features, (T, D)."""
        if video in self.features:
            return self.features[video]
        features = torch.from_numpy(self.file.read([video])[0]).to(self.device)
        if features.nbytes <= self.free:
            self.free -= features.nbytes
            self.features[video] = features
        return features

    def read_packed(self, videos: list[str]) -> tuple[torch.Tensor, Packing]:
        """Some videos end to end: (N, D), and where each lies."""
        parts = [self.read(video) for video in videos]
        return torch.cat(parts), Packing([len(part) for part in parts], self.device)

    def prefetch(self, videos: list[str]) -> None:
        """Have the system read videos ahead, while the network is busy with others."""
        self.file.prefetch([video for video in videos if video not in self.features])
