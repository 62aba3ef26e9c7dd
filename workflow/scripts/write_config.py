"""Write config.yaml, the tables of README.md and schema.json in config/ from the code: `make config`."""

import argparse
from pathlib import Path

from hrpro.config import writing
from hrpro.utils import errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default="config", help="where the files lie; default: config")
    args = parser.parse_args()

    for name, write in {"config.yaml": writing.yaml_text, "README.md": writing.readme_text}.items():
        path = args.folder / name
        path.write_text(write(path.read_text()))
    (args.folder / "schema.json").write_text(writing.schema_text())


if __name__ == "__main__":
    errors.run(main)
