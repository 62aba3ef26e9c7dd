"""Which videos make up each batch."""

import numpy as np
import torch


class BatchSampler:
    """Endless batches of numbers below `count`, each epoch shuffled and its remainder dropped.

    With fewer numbers than `size`, each batch is all of them (docs/method.md, fault 10).
    """

    def __init__(self, count: int, size: int, rng: np.random.Generator):
        self.count, self.size, self.rng = count, min(size, count), rng
        self.epoch = np.zeros((0, self.size), dtype=np.int64)  # its batches that are left

    def __next__(self) -> np.ndarray:
        """The next batch, (size,)."""
        if not len(self.epoch):
            used = self.count // self.size * self.size
            self.epoch = self.rng.permutation(self.count)[:used].reshape(-1, self.size)
        batch, self.epoch = self.epoch[0], self.epoch[1:]
        return batch

    def peek(self) -> np.ndarray:
        """The next batch if it is of this epoch, else an empty one: nothing is drawn."""
        return self.epoch[0] if len(self.epoch) else np.zeros(0, dtype=np.int64)

    def state_dict(self) -> dict:
        """What is left of the epoch."""
        return {"epoch": torch.from_numpy(self.epoch.copy())}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        self.epoch = state["epoch"].numpy()
