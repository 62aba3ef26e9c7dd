"""Settings of stage 2: the instance network and its training."""

from typing import Annotated, Literal

from pydantic import Field

from ..training.settings import TrainingSettings
from ..utils.settings import Count, Dropout, NonNegative, Strict, Unit


class LossWeights(Strict):
    """Weights of the losses."""

    regression: NonNegative = Field(1.0, description="of the loss on the boundaries")
    completeness: NonNegative = Field(4.0, description="of the loss on the completeness")


class Settings(TrainingSettings):
    """The instance network and its training."""

    method: Literal["hrpro"] = Field("hrpro", description="HR-Pro's instance network")
    standardize: bool = Field(
        True, description="features by the training split's mean and standard deviation"
    )
    sees_scores: bool = Field(True, description="whether stage 1's snippet scores join the features")
    width: Annotated[int, Field(ge=2)] | None = Field(
        128, description="channels that a proposal's vectors are projected to; null: no projection"
    )
    class_given: bool = Field(
        True, description="completeness and offsets for the proposal's class; false: one for all classes"
    )
    targets: Literal["own_class", "any_class"] = Field(
        "own_class",
        description="tIoU with reliable proposals of its class: own_class, or of any: any_class (fault 2)",
    )
    input_dropout: Dropout = Field(
        0.3, description="share of a proposal's vectors dropped before the projection"
    )
    dropout: Dropout = Field(0.5, description="share dropped in the completeness head")
    proposals: Count = Field(128, description="the most proposals drawn per training video and step")
    roi_bins: Annotated[int, Field(multiple_of=6, ge=6)] = Field(
        12, description="RoIAlign's bins over time: a sixth each for start and end, the rest for the centre"
    )
    roi_margin: NonNegative = Field(
        0.25, description="share of its length by which a proposal is widened on either side"
    )
    tiou_positive: Unit = Field(
        0.3, description="tIoU with a reliable proposal from which a proposal is positive"
    )
    loss_weights: LossWeights = Field(LossWeights(), description="weights of the losses")
    epochs: Count | None = Field(None, description="replaces iterations where it is set")
    test_every: Count = Field(1, description="epochs between tests, for experiments with best_on_test")
