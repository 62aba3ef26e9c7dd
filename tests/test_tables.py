"""What is counted after the runs: the reliable proposals' quality, an experiment's map.json, the tables."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT, run_script, snakemake
from hrpro.data import instances
from hrpro.detection.segments import segments
from hrpro.evaluation import aggregation
from hrpro.proposals import quality
from test_workflow import planned

NOTHING = {"points": 0, "tiou": None, "without": None, "over_0.5": None}


def test_quality_of_reliable_proposals_by_hand():
    truth = {"a": segments([[0, 10], [20, 30]], [0, 0]), "b": segments([[0, 4]], [1])}
    points = {"a": [(5.0, 0), (22.0, 0)], "b": [(2.0, 1)]}
    reliable = {
        "a": segments([[0, 8], [21, 25]], [0, 0], [0.9, 0.8]),  # tIoU 8 / 10 and 4 / 10
        "b": segments([[0, 4]], [0], [1.0]),  # of another class
    }
    found = quality.measure(truth, points, reliable)
    assert found["points"] == 3
    assert found["tiou"] == pytest.approx(100 * (0.8 + 0.4 + 0) / 3)
    assert found["without"] == found["over_0.5"] == pytest.approx(100 / 3)


def test_a_point_takes_the_nearest_instance_and_the_best_proposal_that_hold_it():
    # the centres are at 5 and at 8; a point at 6 is nearer to the first
    truth = {"a": segments([[4, 12], [0, 10]], [0, 0])}
    reliable = {"a": segments([[4, 12], [5, 10], [7, 9]], [0, 0, 0], [0.1, 0.2, 0.9])}
    assert quality.measure(truth, {"a": [(6.0, 0)]}, reliable) == {
        "points": 1,
        "tiou": 50.0,
        "without": 0.0,
        "over_0.5": 100.0,
    }


def test_the_ends_of_a_segment_belong_to_it():
    truth = {"a": segments([[0, 10]], [0])}
    reliable = {"a": segments([[0, 2]], [0], [-1.0])}
    found = quality.measure(truth, {"a": [(0.0, 0), (10.0, 0)]}, reliable)
    assert (found["points"], found["tiou"], found["without"]) == (2, pytest.approx(10), 50)


def test_points_without_an_instance_are_left_out():
    truth = {"a": segments([[0, 10]], [0])}
    reliable = {"a": segments([[0, 10]], [0], [1.0])}
    points = {"a": [(5.0, 0), (5.0, 1), (11.0, 0)], "b": [(1.0, 0)]}
    assert quality.measure(truth, points, reliable)["points"] == 1
    assert quality.measure({"a": segments([])}, points, reliable) == NOTHING
    assert quality.measure({}, {}, {}) == NOTHING


@pytest.fixture
def measured(tmp_path):
    """Runs measure_reliable.py on one training video with these annotations."""

    def measure(found: list[dict]) -> dict:
        video = {"subset": "train", "duration": 20.0, "ambiguous": []}
        test = video | {"subset": "test", "annotations": []}
        contents = {
            "annotations": {"database": {"a": video | {"annotations": found}, "t": test}},
            "points": {"classes": ["run", "walk"], "videos": {"a": [{"label": "walk", "seconds": 3.0}]}},
            "reliable": {"results": {"a": [{"segment": [2.0, 6.0], "label": "walk", "score": 0.5}]}},
        }
        arguments = []
        for name, content in contents.items():
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(content))
            arguments += [f"--{name}", path]
        run = run_script("measure_reliable.py", *arguments, "--output", tmp_path / "quality.json")
        assert run.returncode == 0, run.stderr
        return json.loads((tmp_path / "quality.json").read_text())

    return measure


def test_measure_reliable_reads_the_files_of_the_workflow(measured):
    found = measured([{"label": "walk", "segment": [2, 12]}, {"label": "run", "segment": [2, 6]}])
    assert found == {"points": 1, "tiou": 40.0, "without": 0.0, "over_0.5": 0.0}


def test_measure_reliable_of_points_alone(measured):
    assert measured([]) == NOTHING


def written(folder, name: str, content) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


def gathered(folder, reliable1: list[dict], reliable2: list[dict], *more) -> dict:
    """The map.json of two seeds and both stages with these qualities of the reliable proposals."""
    runs = [
        written(folder, f"map{mean}.json", {"tiou": [0.3, 0.5], "mAP": [mean + 10, mean], "per_class": {}})
        for mean in (20, 24)
    ]
    files = [
        [written(folder, f"stage{stage}-{i}.json", value) for i, value in enumerate(values)]
        for stage, values in ((1, reliable1), (2, reliable2))
    ]
    options = ["--stage1-last", *runs, "--stage1-last-reliable", *files[0]]
    options += ["--stage2-last", *runs, "--stage2-last-reliable", *files[1]]
    options += ["--stage1-best-on-test", "--stage1-best-on-test-reliable"]
    output = folder / "gathered.json"
    options += ["--dataset", "demo", "--experiment", "x", "--seeds", "0", "1"]
    options += ["--records", *(written(folder, f"model{i}.json", facts) for i, facts in enumerate(MACHINES))]
    run = run_script("gather.py", *options, *more, "--output", output)
    assert run.returncode == 0, run.stderr
    return json.loads(output.read_text())


MACHINES = [
    {"device": "cpu", "threads": 4, "instructions": instructions}
    for instructions in ("AVX512", "AVX2", "AVX2")
]
QUALITIES = [
    {"points": 9, "tiou": 40.0, "without": 10.0, "over_0.5": 30.0},
    {"points": 9, "tiou": 50.0, "without": 10.0, "over_0.5": 36.0},
]


def test_gather_says_which_stages_count_and_why(tmp_path):
    gate = written(tmp_path, "gate.json", {"counts": "stage1", "mAP": {"stage1": 2.0}})
    none = ([NOTHING, NOTHING], [NOTHING, NOTHING])
    assert gathered(tmp_path, *none, "--gate", gate)["gate"] == {"counts": "stage1", "mAP": {"stage1": 2.0}}
    log = tmp_path / "gather.log"
    assert "gate" not in gathered(tmp_path, *none, "--gate", "--none-held-back", "--log", log)
    assert "no training video can be held back" in log.read_text()
    gathered(tmp_path, *none, "--log", log)
    assert "held back" not in log.read_text()


def test_gather_means_the_reliable_proposals_over_seeds(tmp_path):
    result = gathered(tmp_path, QUALITIES, [NOTHING, NOTHING])
    assert list(result) == ["dataset", "experiment", "tiou", "seeds", "stages", "trained_on"]
    assert result["trained_on"] == MACHINES[:2]
    assert {stage: list(picks) for stage, picks in result["stages"].items()} == {
        "stage1": ["last"],
        "stage2": ["last"],
    }
    first, second = (picks["last"] for picks in result["stages"].values())
    assert list(first) == ["mAP", "average", "std", "per_class", "reliable"]
    assert first["mAP"] == [32.0, 22.0]
    assert first["std"]["0.3:0.5"] == pytest.approx(8**0.5)
    assert first["reliable"] == {
        "tiou": 45.0,
        "without": 10.0,
        "over_0.5": 33.0,
        "std": {"tiou": pytest.approx(50**0.5), "without": 0.0, "over_0.5": pytest.approx(18**0.5)},
    }
    nothing = dict.fromkeys(["tiou", "without", "over_0.5"])
    assert second["reliable"] == nothing | {"std": nothing}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_show_adds_the_reliable_proposals(tmp_path):
    gathered(tmp_path, QUALITIES, [NOTHING, NOTHING])
    shown = run_script("show.py", tmp_path / "gathered.json").stdout.splitlines()
    caption, _, header, _, *rows = shown[shown.index("", 2) + 1 :]
    assert [cells(line)[2] for line in shown[4:6]] == ["stage1", "stage2"]
    assert shown[0].startswith("mAP in %") and caption.startswith("Reliable proposals of the training videos")
    assert cells(header) == ["data set", "experiment", "stage", "model", "tIoU", "over 0.5", "without"]
    row = ["demo", "x", "stage1", "last", "45.0 ± 7.1", "33.0 ± 4.2", "10.0 ± 0.0"]
    assert [cells(line) for line in rows] == [row]


def test_show_without_known_reliable_proposals_is_one_table(tmp_path):
    gathered(tmp_path, [NOTHING, NOTHING], [NOTHING, NOTHING])
    shown = run_script("show.py", tmp_path / "gathered.json").stdout.splitlines()
    assert len(shown) == 6
    assert shown.count("") == 1


def map_of(folder, experiment: str, stage1: float, stage2: float, **other) -> str:
    stages = {
        stage: {
            "last": {"average": {"0.3:0.7": mean, "0.3:0.5": 99.0}, "std": {"0.3:0.7": 0.5, "0.3:0.5": 9.0}},
            "best-on-test": {"average": {"0.3:0.7": 98.0}, "std": {"0.3:0.7": 8.0}},
        }
        for stage, mean in (("stage1", stage1), ("stage2", stage2))
    }
    result = {"dataset": "demo", "experiment": experiment, "tiou": [0.3, 0.7], "seeds": [0, 1]}
    return written(folder, f"{experiment}/map.json", result | {"stages": stages} | other)


def ablated(folder, default: str, *experiments: str):
    outputs = ["--output", folder / "ablation.json", "--markdown", folder / "ablation.md"]
    return run_script("ablate.py", "--corrected", default, "--experiments", *experiments, *outputs)


def test_the_ablation_by_hand(tmp_path):
    run = ablated(
        tmp_path,
        map_of(tmp_path, "default", 40, 50),
        map_of(tmp_path, "alone_none", 20, 10),
        map_of(tmp_path, "alone_loss_weights", 25, 15),
        map_of(tmp_path, "without_loss_weights", 38, 45),
        map_of(tmp_path, "alone_class_given", 20, 30),
    )
    assert run.returncode == 0, run.stderr

    def both(stage1: float, stage2: float) -> dict:
        return {"stage1": {"mean": stage1, "std": 0.5}, "stage2": {"mean": stage2, "std": 0.5}}

    result = json.loads((tmp_path / "ablation.json").read_text())
    assert result == {
        "dataset": "demo",
        "experiment": "default",
        "seeds": [0, 1],
        "tiou": [0.3, 0.7],
        "rows": {
            "none": {"alone": both(20, 10), "without": both(40, 50)},
            "loss_weights": {"alone": both(25, 15), "without": both(38, 45)},
            "class_given": {"alone": both(20, 30)},
        },
    }
    assert list(result["rows"]) == ["none", "loss_weights", "class_given"]
    header, _, *rows = (tmp_path / "ablation.md").read_text().splitlines()
    assert cells(header) == ["row", "alone: stage 1", "stage 2", "without: stage 1", "stage 2"]
    assert [cells(row) for row in rows] == [
        ["released alone / default, all together", "20.0 ± 0.5", "10.0 ± 0.5", "40.0 ± 0.5", "50.0 ± 0.5"],
        ["loss_weights", "25.0 ± 0.5", "15.0 ± 0.5", "38.0 ± 0.5", "45.0 ± 0.5"],
        ["class_given", "20.0 ± 0.5", "30.0 ± 0.5", "", ""],
    ]


@pytest.mark.parametrize(
    ("experiment", "other", "said"),
    [
        ("alone_none", {"seeds": [0]}, '"seeds" is [0]'),
        ("released", {}, "experiment 'released'"),
        ("default", {}, "of the ablation of default; expected alone_<row>"),
    ],
)
def test_an_ablation_of_what_does_not_belong_together(tmp_path, experiment, other, said):
    run = ablated(tmp_path, map_of(tmp_path, "default", 1, 2), map_of(tmp_path, experiment, 1, 2, **other))
    assert run.returncode == 1
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert not (tmp_path / "ablation.json").exists()


def test_the_ablation_trains_each_variant_once(tmp_path, config):
    jobs = planned(tmp_path, "results/demo/ablation.json")
    derived = [name for name, of in config.ablated().items() if of.experiment == "default"]
    chosen = [config.experiment(name) for name in ("default", *derived)]
    steps = [(e.stage1, e.proposals, e.stage2, e.detection) for e in chosen]
    distinct = [len({step[:length] for step in steps}) for length in (1, 2, 3, 4)]
    assert [jobs[rule] for rule in ("train_stage1", "propose_training", "train_stage2", "detect_stage2")] == [
        count + 1 for count in distinct
    ]  # and once without the videos that the default holds back
    assert jobs["gather"] == jobs["ablate"] == 1
    assert jobs["gather_experiment"] == 2 * len(config.ablation["default"]) + 1


def test_the_ablation_of_another_experiment(tmp_path, config):
    jobs = planned(tmp_path, "results/demo/lacp/ablation.json")
    rows = config.ablation["lacp"]
    of_stage1 = [row for row, steps in rows.items() if "stage1" in steps]
    assert jobs["train_stage1"] == 2 * len(of_stage1) + 2 and "train_stage2" not in jobs
    assert jobs["ablate_experiment"] == 1 and jobs["gather_experiment"] == 2 * len(rows) + 2


def test_the_ablation_of_one_stage_by_hand(tmp_path):
    paths = [
        map_of(tmp_path, name, mean, 0)
        for name, mean in (("lacp", 40), ("alone_lacp_none", 20), ("without_lacp_search", 38))
    ]
    for path in map(Path, paths):
        result = json.loads(path.read_text())
        del result["stages"]["stage2"]
        path.write_text(json.dumps(result))
    run = ablated(tmp_path, *paths)
    assert run.returncode == 0, run.stderr
    assert json.loads((tmp_path / "ablation.json").read_text())["experiment"] == "lacp"
    header, _, *rows = (tmp_path / "ablation.md").read_text().splitlines()
    assert cells(header) == ["row", "alone: stage 1", "without: stage 1"]
    assert [cells(row) for row in rows] == [
        ["released alone / lacp, all together", "20.0 ± 0.5", "40.0 ± 0.5"],
        ["search", "", "38.0 ± 0.5"],
    ]


def test_the_quality_of_the_reliable_proposals_belongs_to_every_stage_and_pick(tmp_path):
    experiments = ("map.json", "released/map.json", "floor/map.json")
    run = snakemake(tmp_path, "--dry-run", *(f"results/demo/{path}" for path in experiments))
    measured = re.findall(
        r"^    output: results/demo/(.*)/reliable-quality.json$", run.stdout + run.stderr, re.M
    )

    def folders(pick: str, variant: str) -> list[str]:
        stage1 = f"{pick}/seed0/stage1-{variant}/proposals-{variant}"
        return [stage1, f"{stage1}/stage2-{variant}/detection-{variant}"]

    floor = ["last/seed0/stage1-floor/proposals-default"]
    released = folders("last", "released") + folders("best-on-test", "released")
    assert sorted(measured) == sorted(folders("last", "default") + released + floor)


def test_an_ablation_without_rows_ends_with_one_line(tmp_path, raw_config):
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("workflow", "config"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    (tmp_path / "config/config.yaml").write_text(json.dumps(raw_config | {"ablation": None}))
    run = snakemake(tmp_path, "-s", tmp_path / "Snakefile", "--dry-run", "results/demo/ablation.json")
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("error: results/demo/ablation.json: `ablation.default`")


def result_of(tiou: list[float], name: str = "demo") -> dict:
    """A map.json of one stage."""
    over_all = f"{tiou[0]:g}:{tiou[-1]:g}"
    figures = {"mAP": [50.0] * len(tiou), "average": {over_all: 50.0}, "std": {over_all: 0.0}}
    result = {"dataset": name, "experiment": "default", "tiou": tiou, "seeds": [0]}
    return result | {"stages": {"stage1": {"last": figures}}}


def test_data_sets_of_other_thresholds_get_a_table_of_their_own(tmp_path):
    thresholds = ([0.1, 0.2], [0.5, 0.75, 0.95], [0.1, 0.2])
    paths = [
        written(tmp_path, f"{number}.json", result_of(tiou, f"d{number}"))
        for number, tiou in enumerate(thresholds)
    ]
    _, first, _, second = run_script("show.py", *paths).stdout.split("\n\n")
    assert [line.split("|")[1].strip() for line in first.splitlines()[2:]] == ["d0", "d2"]
    assert [line.split("|")[1].strip() for line in second.splitlines()[2:]] == ["d1"]


def test_a_table_with_what_counts_says_what_that_is(tmp_path):
    result = result_of([0.1, 0.25])
    assert "gated" not in run_script("show.py", written(tmp_path, "one.json", result)).stdout
    result["stages"]["gated"] = result["stages"]["stage1"]
    shown = run_script("show.py", written(tmp_path, "two.json", result)).stdout
    assert shown.splitlines()[0].endswith("gated: the last stage that counts by held-back training videos.")


def test_a_table_is_markdown_with_aligned_columns(tmp_path):
    shown = run_script("show.py", written(tmp_path, "map.json", result_of([0.1, 0.25]))).stdout.splitlines()
    _, _, header, rule, row = shown
    assert len(header) == len(rule) == len(row)
    assert cells(header) == ["data set", "experiment", "stage", "model", "0.1", "0.25", "0.1:0.25"]
    assert set(rule) == {"|", "-"}
    assert cells(row) == ["demo", "default", "stage1", "last", "50.0", "50.0", "50.0"]


def test_the_page_of_tables_has_the_cells_of_the_terminal(tmp_path):
    gathered(tmp_path, QUALITIES, [NOTHING, NOTHING])
    run = run_script("show.py", tmp_path / "gathered.json", "--html", tmp_path / "table.html")
    assert (run.returncode, run.stdout) == (0, "")
    page = (tmp_path / "table.html").read_text()
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", page)]
    shown = run_script("show.py", tmp_path / "gathered.json").stdout.splitlines()
    assert rows == [cells(line) for line in shown if line.startswith("| ")]
    assert page.count("<table") == 2 and "seeds 0, 1" in page
    assert "http:" not in page and "https:" not in page


def test_the_page_of_tables_escapes_the_names_of_users(tmp_path):
    name = '<script>alert("1")</script>'
    path = written(tmp_path, "map.json", result_of([0.5], name))
    assert run_script("show.py", path, "--html", tmp_path / "table.html").returncode == 0
    page = (tmp_path / "table.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_means_and_deviations_over_seeds_are_numpys(seeds):
    rng = np.random.default_rng(seeds)
    tiou = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    runs = [
        {"tiou": tiou, "mAP": rng.random(7).tolist(), "per_class": {"run": rng.random(7).tolist()}}
        for _ in range(seeds)
    ]
    result = aggregation.over_seeds(runs)
    values = np.array([run["mAP"] for run in runs])
    averages = values.mean(1)
    assert result["mAP"] == values.mean(0).tolist()
    assert result["per_class"]["run"] == np.mean([run["per_class"]["run"] for run in runs], axis=0).tolist()
    assert result["average"]["0.1:0.7"] == averages.mean()
    assert result["std"]["0.1:0.7"] == (averages.std(ddof=1) if seeds > 1 else 0.0)


def test_quality_that_some_seeds_do_not_know():
    runs = [QUALITIES[0], NOTHING, QUALITIES[1]]
    assert aggregation.quality_over_seeds(runs) == aggregation.quality_over_seeds(QUALITIES)
    nothing = dict.fromkeys(aggregation.QUALITY)
    assert aggregation.quality_over_seeds([]) == nothing | {"std": nothing}


def test_the_instance_that_holds_a_point():
    times, labels = [[0, 10], [4, 12], [4, 8], [20, 20]], ["a", "a", "b", "a"]
    assert instances.holding(times, labels, 6, "a") == 0  # of two the one whose centre is nearest
    assert instances.holding(times, labels, 7, "a") == 1
    assert instances.holding(times, labels, 6.5, "a") == 0  # as near: the first
    assert instances.holding(times, labels, 8, "b") == 2  # ends included
    assert instances.holding(times, labels, 20, "a") == 3
    assert instances.holding(times, labels, 6, "c") is None
    assert instances.holding([], [], 6, "a") is None
