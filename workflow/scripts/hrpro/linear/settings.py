"""Settings of the linear baseline."""

from typing import Literal

from pydantic import Field

from ..utils.settings import Count, Positive, Strict, Unit


class Settings(Strict):
    """A logistic regression on the labelled snippets."""

    method: Literal["linear"] = Field(
        "linear", description="the linear baseline: a logistic regression on the labelled snippets"
    )
    regularization: Positive = Field(0.1, description="C of scikit-learn's logistic regression")
    smoothing: Count = Field(5, description="snippets over which its probabilities are averaged")
    background_threshold: Unit = Field(0.5, description="B from which a snippet is a background seed")
    action_threshold: Unit = Field(0.5, description="B up to which a point spreads to the next snippet")
