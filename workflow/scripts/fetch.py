"""A data set's files, fetched: downloaded or resumed, verified, unpacked; what is there stays as it is."""

import argparse
import signal
import sys

from hrpro import config
from hrpro.data import download as fetch
from hrpro.utils import errors, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="the data set's folder")
    parser.add_argument(
        "--settings",
        required=True,
        nargs="+",
        metavar="JSON",
        help='a file each, as the entry has it: {"url": ..., "sha256": ..., "to": ..., "unpack": true}',
    )
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    wanted = [config.from_json(config.Remote, text) for text in args.settings]
    try:
        fetch.fetch(args.root, wanted)
    except KeyboardInterrupt:
        progress.log.warning("%s: interrupted; fetch again to go on from there", args.root)
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    errors.run(main)
