"""Settings of stage 1: the snippet network and its training."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ..training.settings import TrainingSettings
from ..utils.settings import Count, Dropout, NonNegative, Positive, Strict, Unit, Whole


class LossWeights(Strict):
    """Weights of the losses."""

    video: NonNegative = Field(0.0, description="of the video-level loss")
    frame: NonNegative = Field(1.0, description="of the loss on action seeds")
    background: NonNegative = Field(1.0, description="of the loss on background seeds")
    contrastive: NonNegative = Field(0.1, description="of the contrastive loss")


class Settings(TrainingSettings):
    """The snippet network and its training."""

    learns_by_videos: ClassVar[bool] = True
    learns_by_segments: ClassVar[bool] = True
    method: Literal["hrpro"] = Field("hrpro", description="HR-Pro's snippet network")
    standardize: bool = Field(
        True, description="features by the training split's mean and standard deviation"
    )
    width: Count | None = Field(
        128,
        description="channels that wider features are projected to, as those of fewer than 32 are to 32; "
        "null: no projection",
    )
    context: Annotated[Whole, Field(le=64)] = Field(
        2,
        description="neighbours on each side: the mean over them and the snippet is projected by weights of "
        "its own and added; 0: none",
    )
    noise: NonNegative = Field(
        0.7, description="standard deviation of the noise added to (standardized) features in training"
    )
    prototype_tokens: Literal["paper", "released"] = Field(
        "paper", description="paper: the prototypes; released: scrambled (fault 1)"
    )
    prototype_momentum: Unit = Field(
        0.99,
        description="M <- momentum * M + (1 - momentum) * mean of a video's action seeds (fault 8)",
    )
    blocks: Annotated[Whole, Field(le=64)] = Field(1, description="reliability-aware attention blocks")
    heads: Count | None = Field(
        None, description="attention heads; null: the largest divisor of the blocks' width up to 8"
    )
    attention_window: Count | None = Field(
        None,
        description="the most snippets that attend to each other; a longer video is cut, for the attention "
        "alone, into equal parts; null: a whole video",
    )
    hidden: Count = Field(128, description="width of a block's feed-forward part")
    attention_dropout: Dropout = Field(0.0, description="share of attention weights dropped")
    block_dropout: Dropout = Field(0.3, description="share dropped elsewhere in a block")
    dropout: Dropout = Field(0.5, description="share dropped before the classifier")
    video_top: Count = Field(
        8, description="a video's class score is the mean of its T / video_top best snippets"
    )
    background_threshold: Unit = Field(0.95, description="B from which a snippet is a background seed")
    action_threshold: Unit = Field(0.1, description="B up to which a point spreads to the next snippet")
    same_action: NonNegative = Field(
        1.0, description="seconds up to which points of one class, none of another between, mark one action"
    )
    temperature: Positive = Field(0.1, description="of the contrastive loss")
    focal_power: NonNegative = Field(
        2.0, description="of the focal weight, ((1 - p) y + p (1 - y)) ^ focal_power"
    )
    contrastive_drops_last: bool = Field(
        False, description="true: a video's last snippet is in no run of seeds, as released"
    )
    loss_weights: LossWeights = Field(LossWeights(), description="weights of the losses")
