"""P-MIL as stage 2: the released program's numbers (tests/data/pmil.npz), the oracle, and odd videos."""

import contextlib
import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

import goldens
import oracle
from conftest import ROOT, run_script
from feature_files import write_features
from goldens import PMIL, PMIL_LOSSES, pmil_batch, pmil_input, pmil_parameters
from hrpro import config as configuration
from hrpro import inference, model_file
from hrpro.config import FeatureFiles
from hrpro.data import features, layouts
from hrpro.data import scores as score_files
from hrpro.data.features import FeatureFile
from hrpro.data.scores import Scores
from hrpro.detection import results, suppression
from hrpro.detection.segments import segments
from hrpro.grid import Grid
from hrpro.layers import roi
from hrpro.layers.packing import Packing
from hrpro.layers.scores import top_mean
from hrpro.pmil import losses, method, training
from hrpro.pmil.dataset import Batch, Dataset, proposals_of
from hrpro.pmil.model import Outputs, PmilModel
from hrpro.pmil.settings import Settings
from hrpro.training.candidates import CandidatePool
from hrpro.training.checkpoint import Checkpoint
from hrpro.training.optimizer import autocast
from hrpro.training.task import Stage2Task
from hrpro.utils.errors import InputError
from killed import resumed

VIDEOS = range(3)
BRANCHES = ("rgb", "flow")
EXACT = 1e-9  # relative, between two float64 computations
SNIPPET = Grid(25, 25)  # snippets of one second: times in seconds are the released program's in snippets


def close(actual, expected, tolerance: float = 1e-5) -> None:
    """Relative to the largest expected value."""
    actual = torch.as_tensor(actual).detach().double()
    expected = torch.as_tensor(expected, dtype=torch.float64).reshape(actual.shape)
    assert (actual - expected).abs().max() <= tolerance * max(expected.abs().max(), 1e-30)


@pytest.fixture(scope="module")
def released(config) -> Settings:
    return config.step("gtea", "stage2", "pmil_released")


@pytest.fixture
def model(released) -> PmilModel:
    return goldens.pmil_model(released)


def branch(outputs: Outputs, number: int) -> Outputs:
    return Outputs(*(part[number] for part in outputs))


# --- the network and its losses, packed


def test_roi_features():
    settings = {"bins": 12, "margin": 0.25}
    pooled = roi.align(torch.tensor(PMIL["roi/features"]), torch.tensor(PMIL["roi/proposals"]), **settings)
    close(pooled, PMIL["roi/roi_features"], 2e-5)
    for number in (0, 1):
        [features], [proposals] = (pmil_input(name, [number]) for name in ("features", "proposals"))
        close(roi.align(features, proposals, **settings), PMIL[f"v{number}/roi_features"], 2e-5)


def test_outputs_of_one_packed_batch(model):
    batch = pmil_batch(model)
    outputs = model(batch.vectors)
    for number, name in enumerate(BRANCHES):
        parts = map(batch.packing.split, branch(outputs, number))
        for video, (classes, attention, completeness) in enumerate(zip(*parts, strict=True)):
            close(classes, PMIL[f"v{video}/{name}/class_logit"])
            close(attention, torch.sigmoid(torch.tensor(PMIL[f"v{video}/{name}/attention_logit"])))
            close(completeness, torch.sigmoid(torch.tensor(PMIL[f"v{video}/{name}/completeness_logit"])))


def test_video_logits(model):
    batch = pmil_batch(model)
    outputs = model(batch.vectors)
    for number, name in enumerate(BRANCHES):
        classes, attention, _ = branch(outputs, number)
        for logits, their in ((classes, "topk_orig"), (classes * attention.unsqueeze(1), "topk_supp")):
            videos = top_mean(logits, batch.packing, 8)
            for video in VIDEOS:
                close(videos[video], PMIL[f"v{video}/{name}/{their}"])


def test_rank_consistency(model):
    batch = pmil_batch(model)
    outputs, pairs = model(batch.vectors), losses.pairs_of(batch.proposals, batch.packing)
    for number, name in enumerate(BRANCHES):
        own, other = branch(outputs, number), branch(outputs, 1 - number)
        of_class = losses.divergence(own.classes[:, :-1], other.classes[:, :-1], batch.packing, pairs)
        counted = losses.counted(other.attention, batch.packing)
        for video, size in enumerate(batch.packing.lengths):
            close(pairs.tiou[video, :size, :size], PMIL[f"v{video}/iou"])
            assert counted[video, :size].tolist() == PMIL[f"v{video}/{name}/irc_rows_kept"].tolist()
            assert not counted[video, size:].any()
            for label in batch.present[video].nonzero().flatten().tolist():
                close(of_class[video, :size, label], PMIL[f"v{video}/{name}/irc_kl_class{label}"])


def test_pseudo_instances_and_targets(model):
    batch = pmil_batch(model)
    outputs, pairs = model(batch.vectors), losses.pairs_of(batch.proposals, batch.packing)
    assert torch.equal(pairs.real, torch.tensor(PMIL["batch/mask"]) > 0)
    for number, name in enumerate(BRANCHES):
        other = branch(outputs, 1 - number)
        score = batch.packing.pad(other.attention, -1.0).unsqueeze(1)
        chosen = [*losses.pseudo_instances(score, pairs.tiou, model.settings.pseudo_share)]
        target = losses.targets(other, batch, pairs, model.settings)
        for video, proposals in enumerate(batch.packing.split(batch.proposals)):
            found = [proposals[best[video].item()] for overlap, best in chosen if overlap[video].any()]
            np.testing.assert_array_equal(torch.stack(found), PMIL[f"v{video}/{name}/pseudo_instances"])
            expected = PMIL[f"v{video}/{name}/completeness_target"]
            np.testing.assert_array_equal(target[video, : len(proposals)], expected)


def test_losses_of_each_branch(model):
    batch = pmil_batch(model)
    outputs, pairs = model(batch.vectors), losses.pairs_of(batch.proposals, batch.packing)
    for number, name in enumerate(BRANCHES):
        own, other = branch(outputs, number), branch(outputs, 1 - number)
        found = losses.of_branch(own, other, batch, pairs, model.settings)
        for our, their in PMIL_LOSSES.items():
            their = their.removeprefix("prop_")
            close(found[our].mean(), PMIL[f"loss/{name}/{their}"])


def test_bfloat16_changes_outputs_and_losses_by_its_rounding_alone(model):
    batch = pmil_batch(model)
    exact = model(batch.vectors)
    with autocast(model.settings.model_copy(update={"precision": "bfloat16"}), torch.device("cpu")):
        rough = model(batch.vectors)
    for part, expected in zip(rough, exact, strict=True):
        assert part.dtype == torch.float32
        assert 0 < (part - expected).abs().max() < 0.02 * expected.abs().max()
    found, expected = (losses.pmil(outputs, batch, 1.0, model.settings) for outputs in (rough, exact))
    for name in ("original", "suppressed", "consistency"):
        close(found[name], expected[name].detach(), 0.02)


def released_ramp(epoch: int) -> float:
    return training.ramp(epoch / 200, 0.15)


@pytest.mark.parametrize("epoch", [1, 15, 30, 200])
def test_losses_and_gradients(model, epoch):
    batch, weights = pmil_batch(model), model.settings.loss_weights.model_dump()
    found = losses.pmil(model(batch.vectors), batch, released_ramp(epoch), model.settings)
    for our, their in PMIL_LOSSES.items():
        full = released_ramp(epoch) if our in ("consistency", "completeness") else 1
        close(full * weights[our] * found[our].mean(), PMIL[f"loss/epoch{epoch}/loss_{their}"])
    close(found["total"].mean(), PMIL[f"loss/epoch{epoch}/loss_total"])
    if epoch == 15:
        found["total"].mean().backward()
        expected = pmil_parameters("grad")
        for name, parameter in model.named_parameters():
            close(parameter.grad, expected[name])


def test_the_ramp():
    weights = [released_ramp(epoch) for epoch in PMIL["ramp/epoch"]]
    np.testing.assert_allclose(weights, PMIL["ramp/weight"], atol=1e-12)
    assert training.ramp(0.0, 0.0) == 1


def test_eight_steps_of_training(model):
    model.load_state_dict(pmil_parameters("trace/init"))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3)
    weights = model.settings.loss_weights.model_dump()
    for step, (order, epoch) in enumerate(zip(PMIL["trace/order"], PMIL["trace/epoch"], strict=True)):
        batch, full = pmil_batch(model, order), released_ramp(epoch)
        found = losses.pmil(model(batch.vectors), batch, full, model.settings)
        optimizer.zero_grad()
        found["total"].mean().backward()
        optimizer.step()
        close(found["total"].mean(), PMIL["trace/loss_total"][step], 1e-4)
        for our, their in PMIL_LOSSES.items():
            weight = weights[our] * (full if our in ("consistency", "completeness") else 1)
            close(weight * found[our].mean(), PMIL[f"trace/loss_{their}"][step], 1e-4)
    for name, expected in pmil_parameters("trace/final").items():
        close(model.get_parameter(name), expected, 1e-4)


def test_a_cap_draws_for_the_network_and_the_losses_alike():
    features, proposals = PMIL["roi/features"], PMIL["roi/proposals"]
    permutation = PMIL["subsample/permutation"]
    task = SimpleNamespace(
        features=SimpleNamespace(grid=SNIPPET, read=lambda videos: (features, [len(features)])),
        device=torch.device("cpu"),
        rng=SimpleNamespace(permutation=lambda count: permutation),
        cache_memory=0,
    )
    pooled = []

    def vectors(video, features, proposals):
        pooled.append(roi.align(features, proposals, bins=12, margin=0.25))
        return pooled[-1][:, :3]

    given = {"all": segments(proposals), "three": segments(proposals[:3])}
    pool = CandidatePool(task, given, vectors=vectors, channels=6)
    drawn = pool.draw([0, 1], int(PMIL["subsample/max_proposal"]))
    mask = torch.tensor(PMIL["subsample/mask"]) > 0
    assert torch.equal(drawn.packing.pad(torch.ones(len(drawn.segments))) > 0, mask)
    close(drawn.packing.pad(torch.cat(pooled)), PMIL["subsample/roi_features"], 2e-5)
    np.testing.assert_array_equal(drawn.segments[:8], proposals[permutation[:8]].astype(np.float32))


# --- detections


@pytest.mark.parametrize("case", range(int(PMIL["soft/count"])))
def test_soft_suppression(case):
    given, expected = PMIL[f"soft/{case}/in"], PMIL[f"soft/{case}/out"]
    found = segments(given[:, :2], given[:, 2].astype(int), given[:, 3])
    kept = suppression.soft_nms({"v": found}, sigma=0.3, padding=1.0)["v"]
    actual = np.column_stack([kept.times, kept.labels, kept.scores])
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("threshold", [0.2, 0.15, 0.35])
@pytest.mark.parametrize("video", VIDEOS)
def test_detections(config, model, video, threshold):
    model.settings = model.settings.model_copy(update={"class_score": threshold})
    [features], proposals = pmil_input("features", [video]), PMIL[f"v{video}/proposals"]
    settings = config.step("gtea", "detection", "released")
    found, _ = method.detect(
        model,
        features.numpy(),
        None,
        proposals=segments(proposals),
        grid=SNIPPET,
        settings=settings,
    )
    place = f"detect/{video}/threshold{threshold}"
    assert np.unique(found.labels).tolist() == sorted(PMIL[f"{place}/classes"].tolist())
    rows = PMIL["detect/ambiguous_seconds"]
    ambiguous = {"v": rows[rows[:, 0] == video, 1:] * 25 / 16}
    for regions, their in (({}, "suppressed"), (ambiguous, "final")):
        [(_, kept)] = suppression.suppress([("v", found)], settings, regions)
        actual = np.column_stack([kept.times, kept.labels, kept.scores])
        np.testing.assert_allclose(actual, PMIL[f"{place}/{their}"], rtol=0, atol=1e-7)


# --- packed videos against the oracle

ODD_VIDEOS = [  # snippets, proposals, classes
    (30, [[0, 30], [2, 9.5], [8, 14], [20, 29], [20.5, 29], [3, 3.2]], [0, 2]),
    (1, [[0, 1]], [1]),  # one proposal
    (12, [[1, 4], [1, 4], [1, 4]], [0]),  # the same one
    (20, [[5, 5], [5, 5], [0, 8]], [2]),  # without length
    (25, [[3, 9], [4, 20], [15, 25]], []),  # without a label
    (40, None, [0, 1, 2]),
]


def odd_videos(seed: int) -> list[tuple[torch.Tensor, torch.Tensor, list[int]]]:
    """Features, proposals and classes of each of ODD_VIDEOS."""
    generator = torch.Generator().manual_seed(seed)
    videos = []
    for length, proposals, labels in ODD_VIDEOS:
        drawn = torch.rand(37, 2, generator=generator, dtype=torch.float64).mul(length).sort(1).values
        drawn = drawn if proposals is None else torch.tensor(proposals, dtype=torch.float64)
        features = torch.randn(length, 10, generator=generator, dtype=torch.float64)
        videos.append((features, drawn.float().double(), labels))
    return videos


@pytest.mark.parametrize("pseudo_of", ["class", "any"])
@pytest.mark.parametrize("streams", [None, [4, 6]])
@pytest.mark.parametrize("seed", [0, 1])
def test_packed_losses_and_gradients(seed, streams, pseudo_of):
    torch.manual_seed(seed)
    settings = Settings(
        standardize=False, width=None, dropout=0.0, streams=streams, pseudo_of=pseudo_of, roi_short="released"
    )
    network = PmilModel(3, 10, settings).double()
    videos = odd_videos(seed)
    features, proposals, labels = zip(*videos, strict=True)
    batch = Batch(
        vectors=torch.cat([network.vectors(x, p) for x, p in zip(features, proposals, strict=True)]),
        proposals=torch.cat(proposals),
        packing=Packing([len(p) for p in proposals]),
        present=torch.tensor([[float(c in own) for c in range(3)] for own in labels], dtype=torch.float64),
    )
    found = losses.pmil(network(batch.vectors), batch, 0.4, settings)
    emphasis = torch.rand(len(videos), dtype=torch.float64)
    (found["total"] * emphasis).sum().backward()
    assert all(torch.isfinite(value).all() for value in found.values())

    weights = {name: p.detach().clone().requires_grad_() for name, p in network.named_parameters()}
    parts = [(0, 4), (4, 10)] if streams else [(0, 10)] * 2
    totals = []
    for video, (x, p, own) in enumerate(videos):
        branches = oracle.pmil_forward(weights, x, p, parts)
        expected = oracle.pmil_losses(branches, p, own, pseudo_of == "class")
        for name, value in expected.items():
            assert found[name][video].item() == pytest.approx(value.item(), rel=EXACT, abs=1e-12)
        full = settings.loss_weights.model_dump()
        ramped = sum(0.4 * full[name] * expected[name] for name in ("consistency", "completeness"))
        totals.append(sum(full[name] * expected[name] for name in ("original", "suppressed")) + ramped)
    (torch.stack(totals) * emphasis).sum().backward()
    for name, parameter in network.named_parameters():
        close(parameter.grad, weights[name].grad, EXACT)


def test_extreme_logits_are_no_nan():
    packing = Packing([3, 2])
    pairs = losses.pairs_of(torch.tensor([[0, 5], [4, 9], [8, 12], [0, 1], [3, 4]]).float(), packing)
    student = torch.tensor([[1e4], [-1e4], [0.0], [-3e4], [3e4]], requires_grad=True)
    found = losses.divergence(student, torch.tensor([[-1e4], [1e4], [0.0], [5.0], [-5.0]]), packing, pairs)
    found[0].sum().backward()
    assert (found[pairs.real] >= 0).all() and torch.isfinite(student.grad).all()
    assert (found[1, :2] == 0).all()  # each overlaps itself alone


# --- training

ODD = {  # video -> its snippets, its proposals in seconds, and its classes
    "one": (1, [[0, 1]], ["x"]),
    "one proposal": (9, [[2, 5]], ["y"]),
    "the same": (12, [[1, 4]] * 4, ["x"]),
    "without length": (20, [[5, 5], [0, 8]], ["y"]),
    "without a label": (25, [[3, 9], [4, 20], [15, 25]], []),
    "without proposals": (8, [], ["x"]),
    "outside": (6, [[-3, 2], [5, 50], [70, 80]], ["x", "y"]),
    "usual": (40, [[i, i + 3 + i % 7] for i in range(30)], ["x", "y"]),
}


@pytest.fixture
def task(tmp_path):
    """A function that makes a training on ODD's videos or some of them."""
    opened, numbers = contextlib.ExitStack(), itertools.count()

    def make(settings, videos=tuple(ODD), classes=("x", "y"), checkpoint=None, **changes) -> Stage2Task:
        rng = np.random.default_rng(0)
        arrays = {video: rng.standard_normal((ODD[video][0], 5), dtype=np.float32) for video in videos}
        path = write_features(tmp_path / f"features{next(numbers)}.h5", arrays, SNIPPET)
        torch.manual_seed(0)
        return Stage2Task(
            features=opened.enter_context(FeatureFile(path)),
            scores=SimpleNamespace(classes=list(classes)),
            labels={video: ODD[video][2] for video in videos},
            positive={video: segments(ODD[video][1]) for video in videos},
            reliable={},
            negative={},
            settings=settings,
            rng=np.random.default_rng(0),
            device=torch.device("cpu"),
            events=tmp_path / "events",
            checkpoint=checkpoint or Checkpoint(None, key="", every=60),
            test=None,
            cache_memory=1,
            **changes,
        )

    with opened:
        yield make


def short(settings: Settings, **changes) -> Settings:
    values = {"iterations": 8, "epochs": None, "batch": 3, "proposals": 20, "learning_rate": 0.01}
    return settings.model_copy(update=values | changes)


def detected(model, proposals, length: int = 40):
    features = np.random.default_rng(1).standard_normal((length, 5), dtype=np.float32)
    return method.detect(
        model, features, None, proposals=segments(proposals), grid=SNIPPET, settings=None
    ).segments


ALL = tuple(ODD)
ODD_TRAININGS = [(ALL, ("x",)), (ALL, ("y", "z", "x")), *(((video,), ("x", "y")) for video in ODD)]


@pytest.mark.parametrize(("videos", "classes"), ODD_TRAININGS, ids=str)
def test_odd_videos(task, released, videos, classes, caplog):
    for settings in (Settings(width=4), Settings(streams=[2, 3]), released):
        settings = short(settings, iterations=3)
        if videos == ("without proposals",):
            with pytest.raises(InputError, match=r"^no training video has a proposal; lower "):
                method.train(task(settings, videos, classes))
            continue
        model = method.train(task(settings, videos, classes))
        assert all(torch.isfinite(value).all() for value in model.state_dict().values())
        for _, proposals, _ in ODD.values():
            found = detected(model, proposals)
            assert np.isfinite(found.scores).all() and set(found.labels) <= set(range(len(classes)))
            assert bool(len(found)) == bool(proposals)
    if "without a label" in videos:
        assert "videos without a label, which teach background alone: " in caplog.text


def test_a_segment_of_several_proposals_counts_once_or_each_time(task, released):
    proposals = [[1, 4], [0, 2], [1, 4]]
    once, each = (proposals_of(segments(proposals), how) for how in ("once", "each"))
    assert once.times.tolist() == [[0, 2], [1, 4]]
    assert each.times.tolist() == proposals
    for settings, count in ((short(Settings()), 2), (short(released), 3)):
        model = method.train(task(settings))
        found = detected(model, proposals)
        assert len(found) == count * len(set(found.labels.tolist()))
        given = Dataset(task(settings, ("the same",)), model).batch([0])
        assert given.packing.lengths == [1 if count == 2 else 4]


def test_the_best_class_is_detected_where_none_is_above_the_threshold(task):
    model = method.train(task(short(Settings(class_score=1.0))))
    assert len(set(detected(model, [[1, 4], [2, 9]]).labels.tolist())) == 1


def test_a_killed_training_ends_with_the_same_weights(task, tmp_path):
    settings = short(Settings(), iterations=12)
    expected = method.train(task(settings)).state_dict()

    def train(checkpoint):
        return method.train(task(settings, checkpoint=checkpoint))

    model = resumed(train, tmp_path / "state.pt", 1, 4, 5, 9)
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("streams", [None, [2, 3]])
def test_a_model_file_gives_back_the_detections(task, tmp_path, streams):
    settings, path = short(Settings(streams=streams)), tmp_path / "model.pt"
    model = method.train(task(settings))
    model_file.save(path, model, settings=settings, classes=["x", "y"], width=5, grid=SNIPPET)
    loaded = inference.stage2(model_file.load(path, "stage2"), torch.device("cpu"))
    assert loaded.method is method
    proposals = ODD["usual"][1]
    again, expected = detected(loaded.model, proposals), detected(model, proposals)
    for part in ("times", "labels", "scores"):
        np.testing.assert_array_equal(getattr(again, part), getattr(expected, part))


# --- files that do not belong together


@pytest.fixture
def inputs(tmp_path) -> dict:
    """The files of a training on a video, by their option."""
    path = write_features(tmp_path / "features.h5", {"usual": np.ones((40, 5))}, SNIPPET)
    labels = {"classes": ["x", "y"], "videos": {"usual": [{"label": "x"}]}}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    results.write(tmp_path / "positive.json", [("usual", segments([[1, 4], [2, 9]]))], ["x", "y"])
    with FeatureFile(path) as file:
        score_files.write(
            tmp_path / "scores.h5",
            file,
            lambda rows: Scores(np.ones((len(rows), 2)), np.ones(len(rows)), np.ones(2)),
            classes=["x", "y"],
            thresholds={"background": 0.5, "action": 0.5},
        )
    return {
        "--features": path,
        "--scores": tmp_path / "scores.h5",
        "--labels": tmp_path / "labels.json",
        "--positive": tmp_path / "positive.json",
    }


def train_stage2(inputs: dict, out, **changes):
    settings = short(Settings(), iterations=2, **changes).model_dump_json()
    options = [part for option in inputs.items() for part in option]
    options += ["--settings", settings, "--seed", 0, "--device", "cpu", "--events", out / "events"]
    return run_script("train_stage2.py", *options, "--model", out / "model.pt")


def test_a_training_by_its_command_line(inputs, tmp_path):
    out = tmp_path / "out"
    assert train_stage2(inputs, out).returncode == 0
    assert model_file.load(out / "model.pt", "stage2").classes == ["x", "y"]


@pytest.mark.parametrize("option", ["--labels", "--positive"])
def test_a_file_of_another_data_set(inputs, tmp_path, option):
    inputs[option].write_text(inputs[option].read_text().replace("usual", "another"))
    result = train_stage2(inputs, tmp_path)
    assert result.returncode == 1
    expected = f"no video 'usual', which {inputs['--features']} has; give both of one split"
    assert result.stderr.splitlines()[-1] == f"error: {inputs[option]}: {expected}"
    assert not (tmp_path / "model.pt").exists()


def test_streams_of_another_width_stop_the_conversion_and_the_training(inputs, tmp_path):
    message = "error: features.streams: 2 + 2 are 4 channels, but the features have 5; "
    message += "correct it in the data set's entry"
    result = train_stage2(inputs, tmp_path, streams=[2, 2])
    assert (result.returncode, result.stderr.splitlines()[-1]) == (1, message)
    np.save(tmp_path / "usual.npy", np.ones((40, 5), dtype=np.float32))
    layout = FeatureFiles(layout="flat", folder=".", width=5, streams=[2, 2])
    with pytest.raises(InputError) as caught:
        features.convert(
            layouts.of_splits(tmp_path, layout, {"train": ["usual"]}),
            {},
            SNIPPET,
            dtype="float32",
            layout=layout,
            output=tmp_path / "converted.h5",
        )
    assert f"error: {caught.value}" == message
    assert not (tmp_path / "converted.h5").exists()


def test_streams_of_the_data_set_reach_the_settings(config):
    assert config.step("thumos", "stage2", "pmil").streams == [1024, 1024]
    assert config.step("gtea", "stage2", "pmil").streams is None
    values = {"variants": {"stage2": {"pmil": {"streams": [1000, 1048]}}}}
    entry = {"root": "x", "snippet": {"frames": 16, "fps": 25}, "features": {"streams": [1024, 1024]}}
    whole = configuration.parse(configuration.Config, values | {"datasets": {"mine": entry}})
    assert whole.step("mine", "stage2", "pmil").streams == [1000, 1048]
    assert whole.step("mine", "stage2", "pmil_released").streams == [1024, 1024]
    i3d = {"from": "videos", "model": "i3d", "weights": {"rgb": "a", "flow": "b"}}
    whole = configuration.parse(configuration.Config, {"datasets": {"mine": entry | {"features": i3d}}})
    assert whole.step("mine", "stage2", "pmil").streams == [1024, 1024]


def test_proposals_of_any_stage_1_are_an_experiment_of_one_line():
    page = (ROOT / "docs/method.md").read_text().split("## 12 ")[1]
    lines = page.split("```yaml\n")[1].split("```")[0]
    whole = configuration.parse(configuration.Config, yaml.safe_load(lines))
    assert whole.experiment("pmil_on_lacp").stage1 == "lacp"
    assert whole.method("stage2", whole.experiment("pmil_on_lacp").stage2) == "pmil"
