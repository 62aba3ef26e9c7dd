"""What a fresh tester has found: each case with the words, or the value, that are right."""

import argparse
import ast
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml

import command_line
import run_plan
from conftest import ROOT, SCRIPTS, run_script, snakemake, unchanged_process
from hrpro import config, model_file, predict
from hrpro.data import annotations, conversion, layouts, orientation, points, readers, splits, training_points
from hrpro.detection import results
from hrpro.utils import files, interruption, names, options, progress
from hrpro.utils.errors import InputError

FILES = config.FeatureFiles()


@pytest.mark.parametrize("twice", ["video", "seconds", "class"])
def test_a_column_that_stands_twice_is_refused(twice, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(f"video,seconds,class,{twice}\nv,2.977,stir,5\n")
    with pytest.raises(InputError, match=f"points.csv: column '{twice}' stands twice; remove one"):
        points.read(path)


@pytest.mark.parametrize("cell", ["1_0.5", "١٢", "1_000", "٣.٥"])
def test_a_number_is_what_people_write(cell, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(f"video,seconds,class\nv,{cell},stir\nv,3,stir\n")
    rows = points.read(path)
    assert (len(rows.points), len(rows.faulty)) == (1, 1)
    assert annotations.to_number(cell) is None


@pytest.mark.parametrize("shape", [(-45, 16), (45, -16), (0, 16), (-1, -1)])
def test_an_array_has_snippets_and_channels(shape):
    with pytest.raises(InputError, match=r"x.npy: shape \(.*\); expected \(snippets, channels\)"):
        readers.check(readers.Header("x.npy", shape, np.dtype("float32")))


@pytest.mark.parametrize("score", ["nan", "2", "-0.1", "inf"])
def test_a_least_score_is_one(score):
    ran = run_script(
        "predict.py", "--model", "m", "--features", "f", "--output", "o.json", "--least-score", score
    )
    assert ran.returncode == 2
    assert ran.stderr.endswith(f"argument --least-score: {score}: expected a number from 0 to 1\n")


@pytest.mark.parametrize("read", ["annotations.json", "./detections.json", "../here/detections.json"])
def test_an_output_is_no_input(read, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    entry = {"subset": "test", "annotations": [{"label": "a", "segment": [1, 2]}]}
    (folder / "annotations.json").write_text(json.dumps({"database": {"v": entry}}))
    (folder / "detections.json").write_text('{"results": {}}')
    names = ("--annotations", folder / "annotations.json", "--detections", folder / "detections.json")
    ran = run_script("evaluate.py", *names, "--subset", "test", "--output", folder / read)
    assert ran.returncode == 1
    assert ran.stderr.endswith(": stands twice on the command line; give the output a name of its own\n")
    assert json.loads((folder / "detections.json").read_text()) == {"results": {}}


@pytest.mark.parametrize(
    "content",
    [
        {"dataset": "x", "stages": {"stage1": {"last": {}}}},
        {"stages": []},
        {"stages": {"stage1": None}},
        {"dataset": "x", "experiment": "e", "stages": {"stage1": {"last": {"mAP": [1], "average": 3}}}},
    ],
)
def test_another_file_is_no_table(content, tmp_path):
    path = tmp_path / "map.json"
    path.write_text(json.dumps(content))
    ran = run_script("show.py", path)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"error: {path}: not a map.json of hrpro (")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("target", "words"),
    [("", "an empty target: "), ("/nowhere/results/demo/map.json", "an absolute path; type it from")],
)
def test_a_target_that_the_shell_made_is_explained(target, words, tmp_path):
    ran = snakemake(tmp_path, "-n", "--", target)
    assert ran.returncode == 1
    assert words in ran.stderr and "Traceback" not in ran.stderr


# --- Ctrl-C while a script imports


@pytest.mark.parametrize(
    ("script", "module"),
    [
        ("show.py", "pandas"),
        ("train_stage1.py", "torch"),
        ("propose_training.py", "numpy"),
        ("extract_features.py", "numpy"),
        ("fetch.py", "pydantic"),
        ("predict.py", "torch"),
    ],
)
def test_ctrl_c_while_a_script_imports_is_one_line(script, module, tmp_path):
    text = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(20)\n"
    (tmp_path / f"{module}.py").write_text(text)
    command = [sys.executable, str(SCRIPTS / script)]
    ran = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(tmp_path)}
    )
    assert (ran.returncode, ran.stderr) == (130, "error: interrupted; run again\n")


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_what_takes_long_is_imported_after_hrpro(script):
    nodes = ast.parse((SCRIPTS / script).read_text()).body
    modules = [
        name.partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    ]
    others = {path.stem for path in SCRIPTS.glob("*.py")}  # of which the same holds
    assert next(name for name in modules if name not in sys.stdlib_module_names) in {"hrpro", *others}


def test_a_program_that_imports_hrpro_keeps_its_ctrl_c(monkeypatch):
    assert not interruption.is_script()
    before = signal.getsignal(signal.SIGINT)
    interruption.watch_imports()
    assert signal.getsignal(signal.SIGINT) is before
    for path in (SCRIPTS / "show.py", "/home/me/.venv/bin/hrpro-predict"):
        monkeypatch.setattr(sys.modules["__main__"], "__file__", str(path), raising=False)
        assert interruption.is_script()
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_IGN)  # as nohup has it
    monkeypatch.delattr(signal, "signal")
    interruption.watch_imports()


# --- copies of the scripts


def test_a_copy_on_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_bytes(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(OSError, match=r"No space left") as caught:
        run_plan.copied(SCRIPTS)
    assert Path(caught.value.filename).parent == tmp_path / run_plan.FOLDER
    assert list((tmp_path / run_plan.FOLDER).iterdir()) == []


def test_copies_that_no_run_uses_are_removed_after_a_day(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    copies = []
    for content in ("old", "in use", "new"):
        (scripts / "x.py").write_text(content)
        monkeypatch.setattr(run_plan, "keep", lambda path: None)
        copies.append(run_plan.copied(scripts))
    plan = tmp_path / run_plan.FOLDER / "plan-x"
    plan.write_text("")
    for path in (*copies[:2], plan):
        os.utime(path, (time.time() - 2 * run_plan.DAY,) * 2)
    with open(plan) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        lock = os.open(copies[1], os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_SH)
        run_plan.prune()
        assert [path.exists() for path in (*copies, plan)] == [False, True, True, True]
        os.close(lock)
    run_plan.prune()
    assert [path.exists() for path in (*copies, plan)] == [False, False, True, False]


# --- the configuration


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeds: [0]\nthreads: 2\nseeds: [1]\n", "mine.yaml: line 3: 'seeds' stands on line 1 too, in one"),
        (
            "datasets:\n  mine: {root: a}\n  other: {}\n  mine: {root: b}\n",
            "mine.yaml: line 4: 'mine' stands on line 2 too, in one object; join the two or remove one",
        ),
        ("a: [{b: 1}, {b: 1, 'b': 2}]\n", "mine.yaml: line 1: 'b' stands on line 1 too"),
        ("a: {1: x, 1: y}\n", "'1' stands on line 1 too"),
        ('{"seeds": [0], "seeds": [1]}', "mine.yaml: 'seeds' stands twice in one object"),
        ("a: &a {x: 1}\nb: {<<: *a, x: 2}\nc: *a\n", None),
        ("a: {<<: {x: 1}, <<: {y: 1}}\n", None),
        ('{"seeds": [0], "threads": 1}', None),
        ("a: {x: 1}\nb: {x: 1}\n", None),
        ("", None),
    ],
)
def test_a_key_that_stands_twice_is_told(text, words, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    said = command_line.repeated_key(path)
    assert said is None if words is None else words in said


def test_aliases_cost_nothing_there(tmp_path):
    lines = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20))]
    (tmp_path / "mine.yaml").write_text("\n".join(lines))
    assert command_line.repeated_key(tmp_path / "mine.yaml") is None


@pytest.mark.parametrize("as_module", [False, True])
def test_a_key_that_stands_twice_stops_the_plan(as_module, tmp_path):
    (tmp_path / "mine.yaml").write_text("threads: 2\nthreads: 3\n")
    if as_module:
        text = f"""configfile: "mine.yaml"
module hrpro:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: config
use rule * from hrpro
"""
        (tmp_path / "Snakefile").write_text(text)
        ran = snakemake(tmp_path, "-n", "--", "results/demo/map.json", snakefile=tmp_path / "Snakefile")
    else:
        ran = snakemake(tmp_path, "-n", "--configfile", "mine.yaml", "--", "results/demo/map.json")
    assert ran.returncode == 1
    assert "mine.yaml: line 2: 'threads' stands on line 1 too" in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr


ENTRY = "{root: a, snippet: {frames: 16, fps: 25}}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"datasets: {{2024: {ENTRY}}}", "datasets: the key 2024 is a number to YAML; write it in quotes"),
        (
            f"datasets: {{yes: {ENTRY}}}",
            "datasets: the key True is null, true or false (as ~, yes, no, on and off are)",
        ),
        (f"datasets: {{2024-05-01: {ENTRY}}}", "datasets: the key 2024-05-01 is a date to YAML"),
        (f"datasets: {{1.5: {ENTRY}}}", "datasets: the key 1.5 is a number"),
        (f"datasets: {{~: {ENTRY}}}", "datasets: the key None is null, true"),
        ("predict: {1: a}", "predict: the key 1 is a number"),
        ("copies: {no: {seed: 1}}", "copies: the key False is null, true or false"),
        ("variants: {stage1: {1: {}}}", "variants.stage1: the key 1 is a number"),
        ("ablation: {default: {7: {stage1: [width]}}}", "ablation.default: the key 7 is a number"),
        ("settings: {stage1: {on: 1}}", "settings.stage1: the key True is null, true"),
        ("settings: {1: {}}", "settings: the key 1 is a number"),
        ("12: 3", "configuration: the key 12 is a number"),
        (
            f"datasets: {{a: {ENTRY[:-1]}, settings: {{1: {{}}}}}}}}",
            "datasets.a.settings: the key 1 is a number",
        ),
        (
            f"datasets: {{a: {ENTRY[:-1]}, variants: {{stage1: {{1: {{}}}}}}}}}}",
            "variants.stage1: the key 1 is a",
        ),
        (f"datasets: {{a: {ENTRY[:-1]}, exclude: [7, b]}}}}", "datasets.a.exclude.0: 7 is a number to YAML"),
        (
            f"datasets: {{a: {ENTRY[:-1]}, annotations: {{test: [no]}}}}}}",
            "test.0: False is null, true or false",
        ),
        (f"datasets: {{a: {ENTRY[:-1]}, names: {{prefix: 01}}}}}}", "names.prefix: 1 is a number"),
        ("datasets: {a: {root: 7, snippet: {frames: 16, fps: 25}}}", "datasets.a.root: 7 is a number"),
    ],
)
def test_what_yaml_takes_for_something_else_goes_in_quotes(text, words):
    with pytest.raises(InputError) as caught:
        config.parse(config.Config, yaml.safe_load(text))
    assert str(caught.value).startswith("configuration: ") and words in str(caught.value)
    assert str(caught.value).endswith("; write it in quotes")


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://a:port/x", "http://a:99999/x", "ftp://a/x", "http://", "http://[x]/y", "x"]
)
def test_an_address_that_is_none_is_told_with_its_key(url):
    with pytest.raises(InputError, match=r"url: expected http://... or https://"):
        config.parse(config.Remote, {"url": url, "sha256": "unknown", "to": "x"})


@pytest.mark.parametrize(
    ("name", "known", "setting"),
    [
        ("x", "1_x", 'prefix: "1_"'),
        ("x", "x: a", 'suffix: ": a"'),
        ("x", "x #1", 'suffix: "#1"'),
        ("x", "[a] x", 'prefix: "[a] "'),
        ("x", "x, y", 'suffix: ", y"'),
        ("x", "-x", 'prefix: "-"'),
        ("x", "v_x.mp4", "prefix: v_, suffix: .mp4"),
        ("clip", "clip_" + "y" * 20, None),
        ("a", "the whole film of " + "b" * 9 + " a", None),
    ],
)
def test_the_setting_that_a_message_advises_works(name, known, setting):
    said = names.hint(name, [known])
    if setting is None:
        assert said == f"; there is {known!r}"
        return
    advised = yaml.safe_load(said.split("`")[1])["names"]
    assert config.parse(config.VideoNames, advised).of(known) == name


# --- points and ambiguous segments


GOOD = "v,1.5,stir\nw,2,pour\n"


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("Video,Seconds,CLASS\n" + GOOD, []),
        (" video , seconds , class \n" + GOOD, []),
        ('# made by me\n\n# "a quote\nvideo,seconds,class\n' + GOOD, []),
        ("# video,seconds,class\n" + GOOD, []),
        ("#Video;Seconds;Class\n" + GOOD.replace(",", ";"), []),
        ("# points, of me, and you, and all\n" + GOOD, []),
        ("video,seconds,class\nv,1.5,stir\nvideo,seconds,class\nw,2,pour\n", [3]),
        ("video,seconds,class\nv,1.5,stir\n\ufeffVideo,Seconds,Class\r\nw,2,pour\n", [3]),
        ("v,1.5,stir\nvideo,seconds,class\nw,2,pour\nvideo,seconds,class\n", [2, 4]),
        ("class,note,seconds,video\nstir,a,1.5,v\nclass,note,seconds,video\npour,,2,w\n", [3]),
        ("v,1.5,stir\n\ufeffw,2,pour\n", []),
    ],
)
def test_headers_as_people_have_them(text, headers, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(text)
    rows = points.read(path)
    assert rows.points[["video", "seconds", "label"]].values.tolist() == [
        ["v", 1.5, "stir"],
        ["w", 2.0, "pour"],
    ]
    assert rows.headers == headers and len(rows.faulty) == 0


def test_a_column_in_another_case_twice_is_refused(tmp_path):
    (tmp_path / "points.csv").write_text("video,seconds,class,Class\nv,1,a,b\n")
    with pytest.raises(InputError, match=r"column 'class' stands twice"):
        points.read(tmp_path / "points.csv")


def test_columns_that_are_none_are_named(tmp_path):
    (tmp_path / "points.csv").write_text("film,time,label\nv,1,a\n")
    with pytest.raises(InputError, match=r"no column 'class' among 'film', 'time', 'label'; expected"):
        points.read(tmp_path / "points.csv")


def write_data_set(root: Path, table: str = "video,seconds,class\nv,1.5,stir\n") -> Path:
    """A data set of a training video v and a test video w, of 10 s."""
    entry = {"duration": 10, "annotations": [{"label": "stir", "segment": [1, 2]}]}
    database = {"v": entry | {"subset": "train"}, "w": entry | {"subset": "test"}}
    root.mkdir(exist_ok=True)
    (root / "annotations.json").write_text(json.dumps({"database": database}))
    (root / "points.csv").write_text(table)
    return root


def test_a_header_that_stands_again_is_told_once(tmp_path, out):
    root = write_data_set(tmp_path / "d", "video,seconds,class\nv,1.5,stir\nvideo,seconds,class\n")
    ran = run_script("convert_points.py", "--root", root, "--points", out / "points.json")
    assert ran.returncode == 0
    assert ran.stderr.count("passed over the header where it stands again (line 3)") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w 1 2\n", [[1, 2]]),
        ("video start end\nw 1 2\n", [[1, 2]]),
        ("# of mine\nw, 1, 2\n", [[1, 2]]),
        ("\ufeffVideo;Start;End\nw;1;2\n", [[1, 2]]),
        (
            "w,1,5,2,5\n",
            "line 1: 'w,1,5,2,5'; expected: video start end, in seconds with decimals after a point",
        ),
        ("w 1,5 2,5\n", "line 1: 'w 1,5 2,5'; expected"),
        ("w;1;2;stir\n", "line 1: 'w;1;2;stir'; expected"),
        ("w,stir,1,2\n", "line 1: 'w,stir,1,2'; expected"),
        ("w,1,2,0.9\n", "line 1: 'w,1,2,0.9'; expected"),
        ("w\t1\n", "line 1: 'w\\t1'; expected"),
        ("w 1_0 2_0\n", "expected"),
    ],
)
def test_lines_of_ambiguous_segments(text, expected, tmp_path):
    root, path = write_data_set(tmp_path / "d"), tmp_path / "ambiguous.txt"
    path.write_text(text)
    contents = splits.read(root)
    if isinstance(expected, str):
        with pytest.raises(InputError) as caught:
            conversion.annotate(contents, "test", ambiguous=path)
        assert expected in str(caught.value)
    else:
        assert conversion.annotate(contents, "test", ambiguous=path)["w"]["ambiguous"] == expected


@pytest.mark.parametrize(
    ("ambiguous", "place"), [("a.txt", "/data/a.txt"), ("/b/a.txt", "/b/a.txt"), (None, "None")]
)
def test_the_list_of_ambiguous_segments_lies_under_the_root(ambiguous, place):
    values = {"root": "/data", "snippet": {"frames": 16, "fps": 25}, "ambiguous": ambiguous}
    assert str(config.parse(config.Dataset, values).ambiguous_file) == place


# --- features


def save(path: Path, *shape: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.zeros(shape, np.float32))
    return path


def streams(folder: Path, **lengths: tuple[int, int]) -> dict:
    """The oriented sources of videos with so many snippets of rgb and of flow, 32 channels each."""
    for video, (rgb, flow) in lengths.items():
        save(folder / "rgb" / f"{video}.npy", rgb, 32)
        save(folder / "flow" / f"{video}.npy", flow, 32)
    return orientation.orient(layouts.of_folder(folder, FILES), FILES)


@pytest.mark.parametrize("flow", [38, 39, 41, 42])
def test_streams_may_differ_by_two_snippets(flow, tmp_path):
    sources, shapes = streams(tmp_path, v=(40, flow), w=(50, 50))
    assert shapes == {"v": (min(40, flow), 64), "w": (50, 64)}
    features, _ = readers.read(sources["v"])
    assert features.shape == shapes["v"]


@pytest.mark.parametrize(
    "videos", [{"v": (40, 43), "w": (50, 50)}, {"a": (50, 50), "v": (40, 43), "w": (20, 20)}]
)
def test_streams_that_differ_more_are_named(videos, tmp_path):
    with pytest.raises(InputError) as caught:
        streams(tmp_path, **videos)
    rgb, flow = tmp_path / "rgb/v.npy has shape (40, 32)", tmp_path / "flow/v.npy has shape (43, 32)"
    assert str(caught.value) == f"{rgb} and {flow}: of different lengths; extract both with the same stride"


def test_where_all_streams_differ_alike_nothing_is_guessed(tmp_path):
    with pytest.raises(InputError, match=r"64 or 83 channels"):
        streams(tmp_path, v=(40, 43), w=(40, 43))


def h5(path: Path, build) -> Path:
    with h5py.File(path, "w") as file:
        build(file)
    return path


def loop(file: h5py.File) -> None:
    file["v/features"] = np.zeros((9, 4), np.float32)
    file["group/again"] = h5py.SoftLink("/group")


def hard_loop(file: h5py.File) -> None:
    file["group/w"] = np.zeros((9, 4), np.float32)
    file["group/inner/again"] = file["group"]


def own_link(file: h5py.File) -> None:
    file["v"] = h5py.SoftLink("/v")


def groups_of_two(file: h5py.File) -> None:
    for video in ("v", "w"):
        file[f"{video}/a"] = file[f"{video}/b"] = np.zeros((9, 4), np.float32)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (loop, "f.h5: again: a link to a group that it lies in; remove it"),
        (hard_loop, "f.h5: again: a link to a group that it lies in; remove it"),
        (own_link, "f.h5: v: a link to /v, which is not there"),
        (
            groups_of_two,
            "f.h5: 2 arrays called a, in v, w; a video has one array, named as it, or a group of",
        ),
    ],
)
def test_hdf5_files_that_are_not_damaged(build, words, tmp_path):
    path = h5(tmp_path / "f.h5", build)
    with pytest.raises(InputError) as caught:
        readers.files_behind(path)
        layouts.of_folder(path, FILES)
    assert words in str(caught.value)


def test_types_in_hdf5_are_no_videos(tmp_path):
    def build(file: h5py.File) -> None:
        file["kind"] = np.dtype("f4")
        file["group/v"] = np.zeros((9, 4), np.float32)
        file["group/kind"] = np.dtype("f4")

    assert [*layouts.of_folder(h5(tmp_path / "f.h5", build), FILES)] == ["v"]


def test_groups_behind_external_links_are_read(tmp_path):
    def target(file: h5py.File) -> None:
        file["deep/v"] = np.ones((9, 4), np.float32)

    h5(tmp_path / "other.hdf5", target)
    path = h5(
        tmp_path / "f.h5", lambda file: file.update({"train": h5py.ExternalLink("other.hdf5", "/deep")})
    )
    [source] = layouts.of_folder(path, FILES).values()
    features, _ = readers.read(source._replace(by_columns=False))
    assert features.tolist() == np.ones((9, 4)).tolist()


def test_a_file_that_is_being_written_is_not_damaged(tmp_path):
    path = tmp_path / "f.h5"
    text = f"""import h5py, os
file = h5py.File({str(path)!r}, "w", libver="latest")
file["v"] = [[1.0]]
file.swmr_mode = True
file.flush()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", text], check=True)
    with pytest.raises(
        InputError, match=r"f.h5: another program writes to it, or ended before it closed it; "
    ):
        layouts.of_folder(path, FILES)


def missing(root: Path, name: str, make) -> str:
    """What is said where `make` makes a file or so in place of v.npy; there is a w.npy."""
    save(root / "features/w.npy", 9, 4)
    make(root / "features" / name)
    with pytest.raises(InputError) as caught:
        layouts.of_splits(root, FILES, {"train": ["v"], "test": ["w"]})
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("v.npy", Path.mkdir, "v.npy: not a regular file; put it there"),
        ("v.npy", os.mkfifo, "v.npy: not a regular file; put it there"),
        (
            "v.npy",
            lambda path: path.symlink_to("gone/v"),
            "v.npy: a link to gone/v, which is not a file; put",
        ),
        ("v.npy.gz", Path.touch, "v.npy: no such file, but v.npy.gz; put it there"),
        ("V.NPY", Path.touch, "v.npy: no such file, but V.NPY; put it there"),
        ("v.pt", Path.touch, "v.npy: no such file, but v.pt; put it there"),
        ("v1.npy", Path.touch, "v.npy: no such file; put it there"),
    ],
)
def test_what_lies_in_place_of_features_is_said(name, make, words, tmp_path):
    assert words in missing(tmp_path, name, make)


@pytest.mark.parametrize("name", ["v.npy.gz", "v.NPY", "v.pt", "train/v.mat"])
def test_files_in_no_layout_are_named(name, tmp_path):
    path = tmp_path / "features" / name
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(InputError, match=f"it holds {name}; name the folder or file"):
        layouts.of_splits(tmp_path, FILES, {"train": ["v"], "test": ["w"]})


def test_of_new_videos_no_entry_is_spoken(tmp_path):
    with pytest.raises(InputError, match=r"it holds no file; name the folder or file that has them$"):
        layouts.of_folder(tmp_path, FILES)
    np.save(tmp_path / "all.npy", np.array([np.zeros((2, 2)), None], object), allow_pickle=True)
    with pytest.raises(InputError, match=r"all.npy: pickled, .*; save each video's as .npy"):
        layouts.of_folder(tmp_path / "all.npy", FILES)


# --- detections and models


@pytest.mark.parametrize(
    ("video", "label"), [(" v", "stir"), ("e\u0301", "stir "), ("v", "cre\u0300me"), ("v", 3), ("v", 3.0)]
)
def test_names_in_detections_have_their_one_form(video, label, tmp_path):
    path = tmp_path / "detections.json"
    row = {"segment": [5, 4], "label": label, "score": 1}  # the released program makes such
    path.write_text(json.dumps({"results": {video: [row, row | {"label": None}, row | {"label": True}]}}))
    [(read, segments)] = results.read(path, ["stir", "crème", "3"]).items()
    assert read == names.clean(video)
    assert segments.labels.tolist() == [["stir", "crème", "3"].index(names.class_of(label)), -1]


def test_a_video_twice_in_detections_is_refused(tmp_path):
    path = tmp_path / "detections.json"
    path.write_text('{"results": {"v": [], "v ": []}}')
    with pytest.raises(InputError, match=r"detections.json: video 'v' stands twice"):
        results.read(path, ["stir"])


def evaluate(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Evaluate a detection of each video, right, of which one is called a, 1."""
    entry = {"subset": "Test", "duration": 10, "annotations": [{"label": "stir", "segment": [1, 2]}]}
    videos = ["a, 1", "b", "c"]
    for name, content in (
        ("annotations", {"database": dict.fromkeys(videos, entry)}),
        ("detections", {"results": {v: [{"segment": [1, 2], "label": "stir", "score": 1}] for v in videos}}),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    files = ("--annotations", folder / "annotations.json", "--detections", folder / "detections.json")
    return run_script("evaluate.py", *files, *arguments)


@pytest.mark.parametrize("subset", ["TEST", "test", " Test "])
@pytest.mark.parametrize("exclude", ["", '"a, 1"', 'b,"a, 1", ', "c"])
def test_subsets_in_any_case_and_names_with_commas(subset, exclude, tmp_path):
    ran = evaluate(tmp_path, "--subset", subset, "--exclude", exclude)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "mAP at tIoU 0.1: 100.00 %" in ran.stdout


@pytest.mark.parametrize(
    ("subset", "exclude", "words"),
    [
        ("test", '"a, 1",b,c', "annotations.json: all videos to score with are excluded; leave one"),
        ("tset", "", "annotations.json: no video of subset 'tset'; the file has 'Test'"),
    ],
)
def test_what_leaves_nothing_to_score_with(subset, exclude, words, tmp_path):
    ran = evaluate(tmp_path, "--subset", subset, "--exclude", exclude)
    assert ran.returncode == 1 and len(ran.stderr.splitlines()) == 1
    assert words in ran.stderr


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        "text",
        5,
        {"facts": 1},
        {"facts": "{}", "settings": "{}", "state": {}},
        torch.zeros(3),
        {"stage1": {}, "stage2": None, "settings": "{}"},
        {"facts": "[]", "settings": "[]", "state": []},
        {},
        None,
        {1: 2},
    ],
)
def test_another_model_file_is_told_in_words_of_ours(content, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(content, path)
    for load in (lambda: model_file.load(path, "stage1"), lambda: predict.load(path, "cpu")):
        with pytest.raises(InputError) as caught:
            load()
        message = str(caught.value)
        assert message.startswith(f"{path}: ") and "\n" not in message
        assert not any(word in message for word in ("object", "sequence", "attribute", "NoneType", "Tensor"))


@pytest.mark.parametrize("script", ["convert_points.py", "convert_annotations.py"])
def test_features_of_another_data_set_are_told(script, tmp_path, out, demo_data):
    features = tmp_path / "features.h5"
    arguments = ("--settings", '{"dtype": "float32"}', "--frames", 16, "--fps", 25, "--split", "train")
    run_script(
        "convert_features.py", "--root", demo_data, *arguments, "--output", features
    ).check_returncode()
    root = write_data_set(tmp_path / "d")
    content = json.loads((root / "annotations.json").read_text())
    del content["database"]["v"]["duration"]
    (root / "annotations.json").write_text(json.dumps(content))
    kind = ("--points",) if script == "convert_points.py" else ("--split", "train", "--annotations")
    ran = run_script(script, "--root", root, "--features", features, *kind, out / "x.json")
    assert (ran.returncode, list(out.iterdir())) == (1, [])
    assert ran.stderr.startswith(f"error: {features}: has no features of 'v', whose length nothing else says")


# --- files of hrpro's own, and options


GOOD_POINTS = {"classes": ["a", "b"], "videos": {"v": [{"label": "a", "seconds": 1.5}]}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": {}}, '"classes" is not a list of names'),
        ({"classes": [None]}, '"classes" is not a list of names'),
        ({"classes": ["a", "a"]}, '"classes" is not a list of names'),
        ({"videos": []}, '"videos" is not an object'),
        ({"videos": {"v": None}}, "'v': expected a list of"),
        ({"videos": {"v": [{"label": "c", "seconds": 1}]}}, "'v': expected a list of"),
        ({"videos": {"v": [{"label": [], "seconds": 1}]}}, "'v': expected a list of"),
        ({"videos": {"v": [{"label": "a", "seconds": float("nan")}]}}, "'v': expected a list of"),
        ({"videos": {"v": [{"label": "a", "seconds": True}]}}, "'v': expected a list of"),
        ({"videos": {}}, "no video 'v', of which there are features; make both again"),
    ],
)
def test_another_points_file_is_told(change, words, tmp_path):
    path = tmp_path / "points.json"
    path.write_text(json.dumps(GOOD_POINTS))
    assert training_points.read(path, ["v"]) == (GOOD_POINTS["classes"], GOOD_POINTS["videos"], [])
    path.write_text(json.dumps(GOOD_POINTS | change))
    with pytest.raises(InputError) as caught:
        training_points.read(path, ["v"])
    assert str(caught.value).startswith(f"{path}: {words}")


EVALUATED = {"tiou": [0.5], "mAP": [50.0], "per_class": {"a": [50.0]}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mAP": None}, "not a file of hrpro's ("),
        ({"mAP": [float("nan")]}, "not a file of hrpro's ("),
        ({"per_class": []}, "other classes or thresholds than in "),
        ({"per_class": {"b": [50.0]}}, "other classes or thresholds than in "),
    ],
)
def test_evaluations_that_do_not_fit_are_told(change, words, tmp_path, out):
    paths = [tmp_path / "0.json", tmp_path / "1.json"]
    for path, content in zip(paths, (EVALUATED, EVALUATED | change), strict=True):
        path.write_text(json.dumps(content))
    names = ("--dataset", "d", "--experiment", "e", "--seeds", 0, 1, "--output", out / "map.json")
    ran = run_script("gather.py", *names, "--stage1-last", *paths)
    assert (ran.returncode, list(out.iterdir())) == (1, [])
    assert ran.stderr.startswith(f"error: {paths[1]}: {words}") and len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "text"),
    [("seed", "-1"), ("seed", "9" * 20), ("threads", "0"), ("threads", "-3"), ("batch", "0")],
)
def test_a_number_out_of_bounds_is_refused(option, text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"{text}: expected a number from "):
        getattr(options, option)(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", []), ("a, b ,", ["a", "b"]), ('"a, 1", b', ["a, 1", "b"]), ("e\u0301", ["é"]), (" ", [])],
)
def test_names_of_an_option(text, expected):
    assert options.names(text) == expected


def test_names_of_an_option_stand_on_one_line():
    with pytest.raises(argparse.ArgumentTypeError, match="expected names, a,b"):
        options.names("a\nb")


def test_an_output_has_a_name():
    with pytest.raises(InputError, match="expected the name of a file"), files.atomic(""):
        pass


def test_a_link_to_itself_is_no_fault_of_ours(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    ran = run_script(
        "evaluate.py", "--annotations", loop, "--detections", loop, "--subset", "x", "--output", loop
    )
    assert ran.returncode == 1 and len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("text", ["# of mine\nv\nw\n", "video\nv\nw\n", "\n# a\nVideo_ID\nv\n# b\nw\n"])
def test_a_list_may_have_a_header_and_comments(text, tmp_path):
    (tmp_path / "split_train.txt").write_text(text)
    assert splits.read_list(tmp_path / "split_train.txt", config.VideoNames()) == (["v", "w"], [])


def test_the_first_line_of_excel_is_no_header(tmp_path):
    (tmp_path / "points.csv").write_text("sep=;\nvideo;seconds;class\nv;3;a\n")
    assert points.read(tmp_path / "points.csv").points["seconds"].tolist() == [3.0]


@pytest.mark.parametrize("cells", [1001, 10**6])
def test_a_line_without_end_is_refused_at_once(cells, tmp_path):
    (tmp_path / "points.csv").write_text("video,seconds,class\nv,3,a" + "," * (cells - 3) + "\n")
    with pytest.raises(InputError, match=f"points.csv: a line of {cells} cells; expected at most 1000"):
        points.read(tmp_path / "points.csv")


def test_a_group_of_a_video_may_say_more(tmp_path):
    def build(file: h5py.File) -> None:
        for video in ("v", "w"):
            file[f"train/{video}/features"] = np.ones((9, 4), np.float32)
            file[f"train/{video}/fps"] = 25.0

    found = layouts.of_folder(h5(tmp_path / "f.h5", build), FILES)
    assert [*found] == ["v", "w"]
    assert [header.shape for header in readers.headers(found["v"])] == [(9, 4)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, not the file itself"),
        (b"\n<!DOCTYPE html><html>", "a web page, not the file itself; download it again"),
        (b"\x1f\x8b\x08\x00", "compressed by gzip; unpack it"),
        (b"PK\x03\x04", "a zip archive; call it .npz"),
        (b"1 2 3\n", "damaged or not in .npy format; copy it again"),
        (b"", "damaged or not in .npy format; copy it again"),
    ],
)
def test_what_is_called_npy_is_said(content, words, tmp_path):
    (tmp_path / "v.npy").write_bytes(content)
    with pytest.raises(InputError) as caught:
        readers.headers(readers.Source((tmp_path / "v.npy",)))
    assert str(caught.value).startswith(f"{tmp_path / 'v.npy'}: {words}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ambiguous": 7}, '"ambiguous" is 7; expected [[start, end], ...] in seconds'),
        ({"ambiguous": [[1]]}, '"ambiguous" is [[1]]; expected'),
        ({"ambiguous": [["a", "b"]]}, "expected [[start, end], ...]"),
        ({"ambiguous": "1 2"}, "\"ambiguous\" is '1 2'; expected"),
        ({"ambiguous": {"a": 1}}, "\"ambiguous\" is {'a': 1}; expected"),
        ({"ambiguous": [[1, 2, 3]]}, '"ambiguous" is [[1, 2, 3]]; expected'),
        ({"ambiguous": [[5, 3]]}, "in seconds, start < end"),
        ({"ambiguous": [[float("nan"), 2]]}, "in seconds, start < end"),
        ({"duration": None}, 'no "subset" or no "duration"'),
        ({"subset": 3}, 'no "subset" or no "duration"'),
    ],
)
def test_another_annotations_file_is_told(change, words, tmp_path):
    entry = {"subset": "train", "duration": 9, "annotations": [], "ambiguous": [[1, 2]]}
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps({"database": {"v": entry}}))
    assert annotations.read_database(path) == {"v": entry}
    path.write_text(json.dumps({"database": {"v": entry | change}}))
    with pytest.raises(InputError) as caught:
        annotations.read_database(path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        "null",
        "[]",
        "{}",
        "5",
        '{"seeds": [0]}',
        '{"seeds": [0], "exclude": [], "videos": "", "experiments": {}}',
        '{"seeds": [0], "exclude": [], "videos": "", "experiments": {"e": {}}}',
        '{"seeds": "0", "exclude": [], "videos": 3, "experiments": []}',
    ],
)
def test_settings_of_a_report_are_complete(settings, tmp_path):
    path = tmp_path / "annotations.json"
    names = ("--name", "d", "--annotations", path, path, "--points", path, "--html", "h", "--json", "j")
    ran = run_script("write_report.py", *names, "--settings", settings)
    assert (ran.returncode, len(ran.stderr.splitlines())) == (1, 1)
    assert ran.stderr.startswith("error: configuration: ")


# --- outputs


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, "o: not a regular file; an output has to be a file, name another one"),
        (Path.mkdir, "o: is a folder; name a file in it"),
        (lambda path: path.symlink_to(os.devnull), "o: not a regular file; an output has to be a file"),
    ],
)
def test_an_output_takes_the_place_of_files_alone(make, words, tmp_path):
    make(tmp_path / "o")
    for write in (lambda path: files.write_text(path, "x"), progress.start):
        with unchanged_process(), pytest.raises(InputError, match=words):
            write(tmp_path / "o")
    assert [path.name for path in tmp_path.iterdir()] == ["o"]


def test_an_output_below_a_file_and_one_too_long_are_told_by_their_names(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/o: .*file is not a folder"):
        files.write_text(tmp_path / "file" / "o", "x")
    with pytest.raises(OSError) as caught:
        files.write_text(tmp_path / ("o" * 250), "x")
    assert caught.value.filename == str(tmp_path / ("o" * 250))


@pytest.mark.parametrize("option", ["--labels", "--log"])
@pytest.mark.parametrize("spell", ["p.json", "./p.json", "link.json"])
def test_no_output_takes_the_place_of_an_input(option, spell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = json.dumps(GOOD_POINTS)
    Path("p.json").write_text(text)
    Path("link.json").hardlink_to("p.json")
    other = [] if option == "--labels" else ["--labels", "l.json"]
    ran = run_script("label_videos.py", "--points", "p.json", *other, option, spell)
    assert ran.returncode == 1 and "stands twice on the command line" in ran.stderr
    assert Path("p.json").read_text() == text and not Path("l.json").exists()


@pytest.mark.parametrize("fails", [lambda path: 1 / 0, lambda path: files.write_json(path, float("nan"))])
def test_of_several_outputs_all_are_written_or_none(fails, tmp_path):
    with pytest.raises((ValueError, ZeroDivisionError)), files.together():
        files.write_text(tmp_path / "a", "new")
        fails(tmp_path / "b")
    assert list(tmp_path.iterdir()) == []
    with files.together():
        files.write_text(tmp_path / "a", "new")
        files.write_text(tmp_path / "b", "new")
        assert not (tmp_path / "a").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


# --- files of hrpro's own that somebody has changed

FIGURES = {"mAP": [50.0], "average": {"0.5": 50.0}, "std": {"0.5": 0.0}}
MAP = {
    "dataset": "d",
    "experiment": "default",
    "tiou": [0.5],
    "seeds": [0],
    "stages": {"stage1": {"last": FIGURES}},
}


@pytest.mark.parametrize(
    "change",
    [
        {"experiment": ["alone_none"]},
        {"seeds": "0"},
        {"stages": {"stage1": {"last": FIGURES | {"average": {"0.5": "50"}}}}},
        {"stages": {"stage1": {"last": FIGURES | {"std": {"0.5": float("nan")}}}}},
    ],
)
def test_a_changed_map_is_told_before_anything_is_written(change, tmp_path, out):
    for name, content in (("c", MAP), ("e", MAP | {"experiment": "alone_none"} | change)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    names = ("--output", out / "a.json", "--markdown", out / "a.md")
    ran = run_script(
        "ablate.py", "--corrected", tmp_path / "c.json", "--experiments", tmp_path / "e.json", *names
    )
    assert (ran.returncode, list(out.iterdir()), len(ran.stderr.splitlines())) == (1, [], 1)
    assert "e.json: not a map.json of hrpro (" in ran.stderr


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({1: torch.zeros(2)}, "not tensors by name"),
        ({"a": 3}, "not tensors by name"),
        ({"a": torch.zeros(2, dtype=torch.complex64)}, "'a' are not a dense tensor of real floats"),
        ({"a": torch.zeros(2, dtype=torch.int8)}, "'a' are not a dense tensor"),
        ({"a": torch.zeros(2, 2).to_sparse()}, "'a' are not a dense tensor"),
        ({"a": torch.quantize_per_tensor(torch.zeros(2), 1.0, 0, torch.qint8)}, "'a' are not a dense tensor"),
        ({}, "no weights"),
    ],
)
def test_weights_are_real_floats(state, words):
    with pytest.raises(InputError, match=words):
        model_file.require_weights(state)


def test_a_cell_less_line_of_ambiguous_segments_is_read_at_once(tmp_path):
    path = tmp_path / "ambiguous.txt"
    path.write_text("video start end\nv 1 2\nfilm, two;3\t4\nv" + "," * 30_000 + "1\n")
    faults = annotations.Faults("leave_out")
    began = time.process_time()
    known = ["v", "film, two"]
    read = annotations.read_ambiguous(path, config.VideoNames(), faults, videos=known, known=known)
    assert read == {"v": [[1.0, 2.0]], "film, two": [[3.0, 4.0]]}
    assert time.process_time() - began < 1


# --- what reads as something else


@pytest.mark.parametrize(
    ("text", "videos"),
    [
        ("#1,5,pour\n#2,6,stir\n", ["#1", "#2"]),
        ("#1;5;pour\nv;6;stir\n", ["#1", "v"]),
        ("# v,5,pour\nw,6,stir\n", ["w"]),
        ("#v,5,pour,mine\nw,6,stir\n", ["w"]),
    ],
)
def test_a_line_that_reads_as_a_point_is_one(text, videos, tmp_path):
    (tmp_path / "points.csv").write_text(text)
    assert points.read(tmp_path / "points.csv").points["video"].tolist() == videos


@pytest.mark.parametrize("gap", ["\f", "\v", "\x1c", "\u2028"])
def test_a_line_ends_where_a_line_ends(gap, tmp_path):
    (tmp_path / "points.csv").write_text(f"video,seconds,class,note\nv,3,a,x{gap}y\nw,x,a,\n")
    read = points.read(tmp_path / "points.csv")
    assert (read.points["at"].tolist(), read.faulty["at"].tolist()) == (["line 2"], ["line 3"])
    (tmp_path / "points.csv").write_text(f'video,seconds,class\nv,3,a{gap}\nw,4,"a\n')
    with pytest.raises(InputError, match=r"points.csv: line 3: .*; correct the quotes"):
        points.read(tmp_path / "points.csv")


@pytest.mark.parametrize("line", ["v,w", "v w", "v; w"])
def test_a_list_has_a_video_per_line(line, tmp_path):
    root = write_data_set(tmp_path)
    (root / "split_train.txt").write_text(f"{line}\n")
    (root / "split_test.txt").write_text("w\n")
    with pytest.raises(InputError, match=r"more than a video on its line of split_train.txt; write"):
        splits.read(root)


@pytest.mark.parametrize("segment", [[0, 1e308], [-1e9, 2], [1e12, 2e12]])
def test_no_detection_is_a_century_away(segment, tmp_path):
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"results": {"v": [{"segment": segment, "label": "a", "score": 1}]}}))
    with pytest.raises(InputError, match=r"v: detection 1: .* NaN, infinite or over 1e\+09 s; remove it"):
        results.read(path, ["a"])


@pytest.mark.parametrize("name", ["v\x1b[31m", "v\ud800", "v\nw"])
def test_names_in_warnings_are_printable(name, tmp_path, caplog):
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"results": {name: []}}))
    list(results.read_scored(path, ["a"], ["x"], subset="test", exclude=[]))
    assert repr(name) in caplog.text and name not in caplog.text


@pytest.mark.parametrize("change", [{"classes": ["b"]}, {"width": 5}, {"fps": 12.5}])
def test_stages_of_two_models_are_no_model(change, tmp_path):
    facts = {"classes": ["a"], "width": 4, "frames": 16, "fps": 25.0, "window": 16}
    state = {"x": torch.zeros(1)}
    stages = [{"facts": json.dumps(facts | each), "settings": "{}", "state": state} for each in ({}, change)]
    torch.save({"stage1": stages[0], "stage2": stages[1], "settings": "{}"}, tmp_path / "model.pt")
    with pytest.raises(InputError, match="its stages have other classes, channels or snippets"):
        predict.load(tmp_path / "model.pt", "cpu")


@pytest.mark.parametrize(
    ("videos", "words"),
    [
        (
            "w",
            "positive.json: not the proposals of {0}/scores.h5: {0}/positive.json has 'w', {0}/scores.h5 has",
        ),
        (
            "",
            "positive.json: not the proposals of {0}/scores.h5: {0}/scores.h5 has 'v', {0}/positive.json has",
        ),
    ],
)
def test_proposals_of_other_videos_are_told(videos, words, tmp_path, out):
    with h5py.File(tmp_path / "scores.h5", "w") as file:
        file.attrs["classes"], file.attrs["thresholds"] = '["a", "b"]', '{"background": 0.5, "action": 0.1}'
        file.attrs["grid"] = '{"frames": 16, "fps": 25.0, "window": 16}'
        file["v"] = np.full((9, 3), 0.2, np.float32)
        file["v"].attrs["video"] = [0.5, 0.5]
    (tmp_path / "points.json").write_text(json.dumps(GOOD_POINTS))
    (tmp_path / "positive.json").write_text(json.dumps({"results": {video: [] for video in videos}}))
    names = [
        ("--" + Path(name).stem, tmp_path / name) for name in ("scores.h5", "points.json", "positive.json")
    ]
    names = [argument for pair in names for argument in pair]
    outputs = ("--reliable", out / "r.json", "--negative", out / "n.json")
    ran = run_script("rank_proposals.py", *names, "--settings", "{}", "--seed", 0, *outputs)
    assert (ran.returncode, list(out.iterdir())) == (1, [])
    assert words.format(tmp_path) in ran.stderr


def test_an_empty_folder_beside_features_is_told(tmp_path):
    (tmp_path / "features").mkdir()
    np.savez(tmp_path / "features.npz", v=np.zeros((2, 2), np.float32))
    with pytest.raises(InputError, match=r"no file and hides features.npz beside it, so remove the folder"):
        layouts.of_splits(tmp_path, FILES, {"train": ["v"], "test": ["w"]})


def test_texts_and_zip_files_of_another_kind_are_told(tmp_path):
    found = h5(tmp_path / "f.h5", lambda file: file.create_dataset("v", data=["a", "b"]))
    with pytest.raises(InputError, match=r"texts, or rows of different lengths; expected float32"):
        readers.headers(layouts.of_folder(found, FILES)["v"])
    np.savez(tmp_path / "v.npz", np.zeros((2, 2), np.float32))
    content = bytearray((tmp_path / "v.npz").read_bytes())
    central = content.index(b"PK\x01\x02")
    for offset, value in ((8, 1), (10, 99)):  # encrypted; a compression of no number that Python knows
        changed = content.copy()
        changed[central + offset] = changed[offset - 2] = value
        (tmp_path / "v.npz").write_bytes(changed)
        with pytest.raises(InputError, match=r"v.npz: encrypted, or compressed as Python cannot read it"):
            readers.headers(readers.Source((tmp_path / "v.npz",)))
