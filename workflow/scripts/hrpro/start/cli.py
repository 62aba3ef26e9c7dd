"""From a folder of videos, features and labels to a configuration of it, and to what to do next.

It asks nothing: it looks through the folder, writes <folder>.yaml here, and reports what it has recognized,
what is missing and how to get it, and the commands to run next. docs/own-data.md is the whole walk.
"""

import argparse
import os
import re
import shlex
import sys
from pathlib import Path

from ..utils import errors, files, progress
from ..utils.errors import InputError
from . import entry, words
from .folder import HRPRO
from .survey import Survey, survey

SHIPPED = ("demo", "thumos", "gtea", "beoid", "activitynet")  # data sets of config/config.yaml


def main() -> None:
    """Read the command line, write the configuration, say what to do. Raises InputError."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of a data set")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    name = name_of(args.folder)
    path = Path(f"{name}.yaml")
    if path.exists():
        raise InputError(
            f"{path}: is there already and stays as it is; rename or remove it to have it written anew"
        )
    here = Path("Snakefile").is_file()
    surveyed = survey(args.folder if here else args.folder.absolute())
    scripts = scripts_folder()
    has = list(words.content_lines(surveyed))
    lacks = list(words.missing_lines(surveyed, str(path), label_command(surveyed, scripts)))
    then = words.next_lines(
        surveyed,
        name=name,
        config=str(path if here else path.absolute()),
        scripts=scripts or "workflow/scripts",
        cores=os.cpu_count() or 1,
    )
    files.write_text(path, entry.text_of(name, surveyed))
    after = "then" if lacks else "next"
    place = "" if here else ", in the folder of hrpro's Snakefile"
    titles = f"{surveyed.root}:", "missing:", f"written: {path}; {after}{place}:"
    for title, lines in zip(titles, (has, lacks, [*then]), strict=True):
        if lines:
            print("\n  ".join([title, *lines]))


def name_of(folder: Path) -> str:
    """The name of a data set in a folder: the folder's, of letters that it may have."""
    name = re.sub(r"[^\w-]+", "_", folder.resolve().name, flags=re.ASCII).strip("_-")[:90] or "data"
    return f"my_{name}" if name in SHIPPED else name


def scripts_folder() -> str | None:
    """The folder of this script as it was typed; None of the installed command."""
    script = Path(sys.argv[0])
    return str(script.parent) if script.suffix == ".py" else None


def label_command(surveyed: Survey, scripts: str | None) -> str:
    """The command of the labelling page for what is there."""
    parts = ["python", f"{scripts}/label.py"] if scripts else ["hrpro-label"]
    if surveyed.films:
        parts += ["--videos", str(surveyed.films.folder)]
    else:
        parts += ["--videos", str(surveyed.features[0].folder if surveyed.features else surveyed.root)]
        parts += [
            "--rate",
            f"{1 / surveyed.grids[0].snippet:.6g}" if len(surveyed.grids) == 1 else "ROWS-PER-SECOND",
        ]
    parts += ["--points", str(surveyed.root / "points.csv")]
    annotated = surveyed.annotations
    if annotated and annotated.path.suffix == ".json" and annotated.form == HRPRO and not annotated.subsets:
        parts += ["--leave-out", str(annotated.path)]  # without subsets they are the test videos
    return shlex.join(parts)


def command() -> None:
    """The command `hrpro-start`: `main`, with errors as every script reports them."""
    errors.run(main)
