"""Experiments and what they are made of: the copies, variants and ablation that exist by default."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ..utils.settings import Strict
from .datasets import Name

ABLATIONS = ("alone", "without")
HELD_BACK_COPY = "held_points"  # the copy by which events are calibrated and a gate decides
# The chains of the experiments without points, and their folders, by `supervision`.
BY_VIDEOS, BY_SEGMENTS = "video-labels", "segment-labels"
CHAINS = {"videos": BY_VIDEOS, "segments": BY_SEGMENTS}
# Names of folders in results/<dataset>/, where an experiment has one of its own.
RESERVED = ("train", "test", "last", "predict", "extracted", "data")


def as_written(value):
    """`on` and `off` as they are written, which YAML takes for true and false."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


Gate = Annotated[Literal["auto", "on", "off"], BeforeValidator(as_written)]


class Experiment(Strict):
    """Which variant of each step."""

    stage1: Name = Field(description="variant of stage 1")
    proposals: Name = Field(description="variant of the proposals")
    stage2: Name | None = Field(description="variant of stage 2; null: stop at stage 1's detections")
    detection: Name = Field(description="variant of the detection")
    stage3: Name | None = Field(
        None, description="variant of stage 3, by whose detections stage 2's are scored, too; null: none"
    )
    evaluation: Name = Field(description="variant of the evaluation")
    best_on_test: bool = Field(
        False,
        description="also train with tests on the test split and report the best model, as published "
        "figures do",
    )
    supervision: Literal["points", "videos", "segments"] = Field(
        "points",
        description="what is known of the training videos: their points, which classes they show (videos), "
        "or when each action starts and ends (segments)",
    )
    events: bool = Field(
        False,
        description="whether map.json and the report also have the list of events, F1 and the edit score "
        "(docs/predict.md), where training videos with points can be held back; it needs the same extra "
        "trainings as gate: auto",
    )
    gate: Gate = Field(
        "on",
        description="which stages count: auto (what held-back training videos bear out; docs/method.md, 6.3; "
        "where none can be held back, all), on (all) or off (stage 1 alone)",
    )
    corrects: Name | None = Field(
        None,
        description="the experiment whose faults this one corrects, one by one in its rows of `ablation`",
    )


COPIES = {
    "held": {"held_back": 0.25},
    "held_points": {"held_back": 0.25, "truth": "points"},
    "uniform": {"points": "uniform"},
    "missing": {"missing": 0.1},
    "wrong": {"wrong": 0.05},
    "points10": {"labelled": 0.1},
    "points20": {"labelled": 0.2},
    "points50": {"labelled": 0.5},
}

DEFAULTS = {
    "stage1": "default",
    "proposals": "default",
    "stage2": "default",
    "detection": "default",
    "stage3": "default",
    "evaluation": "default",
}

EXPERIMENTS = {
    "default": DEFAULTS | {"events": True, "gate": "auto", "corrects": "released"},
    "released": {
        "stage1": "released",
        "proposals": "released",
        "stage2": "released",
        "detection": "released",
        "evaluation": "released",
        "best_on_test": True,
    },
    "floor": {
        "stage1": "floor",
        "proposals": "default",
        "stage2": None,
        "detection": "default",
        "evaluation": "default",
    },
    "videos": {
        "stage1": "videos",
        "proposals": "default",
        "stage2": "pmil",
        "detection": "default",
        "evaluation": "default",
        "supervision": "videos",
    },
    "full": DEFAULTS | {"supervision": "segments"},
    "lacp": {
        "stage1": "lacp",
        "proposals": "lacp",
        "stage2": None,
        "detection": "lacp",
        "evaluation": "default",
        "corrects": "lacp_released",
    },
    "lacp_released": {
        "stage1": "lacp_released",
        "proposals": "lacp_released",
        "stage2": None,
        "detection": "lacp_released",
        "evaluation": "released",
        "best_on_test": True,
    },
    "pmil": {
        "stage1": "default",
        "proposals": "default",
        "stage2": "pmil",
        "detection": "default",
        "evaluation": "default",
        "corrects": "pmil_released",
    },
    "pmil_released": {
        "stage1": "released",
        "proposals": "released",
        "stage2": "pmil_released",
        "detection": "released",
        "evaluation": "released",
        "best_on_test": True,
    },
}

# Experiment -> row -> step -> settings that it has changed together against the one that it corrects.
ABLATION = {
    "default": {
        "fault1_tokens": {"stage1": ["prototype_tokens"]},
        "fault2_targets": {"stage2": ["targets"]},
        "fault4_ranking": {"proposals": ["training_classes", "reliable_any_score"]},
        "fault5_suppression": {"detection": ["tiou_padding"]},
        "fault6_centre": {"proposals": ["value_at"]},
        "fault7_negatives": {"proposals": ["negative_bounds"]},
        "fault8_prototypes": {"stage1": ["prototype_momentum"]},
        "fault9_ambiguous": {"detection": ["drop_ambiguous"], "evaluation": ["ignore_ambiguous"]},
        "fault11_clip": {"detection": ["clip_refined"]},
        "whole_runs": {"stage1": ["contrastive_drops_last"]},
        "same_action": {"stage1": ["same_action"], "proposals": ["same_action"]},
        "context": {"stage1": ["context"]},
        "inputs": {
            "stage1": ["standardize", "width", "noise"],
            "stage2": ["standardize", "width", "input_dropout"],
        },
        "regularization": {"stage1": ["dropout", "blocks", "attention_dropout"], "stage2": ["dropout"]},
        "loss_weights": {"stage1": ["loss_weights"], "stage2": ["loss_weights"]},
        "schedule": {
            "stage1": ["learning_rate", "schedule", "iterations", "batch"],
            "stage2": ["learning_rate", "schedule", "iterations", "epochs", "batch", "proposals"],
        },
        "levels": {"proposals": ["class_score", "class_thresholds", "foreground_thresholds", "contrast"]},
        "class_given": {"stage2": ["class_given"]},
        "scores_seen": {"stage2": ["sees_scores"]},
        "fusion": {"detection": ["fusion", "sigma"]},
    },
    "lacp": {
        "fault5_suppression": {"detection": ["tiou_padding"]},
        "fault6_centre": {"proposals": ["value_at"]},
        "fault9_ambiguous": {"evaluation": ["ignore_ambiguous"]},
        "fault13_contrast": {"stage1": ["contrast_of"]},
        "fault14_last": {"stage1": ["drops_last"]},
        "fault15_search": {"stage1": ["search"]},
        "fault16_labels": {"stage1": ["labels_at_epochs"]},
        "fault17_flanks": {"stage1": ["flanks"]},
        "fault18_width": {"stage1": ["hidden"]},
        "same_action": {"stage1": ["same_action"]},
        "inputs": {"stage1": ["standardize"]},
    },
    "pmil": {
        "fault20_repeats": {"stage2": ["repeats"]},
        "fault21_classes": {"stage2": ["pseudo_of"]},
        "fault22_short": {"stage2": ["roi_short"]},
        "fault25_share": {"stage2": ["class_score"]},
        "inputs": {"stage2": ["standardize", "width"]},
        "schedule": {"stage2": ["learning_rate", "schedule", "iterations", "epochs", "batch", "proposals"]},
    },
}

# Proposals of LACP, and of the released program.
RELEASED_THRESHOLDS = {
    "class_score": 0.5,
    "class_thresholds": [0.0, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225],
    "foreground_thresholds": [0.5, 0.525, 0.55, 0.575, 0.6, 0.625, 0.65, 0.675, 0.7],
    "contrast": "cut",
}
LACP_PROPOSALS = RELEASED_THRESHOLDS | {"scale": 24, "video_share": 0.2}

VARIANTS = {
    "stage1": {
        "default": {},
        "released": {
            "standardize": False,
            "width": None,
            "context": 0,
            "noise": 0.0,
            "prototype_tokens": "released",
            "prototype_momentum": 0.999,
            "blocks": 2,
            "attention_dropout": 0.1,
            "dropout": 0.7,
            "contrastive_drops_last": True,
            "same_action": 0.0,
            "loss_weights": {"video": 0.0, "frame": 0.5, "background": 1.0, "contrastive": 1.0},
            "learning_rate": 1e-4,
            "schedule": "constant",
            "iterations": 1000,
            "batch": 16,
        },
        "floor": {"method": "linear"},
        "videos": {"blocks": 0, "context": 0},
        "lacp": {"method": "lacp"},
        "lacp_released": {
            "method": "lacp",
            "standardize": False,
            "hidden": 2048,
            "same_action": 0.0,
            "search": "beam",
            "labels_at_epochs": True,
            "drops_last": True,
            "flanks": "released",
            "contrast_of": "last",
        },
    },
    "proposals": {
        "default": {},
        "released": {
            **RELEASED_THRESHOLDS,
            "training_classes": "predicted",
            "value_at": "start",
            "reliable_any_score": False,
            "same_action": 0.0,
            "negative_bounds": "released",
        },
        "lacp": LACP_PROPOSALS,
        "lacp_released": LACP_PROPOSALS | {"value_at": "start"},
    },
    "stage2": {
        "default": {},
        "released": {
            "standardize": False,
            "sees_scores": False,
            "width": None,
            "class_given": False,
            "targets": "any_class",
            "input_dropout": 0.0,
            "dropout": 0.7,
            "proposals": 1000,
            "loss_weights": {"regression": 1.0, "completeness": 1.0},
            "learning_rate": 5e-5,
            "schedule": "constant",
            "epochs": 20,
            "batch": 10,
        },
        "pmil": {"method": "pmil"},
        "pmil_released": {
            "method": "pmil",
            "standardize": False,
            "width": None,
            "proposals": 1000,
            "repeats": "each",
            "roi_short": "released",
            "pseudo_of": "any",
            "class_score": 0.2,
            "learning_rate": 5e-5,
            "schedule": "constant",
            "epochs": 200,
            "batch": 10,
        },
    },
    "detection": {
        "default": {},
        "released": {
            "fusion": "sum",
            "clip_refined": False,
            "sigma": 0.3,
            "tiou_padding": 1.0,
            "drop_ambiguous": True,
        },
        "lacp": {"suppression": "hard"},
        "lacp_released": {"suppression": "hard", "tiou_padding": 1.0},
    },
    "stage3": {"default": {}},
    "evaluation": {"default": {}, "released": {"ignore_ambiguous": False}},
}

# What the tables of a configuration hold, besides what it says itself.
TABLES = {"copies": COPIES, "experiments": EXPERIMENTS, "ablation": ABLATION, "variants": VARIANTS}

# What config.yaml says of entries of these tables.
NOTES = {
    "copies": {
        "held": "a quarter of the training videos is the test split: choices without test data",
        "held_points": "the same, scored with the points alone",
        "uniform": "points anywhere in their instances",
        "missing": "without a tenth of the points",
        "wrong": "one point in twenty has another class",
        "points10": "as many of the training videos as have a tenth of the points",
        "points20": "a fifth",
        "points50": "half",
    },
    "experiments": {
        "released": "the authors' program as it is, its faults included",
        "floor": "a logistic regression on the labelled snippets instead of stage 1, and no stage 2",
        "videos": "no points: of each training video the classes alone, whenever they occur",
        "full": "no points: the true segments of the training videos, the ceiling of the default's networks",
        "lacp": "LACP, its faults corrected",
        "lacp_released": "LACP as its authors' program has it, its faults included",
        "pmil": "P-MIL, by video labels, on the default's proposals",
        "pmil_released": "P-MIL as its authors' program has it, on the proposals of `released`",
    },
}
