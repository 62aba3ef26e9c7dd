"""The released program's numbers (tests/data, ../shared/golden/README.md) under hrpro's names."""

from pathlib import Path

import numpy as np
import torch

from hrpro.instance.dataset import Batch, Reliable, pad_reliable
from hrpro.instance.model import InstanceModel
from hrpro.layers.packing import Packing
from hrpro.pmil.dataset import Batch as PmilBatch
from hrpro.pmil.model import PmilModel
from hrpro.snippet import losses as snippet_losses
from hrpro.snippet.model import SnippetModel

DATA = Path(__file__).parent / "data"

CLASSES, WIDTH, VIDEOS = 5, 32, range(6)
STAGE1 = np.load(DATA / "stage1.npz", allow_pickle=False)
SEEDS = np.load(DATA / "seeds.npz", allow_pickle=False)
PROPOSALS = np.load(DATA / "proposals.npz", allow_pickle=False)
STAGE2 = np.load(DATA / "stage2.npz", allow_pickle=False)
PMIL = np.load(DATA / "pmil.npz", allow_pickle=False)

# our parameter -> the released program's; its attention keeps three projections in one matrix
BLOCK = {
    "query": "conv_query",
    "key": "conv_key",
    "project_out": "self_atten.out_proj",
    "feed1": "linear1",
    "feed2": "linear2",
    "norm1": "norm1",
    "norm2": "norm2",
}
INSTANCE = {
    "completeness.0": "prop_fusion.0",
    "completeness.3": "prop_completeness.0",
    "completeness.5": "prop_completeness.2",
    "start_offset.0": "start_reg_conv.0",
    "start_offset.2": "start_reg_conv.2",
    "end_offset.0": "end_reg_conv.0",
    "end_offset.2": "end_reg_conv.2",
}
LOSSES = {
    "video": "loss_vid",
    "frame": "loss_frame",
    "background": "loss_frame_bkg",
    "contrastive": "loss_contrastive",
    "total": "loss_total",
}
PMIL_PARAMETERS = {
    "fusion.0": "prop_fusion.0",
    "classes.0": "prop_classifier.0",
    "classes.2": "prop_classifier.2",
    "attention.0": "prop_attention.0",
    "attention.2": "prop_attention.2",
    "completeness.0": "prop_completeness.0",
    "completeness.2": "prop_completeness.2",
}
PMIL_LOSSES = {
    "original": "prop_mil_orig",
    "suppressed": "prop_mil_supp",
    "consistency": "prop_irc",
    "completeness": "prop_comp",
}


def stage1_parameters(prefix: str) -> dict[str, torch.Tensor]:
    """A set of the golden parameters under our names."""
    parameters = {}
    for block in range(2):
        theirs = f"{prefix}/encoder.RAB.{block}."
        for kind in ("weight", "bias"):
            for our, their in BLOCK.items():
                parameters[f"blocks.{block}.{our}.{kind}"] = STAGE1[f"{theirs}{their}.{kind}"]
            three = np.split(STAGE1[f"{theirs}self_atten.in_proj_{kind}"], 3)
            for our, part in zip(("query", "key", "value"), three, strict=True):
                parameters[f"blocks.{block}.project_{our}.{kind}"] = part
    for kind in ("weight", "bias"):
        parameters[f"embed.{kind}"] = STAGE1[f"{prefix}/encoder.feature_embedding.0.{kind}"]
    parameters["classifier.weight"] = STAGE1[f"{prefix}/classifier.1.weight"]
    return {
        name: torch.tensor(value).squeeze(-1) if value.shape[-1:] == (1,) else torch.tensor(value)
        for name, value in parameters.items()
    }


def batch(numbers, device="cpu") -> tuple[torch.Tensor, torch.Tensor, Packing]:
    """Features, point labels and packing of some of stage1.npz's videos."""
    features, points = (
        [torch.tensor(STAGE1[f"v{i}/{name}"], device=device) for i in numbers]
        for name in ("features", "point_label")
    )
    return torch.cat(features), torch.cat(points), Packing([len(x) for x in features], device)


def snippet_model(released) -> SnippetModel:
    """The golden network with its initial memory; released: that program's settings of stage 1."""
    changes = {"hidden": 16, "attention_dropout": 0.0, "block_dropout": 0.0, "dropout": 0.0}
    network = SnippetModel(CLASSES, WIDTH, released.model_copy(update=changes))
    prototypes = torch.tensor(STAGE1["memory_init"]).squeeze(1)
    network.load_state_dict(stage1_parameters("init") | {"prototypes": prototypes})
    return network


def stage1_losses(
    network: SnippetModel, features: torch.Tensor, points: torch.Tensor, packing: Packing
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Every loss of a golden batch, also that of weight 0, which trainings skip; and the memory after it."""
    scores, settings = network(features, packing), network.settings
    weights = settings.loss_weights.model_copy(update={"video": 1.0})
    (weighted, _), (losses, prototypes) = (
        snippet_losses.stage1(scores, points, network.prototypes, packing=packing, settings=each)
        for each in (settings.model_copy(update={"loss_weights": weights}), settings)
    )
    return losses | {"video": weighted["video"]}, prototypes


def instance_parameters(prefix: str) -> dict[str, torch.Tensor]:
    """Stage 2's golden parameters under our names."""
    return {
        f"{our}.{kind}": torch.tensor(STAGE2[f"{prefix}/bcr.{their}.{kind}"].reshape(shape))
        for our, their in INSTANCE.items()
        for kind in ("weight", "bias")
        for shape in [STAGE2[f"{prefix}/bcr.{their}.{kind}"].shape[:2]]
    }


def instance_model(released) -> InstanceModel:
    """Stage 2's golden network; released: that program's settings of stage 2."""
    network = InstanceModel(CLASSES, WIDTH, released.model_copy(update={"dropout": 0.0}))
    network.load_state_dict(instance_parameters("init"))
    return network


def instance_input(name: str, device="cpu") -> list[torch.Tensor]:
    """An input or output of stage2.npz's three videos."""
    return [torch.tensor(STAGE2[f"v{i}/{name}"], device=device) for i in range(3)]


def instance_batch(network: InstanceModel, device="cpu") -> Batch:
    """The three videos as a batch."""
    features, proposals = instance_input("features", device), instance_input("proposals", device)
    vectors = [network.vectors(f, None, p) for f, p in zip(features, proposals, strict=True)]
    packed = torch.cat(proposals)
    return Batch(
        vectors=torch.cat(vectors),
        proposals=packed,
        labels=torch.arange(len(packed), device=device) % CLASSES,  # unseen by the released targets (fault 2)
        video=Packing([len(p) for p in proposals], device).video,
        reliable=pad_reliable(
            [
                Reliable(r, torch.zeros(len(r), dtype=torch.long, device=device))
                for r in instance_input("reliable", device)
            ]
        ),
    )


def pmil_parameters(prefix: str) -> dict[str, torch.Tensor]:
    """A set of P-MIL's golden parameters under our names."""
    values = {}
    for branch, letter in enumerate("vf"):
        for our, their in PMIL_PARAMETERS.items():
            for kind in ("weight", "bias"):
                value = torch.tensor(PMIL[f"{prefix}/prop_{letter}_backbone.{their}.{kind}"])
                values[f"branches.{branch}.{our}.{kind}"] = value.flatten(1) if kind == "weight" else value
    return values


def pmil_model(released) -> PmilModel:
    """P-MIL's golden network; released: that program's settings."""
    network = PmilModel(CLASSES, 48, released.model_copy(update={"dropout": 0.0, "streams": [24, 24]}))
    network.load_state_dict(pmil_parameters("init"))
    return network


def pmil_input(name: str, numbers=range(3), device="cpu") -> list[torch.Tensor]:
    """An input of some of pmil.npz's three videos."""
    return [torch.tensor(PMIL[f"v{number}/{name}"], dtype=torch.float32, device=device) for number in numbers]


def pmil_batch(network: PmilModel, numbers=range(3), device="cpu") -> PmilBatch:
    """Some of the three videos as a batch, with all their proposals."""
    features, proposals = (pmil_input(name, numbers, device) for name in ("features", "proposals"))
    return PmilBatch(
        vectors=torch.cat([network.vectors(x, p) for x, p in zip(features, proposals, strict=True)]),
        proposals=torch.cat(proposals),
        packing=Packing([len(p) for p in proposals], device),
        present=torch.stack(pmil_input("video_label", numbers, device)),
    )
