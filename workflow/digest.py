"""A digest of a step's own code: its script, the `hrpro` modules that it imports and their templates.

Snakemake reruns a rule when its params change; with this digest among them a change of the code
reruns just the steps that use it. Comments, docstrings and layout do not count.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path


def of(scripts: Path, script: str, *modules: str) -> str:
    """The digest of a script in a folder, of modules it loads by name, and of all that they import.

    modules: dotted names, such as hrpro.snippet.method.
    """
    return digest(scripts, script, *(f"{module.replace('.', '/')}.py" for module in modules))


@cache
def digest(root: Path, *names: str) -> str:
    """sha256 over the code of files under `root` and of what they import there, each in order of paths."""
    total = hashlib.sha256()
    modules = imports(root, *names)
    for path in modules:
        total.update(f"{path.relative_to(root)}\n{code(path)}\n".encode())
    for path in sorted({path for module in modules for path in templates(module)}):
        total.update(f"{path.relative_to(root)}\n{path.read_text()}\n".encode())
    return total.hexdigest()[:16]


def imports(root: Path, *names: str) -> list[Path]:
    """Files under `root` and those that they import from there, directly or not, sorted; no settings."""
    seen, queue = set(), [root / name for name in names]
    while queue:
        path = queue.pop()
        if path not in seen and not is_settings(path.relative_to(root)):
            seen.add(path)
            queue += imported(path, root)
    return sorted(seen)


def templates(module: Path) -> list[Path]:
    """The templates beside a module, which count as its code."""
    return list((module.parent / "templates").glob("*.*"))


def is_settings(path: Path) -> bool:
    """Whether a module declares settings, which reach a step as its params: a new one changes no code."""
    return path.parent.name == "config" or path.name in ("settings.py", "methods.py")


def code(path: Path) -> str:
    """The code of a file without comments and docstrings, in one layout."""
    return normalized(path.read_text())


@cache
def normalized(source: str) -> str:
    """Code without comments and docstrings, in one layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def imported(path: Path, root: Path) -> list[Path]:
    """The files under `root` that a file imports, packages' __init__.py included."""
    package = path.parent.relative_to(root).parts
    return [file for name in imported_names(path.read_text(), package) for file in files_of(name, root)]


@cache
def files_of(name: tuple[str, ...], root: Path) -> list[Path]:
    """The files under `root` of a dotted name, given as its parts, and of the packages that it is in."""
    modules = [root.joinpath(*name[:end]) for end in range(1, len(name) + 1)]
    files = [file for module in modules for file in (module.with_suffix(".py"), module / "__init__.py")]
    return [file for file in files if file.is_file()]


@cache
def imported_names(source: str, package: tuple[str, ...]) -> set[tuple[str, ...]]:
    """The dotted names that code of a package imports, each as its parts; some are no modules."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            names |= {base, *((*base, alias.name) for alias in node.names)}
    return names
