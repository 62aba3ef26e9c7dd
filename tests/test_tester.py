"""What the tester of issue 14 has found: each case with the words, or the value, that are right."""

import contextlib
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import command_line
from conftest import SCRIPTS, run_script
from feature_files import write_features
from hrpro import config, inference, model_file
from hrpro.config.parsing import merge
from hrpro.data import (
    annotations,
    conversion,
    download,
    exchange,
    features,
    hdf5,
    layouts,
    npy,
    orientation,
    points,
    readers,
    scores,
    splits,
    training_points,
    web,
)
from hrpro.data.labels import elan, formats
from hrpro.data.scores import Scores
from hrpro.data.sources import FileDigests
from hrpro.detection import export, results
from hrpro.detection.fusion import Candidates
from hrpro.detection.segments import segments
from hrpro.grid import Grid
from hrpro.labelling import marks, recordings
from hrpro.labelling.server import Site
from hrpro.labelling.store import Store
from hrpro.linear import settings as linear
from hrpro.training.checkpoint import Checkpoint
from hrpro.training.logging import EventLog
from hrpro.utils import errors, files, progress
from hrpro.utils.errors import InputError

# --- labels of other tools

EPIC = "video_id,start_timestamp,stop_timestamp,verb\nv,{},{},cut\n"
CVAT = (
    "<annotations><meta><task><id>1</id><source>a.mp4</source><frame_filter>step={}</frame_filter></task></meta>"
    '<track label="a"><box frame="1"/></track></annotations>'
)
EAF = '<?xml version="1.0" encoding="{}"?><ANNOTATION_DOCUMENT></ANNOTATION_DOCUMENT>'


def task(result) -> list:
    """Label Studio's export of an annotation."""
    return [{"data": {"video": "a.mp4"}, "annotations": [{"result": result}]}]


def labels(name: str, content, folder: Path, **settings):
    """What convert_labels.py reads of a file."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return exchange.read(path, config.Points(**settings))[1]


@pytest.mark.parametrize(
    ("name", "content", "fps", "words"),
    [
        (
            "x.csv",
            EPIC.format("9" * 5000 + ":00:01.0", "00:00:02"),
            None,
            r"line 2: v: the time '9+\.\.\.;",
        ),
        ("x.csv", EPIC.format("00:00:01", "9" * 400 + ":00:02"), None, r"expected HH:MM:SS.ss"),
        ("x.csv", EPIC.format("00:00:01", "99999:00:02"), None, r"line 2: v: the time '99999:00:02'"),
        ("x.json", {"annotations": [1, {"gameTime": 3}]}, None, r"annotation 1: gameTime None"),
        ("x.json", {"UrlLocal": "", "annotations": [[]]}, None, r"annotation 1: gameTime None"),
        (
            "x.json",
            task(5),
            24,
            r"task 1: a: \"result\" is 5; expected a list",
        ),
        (
            "x.json",
            task({"a": 1}),
            24,
            r"\"result\" is \{'a': 1\}; expected",
        ),
        (
            "x.xml",
            CVAT.format("9" * 5000),
            25,
            r"line 1: a frame_filter with 'step=9+\.\.\.; expected",
        ),
        ("x.xml", CVAT.format("0"), 25, r"a frame_filter with 'step=0'; expected the number of frames"),
        *(("x.eaf", EAF.format(code), None, "line 1: not valid XML") for code in ("idna", "utf-7", "utf-32")),
        ("x.eaf", EAF.format("undefined"), None, "line 1: not valid XML"),
    ],
)
def test_labels_that_are_none_are_told(name, content, fps, words, tmp_path):
    with pytest.raises(InputError, match=words) as told:
        labels(name, content, tmp_path, fps=fps)
    assert str(told.value).startswith(f"{tmp_path / name}: ")


def test_numbers_that_are_no_game_are_no_format(tmp_path):
    (tmp_path / "x.json").write_text('{"annotations": [1, 2, 3]}')
    assert formats.recognise(tmp_path / "x.json") is None


@pytest.mark.parametrize("label", ["a\x07b", "a\nb", "a\tb", "\x1b[31mred"])
def test_a_class_with_a_control_character_goes_nowhere(label, tmp_path):
    table = [["video", "start", "end", "class"], ["v", "1", "2", f'"{label}"']]
    with pytest.raises(InputError, match=r"x.csv: line [23]: a control character in the class '.*';"):
        labels("x.csv", "\n".join(map(",".join, table)) + "\n", tmp_path)


@pytest.mark.parametrize("name", [b"\xff.txt", b"caf\xe9.txt", b"\x1b.txt"])
def test_a_video_called_as_no_text_goes_nowhere(name, tmp_path):
    path = tmp_path / os.fsdecode(name)
    path.write_text("1.0\t2.0\tpour\n")
    with pytest.raises(InputError, match=r"the video name '.*' has a control character; rename it"):
        exchange.read(path, config.Points())


def written(form: str, folder: Path, rows: list[tuple], fps: float | None = None, duration: float = 10):
    """What a format holds of instances (start, end, class) of a video, read back."""
    entry = {"duration": duration, "annotations": [{"label": c, "segment": [s, e]} for s, e, c in rows]}
    read = labels("in.json", {"database": {"v": entry}}, folder)
    settings = config.Points(fps=fps)
    exchange.write(folder / form, form, read, settings)
    back = exchange.read(folder / form, settings.model_copy(update={"format": form}))[1]
    return [(label.start, label.end, label.label) for label in back.labels]


@pytest.mark.parametrize("label", ["quick_test", "a_val", "x_validation", "Ambiguous_dance", "readme"])
def test_a_class_that_thumos14_reads_as_another_is_not_written(label, tmp_path):
    with pytest.raises(InputError, match=rf"class '{label}': {label}.txt would be read as something else"):
        written("thumos14", tmp_path, [(1, 2, label)])


@pytest.mark.parametrize("label", ["test", "val", "a_tests", "dance"])
def test_classes_that_thumos14_keeps(label, tmp_path):
    assert written("thumos14", tmp_path, [(1, 2, label)]) == [(1, 2, label)]


@pytest.mark.parametrize("label", ["SIL", "background", "action_end"])
def test_a_class_that_mstcn_cannot_say_is_not_written(label, tmp_path):
    with pytest.raises(InputError, match=rf"v: class '{label}' means no action here; rename or"):
        written("mstcn", tmp_path, [(1, 2, label)], fps=10)


@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        ([(1, 5, "a"), (5, 7, "a")], 1),  # they touch
        ([(1, 5, "a"), (3, 7, "a")], 1),  # they overlap
        ([(1, 5, "a"), (8, 8.01, "b")], 1),  # shorter than a frame
        ([(1, 5, "a"), (12, 13, "b"), (14, 15, "b")], 2),  # outside of the video
        ([(1, 5, "a"), (5, 7, "b"), (8, 9, "a")], 0),
    ],
)
def test_instances_that_frames_lose_are_counted(rows, lost, tmp_path, caplog):
    assert len(written("mstcn", tmp_path, rows, fps=10)) == len(rows) - lost
    told = [f"{lost} of {len(rows)} instances are lost" in text for text in caplog.messages]
    assert told == ([True] if lost else [])


@pytest.mark.parametrize(("duration", "fps"), [(9e8, 1000), (1e7, 30)])
def test_frames_without_end_are_refused(duration, fps, tmp_path):
    with pytest.raises(InputError, match=r"v: .* s at .* frames a second are over 1e\+08 lines"):
        written("mstcn", tmp_path, [(1, 2, "a")], fps=fps, duration=duration)


@pytest.mark.parametrize("ends", [False, True])
def test_references_of_references_are_followed_once(ends, tmp_path):
    many = 2_000 if ends else 20_000
    of = "".join(
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{n}" ANNOTATION_REF="{n + 1}"/></ANNOTATION>'
        for n in range(many)
    )
    last = f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{many}" TIME_SLOT_REF1="a" TIME_SLOT_REF2="a"/>'
    slots = '<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="1000"/></TIME_ORDER>'
    tier = f'<TIER TIER_ID="t">{of}{last + "</ANNOTATION>" if ends else ""}</TIER>'
    (tmp_path / "v.eaf").write_text(f"<ANNOTATION_DOCUMENT>{slots}{tier}</ANNOTATION_DOCUMENT>")
    began = time.process_time()
    read = elan.read(tmp_path / "v.eaf", None, ["t"])
    assert time.process_time() - began < 10
    assert (len(read.labels), len(read.faulty)) == ((many + 1, 0) if ends else (0, many))


@pytest.mark.parametrize("output", ["f", "f/v.txt", "f/../f"])
def test_labels_are_not_written_over_what_they_were_read_from(output, tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "v.txt").write_text("1.0\t2.0\tpour\n")
    for source in ("f", "f/v.txt"):
        ran = run_script("convert_labels.py", tmp_path / source, tmp_path / output, "--to", "audacity")
        assert ran.returncode == 1
        assert ran.stderr.endswith("v.txt: is an input too; name another output\n")
    assert (tmp_path / "f" / "v.txt").read_text() == "1.0\t2.0\tpour\n"


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}, True])
def test_what_is_no_name_is_no_class(value, tmp_path):
    span = {"ranges": [{"start": 1, "end": 2}], "timelinelabels": [value]}
    with pytest.raises(InputError, match=r"task 1, region 1: a: no class; expected the name of a class"):
        labels("x.json", task([{"type": "timelinelabels", "value": span}]), tmp_path, fps=25)
    game = {"UrlLocal": "", "annotations": [{"gameTime": "1 - 00:01", "position": 1000, "label": value}]}
    with pytest.raises(InputError, match=r"annotation 1: .* 1: no class; expected the name of a class"):
        labels("Labels-v2.json", game, tmp_path)
    project = {
        "project": {},
        "config": {},
        "file": {"1": {"fname": "v.mp4"}},
        "view": {"1": {"fid_list": ["1"]}},
    }
    project["attribute"] = {"1": {"anchor_id": "FILE1_Z2_XY0", "aname": "n", "options": {"1": value}}}
    project["metadata"] = {"m": {"vid": "1", "z": [1, 2], "av": {"1": "1"}}}
    with pytest.raises(InputError, match=r"metadata m: v: no class; expected the name of a class"):
        labels("via.json", project, tmp_path)
    project["metadata"]["m"]["av"]["1"] = value
    with pytest.raises(InputError, match=r"metadata m: v: a segment without a class; choose one in VIA"):
        labels("via.json", project, tmp_path)


@pytest.mark.parametrize(
    "header",
    ["start,start,end,class", "Start,start,end,class", "start,end,END,class", "start,end,class,class"],
)
def test_a_column_of_a_table_stands_once(header, tmp_path):
    with pytest.raises(InputError, match=r"x.csv: column '.*' stands twice; remove one"):
        labels("x.csv", f"{header}\n1,2,3,4\n", tmp_path)
    events = "Time,Behavior,Behavior,Behavior type\n1,a,b,POINT\n"
    with pytest.raises(InputError, match=r"b.csv: column 'Behavior' stands twice; remove one"):
        labels("b.csv", events, tmp_path)


@pytest.mark.parametrize(
    ("twice", "words"),
    [
        ('<TIER TIER_ID="t"/>\n<TIER TIER_ID="t"/>', "line 2: TIER_ID 't', as on line 1; rename one"),
        (
            '<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a"/><TIME_SLOT TIME_SLOT_ID="a"/></TIME_ORDER>',
            "line 1: TIME_SLOT_ID 'a', as on line 1; rename one",
        ),
    ],
)
def test_what_stands_twice_in_elans_files_is_told(twice, words, tmp_path):
    with pytest.raises(InputError, match=words):
        labels("v.eaf", f"<ANNOTATION_DOCUMENT>{twice}</ANNOTATION_DOCUMENT>", tmp_path)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("v,1,2,pour, hot", "line 3: more cells than the header's 4; put a cell with a separator in it into"),
        ("v,1,2,a,b,", "line 3: more cells than the header's 4"),
        ("v,1,2,a,,", None),
        ('v,1,2,"pour, hot"', None),
    ],
)
def test_a_row_of_a_table_has_the_cells_of_its_header(row, words, tmp_path):
    text = f"video,start,end,class\nv,0,1,a\n{row}\n"
    with pytest.raises(InputError, match=words) if words else contextlib.nullcontext():
        assert len(labels("x.csv", text, tmp_path).labels) == 2


@pytest.mark.parametrize("times", ["12", {"1": 2}, None, 12])
def test_times_stand_in_a_list(times, tmp_path):
    project = {
        "project": {},
        "config": {},
        "file": {"1": {"fname": "v.mp4"}},
        "view": {"1": {"fid_list": ["1"]}},
    }
    project["attribute"] = {"1": {"anchor_id": "FILE1_Z2_XY0", "aname": "n", "options": {"1": "a"}}}
    project["metadata"] = {"m": {"vid": "1", "z": times, "av": {"1": "1"}}}
    with pytest.raises(InputError, match=r"metadata m: v: \"z\" is .*; expected \[start, end\]"):
        labels("via.json", project, tmp_path)
    detections = {"results": {"v": [{"segment": times, "label": "a", "score": 1}]}}
    (tmp_path / "d.json").write_text(json.dumps(detections))
    with pytest.raises(InputError, match=r"d.json: v: expected a list of .*a segment that is no list"):
        results.read(tmp_path / "d.json", ["a"])


@pytest.mark.parametrize("annotations", [[1, 2], [None], [{"result": [1]}], [{"result": ["x", {}]}]])
def test_annotations_by_number_are_told(annotations, tmp_path):
    export = [{"data": {"video": "a.mp4"}, "annotations": annotations}]
    with pytest.raises(InputError, match=r"task 1: a: \"(annotations|result)\" is \["):
        labels("x.json", export, tmp_path, fps=25)


# --- files


@pytest.mark.parametrize("make", ["folder", "loop", "dangling", "socket"])
@pytest.mark.parametrize("name", ["points.csv", "annotations.json"])
def test_what_is_in_place_of_a_file_is_named(name, make, tmp_path):
    path = tmp_path / name
    if make == "folder":
        path.mkdir()
    elif make == "loop":
        path.symlink_to(name)
    elif make == "dangling":
        path.symlink_to("nowhere")
    else:
        os.mknod(path, 0o140600)
    of = points.file_of(tmp_path, config.Points()) if name == "points.csv" else None
    assert (of or annotations.file_of(tmp_path, config.Annotations())) == path


@pytest.mark.parametrize("fails", [0, 1, 2])
def test_an_output_that_cannot_take_its_name_takes_the_others_along(fails, tmp_path, monkeypatch):
    names = [tmp_path / "new" / name for name in ("a", "b", "c")]
    replace = Path.replace

    def refuse(self, target):
        if target == names[fails]:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match=f"Permission denied: '{names[fails]}'"), files.together():
        for name in names:
            files.write_text(name, "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("together", [False, True])
def test_a_folder_for_what_was_not_written_goes_again(together, tmp_path):
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "there", tmp_path / "new" / "newer"):
        with pytest.raises(RuntimeError):
            if together:
                with files.together():
                    files.write_text(folder / "x", "x")
                    raise RuntimeError
            else:
                with files.atomic(folder / "x"):
                    raise RuntimeError
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]


@pytest.mark.parametrize("shape", [(1, 64), (40, 64), (0, 64)])
def test_arrays_are_written_as_numpy_writes_them(shape, tmp_path):
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    npy.write(tmp_path / "ours.npy", array)
    np.save(tmp_path / "numpys.npy", array)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpys.npy").read_bytes()


def test_a_quota_in_the_demos_maker_is_told_and_nothing_is_left(tmp_path):
    command = [sys.executable, SCRIPTS / "make_demo.py", "--output", tmp_path / "demo"]
    ran = subprocess.run(
        ["bash", "-c", 'ulimit -f 20; exec "$@"', "bash", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.endswith(".npy: File too large; free some space and run again\n")
    assert len(ran.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_log_for_nobody():
    progress.start(os.devnull)
    progress.log.info("nothing")
    progress.start()


def test_a_log_takes_any_name(tmp_path):
    # in a process of its own, for pytest-xdist sends no such text from its workers
    program = "import os; from hrpro.utils import progress; progress.start('log'); "
    program += "progress.log.info('%s', os.fsdecode(b'caf\\xe9'))"
    env = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, check=True)
    assert (tmp_path / "log").read_text().endswith("info caf\\udce9\n")


def test_names_outside_the_terminals_alphabet_are_shown_all_the_same(tmp_path):
    (tmp_path / "points.csv").write_text("video,seconds,class\nv,3,gießen\n")
    command = [sys.executable, SCRIPTS / "convert_labels.py", tmp_path / "points.csv", tmp_path / "tür.tsv"]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert ran.returncode == 0, ran.stderr
    assert "t\\xfcr.tsv (table)" in ran.stdout


def test_a_working_directory_that_is_gone_is_told():
    assert errors.refused(FileNotFoundError(errno.ENOENT, "x")) == (
        "the working directory: No such file or directory; go to one that is there and run again"
    )


@pytest.mark.parametrize("output", ["", "."])
def test_an_empty_output_is_no_folder(output):
    if output:
        assert export.format_of(output, ["v"]) == "/"
    else:
        with pytest.raises(InputError, match="an output is called ''"):
            export.format_of(output, ["v"])


@pytest.mark.parametrize(
    ("script", "option"),
    [
        ("predict.py", "--features"),
        ("predict.py", "--model"),
        ("convert_points.py", "--root"),
        ("convert_features.py", "--root"),
        ("fetch.py", "--root"),
        ("make_demo.py", "--output"),
        ("label.py", "--videos"),
    ],
)
def test_an_empty_path_is_not_the_working_directory(script, option):
    ran = run_script(script, option, "")
    assert ran.returncode == 2 and f"argument {option}: is empty; expected a path" in ran.stderr


@pytest.mark.parametrize(
    ("script", "option", "value"),
    [
        ("draw_timeline.py", "--least-score", "nan"),
        ("draw_timeline.py", "--least-score", "1.5"),
        ("convert_points.py", "--tolerance", "nan"),
        ("convert_annotations.py", "--tolerance", "-1"),
        ("report_prediction.py", "--threads", "0"),
    ],
)
def test_options_have_bounds(script, option, value):
    ran = run_script(script, option, value)
    assert ran.returncode == 2
    assert f"argument {option}: {value}: expected a number from " in ran.stderr


# --- splits


def write_lists(root: Path, train: str, test: str = "w\n") -> Path:
    entry = {"duration": 9, "annotations": [{"label": "a", "segment": [1, 2]}]}
    (root / "annotations.json").write_text(json.dumps({"database": dict.fromkeys(("u", "v", "w"), entry)}))
    (root / "points.csv").write_text("video,seconds,class\nu,1,a\nv,1,a\n")
    (root / "split_train.txt").write_text(train)
    (root / "split_test.txt").write_text(test)
    return root


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("video\nu\nv\n", []),
        ('"u"\n"v";\n', []),
        ("u\nvideo\nv\n", [2]),
        ("video\nu\nVideo_ID\n# x\nv\nvideos\n", [3, 6]),
    ],
)
def test_a_header_amid_a_list_is_told_once(text, lines, tmp_path, caplog):
    contents = splits.read(write_lists(tmp_path, text))
    assert contents.videos["train"] == ["u", "v"]
    for split in config.SPLITS:
        conversion.warn_of_annotations(contents, conversion.annotate(contents, split), split, 1)
    words = (
        f"split_train.txt: passed over the header where it stands again (line {', '.join(map(str, lines))})"
    )
    assert caplog.messages == ([words] if lines else [])


@pytest.mark.parametrize("line", ["u,9", '["u", "v"]', '"u";9', "u\t9"])
def test_a_line_of_a_list_that_holds_more_is_told(line, tmp_path):
    with pytest.raises(InputError, match=r"more than a video on its line of split_train.txt; write one per"):
        splits.read(write_lists(tmp_path, f"{line}\n"))


@pytest.mark.parametrize("video", ["u 2", "new u", "x"])
def test_a_video_with_a_known_ones_name_in_its_own_is_one(video, tmp_path):
    assert splits.read(write_lists(tmp_path, f"u\n{video}\n")).videos["train"] == ["u", video]


# --- features


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff\xfe", b"\xe9/data"])
def test_names_in_hdf5_that_are_not_in_utf_8(name, tmp_path, caplog):
    with h5py.File(tmp_path / "features.h5", "w") as file:
        file["v"] = np.ones((5, 3), np.float32)
        group, _, member = name.partition(b"/")
        if member:
            file.create_group(group)
        h5py.h5o.copy(file.id, b"v", file.id, name)
    sources = layouts.of_splits(tmp_path, config.FeatureFiles(width=3), {"train": ["v"], "test": []})
    array, _ = readers.read(sources["v"]._replace(by_columns=False))
    assert array.shape == (5, 3)
    assert caplog.messages == [
        f"{tmp_path}/features.h5: left out what is called {repr(group)[1:]}, which is not in UTF-8; rename it"
    ]
    assert hdf5.linked_files(tmp_path / "features.h5") == []


def test_python_2s_headers_are_read_without_a_word(tmp_path, recwarn):
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    start = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode()
    (tmp_path / "v.npy").write_bytes(start + np.arange(6, dtype=np.float32).tobytes())
    array, _ = readers.read(readers.Source((tmp_path / "v.npy",), by_columns=False))
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert not list(recwarn)


@pytest.mark.parametrize("surplus", [1, 480])
def test_bytes_after_an_array_are_told(surplus, tmp_path):
    np.save(tmp_path / "v.npy", np.ones((5, 3), np.float32))
    with (tmp_path / "v.npy").open("ab") as file:
        file.write(bytes(surplus))
    with pytest.raises(InputError, match=f"v.npy: {surplus} bytes after its array; save one array per file"):
        readers.read(readers.Source((tmp_path / "v.npy",), by_columns=False))


@pytest.mark.parametrize("target", ["features", "/mnt/not/here"])
def test_a_folder_of_features_that_is_a_dead_link_is_told(target, tmp_path):
    (tmp_path / "features").symlink_to(target)
    words = rf"{tmp_path}/features: a link to {target}, which is not a folder"
    with pytest.raises(InputError, match=words):
        layouts.of_splits(tmp_path, config.FeatureFiles(), {"train": ["v"], "test": []})


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_twice_in_one_place_is_told_without_the_place(tmp_path):
    with zipfile.ZipFile(tmp_path / "features.npz", "w") as file:
        for _ in range(2):
            with file.open("v.npy", "w") as member:
                np.save(member, np.ones((5, 3), np.float32))
    with pytest.raises(InputError, match=r"features.npz: 2 arrays called v; a video has one array"):
        layouts.of_splits(tmp_path, config.FeatureFiles(), {"train": ["v"], "test": []})


def test_a_compressed_model_file_is_refused_at_once(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", bytes(2**20))
    with pytest.raises(InputError, match=r"it is compressed, which torch's are not"):
        model_file.read(tmp_path / "m.pt")


# --- labelling


@pytest.mark.parametrize("value", [10**400, 1e300, float("nan"), -1, True, "1", 1e9])
def test_a_time_is_one(value):
    with pytest.raises(marks.Refused, match=r" is not a number from 0 to 1e\+09$"):
        marks.number(value)


def site(folder: Path) -> Site:
    """A labelling of a table of two columns."""
    (folder / "tables").mkdir()
    (folder / "tables" / "a.csv").write_text("x,y\n1,2\n3,4\n2,2\n")
    store = Store(folder / "points.csv")
    return Site(folder / "tables", recordings.find(folder / "tables", 10.0, store.path), store, rate=10.0)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("[" * 100_000, 409, "lists nested too deep"),
        (
            '{"id": "i", "video": "a", "add": [["point", ' + "9" * 400 + ', "x"]]}',
            409,
            "is not a number from 0",
        ),
        (
            '{"id": "i", "video": "a", "add": [["point", ' + "9" * 5000 + ', "x"]]}',
            400,
            "could not understand",
        ),
        (
            '{"id": "\\ud800", "video": "a", "add": [["point", 1, "x"]]}',
            409,
            "a control character in an action's",
        ),
        (
            '{"id": "i", "video": "a", "add": [["point", 1e300, "x"]]}',
            409,
            "1e+300 is not a number from 0 to",
        ),
        ('{"id": "i", "video": "a", "add": [["unsure", 1, NaN]]}', 409, "nan is not a number from 0 to"),
    ],
)
def test_a_request_that_is_none_is_refused(body, status, words, tmp_path):
    served = site(tmp_path)
    origin = f"http://127.0.0.1:{served.server.port}"
    url = f"/{served.token}/actions/0"
    answer = served.app.test_client().post(url, base_url=origin, data=body, content_type="application/json")
    served.server.server_close()
    assert (answer.status_code, words in answer.json["message"]) == (status, True), answer.json
    assert served.store.actions == []


@pytest.mark.parametrize("target", ["points.csv", "/proc/self/mem/x"])
def test_what_is_in_place_of_the_points_is_told_in_words(target, tmp_path):
    served = site(tmp_path)
    (tmp_path / "points.csv").unlink()
    (tmp_path / "points.csv").symlink_to(target)
    origin = f"http://127.0.0.1:{served.server.port}"
    answer = served.app.test_client().get(f"/{served.token}/labels", base_url=origin)
    served.server.server_close()
    assert answer.status_code == 503
    assert re.match(
        r".*points.csv: (Too many levels of symbolic links|Not a directory)$", answer.json["message"]
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[]", "not an object"),
        ("5", "not an object"),
        ('{"written": "x"}', "'x' is not a number"),
        ('{"written": 1e999}', "inf is not a number"),
        ('{"written": -5}', "-5 is not a number"),
        ('{"id": "i", "video": "a", "add": [["point", ' + "9" * 400 + ', "x"]]}', "is not a number from 0"),
    ],
)
def test_a_damaged_journal_is_told_with_its_line(line, words, tmp_path):
    (tmp_path / "points.journal.jsonl").write_text(f'{{"written": 0}}\n{line}\n')
    with pytest.raises(InputError, match=rf"points.journal.jsonl: line 2: not an action.*\(.*{words}"):
        Store(tmp_path / "points.csv")


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_labelling_that_is_ended_says_so(number, tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "a.csv").write_text("x,y\n1,2\n")
    command = [sys.executable, SCRIPTS / "label.py", "--videos", tmp_path / "v", "--rate", "10"]
    command += ["--points", tmp_path / "p.csv"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().partition("; open ")[2].strip()
    assert b"<html" in urllib.request.urlopen(address).read()
    process.send_signal(number)
    assert process.communicate(timeout=60)[0].endswith("ended; all points are saved\n")
    assert process.returncode == 0


# --- the workflow


@pytest.mark.parametrize("name", ["results", "logs", ".snakemake"])
@pytest.mark.parametrize("make", ["file", "dangling", "loop"])
@pytest.mark.parametrize("only_planned", [True, False])
def test_what_is_in_place_of_a_folder_is_told(name, make, only_planned, tmp_path):
    if make == "file":
        (tmp_path / name).write_text("x")
    else:
        (tmp_path / name).symlink_to(name if make == "loop" else "nowhere")
    refusal = command_line.refusal(tmp_path, only_planned)
    assert refusal == f"{tmp_path}/{name}: not a folder, and Snakemake needs one of that name; move it away"


def test_a_folder_in_place_of_the_digests_is_told(tmp_path):
    (tmp_path / "sources.json").mkdir()
    with pytest.raises(InputError, match=r"sources.json: is a folder, where hrpro keeps a file; remove it"):
        FileDigests(tmp_path / "sources.json").of([__file__])


BIG = 16**5000  # as 0xfff... in YAML; Python writes no more than 4300 digits


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ({"seeds": [BIG]}, "seeds: a number of more than 4000 digits; correct it"),
        ({"datasets": {"demo": {"snippet": {"fps": -BIG}}}}, "fps: a number of more than 4000 digits"),
        ({"datasets": {BIG: {}}}, "datasets: a number of more than 4000 digits; correct it"),
        ({"device": BIG}, "device: a number of more than 4000 digits; correct it"),
        ({"x\ny": 1}, r"configuration: 'x\\ny': unknown key"),
        ({"x" * 500: 1}, r"configuration: x{100}\.\.\.: unknown key"),
    ],
)
def test_numbers_and_keys_that_no_message_can_show(overlay, words, raw_config):
    with pytest.raises(InputError, match=words):
        config.parse(config.Config, merge(raw_config, overlay))


def test_an_experiment_does_not_correct_itself(raw_config):
    values = raw_config | {"experiments": {"default": {"corrects": "default"}}}
    with pytest.raises(InputError, match=r"needs experiments.default.corrects, another one"):
        config.parse(config.Config, values)


# --- models and servers


class Weights(torch.nn.Module):
    """A model of weights alone."""

    def __init__(self, weights: dict[str, torch.Tensor]):
        super().__init__()
        for name, value in weights.items():
            self.register_buffer(name, value)


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ({}, True),
        ({"mean": torch.zeros(5)}, False),
        ({"coefficients": torch.zeros(3, 5)}, False),
        ({"coefficients": torch.zeros(12)}, False),
        ({"intercepts": torch.zeros(0)}, False),
        ({"labels": torch.tensor([0, 1, 7])}, False),
        ({"labels": torch.tensor([-1, 1, 2])}, False),
    ],
)
def test_weights_of_another_regression_are_told(change, right, tmp_path):
    weights = {"mean": torch.zeros(4), "deviation": torch.ones(4), "labels": torch.tensor([0, 1, 2])}
    weights |= {"coefficients": torch.zeros(3, 4), "intercepts": torch.zeros(3), **change}
    about = {"settings": linear.Settings(method="linear"), "classes": ["a", "b"], "width": 4}
    model_file.save(tmp_path / "m.pt", Weights(weights), grid=Grid(16, 25.0), **about)
    refused = pytest.raises(InputError, match=r"m.pt: not a model of this version of hrpro \(its weights")
    with contextlib.nullcontext() if right else refused:
        inference.of_file(tmp_path / "m.pt", "stage1", torch.device("cpu"))


@pytest.mark.parametrize("words", ["HTTP/1.1 abc\r\n", "\x1b[31mred", "x" * 500])
def test_what_a_server_says_is_one_printable_line(words):
    told = web.describe_error(ConnectionError(words))
    assert told.isprintable() and len(told) <= 220


def test_a_file_in_place_of_the_root_is_told(tmp_path):
    (tmp_path / "root").write_text("x")
    with pytest.raises(InputError, match=r"root: not a folder; name the data set's, or move this away"):
        download.fetch(tmp_path / "root", [])


@pytest.mark.parametrize("reader", [features.FeatureFile, scores.ScoreFile])
@pytest.mark.parametrize("change", ["a scalar", "attributes of another type", "no values", "a group"])
def test_another_hdf5_file_of_ours_is_told(reader, change, tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {
                "format_version": features.FORMAT_VERSION,
                "width": 3,
                "snippet_frames": 16,
                "snippet_window": 16,
            }
        )
        file.attrs.update({"snippet_fps": 25.0, "by_columns": [False], "classes": '["a"]'})
        file.attrs.update({"thresholds": "{}", "grid": '{"frames": 16, "fps": 25.0, "window": 16}'})
        if change == "a scalar":
            file["v"] = np.float32(3)
        elif change == "no values":
            file["v"] = h5py.Empty("f4")
        elif change == "a group":
            file.create_group("v")
        else:
            file.attrs.update({"width": "x", "classes": "x"})
    words = rf"{path}: .*(not a (feature|score) file of hrpro)"
    with pytest.raises(InputError, match=words), reader(path) as file:
        file.read(["v"] if reader is features.FeatureFile else "v")


@pytest.mark.parametrize(
    ("snippets", "label", "words"),
    [
        (5, 0, None),
        (4, 0, "s.h5: v: scores of 5 snippets, of which f.h5 has 4; score these features"),
        (5, -1, "v: a proposal without a class; make the proposals again"),
    ],
)
def test_what_stage_2_gets_belongs_together(snippets, label, words):
    class File:
        def __init__(self, path, value):
            self.path, self.grid, self.read = path, Grid(16, 25.0), lambda _: value
            self.videos = ["v"]

    class Method:
        @staticmethod
        def detect(*_, proposals, **__):
            return Candidates(proposals, None)

    scored = File("s.h5", Scores(np.zeros((5, 1)), np.zeros(5), np.zeros(1)))
    given = File("f.h5", (np.zeros((snippets, 3), np.float32), [snippets]))
    proposals = [("v", segments([[0, 1]], [label]))]
    refused = pytest.raises(InputError, match=words)
    with refused if words else contextlib.nullcontext():
        stage2 = inference.Stage2(Method, torch.nn.Module())
        assert len(list(stage2.detect_all(given, scored, proposals, config.Detection()))) == 1


@pytest.mark.parametrize("value", ["-1", '"x"', "NaN", "1e999", "null", "0"])
def test_a_rate_that_is_none_is_told_by_its_file(value, tmp_path):
    (tmp_path / "fps_dict.json").write_text(f'{{"v": {value}, "other": {value}}}')
    with pytest.raises(InputError, match=r"fps_dict.json: 'v': .*; expected a number over 0"):
        splits.add_rates(tmp_path / "fps_dict.json", {"v": {"annotations": []}}, config.VideoNames())


@pytest.mark.parametrize(
    ("script", "options"),
    [
        ("convert_points.py", ["--points", "o"]),
        ("convert_annotations.py", ["--split", "train", "--annotations", "o"]),
        (
            "convert_features.py",
            ["--split", "train", "--output", "o", "--frames", "16", "--fps", "25", "--settings", "{}"],
        ),
    ],
)
def test_json_that_is_none_is_told_by_its_option(script, options):
    ran = run_script(script, "--root", "r", *options, "--labels", "{")
    assert ran.stderr.startswith("error: --labels {: line 1: not valid JSON"), ran.stderr


# --- runs


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "0", "0"], "--seeds: one of 0 0 stands twice; remove it"),
        (["--seeds", "0", "1", "--stage1-last", "m"], "--stage1-last: 1 files of 2 seeds; give one per seed"),
        (["--seeds", "0", "--stage1-last-reliable", "m", "n"], "--stage1-last-reliable: 2 files of 1 seeds"),
        (["--seeds", "0"], "no map.json of any stage; give those of --stage1-last, say"),
    ],
)
def test_what_is_gathered_is_of_every_seed(arguments, words, tmp_path):
    output = tmp_path / "o.json"
    ran = run_script("gather.py", "--dataset", "d", "--experiment", "e", "--output", output, *arguments)
    assert ran.returncode == 1 and ran.stderr.startswith(f"error: {words}")
    assert not output.exists()


@pytest.mark.parametrize("weights", [{"rgb": ""}, {"rgb": " ", "flow": "x"}, {"rgb": 3}, {}])
def test_weights_are_files(weights):
    values = {"from": "videos", "model": "i3d", "weights": weights}
    words = r"configuration: features.weights: .*: expected \{rgb: FILE, flow: FILE\} for i3d"
    with pytest.raises(InputError, match=words):
        config.parse(config.Videos, values, "features")


# --- trainings


@pytest.mark.parametrize("make", ["folder", "pipe"])
def test_a_state_that_cannot_be_one_is_told_before_the_training(make, tmp_path):
    (tmp_path / "state.pt").mkdir() if make == "folder" else os.mkfifo(tmp_path / "state.pt")
    with pytest.raises(InputError, match=r"state.pt: (is a folder|not a regular file)"):
        Checkpoint(tmp_path / "state.pt", key="", every=60)


def test_events_are_in_a_folder(tmp_path):
    (tmp_path / "events").write_text("x")
    with pytest.raises(InputError, match=r"events: not a folder; name one for the events"):
        EventLog(tmp_path / "events", 0, {})
    assert (tmp_path / "events").read_text() == "x"


@pytest.mark.parametrize("seconds", [-5, -0.1, 1e9, None, "5"])
def test_a_time_in_points_json_is_one(seconds, tmp_path):
    point = {"label": "a", "seconds": seconds}
    (tmp_path / "points.json").write_text(json.dumps({"classes": ["a"], "videos": {"v": [point]}}))
    with pytest.raises(InputError, match=r"points.json: 'v': expected a list of"):
        training_points.read(tmp_path / "points.json")


def test_no_points_teach_nothing(tmp_path):
    features = write_features(tmp_path / "f.h5", {"v": np.ones((5, 3))}, Grid(16, 25.0))
    (tmp_path / "points.json").write_text('{"classes": ["a"], "videos": {"v": []}}')
    options = ["--settings", "{}", "--seed", "0", "--device", "cpu"]
    outputs = ["--model", tmp_path / "out" / "m.pt", "--events", tmp_path / "out" / "events"]
    points = tmp_path / "points.json"
    ran = run_script("train_stage1.py", "--features", features, "--points", points, *options, *outputs)
    assert ran.stderr == f"error: {points}: no point in any video, so there is nothing to learn from\n"
    assert not (tmp_path / "out").exists()


# --- the last round: fifty that found nothing

HEADER = "video,seconds,class\n"
POINTS = HEADER + "".join(f"{video},5,pour\n{video},15,stir\n" for video in "ab")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VIDEO;SECONDS;CLASS\na;5;pour\nb;5;pour\n", 2),
        (POINTS.replace("\n", "\n\n"), 4),
        (f"# a\n# b\n{POINTS}", 4),
        ("class,seconds,video\npour,5,a\nstir,6,b\n", 2),
        (f"{POINTS} a , 7 , pour \n", 5),
        (f"{POINTS}a,1e-320,pour\n", 5),
        (f"{POINTS}a,-1.27,pour\n", 5),
        (f"{POINTS}a,-1.29,pour\n", "line 6: a: -1.29 s, outside the video's 26 s"),
        (f"{POINTS}#comment,5,pour\n", 4),
        (f"{POINTS}c,5,pour\n", 4),
        (POINTS.replace("video", "video_id"), "no column 'point' among 'video_id', 'seconds', 'class'"),
        (POINTS.replace("class", "label"), "no column 'class' among 'video', 'seconds', 'label'"),
        (POINTS.replace("pour", "\x00"), r"line 2: a: a control character in the class '\\x00' \(2 such"),
        (f"{POINTS}\x1a", 4),
        (f"{POINTS}a,1/2,pour\n", "line 6: a: seconds '1/2' is not a number"),
        (f"{POINTS}a,∞,pour\n", "line 6: a: seconds '∞' is not a number"),
        (f"{POINTS}a,5,\n", "line 6: a: the cell of 'class' is empty"),
        (f'{POINTS}"a","5","pour"\n', 5),
    ],
)
def test_points_as_people_make_them(text, expected, tmp_path):
    entry = {"duration": 26, "subset": "train", "annotations": []}
    database = {"a": entry, "b": entry, "c": entry | {"subset": "test"}}
    (tmp_path / "annotations.json").write_text(json.dumps({"database": database}))
    (tmp_path / "points.csv").write_text(text)
    words = contextlib.nullcontext()
    if isinstance(expected, str):
        words = pytest.raises(InputError, match=rf"points.csv: .*{expected}")
    if "comment" in text or "c,5" in text or text.endswith("\x1a"):
        (tmp_path / "split_train.txt").write_text("a\nb\n")
        (tmp_path / "split_test.txt").write_text("c\n")
    with words:
        placed = conversion.convert(splits.read(tmp_path)).points["videos"]
        assert sum(map(len, placed.values())) == expected


def change(name: str = "a", **kept):
    """What takes a data set away, and puts another one in its place."""

    def fill(file: h5py.File) -> None:
        del file[name]
        if kept:
            file.create_dataset(name, **kept)

    return fill


ONES = np.ones((20, 8), np.float32)


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (change(data=ONES, compression="lzf"), None),
        (change(data=ONES, shuffle=True, compression=9), None),
        (change(data=ONES.astype(np.float16)), None),
        (change(data=ONES.T), None),
        (change(data=ONES.astype(int)), "features.h5: a: values of type int64; expected float32"),
        (change(data=ONES[..., None]), r"features.h5: a: shape \(20, 8, 1\)"),
        (change(data="text"), "features.h5: a: texts, or rows of different lengths"),
        (change(data=np.array([b"x"] * 20)), r"features.h5: a: values of type \|S1"),
        (change(data=ONES * np.nan), "features.h5: a: row 0, channel 0: nan; extract it again"),
        (change(data=np.ones((20, 9))), r"features.h5: a: shape \(20, 9\)"),
        (change(), "features.h5: no features of a in it"),
        (lambda file: file.move("a", "A"), "no features of a in it; there is 'A'"),
        (lambda file: file.move("a", "x/a"), None),
        (lambda file: file.copy("a", "y/a"), "2 arrays called a, in ., y; a video has one array"),
    ],
)
def test_features_in_hdf5(fill, words, tmp_path):
    with h5py.File(tmp_path / "features.h5", "w") as file:
        file["a"], file["b"] = ONES, ONES[:9]
        fill(file)
    with pytest.raises(InputError, match=words) if words else contextlib.nullcontext():
        sources = layouts.of_splits(tmp_path, config.FeatureFiles(), {"train": ["a", "b"], "test": []})
        oriented, _ = orientation.orient(sources, config.FeatureFiles(width=8), remedy="")
        assert [readers.read(source)[0].shape[1] for source in oriented.values()] == [8, 8]


DETECTION = {"segment": [1, 5], "label": "a", "score": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ({"results": {"v": [DETECTION | {"segment": []}]}}, "v: expected a list of"),
        ({"results": {"v": [DETECTION | {"label": ["a"]}]}}, "v: expected a list of"),
        ({"results": {"v": [DETECTION | {"score": [1]}]}}, "v: expected a list of"),
        ({"results": {"v": [[1, 5, "a", 1]]}}, "v: expected a list of"),
        ({"results": {"v": {"0": DETECTION}}}, "v: expected a list of"),
        ({"results": {"v": 3}}, "v: expected a list of"),
        ({"result": {"v": []}}, 'no "results" object'),
        ([], 'no "results" object'),
        ('{"results": {"v": []}} x', r"line 1: not valid JSON \(Extra data\)"),
        ('{"results": {"v": [], "v": []}}', "'v' stands twice in one object"),
        ('{"results": {"v": [1,]}}', "line 1: not valid JSON"),
        ("\x00", r"line 1: not valid JSON \(Expecting value\)"),
    ],
)
def test_detections_that_are_none(text, words, tmp_path):
    (tmp_path / "d.json").write_text(text if isinstance(text, str) else json.dumps(text))
    with pytest.raises(InputError, match=f"d.json: {words}"):
        results.read(tmp_path / "d.json", ["a"])


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.csv", "video,start,end\nv,1,2\n", "line 1: no column 'seconds' among 'video', 'start', 'end'"),
        ("x.csv", "video,start,end,class\nv,1e400,2,a\n", "line 2: v: start '1e400' is not a number"),
        ("x.csv", "video,start,end,class\n/films/,1,2,a\n", "the video name '' is empty"),
        ("x.json", {"UrlLocal": "", "annotations": [{"gameTime": "1 - 1", "position": [1]}]}, "position "),
        ("x.json", {"v": {"actions": [["a", "x", 2]]}}, "action 1: v: time 'x' is not a number"),
        ("x.json", {"v": {"actions": {"a": 1}}}, r"actions: v: \{'a': 1\}; expected a list"),
        ("x.tsv", "Time\tBehavior\tBehavior type\n1\ta\tWHAT\n", "line 2: x: the kind of event 'WHAT'"),
        ("x.tsv", "Time\tBehavior\tBehavior type\n1\ta\tSTOP\n", "line 2: x: 'a' stops, but has not started"),
    ],
)
def test_labels_that_say_nothing(name, text, words, tmp_path):
    with pytest.raises(InputError, match=words):
        labels(name, text, tmp_path)
