"""The method in plain steps, a video at a time: slow, and meant to be read beside method.md.

Written from method.md alone; nothing here comes from hrpro. The tests hold it against the authors' numbers
(tests/data), and the packed code of hrpro against it. T snippets, C classes, D channels; a video is a pair
(features (T, D), points (T, C) of 0 and 1); weights are a state dict of hrpro's models, by name.
"""

import itertools
import math

import numpy as np
import torch
from torch.nn import functional as F

BACKGROUND_SEED = 0.95
ACTION_SEED = 0.1
MOMENTUM = 0.999
TEMPERATURE = 0.1
LOSS_WEIGHTS = {"video": 0.0, "frame": 0.5, "background": 1.0, "contrastive": 1.0}
CLASS_SCORE = 0.5
CLASS_THRESHOLDS = [0.025 * i for i in range(10)]
FOREGROUND_THRESHOLDS = [0.5 + 0.025 * i for i in range(9)]
SCALE = 2
SIGMA = 0.3
POSITIVE_TIOU = 0.3
BINS = 12


# ---------------------------------------------------------------------------------------------------
# Stage 1: the network


def linear(weights: dict, name: str, x: torch.Tensor) -> torch.Tensor:
    """A linear map, or a 1x1 convolution: W x + b of every row of x."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def layer_norm(weights: dict, name: str, x: torch.Tensor) -> torch.Tensor:
    """LN: every row of x to mean 0 and variance 1, then scaled and shifted a channel."""
    centred = x - x.mean(1, keepdim=True)
    variance = (centred**2).mean(1, keepdim=True)
    return centred / torch.sqrt(variance + 1e-5) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def prototype_tokens(prototypes: torch.Tensor, order: str) -> torch.Tensor:
    """method.md, "A fault to know": `paper` takes the prototypes (C, D) themselves, `released` re-reads
    their (C, D) buffer as (D, C), so that token c is column c of that.
    """
    if order == "paper":
        return prototypes
    classes, width = prototypes.shape
    buffer = prototypes.flatten()
    tokens = torch.empty_like(prototypes)
    for c in range(classes):
        for d in range(width):
            tokens[c, d] = buffer[d * classes + c]
    return tokens


def multi_head(weights: dict, block: str, q, k, v, heads: int) -> torch.Tensor:
    """method.md: "multi-head attention (8 heads, with its own in- and out-projections)"."""
    q = linear(weights, f"{block}.project_query", q)
    k = linear(weights, f"{block}.project_key", k)
    v = linear(weights, f"{block}.project_value", v)
    width = q.shape[1] // heads
    attended = []
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        similarity = q[:, own] @ k[:, own].T / math.sqrt(width)
        attended.append(torch.softmax(similarity, dim=1) @ v[:, own])
    return linear(weights, f"{block}.project_out", torch.cat(attended, dim=1))


def attention_block(weights: dict, block: str, x: torch.Tensor, heads: int) -> torch.Tensor:
    """method.md, "Reliability-aware attention block": q = Wq x, k = Wk x, v = x;
    x <- LN(x + attention); x <- LN(x + W2 relu(W1 x)). No dropout.
    """
    query, key = linear(weights, f"{block}.query", x), linear(weights, f"{block}.key", x)
    x = layer_norm(weights, f"{block}.norm1", x + multi_head(weights, block, query, key, x, heads))
    hidden = torch.relu(linear(weights, f"{block}.feed1", x))
    return layer_norm(weights, f"{block}.norm2", x + linear(weights, f"{block}.feed2", hidden))


def stage1_forward(weights: dict, prototypes, features, heads: int, order: str):
    """The network on one video -> S (T, C), B (T,) and the embedding (T, D).

    method.md: the blocks "over the tokens [snippets; prototypes]"; "the prototypes are dropped after the
    last block"; "Conv1d(D -> D, kernel 3, padding 1) + ReLU gives the embedding"; "Conv1d(D -> C+1,
    kernel 1, no bias) + sigmoid gives S and the background score B".
    """
    x = torch.cat([features, prototype_tokens(prototypes, order)])
    blocks = {name.split(".")[1] for name in weights if name.startswith("blocks.")}
    for i in range(len(blocks)):
        x = attention_block(weights, f"blocks.{i}", x, heads)
    x = x[: len(features)]
    x = F.conv1d(x.T.unsqueeze(0), weights["embed.weight"], weights["embed.bias"], padding=1)
    embedding = torch.relu(x.squeeze(0).T)
    scores = torch.sigmoid(embedding @ weights["classifier.weight"].T)
    return scores[:, :-1], scores[:, -1], embedding


def fuse(classes: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """method.md: "P = [S * (1 - B), B], T x (C+1)"."""
    columns = [classes[:, c] * (1 - background) for c in range(classes.shape[1])]
    return torch.stack([*columns, background], dim=1)


def video_score(classes: torch.Tensor, present=None) -> torch.Tensor:
    """method.md, "Video score": the mean of the k = max(1, floor(T/8)) largest S of a class. In training,
    where `present` (C,) says which classes the video has, an absent class has the plain mean.
    """
    k = max(1, len(classes) // 8)
    scores = []
    for c in range(classes.shape[1]):
        if present is not None and not present[c]:
            scores.append(classes[:, c].mean())
        else:
            scores.append(classes[:, c].sort(descending=True).values[:k].mean())
    return torch.stack(scores)


# ---------------------------------------------------------------------------------------------------
# Stage 1: seeds and memory


def argmax(values, among) -> int:
    """The first of `among` at which the values are largest."""
    return max(among, key=lambda t: values[t])


def mine_seeds(background, points) -> tuple[torch.Tensor, torch.Tensor]:
    """method.md, "Seeds": from B (T,) and the points (T, C) -> action (T, C) and background seeds (T,)."""
    length = len(points)
    scores = background.tolist()
    action, seed = points.clone(), points.new_zeros(length)
    labelled = [t for t in range(length) if points[t].any()]
    if not labelled:
        return action, seed

    def certain(gap):
        return [t for t in gap if background[t] >= BACKGROUND_SEED]

    left = range(labelled[0])
    if left:
        seed[: (certain(left) or [argmax(scores, left)])[-1] + 1] = 1
    right = range(labelled[-1] + 1, length)
    if right:
        seed[(certain(right) or [argmax(scores, right)])[0] :] = 1
    for a, b in itertools.pairwise(labelled):
        between = range(a + 1, b)
        if len(certain(between)) >= 2:
            seed[certain(between)[0] : certain(between)[-1] + 1] = 1
        elif between:
            seed[argmax(scores, between)] = 1

    for point in labelled:
        for step in (-1, 1):
            t = point + step
            # seeds are mined in the gaps: a neighbouring point ends the spread
            while 0 <= t < length and t not in labelled and background[t] <= ACTION_SEED and not seed[t]:
                action[t][points[point] > 0] = 1
                t += step
    return action, seed


def initial_prototypes(weights: dict, videos, heads: int, order: str) -> torch.Tensor:
    """method.md, "Reliable memory": "the mean embedding of all labelled snippets of the class, from the
    untrained network ... with a zero memory".
    """
    classes, width = videos[0][1].shape[1], videos[0][0].shape[1]
    zero = videos[0][0].new_zeros(classes, width)
    labelled = [[] for _ in range(classes)]
    for features, points in videos:
        embedding = stage1_forward(weights, zero, features, heads, order)[2].detach()
        for t, c in points.nonzero().tolist():
            labelled[c].append(embedding[t])
    return torch.stack([torch.stack(rows).mean(0) if rows else zero[0] for rows in labelled])


def update_prototypes(prototypes, embedding, action, momentum: float = MOMENTUM) -> torch.Tensor:
    """method.md: after a video, "M_c <- 0.999 M_c + 0.001 * mean(embedding over the action seeds of c)"."""
    updated = prototypes.clone()
    for c in range(len(prototypes)):
        rows = [embedding[t].detach() for t in range(len(embedding)) if action[t, c]]
        if rows:
            updated[c] = momentum * prototypes[c] + (1 - momentum) * torch.stack(rows).mean(0)
    return updated


# ---------------------------------------------------------------------------------------------------
# Stage 1: losses


def cross_entropy(p: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of each probability."""
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p))


def snippet_loss(fused: torch.Tensor, target: torch.Tensor, chosen: list[int]) -> torch.Tensor:
    """method.md, "Losses": focal weight times cross-entropy, summed over the C+1 entries of P, over the
    chosen snippets, "divided by their number (+1e-6)". fused and target (T, C + 1).
    """
    total = fused.new_zeros(())
    for t in chosen:
        p, y = fused[t], target[t]
        total = total + (((1 - p) * y + p * (1 - y)) ** 2 * cross_entropy(p, y)).sum()
    return total / (len(chosen) + 1e-6)


def run_snippets(seeds, drop_last: bool) -> list[int]:
    """The snippets of the runs of one kind of seed (T,). method.md: "a run that covers the whole video has
    no edge and is passed over". drop_last: one that reaches the video's end loses its last snippet.
    """
    length, snippets, t = len(seeds), [], 0
    while t < length:
        if not seeds[t]:
            t += 1
            continue
        start = t
        while t < length and seeds[t]:
            t += 1
        if (start, t) == (0, length):
            continue
        end = t - 1 if drop_last and t == length else t
        snippets += range(start, end)
    return snippets


def unit(vector: torch.Tensor) -> torch.Tensor:
    """The vector at length 1; zero stays zero."""
    return vector / vector.norm().clamp(min=1e-12)


def contrastive_loss(embedding, prototypes, action, background, drop_last: bool) -> torch.Tensor:
    """method.md, "contrastive": 0.5 * -log(a_c / sum_j a_j) + 0.5 * -log(a_c / (a_c + b_c)), averaged over
    the video's classes; "no background run: the video adds nothing".
    """

    def mean_similarity(snippets: list[int], label: int) -> torch.Tensor:
        centre = unit(prototypes[label])
        return torch.stack([torch.exp(unit(embedding[t]) @ centre / TEMPERATURE) for t in snippets]).mean()

    total = embedding.new_zeros(())
    present = [c for c in range(action.shape[1]) if action[:, c].any()]
    outside = run_snippets(background, drop_last)
    if not present or not outside:
        return total
    for c in present:
        inside = run_snippets(action[:, c], drop_last)
        if not inside:
            continue
        a = [mean_similarity(inside, label) for label in range(len(prototypes))]
        b = mean_similarity(outside, c)
        total = total - 0.5 * torch.log(a[c] / sum(a)) - 0.5 * torch.log(a[c] / (a[c] + b))
    return total / len(present)


def stage1_losses(classes, background, embedding, points, prototypes, drop_last, weights=LOSS_WEIGHTS):
    """method.md, "Losses", of one video -> {name: loss} with "total", and its action seeds."""
    action, seed = mine_seeds(background.detach(), points)
    present = points.amax(0)
    fused = fuse(classes, background)
    on_points = torch.cat([points, torch.zeros_like(points[:, :1])], dim=1)
    on_background = torch.zeros_like(on_points)
    on_background[:, -1] = 1
    labelled = [t for t in range(len(points)) if points[t].any()]
    losses = {
        "video": cross_entropy(video_score(classes, present), present).mean(),
        "frame": snippet_loss(fused, on_points, labelled),
        "background": snippet_loss(fused, on_background, [t for t in range(len(seed)) if seed[t]]),
        "contrastive": contrastive_loss(embedding, prototypes, action, seed, drop_last),
    }
    losses["total"] = sum(weights[name] * loss for name, loss in losses.items())
    return losses, action


def stage1_batch(
    weights: dict,
    prototypes: torch.Tensor,
    videos,
    heads: int,
    order: str,
    drop_last: bool,
    loss_weights: dict = LOSS_WEIGHTS,
    tokens_follow: bool = False,
):
    """Losses of each video of a batch, and the prototypes after them.

    method.md: the memory moves "after each training video", so a video's contrastive loss sees it as the
    videos before it left it. So do the attention's tokens with tokens_follow; without, they stay as at the
    batch's start.
    """
    first, losses = prototypes, []
    for features, points in videos:
        tokens = prototypes if tokens_follow else first
        scores = stage1_forward(weights, tokens, features, heads, order)
        loss, action = stage1_losses(*scores, points, prototypes, drop_last, loss_weights)
        losses.append(loss)
        prototypes = update_prototypes(prototypes, scores[2], action)
    return losses, prototypes


# ---------------------------------------------------------------------------------------------------
# LACP (shared/baselines.md, section A): its network, a search by trying all, its losses


def lacp_forward(weights: dict, features: torch.Tensor):
    """The network on one video -> S (T, C), B (T,) and the embedding (T, hidden), snippet by snippet.

    "Conv1d(kernel 3, padding 1, bias) + ReLU = embedding X", "Conv1d(kernel 1, no bias), sigmoid: S and B".
    """
    rows = []
    for t in range(len(features)):
        x = weights["embed.bias"]
        for tap in range(3):
            if 0 <= t + tap - 1 < len(features):
                x = x + weights["embed.weight"][:, :, tap] @ features[t + tap - 1]
        rows.append(torch.relu(x))
    embedding = torch.stack(rows)
    scores = torch.sigmoid(embedding @ weights["classifier.weight"].T)
    return scores[:, :-1], scores[:, -1], embedding


def inner_outer(values: torch.Tensor, start: int, end: int, flanks: str) -> torch.Tensor:
    """R of [start, end): "mean v[s..e] - mean of v over both flanks together, 0 when both are empty".

    `released`: from trunc(s - n/4) and to trunc(e + n/4); `even`: ceil(n/4) snippets on either side.
    """
    size, last = end - start, end - 1
    low, high = max(0, int(start - size / 4)), min(len(values) - 1, int(last + size / 4))
    if flanks == "even":
        low, high = max(0, start - math.ceil(size / 4)), min(len(values) - 1, last + math.ceil(size / 4))
    outside = [values[t] for t in (*range(low, start), *range(end, high + 1))]
    outer = torch.stack(outside).mean() if outside else values.new_zeros(())
    return values[start:end].mean() - outer


def lacp_sequence(activation, own: list[bool], blocked: list[bool], flanks: str) -> tuple[float, list[int]]:
    """The highest score of a sequence and its label of every snippet, of all that "tile the video".

    Between a snippet that must be of one kind and the next that must be of the other, every border is tried.
    """
    length = len(own)
    kinds = [1 if own[t] else 0 if blocked[t] else None for t in range(length)]
    marked = [t for t in range(length) if kinds[t] is not None]
    turns = [(a, b) for a, b in itertools.pairwise(marked) if kinds[a] != kinds[b]]
    best = (-math.inf, [])
    for borders in itertools.product(*(range(a + 1, b + 1) for a, b in turns)):
        edges = [0, *borders, length]
        label, labels, contrasts = kinds[marked[0]], [], []
        for start, end in itertools.pairwise(edges):
            contrasts.append(float(inner_outer(activation if label else 1 - activation, start, end, flanks)))
            labels += [label] * (end - start)
            label = 1 - label
        best = max(best, (sum(contrasts) / len(contrasts), labels), key=lambda found: found[0])
    return best


def lacp_dense(classes, background, points, flanks: str) -> dict[int, tuple[float, list[int]]]:
    """`lacp_sequence` of each class with an action seed: blocked are "background seeds, and the action seeds
    of other classes that are no seed of c".
    """
    action, seed = mine_seeds(background, points)
    activation, found = fuse(classes, background), {}
    for c in range(points.shape[1]):
        if action[:, c].any():
            own = [bool(value) for value in action[:, c]]
            others = [bool(seed[t] or action[t].any()) and not own[t] for t in range(len(own))]
            found[c] = lacp_sequence(activation[:, c].double(), own, others, flanks)
    return found


def lacp_instances(labels: list[int], drop_last: bool) -> list[tuple[int, int, int]]:
    """The runs of a class's dense label: (start, end, label); "constant has none". drop_last: "the last
    snippet of the video belongs to no instance".
    """
    if len(set(labels)) < 2:
        return []
    found = []
    for label, group in itertools.groupby(enumerate(labels), key=lambda pair: pair[1]):
        inside = [t for t, _ in group if not (drop_last and t == len(labels) - 1)]
        if inside:
            found.append((inside[0], inside[-1] + 1, label))
    return found


def lacp_losses(scores, points, dense: list[list[int]], draws, flanks: str, released: bool, weights: dict):
    """Every loss of one video; dense: of each class a label per snippet; draws: three of an instance."""
    classes, background, embedding = scores
    _, seed = mine_seeds(background.detach(), points)
    present, fused = points.amax(0), fuse(classes, background)
    on_points = torch.cat([points, torch.zeros_like(points[:, :1])], dim=1)
    on_background = torch.zeros_like(on_points)
    on_background[:, -1] = 1
    labelled = [t for t in range(len(points)) if points[t].any()]
    zero, outer, of_classes, draws = fused.new_zeros(()), {0: [], 1: []}, [], iter(draws)
    for c, labels in enumerate(dense):
        instances = lacp_instances(labels, drop_last=released)
        vectors = []
        for start, end, label in instances:
            values = fused[:, c] if label else 1 - fused[:, c]
            outer[label].append(1 - inner_outer(values, start, end, flanks))
            vectors.append(unit(torch.stack([embedding[t] for t in next(draws)]).mean(0)))
        terms = []
        for j, (_, _, label) in enumerate(instances):
            if label and sum(one for _, _, one in instances) > 1:
                near = [torch.exp(x @ vectors[j] / TEMPERATURE) for x in vectors]
                others = [w for i, w in enumerate(near) if i != j]
                same = [w for i, w in enumerate(near) if i != j and instances[i][2]]
                terms.append(-torch.log(sum(same) / sum(others)))
        if terms:
            of_classes.append(sum(terms) / len(terms))
    kinds = [torch.stack(values).mean() if values else zero for values in outer.values()]
    of_classes = of_classes[-1:] if released else of_classes
    losses = {
        "video": cross_entropy(video_score(classes, present), present).mean(),
        "frame": snippet_loss(fused, on_points, labelled),
        "background": snippet_loss(fused, on_background, [t for t in range(len(seed)) if seed[t]]),
        "score": sum(kinds) ** 2,
        "feature": torch.stack(of_classes).mean() if of_classes else zero,
    }
    losses["total"] = sum(weights[name] * loss for name, loss in losses.items())
    return losses


# ---------------------------------------------------------------------------------------------------
# Proposals, suppression, reliability ranking. A proposal is (start, end, class, score).


def upscale(values, value_at: str) -> list[float]:
    """method.md: "brought to twice the time resolution by linear interpolation (the last half step
    extrapolated)": `start`. With `centre` the values stand at the centres of their snippets (fault 6).
    """
    if len(values) == 1:
        return [float(values[0])] * SCALE
    upscaled = []
    for j in range(len(values) * SCALE):
        at = j / SCALE if value_at == "start" else (j + 0.5) / SCALE - 0.5
        i = min(max(math.floor(at), 0), len(values) - 2)
        upscaled.append(float(values[i]) + (at - i) * (float(values[i + 1]) - float(values[i])))
    return upscaled


def runs(mask: list[bool]) -> list[tuple[int, int]]:
    """The runs of true cells: first cell and the one after the last. method.md, "Proposals": the first
    upscaled snippet alone gives nothing.
    """
    if not any(mask[1:]):
        return []
    found = []
    for j, inside in enumerate(mask):
        if inside and j > 0 and mask[j - 1]:
            found[-1] = (found[-1][0], j + 1)
        elif inside:
            found.append((j, j + 1))
    return found


def outer_inner(values: list[float], start: int, end: int) -> float:
    """method.md: "mean inside minus mean of the two flanks, each a quarter of its length (integer
    truncation; clipped to the video; an empty flank counts 0)".
    """
    quarter = (end - start) / 4
    left = max(0, int(start - quarter))
    right = min(len(values) - 1, int(end - 1 + quarter))
    flanks = values[left:start] + values[end : right + 1]
    outer = sum(flanks) / len(flanks) if flanks else 0.0
    return sum(values[start:end]) / (end - start) - outer


def propose(fused, score, value_at: str = "start", frames=16, fps=25) -> list[tuple]:
    """method.md, "Proposals", of one video: P (T, C + 1) and the video scores (C,) -> all proposals, in
    seconds, sorted by class, start, end and score.
    """
    fused = np.asarray(fused, dtype=np.float64)
    chosen = [c for c in range(len(score)) if score[c] >= CLASS_SCORE] or [int(np.argmax(score))]
    found = []

    def keep(mask, values, label):
        for start, end in runs(mask):
            times = (start * frames / (SCALE * fps), end * frames / (SCALE * fps))
            found.append((*times, label, outer_inner(values, start, end)))

    foreground = upscale(1 - fused[:, -1], value_at)
    for c in chosen:
        values = upscale(fused[:, c], value_at)
        for threshold in CLASS_THRESHOLDS:
            mask = [v >= threshold and v > 0 for v in values]
            cut = [v if v >= threshold else 0.0 for v in values]
            keep(mask, cut, c)
        for threshold in FOREGROUND_THRESHOLDS:
            keep([f >= threshold for f in foreground], values, c)
    return sorted(found, key=lambda p: (p[2], p[0], p[1], p[3]))


def tiou(a, b, padding: float = 0.0) -> float:
    """Temporal intersection over union of two segments, lengths and intersection made longer by padding."""
    inside = max(0.0, min(a[1], b[1]) - max(a[0], b[0]) + padding)
    union = (a[1] - a[0] + padding) + (b[1] - b[0] + padding) - inside
    return inside / union if union > 0 else 0.0


def soft_nms(proposals: list[tuple], padding: float = 1.0) -> list[tuple]:
    """method.md: "Soft-NMS a class and a video: Gaussian, sigma 0.3, weight exp(-tIoU^2/sigma), on all"."""
    kept = []
    for label in sorted({p[2] for p in proposals}):
        left = [p for p in proposals if p[2] == label]
        while left:
            best = left.pop(max(range(len(left)), key=lambda i: left[i][3]))
            kept.append(best)
            for i, (start, end, _, score) in enumerate(left):
                overlap = tiou(best, (start, end), padding)
                left[i] = (start, end, label, score * math.exp(-(overlap**2) / SIGMA))
    return kept


def reliable(proposals: list[tuple], points: list[tuple], any_score: bool = False) -> list:
    """method.md, "Reliability ranking": the RP of each point (time, class), in time order, or None."""
    chosen = []
    for i, (time, label) in enumerate(points):
        neighbours = [points[j][0] for j in (i - 1, i + 1) if 0 <= j < len(points)]
        holding, alone = [], []
        for proposal in proposals:
            start, end, own, score = proposal
            if own == label and start <= time <= end and (score > 0 or any_score):
                holding.append(proposal)
                if not any(start <= other <= end for other in neighbours):
                    alone.append(proposal)
        chosen.append(max(alone or holding, key=lambda p: p[3], default=None))
    return chosen


# ---------------------------------------------------------------------------------------------------
# Stage 2


def roi_align(features: torch.Tensor, proposals) -> torch.Tensor:
    """method.md, stage 2: RoIAlign of the widened proposals (M, 2), in snippets -> (M, 12, D).

    "widen it by a quarter of its length on both sides"; "ceil(bin size) samples a bin, averaged; a
    half-snippet shift"; "zeros outside the video". A widened proposal is taken at least one snippet long,
    as RoIAlign does.
    """
    rows = np.asarray(features)
    length, width = rows.shape

    def row(i: int) -> np.ndarray:
        return rows[i] if 0 <= i < length else np.zeros(width)

    aligned = np.zeros((len(proposals), BINS, width))
    for m, (s, e) in enumerate(np.asarray(proposals, dtype=np.float64)):
        start, end = s - (e - s) / 4 - 0.5, e + (e - s) / 4 - 0.5
        size = max(end - start, 1.0) / BINS
        samples = math.ceil(size)
        for b in range(BINS):
            for n in range(samples):
                at = start + size * (b + (n + 0.5) / samples)
                i = math.floor(at)
                aligned[m, b] += ((i + 1 - at) * row(i) + (at - i) * row(i + 1)) / samples
    return torch.from_numpy(aligned).to(features.dtype)


def stage2_forward(weights: dict, features: torch.Tensor, proposals: torch.Tensor):
    """Completeness (M,) and refined proposals (M, 2) of one video.

    method.md: "Max over bins 0-1, 2-9, 10-11 gives start, centre, end vectors"; completeness from
    "[centre - start, centre, centre - end]"; "refined = [s + ds * len, e + de * len]". No dropout.
    """
    completeness, refined = [], []
    for bins, (s, e) in zip(roi_align(features, proposals), proposals, strict=True):
        start, centre, end = bins[0:2].amax(0), bins[2:10].amax(0), bins[10:12].amax(0)
        x = torch.cat([centre - start, centre, centre - end])
        x = torch.relu(linear(weights, "completeness.0", x))
        x = torch.relu(linear(weights, "completeness.3", x))
        completeness.append(torch.sigmoid(linear(weights, "completeness.5", x))[0])
        offsets = []
        for name, vector in (("start_offset", start), ("end_offset", end)):
            offsets.append(linear(weights, f"{name}.2", torch.relu(linear(weights, f"{name}.0", vector)))[0])
        refined.append(torch.stack([s + offsets[0] * (e - s), e + offsets[1] * (e - s)]))
    return torch.stack(completeness), torch.stack(refined)


def best_tiou(segment: torch.Tensor, reliable: torch.Tensor) -> torch.Tensor:
    """tIoU with the best RP (K, 2) of the video, whatever its class; 0 without one. Keeps gradients."""
    best = segment.new_zeros(())
    for start, end in reliable:
        inside = torch.minimum(segment[1], end) - torch.maximum(segment[0], start)
        if inside > 0:
            value = inside / (segment[1] - segment[0] + end - start - inside)
            best = torch.maximum(best, value)
    return best


def smooth_l1(difference: torch.Tensor) -> torch.Tensor:
    """Half the square below 1, linear above."""
    size = difference.abs()
    return 0.5 * size**2 if size < 1 else size - 0.5


def stage2_losses(completeness, refined, proposals, reliable, draw) -> dict[str, torch.Tensor]:
    """method.md, stage 2's losses of one video, weights 1: regression "over proposals with that tIoU
    >= 0.3"; completeness over those "and a random share of the others, min(1, positives/negatives)",
    chosen where draw * [tIoU < 0.3] > 1 - share (golden/README.md).
    """
    targets = [best_tiou(proposal, reliable) for proposal in proposals]
    positive = [m for m, target in enumerate(targets) if target >= POSITIVE_TIOU]
    others = [m for m, target in enumerate(targets) if target < POSITIVE_TIOU]
    share = min(1.0, len(positive) / len(others)) if others else 1.0
    counted = positive + [m for m in others if draw[m] > 1 - share]

    def mean(values) -> torch.Tensor:
        return torch.stack(values).mean() if values else completeness.new_zeros(())

    regression = mean([smooth_l1(1 - best_tiou(refined[m], reliable)) for m in positive])
    completion = mean([smooth_l1(completeness[m] - targets[m]) for m in counted])
    return {"regression": regression, "completeness": completion, "total": regression + completion}


# ---------------------------------------------------------------------------------------------------
# P-MIL (shared/baselines.md, section B), both branches of one video


def pmil_forward(weights: dict, features: torch.Tensor, proposals: torch.Tensor, parts: list) -> list[dict]:
    """Of each branch, which sees the channels parts[k]: the logits of the classes and of background, the
    attention A and the completeness Q of every proposal. No dropout, no projection.

    "[m - a, m, m - z] -> Linear, ReLU = h. Three heads on h, each Linear, ReLU, Linear".
    """
    branches = []
    for k, (first, last) in enumerate(parts):
        found = {"classes": [], "attention": [], "completeness": []}
        for bins in roi_align(features[:, first:last], proposals):
            a, m, z = bins[0:2].amax(0), bins[2:10].amax(0), bins[10:12].amax(0)
            h = torch.relu(linear(weights, f"branches.{k}.fusion.0", torch.cat([m - a, m, m - z])))
            for name, values in found.items():
                x = torch.relu(linear(weights, f"branches.{k}.{name}.0", h))
                x = linear(weights, f"branches.{k}.{name}.2", x)
                values.append(x if name == "classes" else torch.sigmoid(x))
        branches.append({name: torch.stack(values) for name, values in found.items()})
    return branches


def pmil_video_loss(logits: torch.Tensor, target: list[float]) -> torch.Tensor:
    """ "mean of its max(1, floor(M/8)) largest logits"; "target / (sum + 1e-4). Cross-entropy"."""
    k = max(1, len(logits) // 8)
    video = torch.stack([torch.stack(sorted(column, reverse=True)[:k]).mean() for column in logits.T])
    logarithms = video - video.exp().sum().log()
    return -sum(t / (sum(target) + 1e-4) * value for t, value in zip(target, logarithms, strict=True))


def pmil_consistency(own, teacher, attention, proposals, labels) -> torch.Tensor:
    """The rank consistency of one branch with its teacher's logits, counted by the teacher's attention."""
    kept = [i for i, a in enumerate(attention) if a > sum(attention) / len(attention)]
    of_labels = []
    for c in labels:
        divergences = []
        for i in kept:
            near = [j for j, other in enumerate(proposals) if j == i or pmil_tiou(proposals[i], other) > 0]
            q, p = (torch.softmax(logits[near, c], 0) for logits in (teacher, own))
            divergences.append((q * (q / p).log()).sum())
        of_labels.append(sum(divergences) / len(divergences) if divergences else own.new_zeros(()))
    return sum(of_labels) / len(of_labels) if of_labels else own.new_zeros(())


def pmil_tiou(a, b) -> torch.Tensor:
    """ "intersection/(union + 1e-6), 0 where negative"."""
    inside = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    return inside / ((a[1] - a[0]) + (b[1] - b[0]) - inside + 1e-6)


def pmil_targets(score: list, proposals) -> list:
    """ "candidates with A > 0.8 max A; take the highest, remove all candidates that overlap it, repeat.
    Target of every proposal = its best tIoU with a pseudo instance".
    """
    left, instances = [i for i, value in enumerate(score) if value > 0.8 * max(score)], []
    while left:
        best = max(left, key=lambda i: score[i])
        instances.append(best)
        left = [i for i in left if i != best and pmil_tiou(proposals[i], proposals[best]) == 0]
    return [max([pmil_tiou(one, proposals[i]) for i in instances], default=0.0) for one in proposals]


def pmil_losses(branches: list[dict], proposals, labels: list[int], by_class: bool) -> dict:
    """The losses of one video, means over both branches; by_class: each proposal is of the class of the
    video that the other branch holds for the likeliest, and has the pseudo instances of its own class.
    """
    proposals = np.asarray(proposals, dtype=np.float64)
    classes = branches[0]["classes"].shape[1] - 1
    one_hot = [float(c in labels) for c in range(classes)]
    found = {"original": [], "suppressed": [], "consistency": [], "completeness": []}
    for own, other in (branches, branches[::-1]):
        other = {name: value.detach() for name, value in other.items()}
        found["original"].append(pmil_video_loss(own["classes"], [*one_hot, 1.0]))
        found["suppressed"].append(pmil_video_loss(own["classes"] * own["attention"], [*one_hot, 0.0]))
        attention = other["attention"][:, 0]
        found["consistency"].append(
            pmil_consistency(own["classes"], other["classes"], attention.tolist(), proposals, labels)
        )
        own_class = [0] * len(proposals)
        if by_class:
            own_class = [
                max(labels or [0], key=lambda c, row=row: row[c]) for row in other["classes"].tolist()
            ]
        target = torch.zeros(len(proposals), dtype=torch.float64)
        for c in set(own_class):
            rows = [i for i, k in enumerate(own_class) if k == c]
            target[rows] = torch.tensor(pmil_targets(attention[rows].tolist(), proposals[rows])).double()
        found["completeness"].append(((own["completeness"][:, 0] - target) ** 2).mean())
    return {name: sum(values) / 2 for name, values in found.items()}


# ---------------------------------------------------------------------------------------------------
# Evaluation


def average_precision(detections, truth, threshold: float, ambiguous: dict) -> float:
    """The AP of one class at one tIoU threshold (method.md, "Detections and evaluation").

    detections: (video, start, end, score); truth: (video, start, end). "Detections in order of score
    (equal scores keep the file's order), each matched to the best unmatched instance of its video". The
    field's program tries equal tIoUs in the order of numpy's argsort, reversed. ambiguous: {video:
    segments}; a detection without a match that overlaps one counts neither way (fault 9).
    """
    correct, taken = [], set()
    for video, start, end, _ in sorted(detections, key=lambda d: -d[3]):
        instances = [n for n, (where, *_) in enumerate(truth) if where == video]
        overlaps = np.array([tiou((start, end), truth[n][1:]) for n in instances])
        match = None
        for j in overlaps.argsort()[::-1]:
            if overlaps[j] < threshold:
                break
            if instances[j] not in taken:
                match = instances[j]
                break
        if match is not None:
            taken.add(match)
        elif any(tiou((start, end), region) > 0 for region in ambiguous.get(video, [])):
            continue
        correct.append(match is not None)

    # interpolated: at each recall, the best precision at that recall or a higher one
    precision = [sum(correct[: n + 1]) / (n + 1) for n in range(len(correct))]
    return sum(max(precision[n:]) for n, hit in enumerate(correct) if hit) / len(truth)


def evaluate(detections, truth, thresholds, ambiguous=None) -> dict:
    """{class: [AP a threshold]} for the classes of the truth; both are lists of (video, class, start, end),
    detections with their score. "A class with no detection has AP 0".
    """
    result = {}
    for label in sorted({instance[1] for instance in truth}):
        found = [(video, *rest) for video, own, *rest in detections if own == label]
        instances = [(video, *rest) for video, own, *rest in truth if own == label]
        result[label] = [average_precision(found, instances, t, ambiguous or {}) for t in thresholds]
    return result
