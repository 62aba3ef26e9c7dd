"""Labels of other tools and data sets: values, round trips, faults, and what comes of them."""

import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

import convert_labels
from conftest import jobs_of, snakemake
from hrpro import config
from hrpro.data import conversion, entries, exchange, points, splits
from hrpro.data.labels import formats, label
from hrpro.data.labels.label import Read, nothing
from hrpro.utils import planned
from hrpro.utils.errors import InputError

ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///S1.mp4" MIME_TYPE="video/mp4"/></HEADER>
<TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="3141"/>
<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="4067"/>
<TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="60000"/>
<TIME_SLOT TIME_SLOT_ID="ts4"/>
</TIME_ORDER>
<TIER TIER_ID="actions">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>cut &amp; stir</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE></ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER>
<TIER TIER_ID="hand" PARENT_REF="actions">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1">
<ANNOTATION_VALUE>left</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
</TIER>
</ANNOTATION_DOCUMENT>
"""
BORIS = """Observation id\tTime offset (s)\tFPS\tSubject\tBehavior\tBehavior type\tTime\tMedia file name
o1\t0.0\t25\tann\trun\tSTART\t1.5\tfilms/v1.mp4
o1\t0.0\t25\tann\tjump\tPOINT\t2.25\tfilms/v1.mp4
o1\t0.0\t25\tbob\trun\tSTART\t3\tfilms/v1.mp4
o1\t0.0\t25\tann\trun\tSTOP\t4\tfilms/v1.mp4
o1\t0.0\t25\tbob\trun\tSTOP\t5.5\tfilms/v1.mp4
"""
OLD_BORIS = """Observation id\to1\t\t\t
Media file(s)\t\t\t\t

Time\tMedia file path\tSubject\tBehavior\tStatus
1.5\tC:\\films\\v1.mp4\tann\trun\tSTART
2.25\tC:\\films\\v1.mp4\tann\tjump\tPOINT
4\tC:\\films\\v1.mp4\tann\trun\tSTOP
"""
AGGREGATED = """Observation id,Source,Time offset (s),Behavior,Behavior type,Start (s),Stop (s),Media file
o1,player #1:v1.mp4,NA,run,STATE,1.5,4,NA
v1,,NA,jump,POINT,2.25,2.25,NA
"""
REGION = {"type": "timelinelabels", "from_name": "timelineLabels", "to_name": "video", "id": "x"}


def region(start, end, *classes) -> dict:
    return {**REGION, "value": {"ranges": [{"start": start, "end": end}], "timelinelabels": list(classes)}}


LABELSTUDIO = [
    {
        "data": {"video": "/data/upload/3/0a1b2c3d-v1.mp4"},
        "annotations": [
            {"result": [region(1, 50, "run"), {"type": "choices", "value": {"choices": ["ok"]}}]},
            {"was_cancelled": True, "result": [region(1, 9, "sit")]},
        ],
    },
    {
        "data": {"film": "/data/local-files/?d=films/v 2.mp4", "fps": 25},
        "annotations": [{"result": [region(76, 76, "jump")]}],
    },
    {"data": {"video": "https://a.org/v3.mp4?sign=x"}, "annotations": []},
]
VIA = {
    "project": {"vid_list": ["1", "2"]},
    "config": {},
    "attribute": {
        "1": {"aname": "Action", "anchor_id": "FILE1_Z2_XY0", "type": 4, "options": {"1": "run", "2": "sit"}},
        "2": {"aname": "Note", "anchor_id": "FILE1_Z2_XY0", "type": 1, "options": {}},
        "3": {"aname": "Object", "anchor_id": "FILE1_Z1_XY1", "type": 1, "options": {}},
        "4": {
            "aname": "Hand",
            "anchor_id": "FILE1_Z2_XY0",
            "type": 2,
            "options": {"1": "left", "2": "right"},
        },
    },
    "file": {"1": {"fid": "1", "fname": "v1.mp4"}, "2": {"fid": "2", "fname": "films/v2.webm"}},
    "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
    "metadata": {
        "1_a": {"vid": "1", "z": [1.5, 4], "xy": [], "av": {"1": "2", "2": "slow"}},
        "2_d": {"vid": "2", "z": [0, 1], "xy": [], "av": {"4": "1,2"}},
        "1_b": {"vid": "1", "z": [2.5], "xy": [2, 0, 0, 9, 9], "av": {"3": "cup"}},
        "1_c": {"vid": "1", "z": [], "xy": [], "av": {}},
    },
}
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
<version>1.1</version>
<meta><task><id>7</id><size>40</size><frame_filter>step=5</frame_filter><source>v1.mp4</source></task></meta>
<track id="0" label="run" source="manual">
<box frame="50" outside="0" keyframe="1"/>
<box frame="100" outside="1" keyframe="1"/>
<box frame="150" outside="0" keyframe="1"/>
<box frame="155" outside="1" keyframe="1"/>
</track>
<track id="1" label="sit" source="manual">
<polygon frame="180" outside="0" keyframe="1"/>
<polygon frame="195" outside="0" keyframe="1"/>
</track>
</annotations>
"""
CHARADES = """id,subject,scene,quality,script,objects,actions,length
46GP8,HR43,Kitchen,6,"A person, cooking",food,c092 11.90 21.20;c147 0.00 12.60,24.83
N11GT,0KZ7,Stairs,6,nothing,,,30.5
"""
EPIC = """narration_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,verb,noun
P01_01_0,P01_01,00:00:01.089,00:00:00.14,00:00:03.37,8,open,door
P01_01_1,P01_01,00:00:02.629,01:02:04.37,01:02:06.17,262,turn-on,light
"""
MULTITHUMOS = {
    "video_validation_0000051": {"subset": "training", "duration": 169.79, "actions": [[43, 67.5, 75.9]]},
    "video_test_0000004": {"subset": "testing", "duration": 33, "actions": []},
}
SOCCERNET = {
    "UrlLocal": "epl/game",
    "annotations": [
        {
            "gameTime": "1 - 00:12",
            "label": "Kick-off",
            "position": "12340",
            "team": "away",
            "visibility": "visible",
        },
        {
            "gameTime": "2 - 01:01",
            "label": "Goal",
            "position": "61500",
            "team": "home",
            "visibility": "not shown",
        },
    ],
}
RUN = ("v1", "run", 1.5, 4.0)
JUMP = ("v1", "jump", 2.25, None)


def dumped(value) -> str:
    return json.dumps(value)


# name: its files, settings to read it, the labels (video, class, start s, end s), what is said of videos
GOOD = {
    "elan": (
        {"S1.eaf": ELAN}, {},
        [("S1", "cut & stir", 3.141, 4.067), ("S1", "actions", 4.067, 60.0)], {"S1": {}},
    ),
    "elan, a tier": ({"S1.eaf": ELAN}, {"tiers": ["hand"]}, [("S1", "left", 3.141, 4.067)], {"S1": {}}),
    "boris": ({"b.tsv": BORIS}, {}, [JUMP, RUN, ("v1", "run", 3.0, 5.5)], {"v1": {}}),
    "boris, before 8": ({"b.tsv": OLD_BORIS}, {}, [JUMP, RUN], {"v1": {}}),
    "boris, aggregated": ({"b.csv": AGGREGATED}, {}, [RUN, JUMP], {"v1": {}}),
    "labelstudio": (  # 25 fps: frames 1 to 50 are 0 to 2 s; frame 76 begins at 3 s
        {"l.json": dumped(LABELSTUDIO)}, {"fps": 25.0},
        [("v1", "run", 0.0, 2.0), ("v 2", "jump", 3.0, None)], {"v1": {}, "v 2": {}, "v3": {}},
    ),
    "via": (
        {"v.json": dumped(VIA)}, {},
        [("v1", "sit", 1.5, 4.0), ("v1", "slow", 1.5, 4.0), ("v2", "left", 0, 1), ("v2", "right", 0, 1)],
        {"v1": {}, "v2": {}},
    ),
    "via, an attribute": (
        {"v.json": dumped(VIA)}, {"tiers": ["Action"]}, [("v1", "sit", 1.5, 4.0)], {"v1": {}, "v2": {}},
    ),
    "cvat": (  # 50 fps, every 5th frame: 195 is shown up to 200
        {"c.xml": CVAT}, {"fps": 50.0},
        [("v1", "run", 1.0, 2.0), ("v1", "run", 3.0, None), ("v1", "sit", 3.6, 4.0)],
        {"v1": {}},
    ),
    "audacity": (
        {"v1.txt": "1.500000\t4.000000\trun\n\\\t100.0\t200.0\n2.250000\t2.250000\tjump\n"}, {},
        [RUN, JUMP], {"v1": {}},
    ),
    "table": (
        {"t.tsv": "\ufeffvideo\tend\tstart\tclass\r\nv1.mp4\t4\t1.5\trun\r\n\r\nv1\t\t2.25\tjump\r\n"}, {},
        [RUN, JUMP], {"v1": {}},
    ),
    "table, of Praat": (
        {"v1.tsv": "tmin\ttier\ttext\ttmax\n1.5\tact\trun\t4\n0\twho\tann\t9\n"}, {"tiers": ["act"]},
        [RUN], {"v1": {}},
    ),
    "mstcn": (  # 2 fps: frames 3 to 7 are 1.5 to 4 s
        {"v1.txt": "SIL\n" * 3 + "run\n" * 5 + "SIL\n" * 2}, {"fps": 2.0}, [RUN], {"v1": {"duration": 5.0}},
    ),
    "thumos14": (
        {
            "Run_val.txt": "video_validation_0000051  1.5 4\n\n",
            "Sit_test.txt": "video_test_0000004 0.1 1e1\nvideo_test_0000004 20 30.5\n",
            "Ambiguous_test.txt": "video_test_0000004 40 50\n",
        }, {},
        [
            ("video_validation_0000051", "Run", 1.5, 4.0),
            ("video_test_0000004", "Sit", 0.1, 10.0),
            ("video_test_0000004", "Sit", 20.0, 30.5),
        ],
        {"video_validation_0000051": {"subset": "validation"}, "video_test_0000004": {"subset": "test"}},
    ),
    "thumos14, of MultiTHUMOS": (
        {"Run.txt": "video_test_0000004 1.5 4\n", "class_list.txt": "1 Run\n"}, {},
        [("video_test_0000004", "Run", 1.5, 4.0)], {"video_test_0000004": {"subset": "test"}},
    ),
    "multithumos": (
        {"m.json": dumped(MULTITHUMOS)}, {}, [("video_validation_0000051", "43", 67.5, 75.9)],
        {
            "video_validation_0000051": {"subset": "training", "duration": 169.79},
            "video_test_0000004": {"subset": "testing", "duration": 33.0},
        },
    ),
    "charades": (
        {"Charades_v1_train.csv": CHARADES}, {},
        [("46GP8", "c092", 11.9, 21.2), ("46GP8", "c147", 0.0, 12.6)],
        {
            "46GP8": {"subset": "train", "duration": 24.83},
            "N11GT": {"subset": "train", "duration": 30.5},
        },
    ),
    "epic": (  # 1:02:04.37 is 3724.37 s
        {"EPIC_100_train.csv": EPIC}, {},
        [("P01_01", "open", 0.14, 3.37), ("P01_01", "turn-on", 3724.37, 3726.17)],
        {"P01_01": {"subset": "train"}},
    ),
    "epic, nouns": (
        {"EPIC_100_validation.csv": EPIC}, {"tiers": ["noun"], "ignore": ["light"]},
        [("P01_01", "door", 0.14, 3.37)], {"P01_01": {"subset": "validation"}},
    ),
    "soccernet": (
        {"epl/game/Labels-v2.json": dumped(SOCCERNET)}, {},
        [("game 1", "Kick-off", 12.34, None), ("game 2", "Goal", 61.5, None)], {"game 1": {}, "game 2": {}},
    ),
}  # fmt: skip


def put(folder: Path, files: dict[str, str]) -> Path:
    """The files, below a folder of their own; a single file by itself."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, newline="")
    return folder / next(iter(files)) if len(files) == 1 else folder


def settings(**values) -> config.Points:
    return config.parse(config.Points, values)


def rows_of(read) -> list[tuple]:
    return [
        (lb.video, lb.label, round(lb.start, 9), None if lb.end is None else round(lb.end, 9))
        for lb in read.labels
    ]


@pytest.mark.parametrize("name", GOOD)
def test_values_are_those_of_a_calculation_by_hand(tmp_path, name):
    files, values, labels, videos = GOOD[name]
    path, form = put(tmp_path / "in", files), name.partition(",")[0]
    for place in (path, tmp_path / "in"):
        assert formats.of(place, settings()) == form
        read = formats.read(place, form, settings(**values))
        assert sorted(rows_of(read), key=str) == sorted(labels, key=str)
        assert read.videos == videos
        assert read.faulty == []


def test_the_configuration_names_all_formats():
    assert set(config.LABEL_FORMATS) == set(formats.FORMATS)
    assert {name.partition(",")[0] for name in GOOD} == set(formats.FORMATS)


# What a format's file has wrong: (name, settings), what is replaced in the good file by what, the message.
FAULTY = [
    ("elan", 'TIME_VALUE="4067"', 'TIME_VALUE="4,067"', r"S1.eaf: line 12: S1: time slot ts2 '4,067' is not"),
    ("elan", 'REF2="ts2"', 'REF2="ts4"', r"line 12: S1: time slot 'ts4' has no time; align"),
    ("elan", 'REF2="ts2"', 'REF2="ts9"', r"line 12: S1: time slot 'ts9' has no time; align"),
    ("elan", "</TIER>", "", r"S1.eaf: line 21: not valid XML \(mismatched tag\); export it anew"),
    ("elan", '"milliseconds"', '"PAL-frames"', r"S1.eaf: line 3: TIME_UNITS is 'PAL-frames'; save it"),
    ("elan", 'MIME_TYPE="', 'TIME_ORIGIN="500" MIME_TYPE="', r"S1.eaf: line 4: TIME_ORIGIN, an offset"),
    (
        "elan",
        "<ANNOTATION_DOCUMENT",
        "<!DOCTYPE a [<!ENTITY b 'c'>]>\n<ANNOTATION_DOCUMENT",
        "line 2: a document type",
    ),
    ("elan, a tier", "hand", "feet", r"S1.eaf: no tier 'hand'; it has 'actions', 'feet'"),
    (
        "elan, a tier",
        'ANNOTATION_REF="a1"',
        'ANNOTATION_REF="a3"',
        r"line 18: S1: it refers to annotation 'a3'",
    ),
    ("boris", "START\t1.5", "START\t1,5", r"b.tsv: line 2: v1: Time '1,5' is not a number; expected seconds"),
    (
        "boris",
        "ann\trun\tSTART",
        "ann\trun\tSTOP",
        r"b.tsv: line 2: v1: 'run' stops, but has not started; pair",
    ),
    ("boris", "ann\trun\tSTOP", "ann\trun\tSTART", r"line 5: v1: 'run' starts again before it stops; pair"),
    (
        "boris",
        "bob\trun\tSTOP",
        "bob\tsit\tPOINT",
        r"b.tsv: line 4: v1: 'run' starts, but does not stop; pair",
    ),
    ("boris", "o1\t0.0", "o1\t3.5", r"b.tsv: line 2: v1: a time offset of 3.5 s; set it to 0"),
    ("boris", "4\tfilms/v1", "4\tfilms/v2", r"b.tsv: line 5: v2: observation 'o1' has several films"),
    ("boris", "jump\tPOINT", "jump\tMARK", r"b.tsv: line 3: v1: the kind of event 'MARK'; expected POINT"),
    (
        "boris, aggregated",
        "1.5,4,",
        "4,1.5,",
        r"b.csv: line 2: v1: it ends at 1.5 s, before it starts at 4 s",
    ),
    (
        "labelstudio",
        '"start": 1, "end": 50',
        '"start": 51, "end": 50',
        r"l.json: task 1, region 1: v1: the range ends",
    ),
    (
        "labelstudio",
        '"start": 1, "end": 50',
        '"start": "a", "end": 50',
        r"v1: the range's start 'a' is not a number",
    ),
    (
        "labelstudio",
        '"timelinelabels": ["run"]',
        '"labels": ["run"]',
        r"v1: no ranges with timelinelabels: .*anew",
    ),
    (
        "labelstudio",
        '"film": "',
        '"other": "b.mp4", "film": "',
        r"l.json: task 2: 2 films in its data; name",
    ),
    (
        "labelstudio",
        '"was_cancelled": true, ',
        "",
        r"l.json: task 1: v1: 2 annotations of one film; keep one",
    ),
    (
        "labelstudio",
        '"annotations": []',
        '"videoLabels": []',
        r'l.json: task 3: v3: no "annotations"; export JSON, not JSON-MIN',
    ),
    ("labelstudio", ']}, {"data"', ']} {"data"', r"l.json: line 1: not valid JSON"),
    ("via", "[1.5, 4]", '["a", 4]', r"v.json: metadata 1_a: v1: time 'a' is not a number; expected seconds"),
    ("via", "[1.5, 4]", "[4, 1.5]", r"v.json: metadata 1_a: v1: it ends at 1.5 s, before it starts"),
    ("via", '{"1": "2", "2": "slow"}', "{}", r"v.json: metadata 1_a: v1: a segment without a class; choose"),
    ("via", '"1_a": {"vid": "1"', '"1_a": {"vid": "7"', r"v.json: metadata 1_a: it is of no view; save"),
    (
        "via",
        '"fid_list": ["1"]',
        '"fid_list": ["1", "2"]',
        r"v.json: view 1: not one film: \['1', '2'\]; put",
    ),
    (
        "via, an attribute",
        '"Action"',
        '"Act"',
        r"v.json: no attribute 'Action' of segments; it has 'Act', 'Note'",
    ),
    ("cvat", 'frame="100"', 'frame="x"', r"c.xml: line 5: v1: frame 'x' is not a number; expected a whole"),
    (
        "cvat",
        'frame="100"',
        'frame="20"',
        r"c.xml: line 5: v1: frame 20 comes after frame 50; export it anew",
    ),
    ("cvat", 'label="sit" ', "", r"c.xml: line 11: v1: no class; expected the name"),
    ("cvat", "<source>v1.mp4</source>", "", r"c.xml: line 4: a task without <source>, its film; name it"),
    ("cvat", '<track id="0"', "<track id=0", r"c.xml: line 5: not valid XML \(not well-formed"),
    (
        "audacity",
        "1.500000\t4",
        "1,5\t4",
        r"v1.txt: line 1: v1: start '1,5' is not a number; expected seconds",
    ),
    ("audacity", "\trun", "", r"v1.txt: line 1: v1: no class; expected start, end and class between tabs"),
    ("audacity", "1.500000\t4", "5\t4", r"v1.txt: line 1: v1: it ends at 4 s, before it starts at 5 s; swap"),
    ("table", "1.5", "soon", r"t.tsv: line 2: v1: start 'soon' is not a number; expected seconds"),
    ("table", "jump", " ", r"t.tsv: line 4: v1: no class; expected the name of a class"),
    ("table", "\tclass", "\tlook", r"t.tsv: line 1: no column of the class, such as 'class'; add one"),
    ("table", "v1\t\t", 'v1\t"x', r"t.tsv: line \d: .*; correct the quotes"),
    ("mstcn", "SIL\nrun", "\nrun", r"v1.txt: line 3: '' is not a class; expected one per line and frame"),
    ("mstcn", "SIL\nrun", "a,b\nrun", r"v1.txt: line 3: 'a,b' is not a class"),
    ("mstcn", "SIL\n" * 3 + "run\n" * 5 + "SIL\n" * 2, "\n", r"v1.txt: line 1: no frame; expected a class"),
    (
        "thumos14, of MultiTHUMOS",
        "1.5 4",
        "1.5",
        r"Run.txt, line 1: video_test_0000004: 2 words; expected: video",
    ),
    ("thumos14, of MultiTHUMOS", "1.5 4", "4 1.5", r"Run.txt, line 1: video_test_0000004: it ends at 1.5 s"),
    (
        "thumos14, of MultiTHUMOS",
        "1.5 4",
        "1e99 4",
        r"Run.txt, line 1: video_test_0000004: time '1e99' is not",
    ),
    (
        "multithumos",
        "[43, 67.5, 75.9]",
        "[43, 67.5]",
        r"m.json: action 1: video_\w+: \[43, 67.5\]; expected \[",
    ),
    ("multithumos", "67.5", "null", r"m.json: action 1: video_\w+: time None is not a number"),
    ("multithumos", "[]", "3", r"m.json: actions: video_test_0000004: 3; expected a list"),
    (
        "charades",
        "c092 11.90 21.20",
        "c092 11.90",
        r"train.csv: line 2: 46GP8: the action 'c092 11.90'; expected:",
    ),
    ("charades", "11.90 21.20", "21.20 11.90", r"train.csv: line 2: 46GP8: it ends at 11.9 s"),
    ("charades", "N11GT", "", r"train.csv: line 3: no id; expected the video's"),
    ("charades", "11.90", "x", r"train.csv: line 2: 46GP8: time 'x' is not a number"),
    ("epic", "00:00:00.14", "0.14", r"train.csv: line 2: P01_01: the time '0.14'; expected HH:MM:SS.ss"),
    ("epic", "01:02:06.17", "01:62:06.17", r"train.csv: line 3: P01_01: the time '01:62:06.17'; expected"),
    ("epic", "open,door", ",door", r"train.csv: line 2: P01_01: no class; expected"),
    (
        "epic, nouns",
        ",noun",
        ",thing",
        r"validation.csv: line 1: no column 'noun'; `tiers` may be verb, noun",
    ),
    ("soccernet", "1 - 00:12", "12:30", r"Labels-v2.json: annotation 1: gameTime '12:30'; expected the half"),
    (
        "soccernet",
        '"12340"',
        '"soon"',
        r"annotation 1: game 1: position 'soon' is not a number; expected milli",
    ),
    ("soccernet", '"Goal"', '""', r"Labels-v2.json: annotation 2: game 2: no class; expected"),
]


@pytest.mark.parametrize(("name", "good", "bad", "message"), FAULTY)
def test_a_fault_is_told_in_one_line_with_place_and_remedy(tmp_path, name, good, bad, message):
    files, values, *_ = GOOD[name]
    assert any(good in text for text in files.values())
    path = put(tmp_path, {file: text.replace(good, bad, 1) for file, text in files.items()})
    with pytest.raises(InputError, match=message) as error:
        formats.stop(path, formats.read(path, name.partition(",")[0], settings(**values)).faulty)
    assert "\n" not in str(error.value) and "; " in str(error.value)


def test_every_format_has_three_faults():
    names = [name.partition(",")[0] for name, *_ in FAULTY]
    assert all(names.count(name) >= 3 for name in formats.FORMATS)


MADE = [  # labels to write: video, class, start s, end s, all at whole frames of 50 fps
    ("v1", "run & jump", 0.0, 2.5),
    ("v1", 'sit, "down"', 3.02, 4.0),
    ("v1", "run & jump", 4.0, 61.34),
    ("v 2", 'sit, "down"', 0.5, 0.98),
]
PLAIN = {"v 2": "v2", 'sit, "down"': "sit"}  # for text files that can hold no blank, or no comma


def made(*labels: tuple, plain: bool = False) -> Read:
    read = nothing()
    for video, known, start, end in labels:
        video, known = (PLAIN.get(name, name) if plain else name for name in (video, known))
        read.add(video, known, start, end, "")
        read.videos[video]["duration"] = 62.0
    return read


@pytest.mark.parametrize("name", [name for name, form in formats.FORMATS.items() if hasattr(form, "write")])
def test_what_is_written_is_read_again(tmp_path, name):
    form = formats.FORMATS[name]
    fps = 50.0 if hasattr(form, "FRAMES") else None
    point, labels = ("v1", "jump", 7.5, None), made(*MADE, plain=name in ("mstcn", "thumos14"))
    if getattr(form, "POINTS", False):
        labels = made(*MADE, point)
    else:
        with pytest.raises(InputError, match=f"v1: a point at 7.5 s, but {name} has instances alone"):
            formats.write(tmp_path / "out", name, made(*MADE, point), fps)
    files = formats.write(tmp_path / "out", name, labels, fps)
    assert sorted(files) == formats.members(tmp_path / "out", form)
    assert formats.of(tmp_path / "out", settings()) == name
    again = formats.read(tmp_path / "out", name, settings(fps=fps))
    assert sorted(rows_of(again), key=str) == sorted(rows_of(labels), key=str)


def test_thumos14_from_and_to_its_text_files(shared, tmp_path):
    source = shared / "data" / "THUMOS14" / "gt_full.json"
    _, labels = exchange.read(source, settings())
    files = exchange.write(tmp_path / "text", "thumos14", labels, settings())
    assert {path.name for path in files} >= {"BaseballPitch_val.txt", "BaseballPitch_test.txt"}
    form, again = exchange.read(tmp_path / "text", settings())
    assert form == "thumos14"
    assert sorted(rows_of(again)) == sorted(rows_of(labels))
    of_text = entries.read(tmp_path / "text", config.Annotations(), config.AS_THEY_ARE)
    subsets = {video: entry["subset"] for video, entry in of_text.items()}
    database = json.loads(source.read_text())["database"]
    train = (shared / "data" / "THUMOS14" / "split_train.txt").read_text().split()
    assert subsets == {v: "validation" if v in train else "test" for v in database}


def test_gtea_at_the_frames_of_label_studio_and_back(shared, tmp_path):
    """Its times are frames of 15 fps, so that nothing is rounded; those of the four people are seconds."""
    folder, at = shared / "data" / "gtea", settings(fps=15.0)
    _, labels = exchange.read(folder / "gt_full.json", settings())
    exchange.write(tmp_path / "gtea.json", "labelstudio", labels, at)
    _, again = exchange.read(tmp_path / "gtea.json", at)
    assert len(again.labels) > 400 and sorted(rows_of(again)) == sorted(rows_of(labels))
    for path in sorted((folder / "human_points").iterdir()):
        form, clicks = exchange.read(path, settings())
        assert (form, len(clicks.faulty)) == ("csv", 0)
        exchange.write(tmp_path / path.stem, "audacity", clicks, settings())
        _, again = exchange.read(tmp_path / path.stem, settings())
        assert sorted(rows_of(again), key=str) == sorted(rows_of(clicks), key=str)


@pytest.mark.parametrize("name", ["elan", "via", "audacity", "table", "labelstudio"])
def test_annotations_of_a_data_set_in_other_formats(demo_data, tmp_path, name):
    """The steps make of them what they make of ActivityNet's JSON, to half a frame of 1000 a second."""
    _, labels = exchange.read(demo_data / "gt_full.json", settings())
    fps = 1000.0 if name == "labelstudio" else None
    exchange.write(tmp_path / "labels", name, labels, settings(fps=fps))
    entry = {"file": str(tmp_path / "labels"), "fps": fps}
    drawn = {"from": "segments"}
    expected = splits.read(demo_data, config.parse(config.Labels, {"points": drawn}))
    contents = splits.read(demo_data, config.parse(config.Labels, {"annotations": entry, "points": drawn}))
    assert contents.videos == expected.videos
    for split in config.SPLITS:
        database = conversion.annotate(contents, split)
        for video, entry in conversion.annotate(expected, split).items():
            pairs = zip(database[video]["annotations"], entry["annotations"], strict=True)
            for annotation, known in pairs:
                assert annotation["label"] == known["label"]
                assert annotation["segment"] == pytest.approx(known["segment"], abs=0.00051)


def test_points_of_a_data_set_in_frames_of_a_tool(demo_data, tmp_path):
    """HR-Pro's frames, read at the demo's 30 fps, then as Label Studio's."""
    expected = conversion.convert(splits.read(demo_data)).points
    of_demo = demo_data / "point_labels" / "point_gaussian.csv"
    form, labels = exchange.read(of_demo, settings(fps=30.0))
    assert form == "csv"
    exchange.write(tmp_path / "l.json", "labelstudio", labels, settings(fps=30.0))
    entry = config.parse(config.Labels, {"points": {"file": str(tmp_path / "l.json"), "fps": 30.0}})
    converted = conversion.convert(splits.read(demo_data, entry)).points
    assert converted["classes"] == expected["classes"]
    for video, of_video in expected["videos"].items():
        for point, known in zip(converted["videos"][video], of_video, strict=True):
            assert (point["label"], round(point["seconds"], 9)) == (
                known["label"],
                round(known["seconds"], 9),
            )


@pytest.mark.parametrize(("take", "seconds"), [("centre", 2.75), ("start", 1.5), ("uniform", None)])
def test_a_state_becomes_a_point(tmp_path, take, seconds):
    path = put(tmp_path, {"b.tsv": BORIS})
    table = points.read(path, settings=settings(take=take)).points
    drawn = dict(zip(table["at"], table["seconds"], strict=True))
    assert drawn["line 3"] == 2.25  # a point event stays where it is
    assert 1.5 <= drawn["line 2"] <= 4 if seconds is None else drawn["line 2"] == seconds
    again = points.read(path, settings=settings(take=take)).points
    assert again.equals(table)
    if take == "uniform":
        assert not points.read(path, settings=settings(take=take, seed=1)).points.equals(table)
        path.write_text(path.read_text() + "o2\t0.0\t25\tann\trun\tPOINT\t9\tfilms/v0.mp4\n")
        assert points.read(path, settings=settings(take=take)).points.iloc[:3].equals(table)


def test_faults_of_another_tool_stop_the_run_or_are_left_out(tmp_path, caplog):
    good = "".join(f"v{number},{number},{number + 2},run\n" for number in range(4))
    (tmp_path / "t.csv").write_text(f"video,start,end,class\n{good}v3,5,4,run\nv3,x,7,run\nv3,8,8,run\n")
    (tmp_path / "points.csv").write_text("video,start,end,class\nv0,2,,run\nv1,3,5,run\nv1,,,run\n")
    values = {"annotations": {"file": "t.csv"}}
    with pytest.raises(InputError, match=r"t.csv: line 6: v3: it ends at 4 s, before .*on_fault: leave_out"):
        conversion.convert(splits.read(tmp_path, config.parse(config.Labels, values)))
    contents = splits.read(tmp_path, config.parse(config.Labels, {**values, "on_fault": "leave_out"}))
    assert contents.videos == {"train": ["v0", "v1"], "test": ["v2", "v3"]}
    lengths = dict.fromkeys(("v0", "v1", "v2", "v3"), 20.0)
    database = conversion.annotate(contents, "test", lengths=lengths)
    assert database["v3"]["annotations"] == [{"label": "run", "segment": [3.0, 5.0]}]
    placed = conversion.place(
        contents, conversion.annotate(contents, "train", lengths=lengths) | database, 1.0
    )
    assert placed["videos"] == {
        "v0": [{"label": "run", "seconds": 2.0}],
        "v1": [{"label": "run", "seconds": 4.0}],
    }
    [left_out] = placed["left_out"]
    assert left_out["what"] == "line 4: v1: start '' is not a number"
    conversion.warn_of_annotations(contents, database, "test", 1.0)
    assert any("left out 1: line 6: v3" in message for message in caplog.messages)
    assert any(
        "left out 1 points, which are no annotations (line 8)" in message for message in caplog.messages
    )


def test_subsets_and_durations_of_a_data_set_are_used(tmp_path):
    test = CHARADES.replace("46GP8", "TEST1").replace("N11GT", "TEST2")
    put(tmp_path / "labels", {"Charades_v1_train.csv": CHARADES, "Charades_v1_test.csv": test})
    values = {"annotations": {"file": "labels"}, "points": {"from": "segments", "distribution": "centre"}}
    converted = conversion.convert(splits.read(tmp_path, config.parse(config.Labels, values)))
    assert {v: (e["subset"], e["duration"]) for v, e in converted.annotations["database"].items()} == {
        "46GP8": ("train", 24.83),
        "N11GT": ("train", 30.5),
        "TEST1": ("test", 24.83),
        "TEST2": ("test", 30.5),
    }
    seconds = [point["seconds"] for point in converted.points["videos"]["46GP8"]]
    assert seconds == pytest.approx([6.3, 16.55])


@pytest.mark.parametrize(
    "entry",
    [
        {"filename": "v_00001.mp4", "fps": 30, "label_id": 3},  # FineAction
        {"url": "https://www.youtube.com/watch?v=x", "subset": "training"},  # HACS Segments
    ],
)
def test_fineaction_and_hacs_are_activitynets(tmp_path, entry):
    annotation = {
        "segment": [1.5, "4.0"],
        "segment(frames)": [45, 120],
        "label": "Shaving legs",
        "label_id": 7,
    }
    train = {"subset": "training", "duration": 9.5, "annotations": [annotation], **entry}
    content = {"version": "1.1.1", "database": {"a": train, "b": {**train, "subset": "validation"}}}
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    contents = splits.read(tmp_path, config.parse(config.Labels, {"points": {"from": "segments"}}))
    assert contents.videos == {"train": ["a"], "test": ["b"]}
    [known] = conversion.annotate(contents, "test")["b"]["annotations"]
    assert known == {"label": "Shaving legs", "segment": [1.5, 4.0]}


def test_names_of_films_lose_folder_and_ending_and_what_the_entry_says(tmp_path):
    path = put(tmp_path, {"t.csv": "video,start,end,class\nfilms\\v_e\u0301.x.MP4,1,2,run\n"})
    names = config.VideoNames(prefix="v_")
    assert points.read(path, names).points["video"].tolist() == ["\u00e9.x"]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("mstcn", {}, r"the times of mstcn are frames; set `fps` beside its `file` \(15 of GTEA"),
        ("labelstudio", {}, "the times of labelstudio are frames; set `fps`"),
        ("cvat", {}, "the times of cvat are frames; set `fps`"),
        ("elan", {"fps": 25.0}, "the times of elan are no frames; remove `fps`"),
        ("audacity", {"tiers": ["a"]}, "audacity has no tiers; remove `tiers`"),
    ],
)
def test_a_time_base_is_neither_guessed_nor_ignored(tmp_path, name, values, message):
    path = put(tmp_path, GOOD[name][0])
    with pytest.raises(InputError, match=message):
        formats.read(path, name, settings(**values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": "praat"}, "points.format: 'praat': Input should be 'auto', 'elan'"),
        ({"fps": 0.0}, "points.fps: 0.0"),
        ({"tiers": []}, r"points.tiers: \[\]"),
        ({"take": "end"}, "points.take: 'end': Input should be 'centre', 'start' or 'uniform'"),
        ({"from": "segments", "take": "start"}, "take is of a file, and from draws points; remove one"),
        ({"from": "segments", "format": "elan"}, "format is of a file, and from draws points; remove one"),
        ({"seed": 3}, "seed is of drawn points; add from: segments or take: uniform, or remove it"),
    ],
)
def test_settings_that_cannot_be(values, message):
    with pytest.raises(InputError, match=message):
        config.parse(config.Labels, {"points": values})


def test_hrpros_own_files_have_no_settings_of_others(tmp_path):
    (tmp_path / "points.csv").write_text("video,seconds,class\nv,1,run\n")
    with pytest.raises(InputError, match=r"points.csv: fps is of labels of other tools; remove it"):
        points.read(tmp_path / "points.csv", settings=settings(fps=25.0))


def test_points_alone_are_no_annotations(tmp_path):
    path = put(tmp_path, GOOD["soccernet"][0])
    with pytest.raises(InputError, match="soccernet with points alone; name it under `points`"):
        entries.read(path, config.Annotations(), config.AS_THEY_ARE)


def test_a_tier_that_is_not_there(tmp_path):
    for name, tier in (("table, of Praat", "hands"), ("table", "act"), ("labelstudio", "labels")):
        path, values = put(tmp_path / name, GOOD[name][0]), GOOD[name][1] | {"tiers": [tier]}
        with pytest.raises(InputError, match=f"nothing in '{tier}', which `tiers` names; correct it"):
            formats.read(path, name.partition(",")[0], settings(**values))


def test_hrpros_points_with_their_segments_beside_them_are_points(tmp_path):
    (tmp_path / "points.csv").write_text("video,seconds,class,start,end\nv,1.5,run,1,9\n")
    assert points.read(tmp_path / "points.csv").points["seconds"].tolist() == [1.5]


def test_a_folder_of_nothing_known(tmp_path):
    (tmp_path / "notes.txt").write_text("call her\n")
    with pytest.raises(InputError, match="no file in it is of a known format; name a file, or its `format`"):
        formats.of(tmp_path, settings())
    with pytest.raises(InputError, match=r"no file in it ends with .eaf; name the right folder"):
        formats.read(tmp_path, "elan", settings())


def test_files_larger_than_labels_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(label, "SIZE", 100)
    for name in ("elan", "via", "boris"):
        path = put(tmp_path, GOOD[name][0])
        with pytest.raises(InputError, match=r"larger than 0 MB; split it"):
            formats.read(path, name, settings())
        path.unlink()


def test_every_file_of_a_folder_is_one_that_a_step_holds_against_the_plan(tmp_path, monkeypatch):
    put(tmp_path / "eaf", {"S1.eaf": ELAN, "S2.eaf": ELAN})
    (tmp_path / "points.csv").write_text("video,seconds,class\nS1,3.5,actions\n")
    labels = config.parse(config.Labels, {"annotations": {"file": "eaf"}})
    paths = conversion.files_of(tmp_path, labels)
    assert [path.name for path in paths] == ["S1.eaf", "S2.eaf", "points.csv"]

    def source() -> str:
        return planned.digest(conversion.annotate(splits.read(tmp_path, labels), "test"))

    monkeypatch.setenv("HRPRO_SOURCE", source())
    with planned.unchanged(paths, source):
        pass
    put(tmp_path / "eaf", {"S2.eaf": ELAN.replace("60000", "61000")})
    with (
        pytest.raises(InputError, match="changed since the run was planned"),
        planned.unchanged(paths, source),
    ):
        pass


def convert(monkeypatch, capsys, *arguments) -> str:
    """What convert_labels.py prints."""
    monkeypatch.setattr(sys, "argv", ["convert_labels.py", *map(str, arguments)])
    convert_labels.main()
    return capsys.readouterr().out


def test_convert_labels(tmp_path, monkeypatch, capsys):
    path = put(tmp_path, {"b.tsv": BORIS})
    out = tmp_path / "points.csv"
    said = convert(monkeypatch, capsys, path, out, "--take", "start")
    assert "(boris): 2 instances and 1 points of 1 videos -> " in said and said.endswith("points.csv (csv)\n")
    assert out.read_text() == "video,seconds,class\nv1,1.5,run\nv1,2.25,jump\nv1,3.0,run\n"
    convert(monkeypatch, capsys, path, tmp_path / "a.json")
    [annotation, point, _] = json.loads((tmp_path / "a.json").read_text())["database"]["v1"]["annotations"]
    assert annotation == {"label": "run", "segment": [1.5, 4.0]}
    assert point == {"label": "jump", "segment": [2.25, 2.25]}
    convert(monkeypatch, capsys, tmp_path / "a.json", tmp_path / "back.tsv", "--ignore", "jump")
    assert (tmp_path / "back.tsv").read_text().splitlines()[1:] == [
        "v1\t1.5\t4.0\trun",
        "v1\t3.0\t5.5\trun",
    ]
    convert(monkeypatch, capsys, tmp_path / "back.tsv", tmp_path / "v1.eaf")
    convert(
        monkeypatch, capsys, tmp_path / "v1.eaf", tmp_path / "ls.json", "--to", "labelstudio", "--fps", "2"
    )
    assert '"start": 4,' in (tmp_path / "ls.json").read_text()  # frames 4 to 8 of 2 fps are 1.5 to 4 s


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("boris", ["out.xml"], "out.xml: no format by its ending; name it by --to"),
        ("boris", ["b.tsv"], "b.tsv: is an input too; name another output"),
        ("boris", ["out.eaf"], "v1: a point at 2.25 s, but elan has instances alone; write table"),
        (
            "via",
            ["out", "--to", "mstcn"],
            "the times of mstcn are frames; say how many a second has by --fps",
        ),
        ("via", ["out", "--to", "mstcn", "--fps", "25"], "v1: its length is unknown, and each of its frames"),
        ("thumos14", ["out.eaf"], "out.eaf: elan needs 2 files; name a folder, without an ending"),
        ("missing", ["out.csv"], "missing: no such file or folder"),
    ],
)
def test_convert_labels_refuses(tmp_path, monkeypatch, capsys, name, arguments, message):
    monkeypatch.chdir(tmp_path)
    path = "missing"
    if name != "missing":
        path = put(tmp_path, GOOD[name][0]).relative_to(tmp_path)
    with pytest.raises(InputError, match=message):
        convert(monkeypatch, capsys, path, *arguments)
    assert not Path("out").exists() and not list(tmp_path.glob("out.*"))


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        (
            "thumos14",
            [("v1", "../../etc/run", 1.0, 2.0)],
            r"'../../etc/run.txt' cannot be a file's name: it has",
        ),
        ("thumos14", MADE[-1:], r"'v 2': the name of a video ends at a blank here; write another format"),
        ("mstcn", MADE[1:2], r"v1: class 'sit, \"down\"' has a separator in it; rename it"),
        (
            "mstcn",
            [("v1", "run", 1, 2), ("v1", "sit", 1.5, 3)],
            r"v1: 'run' and 'sit' overlap at 1.5 s, but a",
        ),
        ("cvat", MADE, r"cvat is read, not written; written are elan, via, labelstudio, table"),
    ],
)
def test_what_a_format_cannot_hold_is_not_written(tmp_path, name, labels, message):
    with pytest.raises(InputError, match=message):
        formats.write(tmp_path / "out", name, made(*labels), 10.0)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_workflow_reruns_what_an_edited_file_of_a_folder_says(demo_data, tmp_path):
    """Of ELAN's files, which say no duration; a touch of them runs nothing."""
    _, labels = exchange.read(demo_data / "gt_full.json", settings())
    files = exchange.write(tmp_path / "eaf", "elan", labels, settings())
    entry = {"root": str(demo_data), "snippet": {"frames": 16, "fps": 25}}
    entry |= {"annotations": {"file": str(tmp_path / "eaf")}, "points": {"from": "segments"}}
    (tmp_path / "mine.yaml").write_text(json.dumps({"datasets": {"mine": entry}}))
    targets = [f"results/mine/{split}/annotations.json" for split in config.SPLITS]

    def run(*options: str) -> Counter:
        return jobs_of(snakemake(tmp_path, "--configfile=mine.yaml", *options, "--", *targets))

    assert run() == {"convert_features": 2, "convert_annotations": 2}
    file = next(path for path in files if "test" in path.name)
    text = file.read_text()
    assert '"ts2"' in text
    file.write_text(text)
    assert run("--dry-run") == {}
    file.write_text(
        re.sub(r'(ID="ts2" TIME_VALUE=")(\d+)', lambda found: f"{found[1]}{int(found[2]) - 9}", text)
    )
    assert run("--dry-run") == {"convert_annotations": 1}
