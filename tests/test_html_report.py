"""The report of a data set, without a browser: its figures, what its page holds, and its colours."""

import base64
import gzip
import hashlib
import itertools
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
import yaml

import report_files
from conftest import MINE, jobs_of, run_script, snakemake
from hrpro import config as configuration
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.detection.segments import segments
from hrpro.report import charts, losses, panels, runs, videos
from hrpro.report.pages import TEMPLATES
from hrpro.training.logging import EventLog
from hrpro.utils.errors import InputError
from report_files import CLASSES

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "\"'><img src=x onerror='window.hacked=1'>",
    "</script><script>window.hacked = 1</script><!--",
    "{{ 7 * 7 }} & 行く \N{RIGHT-TO-LEFT OVERRIDE} é",
    "x" * 200,
)


class Page(HTMLParser):
    """A page's elements, and the text of its blocks by their ids."""

    def __init__(self, text: str):
        super().__init__()
        self.elements, self.blocks, self.code = [], {}, {"style": [], "script": []}
        self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in self.code:
            self.inside = tag, dict(attributes)

    def handle_endtag(self, tag):
        if self.inside and tag == self.inside[0]:
            self.inside = None

    def handle_data(self, text):
        if not self.inside:
            return
        tag, attributes = self.inside
        if "id" in attributes:
            self.blocks[attributes["id"]] = text
        else:
            self.code[tag].append(text)

    def index(self, panel: str) -> dict:
        """What the page knows of a panel's videos."""
        return json.loads(self.blocks[f"{panel}-index"])

    def content(self, panel: str, video: str) -> dict:
        """What it draws of one."""
        number = [entry["name"] for entry in self.index(panel)["videos"]].index(video)
        return json.loads(gzip.decompress(base64.b64decode(self.blocks[f"{panel}-{number}"])))


class Report(NamedTuple):
    """What write_report.py has written, by what it was given."""

    page: Page
    figures: dict
    settings: dict
    text: str


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Writes a report; arguments of `report_files.write`."""

    def run(*more: str, **options) -> Report:
        folder = tmp_path_factory.mktemp("report")
        arguments = report_files.write(folder / "made", **options)
        outputs = ["--html", folder / "report.html", "--json", folder / "report.json"]
        run_script("write_report.py", *arguments, *outputs, *more).check_returncode()
        text = (folder / "report.html").read_text()
        settings = json.loads(arguments[arguments.index("--settings") + 1])
        return Report(Page(text), json.loads((folder / "report.json").read_text()), settings, text)

    return run


@pytest.fixture(scope="module")
def compared(report) -> Report:
    """Three experiments over two seeds; one has no second stage."""
    return report(experiments={"default": 2, "released": 2, "floor": 1}, seeds=[0, 1])


# --- figures


def test_map_is_the_mean_over_the_seeds_with_its_deviation(compared):
    paths = compared.settings["experiments"]["released"]["stages"]["stage2"]["maps"]
    rows = np.array([json.loads(Path(path).read_text())["mAP"] for path in paths])
    figures = compared.figures["experiments"]["released"]["stages"]["stage2"]
    np.testing.assert_allclose(figures["mAP"], rows.mean(0))
    np.testing.assert_allclose(figures["mAP_std"], np.abs(rows[0] - rows[1]) / 2**0.5)
    assert list(compared.figures["experiments"]) == ["default", "released", "floor"]
    assert list(compared.figures["experiments"]["floor"]["stages"]) == ["stage1"]


def test_the_sentence_names_best_worst_and_what_costs_most(compared):
    stages = compared.figures["experiments"]["default"]["stages"]
    ap = {name: np.mean(values) for name, values in stages["stage2"]["per_class"].items()}
    impact = compared.figures["experiments"]["default"]["diagnosis"]["errors"]["impact"]["types"]
    sentence = compared.figures["sentence"]
    assert sentence.startswith("default, stage 2: mAP ") and "over 2 seeds" in sentence
    assert f"Best is {max(ap, key=ap.get)}" in sentence and f"worst {min(ap, key=ap.get)}" in sentence
    assert f"{100 * max(row['gain'] for row in impact.values()):.1f} points" in sentence
    assert sentence in compared.text


def test_every_stage_of_every_experiment_can_be_looked_at(compared):
    names = [f"{name}, stage {stage}" for name in ("default", "released") for stage in (2, 1)]
    index = compared.page.index("videos")
    assert [source["name"] for source in index["sources"]] == [*names, "floor, stage 1"]
    assert len(index["videos"][0]["quality"]) == 5
    assert len(compared.page.content("videos", "test 0")["curves"]) == 3


def test_no_two_stages_of_an_experiment_are_drawn_alike():
    def stage(experiment: str, name: str) -> runs.Stage:
        return runs.Stage(experiment, name, [{"tiou": [0.1, 0.5], "mAP": [60, 50]}], {}, {}, {}, None)

    stages = {
        name: [stage(name, f"stage{number}") for number in range(1, count + 1)]
        for name, count in {"default": 3, "released": 2, "floor": 1}.items()
    }
    experiments = [runs.Run(name, None, of, {}, {}, None) for name, of in stages.items()]
    chart = panels.mean_ap_chart([each for of in stages.values() for each in of], experiments)
    assert chart.legend == [
        ("default, stage 1", 0, "dotted"),
        ("default, stage 2", 0, "dashed"),
        ("default, stage 3", 0, ""),
        ("released, stage 1", 1, "dashed"),
        ("released, stage 2", 1, ""),
        ("floor, stage 1", 2, ""),
    ]
    style, _, _ = TEMPLATES.loader.get_source(TEMPLATES, "report.css")
    assert all(f".{stroke} {{ stroke-dasharray" in style for stroke in charts.STROKES if stroke)


@pytest.mark.parametrize(
    ("stages", "counts", "words"),
    [
        (3, "stage3", "all stages count."),
        (2, "stage2", "all stages count."),
        (3, "stage2", "no stage after stage 2 counts. The figures of stage 3 are those of stage 2."),
        (3, "stage1", "no stage after stage 1 counts. The figures of stage 3 are those of stage 1."),
        (2, "stage1", "no stage after stage 1 counts. The figures of stage 2 are those of stage 1."),
    ],
)
def test_it_is_said_in_words_what_counts(stages, counts, words):
    of = [runs.Stage("default", f"stage{number}", [], {}, {}, {}, None) for number in range(1, stages + 1)]
    run = runs.Run("default", None, of, {}, {}, None, gate=counts)
    assert panels.gate_words(run) == f"default: by held-back training videos {words}"


def test_a_report_says_what_held_back_videos_have_decided(tmp_path):
    arguments = report_files.write(tmp_path / "made", experiments={"default": 3, "floor": 1})
    settings = json.loads(arguments[-1])
    settings["experiments"]["default"]["gate"] = str(tmp_path / "gate.json")
    (tmp_path / "gate.json").write_text('{"counts": "stage2"}')
    outputs = ["--html", tmp_path / "report.html", "--json", tmp_path / "report.json"]
    run_script("write_report.py", *arguments[:-1], json.dumps(settings), *outputs).check_returncode()
    text = (tmp_path / "report.html").read_text()
    assert text.count("by held-back training videos") == 1
    assert "default: by held-back training videos no stage after stage 2 counts" in text


def test_training_curves_are_the_events(tmp_path):
    with EventLog(tmp_path, 0, {}) as events:
        for step in range(1, 1001):
            values = {"loss/part": torch.tensor([1.0]), "loss/total": torch.tensor([float(step)])}
            events.log_step(step, 0.1, values | {"gradient norm": torch.tensor([7.0])})
    curves = losses.read(tmp_path)
    assert list(curves) == ["total", "part"]
    assert len(curves["total"].steps) == losses.POINTS
    assert curves["total"].values == pytest.approx(curves["total"].steps)
    assert losses.read(tmp_path / "nowhere") == {}
    assert losses.thinned([1, 2], [3.0, 5.0]) == ([1, 2], [3, 5])


# --- what the page draws


def test_the_page_has_the_files_numbers(compared):
    files = compared.settings["experiments"]["default"]
    detections = results.read(files["stages"]["stage2"]["detections"], CLASSES)["test 1"]
    content = compared.page.content("videos", "test 1")
    bars = content["sources"][0]["detections"]
    order = np.argsort(-detections.scores, kind="stable")
    np.testing.assert_allclose(bars["start"], detections.times[order, 0], atol=0.005)
    np.testing.assert_allclose(bars["score"], detections.scores[order], atol=5e-5)
    assert bars["label"] == detections.labels[order].tolist()
    proposals = results.read(files["proposals"], CLASSES)["test 1"]
    assert content["sources"][0]["proposals"]["all"] == len(proposals)
    with ScoreFile(files["scores"]["test"]) as scores:
        values, grid = scores.read("test 1"), scores.grid
    curves = content["curves"][0]
    np.testing.assert_allclose(curves["background"], 100 * values.background, atol=0.51)
    np.testing.assert_allclose(curves["classes"]["2"], 100 * values.classes[:, 2], atol=0.51)
    centres = curves["first"] + np.arange(len(values.background)) * curves["step"]
    np.testing.assert_allclose(centres, grid.seconds(np.arange(len(centres)) + 0.5), atol=1e-3)


def test_each_bar_says_what_is_wrong_with_it():
    truth = {"a": segments([[0, 10], [20, 30]], [0, 1])}
    found = segments(
        [[0, 10], [0.5, 10], [0, 9.5], [5, 15], [24, 40], [50, 60]],
        [0, 0, 1, 0, 0, 1],
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
    )
    numbers = videos.error_types(truth, {"a": found, "b": found}, classes=["x", "y"], tiou=[0.2, 0.5])
    assert set(numbers) == {"a"}
    names = [[videos.ERRORS[number] for number in row] for row in numbers["a"].tolist()]
    expected = ["true positive", "double detection", "wrong label", "localization", "confusion", "background"]
    assert names[1] == expected
    assert names[0][3:] == ["double detection", "wrong label", "background"]
    bars = videos.bars(found.take([5, 0]), numbers["a"][:, [5, 0]])
    assert bars["score"] == [0.9, 0.4] and bars["errors"] == ["05", "05"]


def test_a_videos_quality_is_its_own_map():
    truth = {"a": segments([[0, 10], [20, 30]], [0, 1]), "b": segments([]), "c": segments([[0, 10]], [1])}
    found = {"a": segments([[0, 10]], [0], [0.5])}
    quality = videos.quality(truth, found, classes=["x", "y"], tiou=[0.5])
    assert quality == {"a": 50.0, "c": 0.0}


def test_no_more_than_the_best_are_drawn(report):
    size = report_files.Size(test=2, train=1, detections=videos.DRAWN + 50)
    made = report(size=size)
    bars = made.page.content("videos", "test 0")["sources"][0]["detections"]
    assert bars["all"] == videos.DRAWN + 50
    assert len(bars["score"]) == len(bars["errors"][0]) == videos.DRAWN
    assert bars["score"] == sorted(bars["score"], reverse=True)


def test_of_very_many_videos_the_worst_are_shown(report, monkeypatch):
    whole = report()
    quality = {video["name"]: video["quality"][0] for video in whole.page.index("videos")["videos"]}
    monkeypatch.setattr(videos, "MOST", 3)
    cut = report()
    shown = [video["name"] for video in cut.page.index("videos")["videos"]]
    assert shown == sorted(sorted(quality, key=quality.get)[:3])
    assert "Shown are 3 of 4 videos" in cut.text and "Shown are" not in whole.text
    assert cut.page.content("videos", shown[2]) == whole.page.content("videos", shown[2])
    assert cut.figures == whole.figures


def test_the_first_threshold_shows_as_many_as_there_are_instances(compared):
    index = compared.page.index("videos")
    paths = compared.settings["experiments"]["default"]["stages"]["stage2"]
    scores = [one.scores for one in results.read(paths["detections"], CLASSES).values()]
    instances = sum(video["instances"] for video in index["videos"])
    shown = (np.concatenate(scores).round(4) >= index["sources"][0]["first"]).sum()
    assert instances <= shown <= instances + 1


def test_training_videos_of_unknown_segments(report):
    made = report(known=False)
    assert "true segments are not known" in made.text
    index = made.page.index("reliable")
    assert {video["instances"] for video in index["videos"]} == {None}
    content = made.page.content("reliable", "train 0")
    assert content["truth"] == [] and len(content["points"]) == 6
    assert content["sources"][0]["detections"]["errors"] is None
    assert made.figures["points"]["position"] is None


def test_stage_3_has_no_reliable_proposals(report):
    made = report(experiments={"pyramid": 3})
    names = [source["name"] for source in made.page.index("reliable")["sources"]]
    assert names == ["pyramid, stage 1", "pyramid, stage 2"]


def test_without_points_there_are_no_reliable_proposals(report):
    made = report(pointed=False)
    assert "reliable-index" not in made.page.blocks and "videos-index" in made.page.blocks
    stages = made.figures["experiments"]["default"]["stages"]
    assert [stage["reliable"] for stage in stages.values()] == [None, None]
    assert made.figures["experiments"]["default"]["diagnosis"]["per_class"]["run"]["points"] is None


def test_nothing_is_detected_and_nothing_happens(report):
    made = report(size=report_files.Size(test=2, detections=0))
    assert made.page.content("videos", "test 1")["sources"][0]["detections"]["all"] == 0
    assert made.figures["experiments"]["default"]["diagnosis"]["average"] == 0


def test_films_are_found_by_the_names_of_their_videos(report, tmp_path):
    for name in ("test 1.mp4", "é #?.webm", "other.txt"):
        (tmp_path / name).touch()
    made = report("--videos", str(tmp_path), names=["é #?"])
    films = {video["name"]: video["film"] for video in made.page.index("videos")["videos"]}
    assert films["test 2"] is None
    assert films["test 1"].endswith("/test%201.mp4") and films["é #?"].endswith("/%C3%A9%20%23%3F.webm")


def test_a_folder_without_films_is_no_error(report, tmp_path):
    assert report("--videos", str(tmp_path)).page.index("videos")["videos"][0]["film"] is None


# --- the page


def test_the_page_is_alone_and_its_policy_strict(compared):
    policy = next(a["content"] for tag, a in compared.page.elements if a.get("http-equiv"))
    assert "unsafe" not in policy and "http" not in policy and policy.startswith("default-src 'none';")
    for tag, name in (("style", "style-src"), ("script", "script-src")):
        hashes = {
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for text in compared.page.code[tag]
        }
        assert hashes == set(re.search(rf"{name} ([^;]*)", policy)[1].split())
    for tag, attributes in compared.page.elements:
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "src")}, tag
        assert attributes.get("href", "#").startswith("#")
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", compared.text) == []


def test_hostile_names_stay_words(report):
    names, classes = [name for name in HOSTILE if "/" not in name], [*CLASSES, *HOSTILE]
    made = report(classes=classes, names=names, size=report_files.Size(test=6, instances=30))
    scripts = [text for text in made.page.code["script"] if text.strip()]
    assert len(scripts) == 4 and not any("hacked" in text for text in scripts)
    index = made.page.index("videos")
    assert set(names) < {video["name"] for video in index["videos"]}
    assert index["classes"] == sorted(classes)
    assert not [a for tag, a in made.page.elements if tag == "img" or "onerror" in a]


def test_the_same_files_give_the_same_bytes(report):
    assert report().text == report().text


def test_axes_are_round():
    assert charts.axis("", [0.0, 37.0]).ticks == (0, 10, 20, 30, 40)
    assert charts.axis("", [-3.0, 4.0]).ticks == (-4, -2, 0, 2, 4)
    assert charts.axis("", []).ticks[-1] == 1.0
    axis = charts.axis("", [1.0], percent=True)
    assert [axis.label(tick) for tick in axis.ticks] == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
    assert charts.Axis("", 0.5, 0.5, (0.5,)).share(0.5) == 0.5


# --- colours


def colors(scheme: str) -> dict[str, np.ndarray]:
    """The colours of the style sheets, as linear RGB; scheme: light or dark."""
    parts = [TEMPLATES.loader.get_source(TEMPLATES, name)[0] for name in ("style.css", "report.css")]
    blocks = [text.split("@media (prefers-color-scheme: dark)") for text in parts]
    text = "".join(light if scheme == "light" else dark.partition("\n}")[0] for light, dark in blocks)
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6});", text)
    return {
        name: linear(np.array([int(value[i : i + 2], 16) for i in (0, 2, 4)]) / 255) for name, value in found
    }


def linear(value: np.ndarray) -> np.ndarray:
    """sRGB to linear RGB."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG's contrast of two colours."""
    low, high = sorted(float(np.dot([0.2126, 0.7152, 0.0722], color)) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


WORDS = [
    *itertools.product(("text", "faint", "link"), ("page", "card", "raised")),
    *itertools.product(("text",), ("heat-1", "heat-2", "heat-3")),
    ("heat-text", "heat-4"),
    ("page", "text"),
    *itertools.product(("error", "warning", "note"), ("card",)),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out(scheme):
    known = colors(scheme)
    for words, ground in WORDS:
        assert contrast(known[words], known[ground]) >= 4.5, (words, ground)
    for number in range(charts.COLORS):
        assert contrast(known[f"c-{number}"], known["card"]) >= 3, number


# How a colour looks without one kind of cones (Machado et al. 2009), on linear RGB.
BLIND = {
    "none": np.eye(3),
    "protan": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deutan": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritan": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


def lab(color: np.ndarray) -> np.ndarray:
    """Linear RGB to CIE Lab, in which distances are those that one sees."""
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(matrix @ np.clip(color, 0, 1) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", BLIND)
def test_colour_blind_readers_tell_the_colours_apart(scheme, kind):
    known = colors(scheme)
    seen = [lab(BLIND[kind] @ known[name]) for name in (*(f"c-{n}" for n in range(charts.COLORS)), "text")]
    assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)) > 18


# --- the rules


@pytest.mark.slow
def test_a_finished_run_and_a_prediction_have_reports(finished_run, tmp_path):
    folder = shutil.copytree(finished_run, tmp_path / "run")
    films = folder / "films"
    films.mkdir()
    (films / "demo_test_004.mp4").touch()
    targets = ["results/mine/report.html", "results/mine/predict/new/report.html"]
    options = ["--configfile=extra.yaml", "--config", "report={videos: films}"]
    run = snakemake(folder, *options, "--", *targets, snakefile=folder / "Snakefile")
    assert jobs_of(run) == {"write_report": 1, "report_prediction": 1}
    page = Page((folder / targets[0]).read_text())
    result = json.loads((folder / "results/mine/map.json").read_text())["stages"]["stage3"]["last"]
    figures = json.loads((folder / "results/mine/report.json").read_text())["experiments"]["default"]
    assert figures["stages"]["stage3"]["mAP"] == pytest.approx(result["mAP"])
    assert figures["diagnosis"]["average"] * 100 == pytest.approx(next(iter(result["average"].values())))
    assert next(iter(figures["stages"]["stage1"]["losses"])) == "total"
    assert figures["stages"]["stage1"]["reliable"]["tiou"] > 0
    played = {video["name"]: video["film"] for video in page.index("videos")["videos"]}
    assert played["demo_test_004"] == "../../films/demo_test_004.mp4" and played["demo_test_005"] is None
    new = Page((folder / targets[1]).read_text())
    assert [source["name"] for source in new.index("videos")["sources"]] == ["model.pt"]
    assert {video["instances"] for video in new.index("videos")["videos"]} == {None}
    ours, known = (each.content("videos", "demo_test_004") for each in (new, page))
    assert ours["truth"] == [] and ours["sources"][0]["detections"]["errors"] is None
    for key in ("start", "end", "label", "score"):
        for kind in ("detections", "proposals"):
            assert ours["sources"][0][kind][key] == known["sources"][0][kind][key]
    assert ours["curves"] == known["curves"]
    again = snakemake(folder, "-n", *options, "--", *targets, snakefile=folder / "Snakefile")
    assert jobs_of(again) == {}


def test_a_report_needs_the_files_of_its_experiments_alone(tmp_path, demo_data):
    (tmp_path / "data").symlink_to(demo_data)
    (tmp_path / "extra.yaml").write_text(yaml.safe_dump(MINE))
    plan = snakemake(
        tmp_path, "-n", "--configfile=extra.yaml", "--config", "report={experiments: [default, floor]}",
        "--", "results/mine/report.html",
    )  # fmt: skip
    jobs = jobs_of(plan)
    assert jobs["write_report"] == 1
    assert jobs["train_stage1"] == 2 and jobs["train_stage2"] == 1
    assert jobs["gather"] == 0
    assert "stage1-floor" in plan.stdout and "stage1-released" not in plan.stdout


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["other"], "report.experiments: no experiment 'other' (there are: default, released"),
        (["floor", "floor"], "report.experiments: floor is listed twice"),
        ([], "report.experiments: []"),
    ],
)
def test_an_experiment_that_is_not_there_is_named(names, message):
    with pytest.raises(InputError) as error:
        configuration.parse(configuration.Config, {"report": {"experiments": names}})
    assert message in str(error.value)


def test_an_experiment_of_the_ablation_may_be_shown():
    names = ["default", "without_fault1_tokens"]
    whole = configuration.parse(configuration.Config, {"report": {"experiments": names}})
    assert whole.report.experiments == names
