"""Imports between the rooms of hrpro point one way, and nowhere in a circle."""

import ast
import shutil
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from conftest import SCRIPTS
from hrpro import methods

# Each room (a package or module of hrpro) may import those of the lines above it, and a package itself.
LAYERS = (
    {"utils"},
    {"methods", "grid", "layers"},
    {"config"},
    {"detection", "model_file"},
    {"data"},
    {"proposals", "video", "training"},
    {package.removeprefix("hrpro.") for stage in methods.STAGES.values() for package in stage.values()},
    {"inference"},
    {"evaluation", "predict"},
    {"diagnosis"},
    {"events"},
    {"report"},
    {"predict_cli", "labelling", "start"},
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}


def modules(root: Path) -> dict[str, Path]:
    """The modules of the package `root`, by their dotted names."""
    found = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def import_statements(source: str) -> list[ast.Import | ast.ImportFrom]:
    """The imports of some code, wherever in it."""
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]


def imports(root: Path) -> dict[str, set[str]]:
    """The modules of the package that each of its modules imports, wherever in its code."""
    paths = modules(root)
    graph = {}
    for name, path in paths.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        graph[name] = set()
        for node in import_statements(path.read_text()):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            else:
                base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                base = ".".join([*base, *([node.module] if node.module else [])])
                # `from .x import y`: y is a module of the package x, or else a name in the module x
                targets = [
                    full if (full := f"{base}.{alias.name}") in paths else base for alias in node.names
                ]
            graph[name] |= {target for target in targets if target in paths and target != name}
    return graph


def room(module: str) -> str:
    """hrpro.snippet.model -> snippet; hrpro itself is the room "hrpro"."""
    return module.split(".")[1] if "." in module else "hrpro"


def rooms(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The rooms that each room imports."""
    result = {room(name): set() for name in graph}
    for name, targets in graph.items():
        result[room(name)] |= {room(target) for target in targets} - {room(name)}
    return result


def back_imports(graph: dict[str, set[str]]) -> list[str]:
    """The imports that do not point to a lower layer, and rooms without a layer."""
    wrong = [f"{name}: no layer" for name in rooms(graph) if name not in RANK and name != "hrpro"]
    for name, targets in graph.items():
        for target in targets:
            here, there = room(name), room(target)
            if here != there and RANK.get(there, -1) >= RANK.get(here, len(LAYERS)):
                wrong.append(f"{name} imports {target}")
    return sorted(wrong)


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A circle of imports; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.fixture
def hrpro(tmp_path) -> Path:
    """A copy of the package to change."""
    return shutil.copytree(SCRIPTS / "hrpro", tmp_path / "hrpro", ignore=shutil.ignore_patterns("*.pyc"))


def test_imports_point_one_way():
    assert back_imports(imports(SCRIPTS / "hrpro")) == []


def test_modules_import_in_no_circle():
    assert circle(imports(SCRIPTS / "hrpro")) == []


def test_rooms_import_in_no_circle():
    assert circle(rooms(imports(SCRIPTS / "hrpro"))) == []


def test_the_graph_holds_what_is_known():
    """Otherwise the tests above would show nothing."""
    graph = imports(SCRIPTS / "hrpro")
    assert graph["hrpro.snippet.method"] >= {"hrpro.data.scores", "hrpro.snippet.model", "hrpro.model_file"}
    assert "hrpro.utils.speed" in graph["hrpro.layers.dropout"]
    assert "hrpro.snippet.memory" in graph["hrpro.snippet.training"]  # from . import losses, memory


@pytest.mark.parametrize(
    "line",
    [
        "from ..training import optimizer",
        "from ..snippet.training import train",
        "from hrpro.instance import training",
        "import hrpro.predict",
        "def later():\n    from .. import inference",
    ],
)
def test_an_import_that_points_back_is_noticed(hrpro, line):
    path = hrpro / "layers" / "packing.py"
    path.write_text(f"{path.read_text()}\n{line}\n")
    [wrong] = back_imports(imports(hrpro))
    assert wrong.startswith("hrpro.layers.packing imports hrpro.")


def test_a_circle_is_noticed(hrpro):
    (hrpro / "layers" / "packing.py").write_text("from .dropout import Dropout\n")
    (hrpro / "layers" / "dropout.py").write_text("from . import packing\n")
    assert back_imports(imports(hrpro)) == []
    assert set(circle(imports(hrpro))) == {"hrpro.layers.packing", "hrpro.layers.dropout"}
    (hrpro / "layers" / "packing.py").write_text("from ..grid import Grid\n")
    (hrpro / "grid.py").write_text("from .layers.standardize import Standardize\n")
    assert circle(imports(hrpro)) == []
    assert set(circle(rooms(imports(hrpro)))) == {"layers", "grid"}


def test_a_room_without_a_layer_is_noticed(hrpro):
    (hrpro / "attic.py").write_text("")
    assert back_imports(imports(hrpro)) == ["attic: no layer"]
