"""Settings of the pyramid: its network and its training."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ..training.settings import Optimization
from ..utils.settings import Count, Dropout, NonNegative, Positive, Strict, Unit


class LossWeights(Strict):
    """Weights of the losses."""

    classes: NonNegative = Field(1.0, description="of the focal loss on the classes")
    regression: NonNegative = Field(1.0, description="of the loss on the boundaries")


class Settings(Optimization):
    """The pyramid and its training."""

    learns_by_segments: ClassVar[bool] = True
    method: Literal["pyramid"] = Field("pyramid", description="an anchor-free detector over a pyramid")
    standardize: bool = Field(
        True, description="features by the training split's mean and standard deviation"
    )
    noise: NonNegative = Field(
        0.7, description="standard deviation of the noise added to (standardized) features in training"
    )
    width: Count = Field(64, description="channels of every level")
    input_dropout: Dropout = Field(0.3, description="share of the input dropped before the projection")
    dropout: Dropout = Field(0.3, description="share dropped in the heads")
    cells: Annotated[Count, Field(le=256)] = Field(
        8, description="cells that the median segment has at least"
    )
    levels: Count = Field(6, description="the most levels")
    radius: Positive = Field(
        1.5, description="strides from its centre up to which the cells of a segment are positive"
    )
    focal_power: NonNegative = Field(
        2.0, description="of the focal weight, (distance of p from y) ^ focal_power"
    )
    focal_share: Unit = Field(0.25, description="weight of positives in the focal loss, against 1 minus it")
    iterations: Count = Field(300, description="optimizer steps")
    loss_weights: LossWeights = Field(LossWeights(), description="weights of the losses")
