"""Settings of LACP: its network, the search for optimal sequences, its losses and its training."""

from typing import Annotated, Literal

from pydantic import Field

from ..training.settings import TrainingSettings
from ..utils.settings import Count, Dropout, NonNegative, Positive, Strict, Unit, Whole


class LossWeights(Strict):
    """Weights of LACP's losses."""

    video: NonNegative = Field(1.0, description="of the video-level loss")
    frame: NonNegative = Field(0.5, description="of the loss on points")
    background: NonNegative = Field(1.0, description="of the loss on background seeds")
    score: NonNegative = Field(1.0, description="of the score contrast")
    feature: NonNegative = Field(1.0, description="of the feature contrast")


class Settings(TrainingSettings):
    """LACP: a convolution, and contrast between the instances of optimal sequences."""

    method: Literal["lacp"] = Field("lacp", description="LACP, action completeness from points")
    standardize: bool = Field(
        True, description="features by the training split's mean and standard deviation"
    )
    hidden: Count = Field(512, description="channels of the embedding")
    dropout: Dropout = Field(0.7, description="share dropped before the classifier")
    video_top: Count = Field(
        8, description="a video's class score is the mean of its T / video_top best snippets"
    )
    background_threshold: Unit = Field(0.95, description="B from which a snippet is a background seed")
    action_threshold: Unit = Field(0.1, description="B up to which a point spreads to the next snippet")
    same_action: NonNegative = Field(
        1.0, description="seconds up to which points of one class, none of another between, mark one action"
    )
    focal_power: NonNegative = Field(
        2.0, description="of the focal weight, ((1 - p) y + p (1 - y)) ^ focal_power"
    )
    search: Literal["exact", "beam"] = Field(
        "exact", description="of optimal sequences: exact (dynamic programming) or beam (fault 15)"
    )
    search_every: Count = Field(10, description="iterations between searches")
    budget: Count = Field(25, description="hypotheses that the beam keeps")
    least_score: NonNegative = Field(
        0.1, description="score below which the beam drops a hypothesis unless it is the best (fault 15)"
    )
    labels_at_epochs: bool = Field(
        False,
        description="true: a search's labels are used from the next epoch on, as released (fault 16)",
    )
    drops_last: bool = Field(
        False, description="true: a video's last snippet is in no instance, as released (fault 14)"
    )
    flank: NonNegative = Field(
        0.25, description="share of an instance's length, on either side, for the outer score"
    )
    flanks: Literal["even", "released"] = Field(
        "even",
        description="even: equally long on both sides, or released: the right one is shorter (fault 17)",
    )
    contrast_of: Literal["all", "last"] = Field(
        "all",
        description="classes of a video whose feature contrast counts: the mean of all, or the last alone, "
        "as released (fault 13)",
    )
    parts: Annotated[Whole, Field(ge=1, le=64)] = Field(
        3, description="parts of an instance, of each of which the feature contrast draws a snippet"
    )
    temperature: Positive = Field(0.1, description="of the feature contrast")
    loss_weights: LossWeights = Field(LossWeights(), description="weights of the losses")

    learning_rate: Positive = Field(1e-4, description="of Adam")
    schedule: Literal["cosine", "constant"] = Field(
        "constant",
        description="of the learning rate: cosine after a warmup over 5 % of the steps, or constant",
    )
    iterations: Count = Field(2000, description="optimizer steps")
    batch: Count = Field(16, description="videos per step; the remainder of an epoch is dropped")
    test_every: Count = Field(100, description="iterations between tests, for experiments with best_on_test")
