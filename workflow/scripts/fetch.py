"""Fetch a data set's files: download or resume, verify, unpack; existing files are left alone."""

import argparse
import signal
import sys

from hrpro import config
from hrpro.data import download
from hrpro.utils import errors, options, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=options.path, required=True, help="the data set's folder")
    parser.add_argument(
        "--settings",
        required=True,
        nargs="+",
        metavar="JSON",
        help='one per file, as in the entry: {"url": ..., "sha256": ..., "to": ..., "unpack": true}',
    )
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    remotes = [config.from_json(config.Remote, text) for text in args.settings]
    try:
        download.fetch(args.root, remotes)
    except KeyboardInterrupt:
        progress.log.warning("%s: interrupted; fetch again to resume", args.root)
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    errors.run(main)
