"""Settings of P-MIL: its network, its losses, its training and its detections."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ..training.settings import TrainingSettings
from ..utils.settings import Count, Dropout, NonNegative, Share, Streams, Strict, Unit


class LossWeights(Strict):
    """Weights of P-MIL's losses."""

    original: NonNegative = Field(2.0, description="of the multiple-instance loss on the classes")
    suppressed: NonNegative = Field(
        1.0, description="of the multiple-instance loss on the classes times the attention"
    )
    consistency: NonNegative = Field(
        2.0, description="of the rank consistency between the branches, at full ramp"
    )
    completeness: NonNegative = Field(20.0, description="of the loss on the completeness, at full ramp")


class Settings(TrainingSettings):
    """P-MIL: multiple-instance learning on proposals, by video labels alone."""

    learns_by_videos: ClassVar[bool] = True
    method: Literal["pmil"] = Field("pmil", description="P-MIL, multiple-instance learning on proposals")
    standardize: bool = Field(
        True, description="features by the training split's mean and standard deviation"
    )
    streams: Streams | None = Field(
        None,
        description="channels of the two branches' streams; null: `features.streams` of the data set or, "
        "where that is not known either, all channels for both branches",
    )
    width: Annotated[int, Field(ge=2)] | None = Field(
        128, description="channels that each branch projects a proposal's vectors to; null: no projection"
    )
    input_dropout: Dropout = Field(
        0.5, description="share of a proposal's vectors dropped before the projection"
    )
    dropout: Dropout = Field(0.5, description="share dropped before the heads")
    proposals: Count = Field(128, description="the most proposals drawn per training video and step")
    repeats: Literal["once", "each"] = Field(
        "once",
        description="how often a segment counts that several proposals share: once, or each time, as "
        "released (fault 20)",
    )
    roi_bins: Annotated[int, Field(multiple_of=6, ge=6)] = Field(
        12, description="RoIAlign's bins over time: a sixth each for start and end, the rest for the centre"
    )
    roi_margin: NonNegative = Field(
        0.25, description="share of its length by which a proposal is widened on either side"
    )
    roi_short: Literal["centred", "released"] = Field(
        "centred",
        description="where the snippet lies that proposals too short for one are pooled over: centred on "
        "them, or released: from their start on (fault 22)",
    )
    video_top: Count = Field(
        8, description="a video's logit of a class is the mean of its M / video_top largest ones"
    )
    pseudo_of: Literal["class", "any"] = Field(
        "class",
        description="pseudo instances and completeness of each class of the video, or of any together, as "
        "released (fault 21)",
    )
    pseudo_share: Share = Field(
        0.8, description="share of the video's highest attention above which a proposal is a pseudo instance"
    )
    ramp: Unit = Field(
        0.15, description="share of the training over which consistency and completeness gain their weight"
    )
    class_score: Unit = Field(
        0.05, description="video score from which a class is detected in a video (fault 25)"
    )
    video_share: NonNegative = Field(
        0.2, description="times the video score of its class is added to a detection's score"
    )
    weight_decay: NonNegative = Field(1e-3, description="L2 penalty, not decoupled")
    loss_weights: LossWeights = Field(LossWeights(), description="weights of the losses")
    epochs: Count | None = Field(None, description="replaces iterations where it is set")
    test_every: Count = Field(10, description="epochs between tests, for experiments with best_on_test")
