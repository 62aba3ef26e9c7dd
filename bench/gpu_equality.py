"""Whether a GPU computes what the authors' numbers say and what the CPU does, up to a step of training.

Draws differ between devices, so dropout and noise are off wherever two devices are compared.
"""

import torch

import goldens
import made
import stages
from gpu_run import CPU, STEP, VARIANTS, Check, Run, largest, quiet, relative, within
from hrpro.instance import losses as instance_losses
from hrpro.instance.model import refine, score
from hrpro.layers import roi
from hrpro.layers.packing import Packing
from hrpro.layers.scores import video_scores
from hrpro.pmil import losses as pmil_losses
from hrpro.snippet import memory
from hrpro.snippet.attention import AttentionBlock
from hrpro.training import seeds
from hrpro.utils.speed import Adam
from settings import configuration, stages_of

TEN_STEPS = 1e-3  # what rounding may do in ten steps of training
BF16, BF16_GRADIENT = 0.02, 0.05  # docs/performance.md
DROPPED = 0.05  # how far the mean of weights that add up to 1 may be from it, three in ten dropped
KEY_BIAS = "key.bias"  # of which softmax sees nothing, so its gradient is rounding alone


def checks(run: Run) -> dict[str, Check]:
    """The checks, by name."""
    equal = {
        "goldens of stage 1": lambda: golden_stage1(run),
        "goldens of stage 2": lambda: golden_stage2(run),
        "goldens of P-MIL": lambda: golden_pmil(run),
        "seeds": lambda: golden_seeds(run),
        "RoI": lambda: roi_vectors(run),
        "attention": lambda: attention(run),
    }
    for variant in VARIANTS:
        for stage in stages_of(variant):
            equal[f"step of {stage}, {variant}"] = lambda s=stage, v=variant: step(run, s, v)
            equal[f"bfloat16 step of {stage}, {variant}"] = lambda s=stage, v=variant: bfloat16(run, s, v)
    return equal


def setting(stage: str, variant: str, **changes):
    """The settings of a stage as for THUMOS14, some changed."""
    return configuration().step("thumos", stage, variant).model_copy(update=changes)


def golden_stage1(run: Run) -> dict:
    """The released program's outputs, losses, gradients, memory and ten steps of training, on the device."""
    network = goldens.snippet_model(setting("stage1", "released")).to(run.device)
    features, points, packing = goldens.batch(goldens.VIDEOS, run.device)
    with torch.no_grad():
        outputs = network(features, packing)
    present = torch.stack([video.amax(0) for video in packing.split(points)])
    video = video_scores(outputs.classes, packing, 8, present)
    parts = {"cas_fused": packing.split(outputs.fused), "embedding": packing.split(outputs.embedding)}
    parts["video_score_train"] = video
    untrained = goldens.snippet_model(network.settings).to(run.device)
    untrained.prototypes.zero_()
    embedding = untrained(features, packing).embedding
    [means], _ = memory.class_means(embedding, points, Packing([len(embedding)], run.device))
    figures = {
        name: within(max(largest(x, goldens.STAGE1[f"v{i}/{name}"]) for i, x in enumerate(values)), STEP)
        for name, values in parts.items()
    } | {"initial memory": within(largest(means, goldens.STAGE1["memory_init"]), STEP)}

    losses, gradients, after = [], [], []
    for number in goldens.VIDEOS:
        network.zero_grad()
        values, prototypes = goldens.stage1_losses(network, *goldens.batch([number], run.device))
        for our, their in goldens.LOSSES.items():
            losses.append(largest(values[our], goldens.STAGE1[f"v{number}/{their}"]))
        after.append(largest(prototypes, goldens.STAGE1[f"v{number}/memory_after_update"]))
        if f"v{number}/grad/classifier.1.weight" in goldens.STAGE1:
            values["total"].sum().backward()
            gradients += parameters_off(network, goldens.stage1_parameters(f"v{number}/grad"), gradient=True)
    figures |= {"losses": within(max(losses), STEP), "memory": within(max(after), STEP)}
    figures["gradients"] = within(max(gradients), STEP)

    optimizer, off = Adam(network.parameters(), lr=1e-3, weight_decay=5e-4), []
    for order, expected in zip(
        goldens.STAGE1["trace/order"].reshape(10, 3), goldens.STAGE1["trace/loss"], strict=True
    ):
        values, prototypes = goldens.stage1_losses(network, *goldens.batch(order, run.device))
        loss = values["total"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        network.prototypes.copy_(prototypes)
        off.append(largest(loss, expected))
    figures["losses of ten steps"] = within(max(off), TEN_STEPS)
    final = parameters_off(network, goldens.stage1_parameters("trace/final"), gradient=False)
    return figures | {"parameters after ten steps": within(max(final), TEN_STEPS)}


def parameters_off(network, expected: dict, *, gradient: bool) -> list[float]:
    """How far each parameter, or its gradient, is from what is expected."""
    return [
        largest(parameter.grad if gradient else parameter, expected[name])
        for name, parameter in network.named_parameters()
        if not name.endswith(KEY_BIAS)
    ]


def golden_stage2(run: Run) -> dict:
    """The released program's RoI features, outputs, losses and gradients, on the device."""
    network = goldens.instance_model(setting("stage2", "released")).to(run.device)
    inputs = {name: goldens.instance_input(name, run.device) for name in ("features", "proposals")}
    pairs = list(zip(inputs["features"], inputs["proposals"], strict=True))
    expected = goldens.instance_input("roi_features")
    aligned = [roi.align(x, segments, bins=12, margin=0.25) for x, segments in pairs]
    figures = {"RoI": within(max(map(relative, aligned, expected)), STEP)}
    names = ("completeness", "refined", "completeness_refined")
    off = {name: [] for name in names}
    for number, (x, segments) in enumerate(pairs):
        no_class = torch.full((len(segments),), -1, device=run.device)
        outputs = score(network, x, None, proposals=segments, labels=no_class, clip=False)
        for name, output in zip(names, outputs, strict=True):
            off[name].append(largest(output, goldens.STAGE2[f"v{number}/{name}"]))
    figures |= {name: within(max(values), STEP) for name, values in off.items()}

    batch = goldens.instance_batch(network, run.device)
    completeness, offsets = network(batch.vectors, batch.labels)
    losses = instance_losses.stage2(
        completeness,
        refine(batch.proposals, offsets),
        batch,
        random=torch.cat(goldens.instance_input("negative_draw", run.device)),
        settings=network.settings,
    )
    theirs = {"regression": "prop_reg", "completeness": "prop_iou", "total": "total"}
    off = [largest(losses[our].mean(), goldens.STAGE2[f"loss_{their}"]) for our, their in theirs.items()]
    losses["total"].mean().backward()
    gradients = parameters_off(network, goldens.instance_parameters("grad"), gradient=True)
    return figures | {"losses": within(max(off), STEP), "gradients": within(max(gradients), STEP)}


def golden_pmil(run: Run) -> dict:
    """P-MIL's losses and gradients as the released program has them at epoch 15, on the device."""
    network = goldens.pmil_model(setting("stage2", "pmil_released")).to(run.device)
    batch = goldens.pmil_batch(network, device=run.device)
    ramp = goldens.PMIL["ramp/weight"][15]
    losses = pmil_losses.pmil(network(batch.vectors), batch, float(ramp), network.settings)
    losses["total"].mean().backward()
    gradients = parameters_off(network, goldens.pmil_parameters("grad"), gradient=True)
    off = largest(losses["total"].mean(), goldens.PMIL["loss/epoch15/loss_total"])
    return {"loss": within(off, STEP), "gradients": within(max(gradients), STEP)}


def golden_seeds(run: Run) -> dict:
    """All golden cases of seed mining in one packed batch on the device, exactly."""
    names = ("background_score", "point_label", "action_seed", "background_seed")
    cases = [[torch.tensor(goldens.SEEDS[f"{i}/{name}"]) for name in names] for i in range(60)]
    background, points, *expected = (torch.cat(column).to(run.device) for column in zip(*cases, strict=True))
    packing = Packing([len(case[0]) for case in cases], run.device)
    thresholds = {"background_threshold": 0.95, "action_threshold": 0.1}
    mined = seeds.mine(background, points, packing, **thresholds)
    different = sum(int((a != b).sum()) for a, b in zip(mined, expected, strict=True))
    return {"seeds that differ": within(different, 0)}


def roi_vectors(run: Run) -> dict:
    """Vectors of proposals of all lengths in a long video, beside the CPU's."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2000, 64 if run.quick else 256, generator=generator)
    proposals = torch.rand(1000, 2, generator=generator).mul(2100).sub(50).sort(1).values
    here, there = (
        roi.vectors(features.to(device), proposals.to(device), bins=12, margin=0.25)
        for device in (CPU, run.device)
    )
    return {"vectors": within(relative(there, here), STEP)}


def attention(run: Run) -> dict:
    """Attention within videos and its gradients beside the CPU's; and, with dropout, what becomes of ones."""
    lengths = [1, 40, 300, 7]
    figures = {}
    for width in (5, 16, 32 if run.quick else 256):  # per head
        block = AttentionBlock(2 * width, 2, 4, 0.0, 0.0)
        generator = torch.Generator().manual_seed(width)
        parts = [torch.randn(sum(lengths), 2 * width, generator=generator) for _ in range(4)]
        results = []
        for device in (CPU, run.device):
            *inputs, weight = (part.to(device).requires_grad_() for part in parts)
            attended = block.attend(*inputs, Packing(lengths, device))
            results.append([attended, *torch.autograd.grad((attended * weight).sum(), inputs)])
        here, there = results
        figures[f"{width} channels per head"] = within(max(map(relative, there, here)), STEP)
    dropping = AttentionBlock(2 * width, 2, 4, 0.0, attention_dropout=0.3).train()
    query, key, _ = (part.to(run.device) for part in parts[:3])
    attended = dropping.attend(query, key, torch.ones_like(query), Packing(lengths, run.device))
    figures["mean of ones, dropped"] = within(abs(attended.mean().item() - 1), DROPPED)
    return figures | {"deviation of ones, dropped": attended.std().item()}


def made_step(run: Run, stage: str, settings, device) -> stages.Step:
    """A step of a stage on a made batch; equal calls draw the same, whatever the device."""
    width, videos = (48, 3) if run.quick else (256, 4)
    if stage == "stage2":
        return stages.stage2_step(videos, 60, width, settings, device)
    return stages.BY_LENGTHS[stage](made.lengths("train", videos), width, settings, device)


def gradient(step: stages.Step) -> torch.Tensor:
    """The gradients of all parameters as one vector, on the CPU."""
    return torch.cat([parameter.grad.flatten() for parameter in step.model.parameters()]).cpu()


def step(run: Run, stage: str, variant: str) -> dict:
    """Losses and the whole gradient of a step, on the device and on the CPU."""
    settings = quiet(setting(stage, variant))
    here, there = (made_step(run, stage, settings, device) for device in (CPU, run.device))
    expected, losses = here.losses(), there.losses()
    figures = {name: within(relative(loss, expected[name]), STEP) for name, loss in losses.items()}
    return figures | {"gradient": within(relative(gradient(there), gradient(here)), STEP)}


def bfloat16(run: Run, stage: str, variant: str) -> dict:
    """Losses and the whole gradient of a step in bfloat16, beside float32's on the same device."""
    settings = quiet(setting(stage, variant))
    exact = made_step(run, stage, settings, run.device)
    rough = made_step(run, stage, settings.model_copy(update={"precision": "bfloat16"}), run.device)
    expected, losses = exact.losses(), rough.losses()
    figures = {name: within(relative(loss, expected[name]), BF16) for name, loss in losses.items()}
    return figures | {"gradient": within(relative(gradient(rough), gradient(exact)), BF16_GRADIENT)}
