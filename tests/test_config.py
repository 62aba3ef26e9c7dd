"""Settings: their defaults, how they overlay each other, and the files that are written from them."""

import json
import re
import shutil
import subprocess
import sys

import jsonschema
import pytest
import yaml

from conftest import ROOT, SCRIPTS, run_script
from hrpro import config as configuration
from hrpro import methods
from hrpro.config import writing
from hrpro.config.parsing import models
from hrpro.config.schema import MODELS, settings_of
from hrpro.linear.settings import Settings as Linear
from hrpro.snippet.settings import Settings as Snippet
from hrpro.utils.errors import InputError

WRITTEN = ("config.yaml", "README.md", "schema.json")
MINE = {"root": "data", "snippet": {"frames": 16, "fps": 25}}


def parsed(**values) -> configuration.Config:
    """A configuration of one data set and these values, without config.yaml."""
    values = configuration.merge({"datasets": {"mine": MINE}}, values)
    return configuration.parse(configuration.Config, values)


# --- defaults


def test_an_empty_configuration_is_config_yaml_without_its_data_sets(raw_config):
    empty = configuration.parse(configuration.Config, {})
    assert empty == configuration.parse(configuration.Config, raw_config | {"datasets": {}})
    assert empty.datasets == {}


def test_config_yaml_has_every_value_once(raw_config):
    assert {*raw_config} == {*configuration.Config.model_fields}
    assert raw_config["settings"] == {
        step: {key: writing.default_of(field) for key, field in writing.fields(model).items()}
        for step, model in zip(MODELS, map(writing.default_model, MODELS), strict=True)
    }
    keys = re.findall(r"^( *)([\w-]+):", (ROOT / "config/config.yaml").read_text(), re.M)
    place, places = [], []
    for indent, key in keys:
        place = [*place[: len(indent) // 2], key]
        places.append(".".join(place))
    assert len(places) == len(set(places))


def test_every_default_is_one_that_a_user_may_write():
    for stage in MODELS:
        for model in settings_of(stage).values() if stage in methods.STAGES else [MODELS[stage]]:
            assert configuration.parse(model, model().model_dump()) == model()
    configuration.parse(configuration.Config, configuration.Config().model_dump())


def test_every_setting_has_a_description_that_names_its_choices():
    for model in {*models()} - {configuration.Labels, configuration.Prediction}:
        if not model.__module__.startswith("hrpro") or model.__module__.startswith("hrpro.report"):
            continue  # what a report's step is told, nobody writes
        schema = model.model_json_schema()
        for key, field in writing.fields(model).items():
            assert field.description, f"{model.__name__}.{key}"
            if key in ("layout", "model", "format"):  # as many as a table of the docs has
                continue
            missing = [
                each for each in schema["properties"][key].get("enum", []) if each not in field.description
            ]
            assert not missing, f"{model.__name__}.{key}"


def test_planning_loads_no_numbers():
    code = "import sys; import hrpro.config; print({'torch', 'numpy', 'pandas'} & {*sys.modules})"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    assert run.stdout == "set()\n"


@pytest.mark.parametrize(
    "module",
    [
        "snippet.settings",
        "linear.settings",
        "lacp.settings",
        "instance.settings",
        "pmil.settings",
        "config.parsing",
    ],
)
def test_every_module_of_settings_can_be_imported_first(module):
    subprocess.run([sys.executable, "-c", f"import hrpro.{module}"], cwd=SCRIPTS, check=True)


# --- methods


@pytest.mark.parametrize("stage", methods.STAGES)
def test_the_settings_of_a_method_bear_its_name(stage):
    for method, model in settings_of(stage).items():
        assert model().method == method
        if stage == "stage1":  # score files hold them
            assert {"background_threshold", "action_threshold"} <= {*model.model_fields}


def test_the_floor_is_a_variant_of_the_linear_baseline(config):
    assert config.step("demo", "stage1", "floor") == Linear()
    assert config.experiment("floor").stage2 is None
    assert config.method("stage1", "floor") == "linear"
    assert config.method("stage1", "without_inputs") == "hrpro"


@pytest.mark.parametrize(
    ("values", "variant", "expected"),
    [
        ({}, None, Snippet()),
        ({}, "default", Snippet()),
        ({"settings": {"stage1": {"blocks": 3}}}, "default", Snippet(blocks=3)),
        ({"settings": {"stage1": {"blocks": 3}}}, "floor", Linear()),
        ({"datasets": {"mine": {"settings": {"stage1": {"blocks": 3}}}}}, None, Snippet(blocks=3)),
        ({"datasets": {"mine": {"settings": {"stage1": {"blocks": 3}}}}}, "floor", Linear()),
        (
            {"settings": {"stage1": {"method": "linear", "smoothing": 9}}},
            "floor",
            Linear(smoothing=9),
        ),
        ({"settings": {"stage1": {"method": "linear", "smoothing": 9}}}, "default", Snippet()),
        (
            {"datasets": {"mine": {"settings": {"stage1": {"method": "linear", "smoothing": 9}}}}},
            "floor",
            Linear(smoothing=9),
        ),
        ({"variants": {"stage1": {"floor": {"smoothing": 9}}}}, "floor", Linear(smoothing=9)),
        (
            {"datasets": {"mine": {"variants": {"stage1": {"floor": {"smoothing": 9}}}}}},
            "floor",
            Linear(smoothing=9),
        ),
        (
            {"variants": {"stage1": {"default": {"loss_weights": {"video": 0.5}}}}},
            "default",
            Snippet(loss_weights={"video": 0.5}),
        ),
    ],
)
def test_a_variant_starts_from_what_is_of_its_method(values, variant, expected):
    assert parsed(ablation=None, **values).step("mine", "stage1", variant) == expected


def test_settings_reach_a_step_as_those_of_their_method(config):
    for variant in ("default", "released", "floor", "lacp", "lacp_released"):
        settings = config.step("demo", "stage1", variant)
        assert configuration.from_json(configuration.Stage1, configuration.canonical(settings)) == settings
    with pytest.raises(
        InputError, match=r"^configuration: method: 'mine': unknown method; .* hrpro, linear, lacp$"
    ):
        configuration.from_json(configuration.Stage1, '{"method": "mine"}')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 10**5, "nested too deep"),
        ('{"iterations": ' + "9" * 5000 + "}", "iterations: inf"),
        ('{"iterations": 1, "iterations": 2}', "'iterations' stands twice"),
        ("{", "line 1: not valid JSON"),
        ("[]", "valid dictionary"),
    ],
)
def test_settings_of_a_script_s_options(text, words):
    with pytest.raises(InputError) as caught:
        configuration.from_json(configuration.Stage1, text)
    message = str(caught.value)
    assert words in message
    assert len(message) < 400
    assert "\n" not in message


def test_null_removes_an_entry_that_is_there_by_default():
    left = parsed(
        ablation=None,
        copies={"held": None},
        experiments={"released": None, "pmil_released": None, "default": {"stage2": None, "stage3": None}},
        variants={"stage1": {"released": None}},
    )
    assert left.ablation == {} and left.ablated() == {}
    assert "held" not in left.copies and "wrong" in left.copies
    learning = ("default", "floor", "videos", "full", "lacp", "lacp_released")
    assert {*left.experiments} == {*learning, "pmil"}
    assert {*left.variants["stage1"]} == {"default", "floor", "videos", "lacp", "lacp_released"}


def test_a_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    entry = {"root": "~/mine", "ambiguous": "~/a.txt", "annotations": {"file": "~/b.json"}}
    mine = parsed(datasets={"mine": entry}, predict={"new": "~/new"})
    assert mine.datasets["mine"].root == "/home/me/mine"
    assert mine.datasets["mine"].ambiguous == "/home/me/a.txt"
    assert mine.datasets["mine"].annotations.file == "/home/me/b.json"
    assert mine.predict["new"] == "/home/me/new"


# --- what `make config` writes


@pytest.fixture
def folder(tmp_path):
    """A copy of config/."""
    return shutil.copytree(ROOT / "config", tmp_path / "config")


def test_the_files_are_as_make_config_writes_them(folder):
    path = folder / "config.yaml"
    path.write_text(path.read_text().partition(writing.GENERATED)[0])  # the data sets are all that it needs
    path = folder / "README.md"
    path.write_text(re.sub(r"^\|.*\| (required|`\w+`) \|.*\n", "", path.read_text(), flags=re.M))
    (folder / "schema.json").unlink()
    run_script("write_config.py", "--folder", folder).check_returncode()
    for name in WRITTEN:
        assert (folder / name).read_text() == (ROOT / "config" / name).read_text(), f"{name}: run make config"


@pytest.fixture(scope="module")
def check():
    """Raises a ValidationError on what the schema for editors does not admit."""
    schema = json.loads((ROOT / "config/schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).validate


@pytest.mark.parametrize("path", ["config/config.yaml", "config/shared.yaml", "bench/quality.yaml"])
def test_the_schema_admits_what_is_right(check, path):
    check(yaml.safe_load((ROOT / path).read_text()))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"ablation": None, "experiments": {"released": None, "default": {"stage2": None, "stage3": None}}},
        {"variants": {"stage1": {"mine": {"method": "linear", "smoothing": 3}, "released": None}}},
        {"datasets": {"mine": MINE | {"settings": {"stage2": {"epochs": 3}}}}},
        {
            "datasets": {
                "mine": MINE | {"features": {"from": "videos", "model": "s3d", "weights": "download"}}
            }
        },
        {"datasets": {"mine": MINE | {"points": {"from": "segments"}}}},
    ],
)
def test_the_schema_admits_what_a_user_may_write(check, values):
    check(values)


@pytest.mark.parametrize(
    "values",
    [
        {"seed": [0]},
        {"seeds": []},
        {"settings": {"stage1": {"bach": 8}}},
        {"settings": {"stage1": {"batch": 0}}},
        {"settings": {"floor": {}}},
        {"variants": {"stage1": {"mine": {"method": "mine"}}}},
        {"variants": {"stage1": {"mine": {"smoothing": 3}}}},
        {"variants": {"stage4": {}}},
        {"experiments": {"mine": {"stage4": "x"}}},
        {"datasets": {"mine": {"root": "data"}}},
        {"datasets": {"mine": MINE | {"settings": {"stage2": {"epoch": 3}}}}},
        {"datasets": {"mine": MINE | {"variants": {"stage1": {"released": {"block": 1}}}}}},
    ],
)
def test_the_schema_refuses_what_is_wrong(check, values):
    with pytest.raises(jsonschema.ValidationError):
        check(values)
