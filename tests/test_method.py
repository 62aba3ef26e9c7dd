"""The corrections of the default experiment, each alone, and the draws of training."""

import numpy as np
import pytest
import torch

from feature_files import write_features
from hrpro import config as configuration
from hrpro.data import scores
from hrpro.data.features import FeatureFile
from hrpro.detection import suppression
from hrpro.detection.fusion import Candidates, fuse
from hrpro.detection.segments import segments
from hrpro.grid import Grid
from hrpro.instance import dataset as instance_dataset
from hrpro.instance import losses
from hrpro.instance.dataset import Batch, Reliable, pad_reliable
from hrpro.instance.model import InstanceModel, score
from hrpro.layers import roi
from hrpro.layers.packing import Packing
from hrpro.layers.standardize import Standardize
from hrpro.proposals import generation as proposals
from hrpro.proposals import ranking
from hrpro.proposals.generation import Video
from hrpro.snippet import memory, model
from hrpro.training import seeds
from hrpro.training.vector_cache import VectorCache
from hrpro.utils.errors import InputError

SECOND = Grid(25, 25)  # snippets of one second


def test_fault_1_tokens_are_the_prototypes_or_their_scramble():
    prototypes = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(memory.tokens(prototypes, "paper"), prototypes)
    assert memory.tokens(prototypes, "released").tolist() == [[0, 2, 4], [1, 3, 5]]


def proposal_settings(config, **changes):
    return config.settings.proposals.model_copy(update=changes)


def test_fault_6_a_value_stands_at_the_centre_of_its_snippet(config):
    scores = np.zeros((10, 1))
    scores[4] = 1.0
    found = {}
    for place in ("start", "centre"):
        settings = proposal_settings(config, value_at=place, foreground_thresholds=[0.9])
        [given] = proposals.propose(
            [Video(scores, np.full(10, 0.5), np.array([0]), np.zeros(1))], SECOND, settings
        )
        best = given.times[given.scores.argmax()]
        found[place] = best.mean()
    assert found["centre"] == pytest.approx(4.5)  # of [4 s, 5 s)
    assert found["start"] == pytest.approx(
        4.25
    )  # a quarter of a snippet early: its cells stand at their starts


def test_a_one_snippet_video_has_proposals(config):
    [given] = proposals.propose(
        [Video(np.ones((1, 2)), np.zeros(1), np.array([1]), np.zeros(1))], SECOND, proposal_settings(config)
    )
    assert len(given) > 0
    assert set(given.labels) == {1}
    assert given.times.min() == 0
    assert given.times.max() == 1


def test_smoothing_joins_what_flickers(config):
    flickering = Video(np.tile([[1.0], [0.0], [1.0]], (4, 1)), np.zeros(12), np.array([0]), np.zeros(1))
    best = {}
    for span in (1, 3):
        [found] = proposals.propose([flickering], SECOND, proposal_settings(config, smoothing=span))
        best[span] = np.ptp(found.times[found.scores.argmax()])
    assert best[1] <= 3
    assert best[3] == 12
    assert "smoothing" not in configuration.canonical(configuration.Proposals())


@pytest.mark.parametrize("contrast", ["whole", "cut"])
def test_the_proposals_of_a_video_depend_on_no_other(config, contrast):
    rng = np.random.default_rng(0)
    videos = []
    for number in range(proposals.VIDEOS + 2):  # of one snippet and more, of no class and more
        background, classes = rng.random(1 + 5 * number).astype(np.float32), np.arange(number % 4)
        videos.append(Video(rng.random((len(background), 3)), background, classes, np.zeros(len(classes))))
    settings = proposal_settings(config, contrast=contrast)
    together = proposals.propose(videos, SECOND, settings)
    for video, found in zip(videos, together, strict=True):
        [alone] = proposals.propose([video], SECOND, settings)
        assert set(found.labels) == set(video.labels)
        for part in ("times", "labels", "scores"):
            np.testing.assert_array_equal(getattr(found, part), getattr(alone, part))


@pytest.mark.parametrize("bounds", ["inclusive", "released"])
@pytest.mark.parametrize("run", [1, 2, 3, 7])
def test_fault_7_negatives_lie_in_their_run_and_have_length(bounds, run):
    background = np.zeros(20)
    background[5 : 5 + run] = 1
    drawn = ranking.negatives(background, 300, SECOND, bounds=bounds, rng=np.random.default_rng(0)).times
    assert len(drawn) == 300
    assert (drawn[:, 1] > drawn[:, 0]).all()
    assert drawn.min() >= 5
    assert drawn.max() <= 5 + run
    edges = {tuple(pair) for pair in drawn.tolist()}
    if bounds == "inclusive":
        assert len(edges) == run * (run + 1) // 2  # every segment of whole snippets
    elif run > 2:
        assert max(end for _, end in edges) == 5 + run - 2  # floor(U(start, last)) stays under last


def test_no_background_seed_gives_no_negative():
    rng = np.random.default_rng(0)
    assert len(ranking.negatives(np.zeros(9), 5, SECOND, bounds="inclusive", rng=rng)) == 0


def test_fault_4_a_proposal_of_score_0_may_be_reliable():
    given = segments([[0, 4], [1, 3]], [0, 0], [-0.5, -0.1])
    assert ranking.reliable(given, [(2.0, 0)], any_score=False) == [None]
    assert ranking.reliable(given, [(2.0, 0)], any_score=True) == [1]


def test_reliable_proposals_avoid_the_neighbouring_points():
    given = segments([[0, 9], [1, 3], [5, 8]], [0, 0, 1], [0.9, 0.5, 0.4])
    assert ranking.reliable(given, [(2.0, 0), (6.0, 1)], any_score=True) == [1, 2]


@pytest.mark.parametrize(("prior", "expected"), [("none", [1]), ("centre", [0])])
def test_a_point_may_be_held_to_lie_in_the_middle(prior, expected):
    """It lies at 0.5 and 0.1: 0.3 exp(-0.03^2 / 0.045) = 0.294 against 0.9 exp(-0.37^2 / 0.045) = 0.043."""
    given = segments([[0, 4], [1.6, 5.6]], [0, 0], [0.3, 0.9])
    assert ranking.reliable(given, [(2.0, 0)], any_score=True, point_prior=prior) == expected
    times = np.array([[0, 4], [1.6, 5.6], [2.0, 2.0]])  # one without length says nothing of where
    weights = [np.exp(-(0.03**2) / 0.045), np.exp(-(0.37**2) / 0.045), 1.0]
    assert ranking.centre_prior(times, 2.0) == pytest.approx(weights)


def test_the_prior_reaches_what_is_ranked_and_the_default_is_told_as_before():
    given = segments([[0, 4], [1.6, 5.6]], [0, 0], [0.3, 0.9])
    centre = configuration.Proposals(point_prior="centre")
    for settings, expected in ((configuration.Proposals(), 0.9), (centre, 0.3)):
        rng = np.random.default_rng(0)
        reliable, _ = ranking.rank(given, [(2.0, 0)], np.zeros(4), grid=SECOND, settings=settings, rng=rng)
        assert reliable.scores.tolist() == [expected]
    assert "point_prior" not in configuration.canonical(configuration.Proposals())
    assert '"point_prior": "centre"' in configuration.canonical(centre)


def test_fault_5_padding_makes_disjoint_segments_overlap():
    given = segments([[0, 1.2], [1.3, 2.5]], [0, 0], [1.0, 1.0])
    exact = suppression.soft_nms({"v": given}, sigma=0.3, padding=0.0)["v"]
    assert exact.scores.tolist() == [1, 1]
    padded = suppression.soft_nms({"v": given}, sigma=0.3, padding=1.0)["v"]
    tiou = 0.9 / (2.2 + 2.2 - 0.9)
    assert padded.scores[1] == pytest.approx(np.exp(-(tiou**2) / 0.3))
    assert round(tiou, 2) == 0.26


def test_fault_9_only_whole_seconds_are_seen():
    given = segments([[0.2, 0.9], [3.2, 5.1], [8, 9]], [0, 0, 0], [1.0, 1.0, 1.0])
    kept = suppression.drop_ambiguous(given, np.array([[0.0, 4.0]]))
    assert kept.times.tolist() == [[0.2, 0.9], [8, 9]]


def test_fault_11_refined_segments_stay_inside_and_keep_their_direction(released):
    network = InstanceModel(2, 4, released("stage2")).eval()
    features, given = torch.rand(10, 4), torch.tensor([[1.0, 3.0], [6.0, 9.0]])
    labels = torch.tensor([0, 1])
    with torch.no_grad():
        network.start_offset[2].bias.fill_(2.0)  # starts move by two lengths: inside out
        network.end_offset[2].bias.fill_(0.0)
        for head in (network.start_offset, network.end_offset):
            head[2].weight.zero_()
    _, free, _ = score(network, features, None, proposals=given, labels=labels, clip=False)
    assert free.tolist() == [[5, 3], [12, 9]]
    _, clipped, _ = score(network, features, None, proposals=given, labels=labels, clip=True)
    assert clipped.tolist() == [[5, 5], [10, 10]]  # without length, so dropped


def test_fault_10_a_point_past_the_features_belongs_to_the_last_snippet():
    points = [{"label": "b", "seconds": 7.5}, {"label": "a", "seconds": 1.0}]
    labels = seeds.point_labels(points, ["a", "b"], length=5, grid=SECOND)
    assert labels.nonzero().tolist() == [[1, 0], [4, 1]]


def test_heads_default_to_the_largest_divisor_up_to_8():
    assert [model.attention_heads(width, None) for width in (44, 96, 2048, 7, 13)] == [4, 8, 8, 7, 1]
    assert model.attention_heads(44, 11) == 11
    with pytest.raises(InputError, match=r"heads: 8 does not divide the 44 channels .* 1, 2, 4, 11"):
        model.attention_heads(44, 8)


def test_a_file_that_is_no_feature_file_is_refused(tmp_path):
    path = tmp_path / "features.h5"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"features\.h5"):
        FeatureFile(path)


def test_fault_2_a_target_is_of_the_own_class(config):
    given = torch.tensor([[0.0, 4.0], [0.0, 4.0], [10.0, 14.0], [0.0, 4.0]])
    labels, video = torch.tensor([0, 1, 1, 0]), torch.tensor([0, 0, 0, 1])
    reliable = pad_reliable(
        [
            Reliable(torch.tensor([[0.0, 4.0], [12.0, 14.0]]), torch.tensor([0, 1])),
            Reliable(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)),
        ]
    )
    assert losses.best_tiou(given, labels, video, reliable).tolist() == [1, 0, 0.5, 0]

    batch = Batch(vectors=None, proposals=given, labels=labels, video=video, reliable=reliable)
    completeness, random = torch.full((4,), 0.5), torch.ones(4)
    values = {}
    for targets in ("own_class", "any_class"):
        settings = config.settings.stage2.model_copy(update={"targets": targets})
        loss = losses.stage2(completeness, given, batch, random=random, settings=settings)
        values[targets] = loss["regression"][0].item()
    # two positives of distance 0 and 0.5; where classes do not count the second makes it three
    assert values["own_class"] == pytest.approx((0 + 0.5 * 0.5**2) / 2)
    assert values["any_class"] == pytest.approx((0 + 0 + 0.5 * 0.5**2) / 3)


def test_stage_2_answers_for_the_class_of_a_proposal(config):
    network = InstanceModel(3, 6, config.settings.stage2).eval()
    features, snippet_scores = torch.randn(20, 6), torch.rand(20, 4)
    given = torch.tensor([[2.0, 9.0]]).repeat(3, 1)
    vectors = network.vectors(features, snippet_scores, given)
    assert vectors.shape == (3, 3, 10)
    completeness, offsets = network(vectors, torch.tensor([0, 1, 2]))
    assert len(set(completeness.tolist())) == 3
    assert len(set(offsets[:, 0].tolist())) == 3
    again, _ = network(vectors, torch.tensor([2, 1, 0]))
    assert again.tolist() == completeness.flip(0).tolist()


def test_negatives_get_a_class_of_their_video():
    positive = segments([[0, 1], [1, 2]], [4, 2], [0.5, 0.5])
    negative = segments(np.arange(80).reshape(40, 2))
    labelled = instance_dataset.with_classes(negative, positive, np.random.default_rng(0))
    assert set(labelled.labels.tolist()) == {2, 4}
    assert np.array_equal(labelled.times, negative.times)


def test_vectors_of_blocks_are_the_same_bits(monkeypatch):
    """However few proposals a block holds; none at all too."""
    features, given = torch.randn(30, 6), torch.rand(40, 2).mul(30).sort(1).values
    whole = roi.vectors(features, given, bins=12, margin=0.25)
    for size in (1, 12 * 6 * 7):
        monkeypatch.setattr(roi, "CPU_BLOCK", size)
        assert torch.equal(roi.vectors(features, given, bins=12, margin=0.25), whole)
        assert roi.vectors(features, given[:0], bins=12, margin=0.25).shape == (0, 3, 6)


def test_vectors_are_kept_while_memory_allows():
    """And are the same bits where they are not."""
    features = {v: torch.randn(length, 6) for v, length in (("a", 30), ("b", 50))}
    given = {v: torch.rand(40, 2).mul(len(f)).sort(1).values for v, f in features.items()}
    asked = []

    def compute(video: str, chosen: np.ndarray) -> torch.Tensor:
        asked.append((video, len(chosen)))
        return roi.vectors(features[video], given[video][chosen], bins=12, margin=0.25)

    chosen = np.random.default_rng(0).permutation(40)[:15]
    found = {}
    for size in (0.0, 1.5 * 40 * 72):  # none, or one video's
        cache = VectorCache(compute, {"a": 40, "b": 40}, size=3 * 6 * 4, memory=size)
        found[size] = [cache.read(video, chosen) for video in "abab"]
        assert [video in cache for video in "ab"] == [size > 0, False]
    assert asked == [("a", 15), ("b", 15)] * 2 + [("a", 40), ("b", 15), ("b", 15)]
    for none, one in zip(*found.values(), strict=True):
        assert torch.equal(none, one)


def test_the_scores_of_both_stages_are_summed_or_multiplied(config):
    by_stage1, completeness = segments([[0, 1], [2, 3]], [1, 0], [0.5, -0.2]), np.array([0.5, 0.8])
    both, alone = Candidates(by_stage1, completeness), Candidates(by_stage1, None)
    settings = config.settings.detection
    summed = settings.model_copy(update={"fusion": "sum", "completeness_weight": 1.0})
    assert fuse(both, summed).scores.tolist() == [1.0, pytest.approx(0.6)]
    product = settings.model_copy(update={"completeness_weight": 2.0})
    assert fuse(both, product).scores.tolist() == [0.125, pytest.approx(1e-3 * 0.64)]
    for candidates in (both, alone):
        fused = fuse(candidates, product)
        assert fused.times is by_stage1.times and fused.labels is by_stage1.labels
    assert fused.scores is by_stage1.scores


def test_stage_3_supports_the_completeness(config):
    support = np.array([0.4, 0.0])
    by_stage1, completeness = segments([[0, 1], [2, 3]], [1, 0], [0.5, -1.0]), np.array([0.9, 0.8])
    both, alone = Candidates(by_stage1, completeness), Candidates(by_stage1, None)
    product = config.settings.detection.model_copy(update={"completeness_weight": 1.0})
    fused = fuse(both, product, support)
    assert fused.times is by_stage1.times and fused.labels is by_stage1.labels
    assert fused.scores.tolist() == pytest.approx([0.5 * 0.9 * 0.5, 1e-3 * 0.8 / 6])
    squared = product.model_copy(update={"completeness_weight": 2.0})
    assert fuse(alone, squared, support).scores.tolist() == pytest.approx([0.5 / 4, 1e-3 / 36])  # P-MIL's
    summed = product.model_copy(update={"fusion": "sum"})
    assert fuse(both, summed, support).scores.tolist() == pytest.approx([0.95, 0.8 / 6 - 1])


def test_inputs_are_standardized_by_the_training_split(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"v0": rng.normal(1e4, 3, (50, 3)), "v1": rng.normal(1e4, 3, (7, 3))}
    for array in arrays.values():
        array[:, 2] = 1  # a constant channel
    inputs = Standardize(3, standardize=True, noise=0.5)
    with FeatureFile(write_features(tmp_path / "features.h5", arrays, SECOND)) as file:
        inputs.set_moments(*file.moments())
        standardized = inputs.eval()(torch.from_numpy(file.read(file.videos)[0]))
    assert torch.allclose(standardized.mean(0), torch.zeros(3), atol=2e-3)
    assert torch.allclose(standardized[:, :2].std(0, unbiased=False), torch.ones(2), atol=1e-2)
    assert not standardized[:, 2].any()
    noise = inputs.train()(torch.zeros(4000, 3)) - inputs.eval()(torch.zeros(4000, 3))
    assert noise.std().item() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize(
    ("width", "setting", "projected"),
    [
        (40, 16, 16), (16, 16, 16), (12, 16, 16),
        (2048, 128, 128), (64, 128, 64), (44, 128, 44), (32, 128, 32),
        (1, 128, 32), (2, 128, 32), (7, 128, 32), (31, 128, 32),
        (1, None, 1), (7, None, 7), (2048, None, 2048),  # as released
    ],
)  # fmt: skip
def test_wide_features_are_projected_down_and_narrow_ones_up(config, width, setting, projected):
    settings = config.settings.stage1.model_copy(update={"width": setting, "context": 0})
    network = model.SnippetModel(3, width, settings)
    assert network.prototypes.shape == (3, projected)
    assert isinstance(network.project, torch.nn.Identity) == (width == projected)


@pytest.mark.parametrize(
    ("width", "projected", "reach"), [(44, 44, 2), (7, 32, 1), (300, 128, 2), (44, 44, 64)]
)
def test_with_context_a_snippet_sees_its_neighbours_means_too(config, width, projected, reach):
    settings = config.settings.stage1.model_copy(update={"context": reach, "blocks": 0, "noise": 0.0})
    torch.manual_seed(0)
    network = model.SnippetModel(3, width, settings).eval()
    assert network.prototypes.shape == (3, projected) and network.project.out_features == 2 * projected
    lengths = [1, 4, 9]
    features = torch.randn(sum(lengths), width)
    single, around = network.project(network.inputs(features)).split(projected, dim=1)
    means = [
        torch.stack([rows[max(0, at - reach) : at + reach + 1].mean(0) for at in range(len(rows))])
        for rows in around.split(lengths)
    ]
    embedding = torch.relu(network.embed(single + torch.cat(means), Packing(lengths)))
    torch.testing.assert_close(network(features, Packing(lengths)).embedding, embedding)


def test_a_single_channel_reaches_the_scores(config):
    """A block's LayerNorm over one channel would be a constant."""
    features = torch.linspace(-2, 2, 40).unsqueeze(1)
    with torch.no_grad():
        scores = model.SnippetModel(2, 1, config.settings.stage1).eval()(features, Packing([40]))
    assert scores.fused[5:-5].std(0).min() > 1e-3


def test_contrast_on_the_whole_activation_prefers_the_segment_to_its_peak(config):
    classes = np.zeros((12, 1))
    classes[4:8, 0] = [0.6, 0.9, 0.6, 0.6]
    best = {}
    for contrast in ("whole", "cut"):
        settings = proposal_settings(config, contrast=contrast, scale=1, foreground_thresholds=[1.0])
        [found] = proposals.propose(
            [Video(classes, np.zeros(12), np.array([0]), np.zeros(1))], SECOND, settings
        )
        segments = found.times[found.labels == 0]
        best[contrast] = segments[found.scores.argmax()].tolist()
        if contrast == "whole":
            assert len({tuple(t) for t in segments.tolist()}) == len(segments)
    assert best == {"whole": [4, 8], "cut": [5, 6]}


def test_a_score_file_gives_back_what_was_written(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"b": np.ones((3, 2)), "a": np.ones((5, 2))}
    written = []

    def score(features: np.ndarray) -> scores.Scores:
        classes = rng.random((len(features), 2), dtype=np.float32)
        background = rng.random(len(features), dtype=np.float32)
        written.append(scores.Scores(classes, background, np.array([0.1, 0.9])))
        return written[-1]

    grid, thresholds = Grid(16, 25, 32), {"background": 0.95, "action": 0.1}
    with FeatureFile(write_features(tmp_path / "features.h5", arrays, grid)) as file:
        scores.write(tmp_path / "scores.h5", file, score, classes=["x", "y"], thresholds=thresholds)
    with scores.ScoreFile(tmp_path / "scores.h5") as file:
        assert (file.classes, file.thresholds, file.grid) == (["x", "y"], thresholds, grid)
        assert file.videos == ["a", "b"]
        for expected, video in zip(written, "ab", strict=True):
            np.testing.assert_array_equal(file.read(video).fused, expected.fused)
            np.testing.assert_array_equal(file.read(video).video, expected.video)
    (tmp_path / "scores.h5").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"scores\.h5: damaged, or not a score file .* run again"):
        scores.ScoreFile(tmp_path / "scores.h5")


@pytest.mark.parametrize("name", ["default", "lacp", "pmil"])
def test_ablation_experiments_lie_between_an_experiment_and_what_it_corrects(config, name):
    experiment, of = config.experiment(name), "" if name == "default" else f"{name}_"
    base, ablation = config.experiment(experiment.corrects), config.ablation[name]
    for step in configuration.STEPS:
        if getattr(experiment, step) is None:
            continue
        default, released = (config.step("thumos", step, getattr(each, step)) for each in (experiment, base))
        changed = {key for key, value in default if getattr(released, key) != value}
        rows = [row for row, steps in ablation.items() if step in steps]
        named = [key for row in rows for key in ablation[row][step]]
        assert sorted(named) == sorted(set(named))
        if step == "stage2" or name != "pmil":  # the other steps of `pmil` are the default's
            assert set(named) >= changed, f"{step}: a change that no row of the ablation names"
        for row in rows:
            alone = config.step("thumos", step, f"alone_{of}{row}")
            without = config.step("thumos", step, f"without_{of}{row}")
            for key, value in default:
                inside = key in ablation[row][step]
                assert getattr(alone, key) == (value if inside else getattr(released, key))
                assert getattr(without, key) == (getattr(released, key) if inside else value)


@pytest.mark.parametrize("variant", ["default", "released"])
def test_fault_10_a_video_without_a_proposal_has_no_scores(config, variant):
    network = InstanceModel(3, 8, config.step("thumos", "stage2", variant)).eval()
    none, labels = torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)
    found = score(network, torch.rand(5, 8), torch.rand(5, 4), proposals=none, labels=labels, clip=True)
    assert [tuple(part.shape) for part in found] == [(0,), (0, 2), (0,)]
