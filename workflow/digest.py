"""A digest of a step's own code: its script and the `hrpro` modules that it imports.

Snakemake reruns a rule when its params change; with this digest among them a change of the code
reruns just the steps that use it. Comments, docstrings and layout do not count.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"
# Settings reach a step as params of their own: a new one for stage 2 is no change of stage 1's code.
APART = {"hrpro/config/__init__.py"}


def of(script: str) -> str:
    """The digest of workflow/scripts/<script> and all that it imports of `hrpro`."""
    return digest(SCRIPTS / script)


@cache
def digest(script: Path) -> str:
    """sha256 over the code of a script and of its modules, in order of their paths."""
    root = script.parent
    total = hashlib.sha256()
    for path in modules(script):
        if str(path.relative_to(root)) not in APART:
            total.update(f"{path.relative_to(root)}\n{code(path)}\n".encode())
    return total.hexdigest()[:16]


def modules(script: Path) -> list[Path]:
    """A script and the files beside it that it imports, directly or not, sorted."""
    found, waiting = set(), [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += imported(path, script.parent)
    return sorted(found)


@cache
def code(path: Path) -> str:
    """The code of a file without comments and docstrings, in one layout."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


@cache
def imported(path: Path, root: Path) -> list[Path]:
    """The files under `root` that a file imports, packages' __init__.py included."""
    package = path.parent.relative_to(root).parts
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            names = [base, *((*base, alias.name) for alias in node.names)]
        else:
            continue
        for name in names:
            for end in range(1, len(name) + 1):
                module = root.joinpath(*name[:end])
                found += [p for p in (module.with_suffix(".py"), module / "__init__.py") if p.is_file()]
    return found
