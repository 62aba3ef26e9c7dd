"""What a user types after `snakemake`: values of --config, and targets that nothing makes."""

import argparse
import difflib
import re
import sys
import tempfile
from pathlib import Path

import yaml

from hrpro.utils import files
from hrpro.utils.errors import FULL, InputError, reason

MERGE = "tag:yaml.org,2002:merge"  # of a key <<
SHOWN = 100  # characters of a list, or of a target, that a message shows


def typed(config, command_line):
    """The configuration with the values of --config as YAML reads them; Snakemake has left some as text.

    command_line: the values of --config, which `config` holds too.
    """
    if isinstance(config, dict) and isinstance(command_line, dict):
        return {
            key: typed(value, command_line[key]) if key in command_line else value
            for key, value in config.items()
        }
    return as_yaml(config) if config == command_line else config


def as_yaml(value):
    """A value whose texts are read as YAML reads scalars without quotes."""
    if isinstance(value, dict):
        return {key: as_yaml(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_yaml(each) for each in value]
    if not isinstance(value, str):
        return value
    loader = yaml.SafeLoader("")
    node = yaml.ScalarNode(loader.resolve(yaml.ScalarNode, value, (True, False)), value)
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError):  # "=" and the 45th of a month, say
        return value


def repeated_key(path: Path) -> str | None:
    """Which key stands twice in one object of a configuration file, in words; Snakemake takes the last one.

    Other faults of a file are not looked for: Snakemake has read it.
    """
    text = path.read_text(encoding="utf-8")
    try:
        files.json_decoder(path).decode(text)  # Snakemake tries this first, too
        return None
    except InputError as error:
        return str(error)
    except ValueError:
        queue, seen = [yaml.compose(text, Loader=yaml.SafeLoader)], set()
    while queue:
        node = queue.pop()
        if id(node) in seen:  # what has an alias stands in several places
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            queue += node.value
        elif isinstance(node, yaml.MappingNode):
            queue += [value for _, value in node.value]
            lines = {}
            for key, _ in node.value:
                line, name = key.start_mark.line + 1, (key.tag, str(key.value))
                if name in lines and key.tag != MERGE:
                    return (
                        f"{path}: line {line}: {shortened(key.value)!r} stands on line {lines[name]} too, "
                        "in one object; join the two or remove one"
                    )
                lines[name] = line
    return None


def arguments() -> argparse.Namespace | None:
    """The command line as Snakemake's own parser reads it; None where something else has started it."""
    program = Path(sys.argv[0])
    if "snakemake" not in (program.stem, program.parent.name):
        return None
    from snakemake.cli import get_argument_parser

    args, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    return args


def refusal(folder: Path, only_planned: bool) -> str | None:
    """Why Snakemake, to run or to plan in a folder, could not write there, in words; None where it can."""
    names = [".snakemake", "results", "logs"]
    for path in map(folder.joinpath, names):
        if files.is_taken(path) and not path.is_dir():
            return f"{path.absolute()}: not a folder, and Snakemake needs one of that name; move it away"
    names = names[:1] if only_planned else names
    for path in [path if (path := folder / name).exists() else folder for name in names]:
        try:
            with tempfile.TemporaryFile(dir=path) as file:
                file.write(bytes(files.NO_SPACE))
                file.flush()
        except OSError as error:
            remedy = "run in a folder of your own (--directory)"
            if error.errno in FULL:
                remedy = "free some space and run again"
            return f"{path.absolute()}: {reason(error)}, and Snakemake writes there; {remedy}"
    return None


def shortened(text: str) -> str:
    """A text as a message shows it."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def explain(target: str, datasets: list[str], copies: list[str], known: list[str]) -> str:
    """Why nothing makes a target, and what to type.

    datasets, copies: those of the configuration; known: targets of every data set, such as map.json.
    """
    match = re.match(r"results/([^/]+)/(.+)|fetch_(.+)", target)
    target = shortened(target)
    if not match:
        return (
            f"{target}: no such target; expected a file of results/<data set>/, such as results/demo/map.json"
        )
    dataset = match[1] or match[3]
    every = [*datasets, *(f"{name}-{copy}" for name in datasets for copy in copies)]
    if dataset not in every:
        near = difflib.get_close_matches(dataset, every, n=1)
        hint = f"did you mean {near[0]!r}? " if near else f"it has {shortened(', '.join(datasets))}. "
        return (
            f"{target}: no data set {shortened(dataset)!r} in the configuration; {hint}"
            "`--configfile FILE --` before the target adds those of a file"
        )
    file = match[2] or ""
    near = difflib.get_close_matches(file, known, n=1)
    if "/seed" in file:
        return (
            f"{target}: no step makes it; expected last/seed<N>/stage1-<variant>/proposals-<variant>/... "
            "with variants of the configuration and N from 0 to 999999999 without leading zeros"
        )
    hint = f"did you mean results/{dataset}/{near[0]}?" if near else f"there are {', '.join(known)}"
    return f"{target}: no step makes it; {hint}"
