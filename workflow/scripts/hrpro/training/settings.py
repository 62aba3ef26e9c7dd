"""The settings that the trainings of all stages share."""

from typing import Annotated, Literal

from pydantic import Field

from ..utils.settings import Count, NonNegative, Positive, Precision, Share, Strict


class Optimization(Strict):
    """The optimizer, its schedule, and how much is trained."""

    learning_rate: Positive = Field(1e-3, description="of Adam")
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)] = Field(
        [0.9, 0.999], description="of Adam"
    )
    weight_decay: NonNegative = Field(5e-4, description="L2 penalty, not decoupled")
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="of the learning rate: cosine after a warmup over 5 % of the steps, or constant"
    )
    iterations: Count = Field(600, description="optimizer steps")
    batch: Count = Field(8, description="videos per step; the remainder of an epoch is dropped")
    precision: Precision = Field(
        "float32",
        description="of matrix products in training: float32, or bfloat16 where the CPU or GPU supports it",
    )


class TrainingSettings(Optimization):
    """The same, of a training that may be tested on the test split."""

    test_every: Count = Field(50, description="iterations between tests, for experiments with best_on_test")
