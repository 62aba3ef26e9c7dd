"""The best model of those that are tested during training (docs/method.md, section 7.4)."""

import torch

from .logging import EventLog
from .task import Test


class BestModel:
    """Keeps the weights of the model with the highest mAP; of equal ones the first."""

    def __init__(self):
        self.mean_ap = -1.0
        self.weights: dict[str, torch.Tensor] | None = None

    def maybe_test(
        self, step: int, model: torch.nn.Module, events: EventLog, *, test: Test | None, every: int, last: int
    ) -> None:
        """Test a model after a step, every so many steps and after the last, if there is a test."""
        if test is None or not (step % every == 0 or step == last):
            return
        events.write()  # a training that has diverged is not tested
        model.eval()
        mean_ap = test(model)
        events.log_test(step, mean_ap)
        self.update(model, mean_ap)

    def update(self, model: torch.nn.Module, mean_ap: float) -> None:
        """Keep a tested model's weights if it is better than those before it."""
        if mean_ap > self.mean_ap:
            self.mean_ap = mean_ap
            self.weights = {name: value.clone() for name, value in model.state_dict().items()}

    def restore(self, model: torch.nn.Module) -> None:
        """Give a model the best weights; without a test it keeps its own."""
        if self.weights is not None:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict:
        """The best mAP and weights so far."""
        return {"mean_ap": self.mean_ap, "weights": self.weights}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        self.mean_ap, self.weights = state["mean_ap"], state["weights"]
