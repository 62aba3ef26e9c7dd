"""Videos -> the features of their snippets, <video>.npy each; those that exist already are left alone."""

import argparse
from pathlib import Path

from hrpro import config  # first: from here on Ctrl-C ends it with one line

# isort: split
import torch

from hrpro.data import npy
from hrpro.utils import devices, errors, files, options, planned, progress
from hrpro.utils.errors import InputError
from hrpro.video import backbones, decoding, folders


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=options.path, required=True, help="a video, or a folder with videos")
    parser.add_argument("--model", required=True, help=f"one of {', '.join(config.BACKBONES)}")
    parser.add_argument(
        "--weights",
        required=True,
        nargs="+",
        metavar="FILE",
        help="of i3d rgb=FILE flow=FILE, or one of them; of the others a file, or the word download",
    )
    parser.add_argument("--frames", type=int, required=True, help="frames from a snippet to the next one")
    parser.add_argument("--window", type=int, help="frames that a snippet sees; default: as --frames")
    parser.add_argument("--fps", type=float, required=True, help="frames per second of the snippets")
    parser.add_argument("--batch", type=options.batch, default=4, help="snippets at once; features stay")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    parser.add_argument("--names", default="{}", help="JSON of the entry's `names`; default: {}")
    parser.add_argument("--output", type=options.path, required=True, help="the folder of the .npy files")
    parser.add_argument("--log", help="log file")
    return parser


def weights_of(words: list[str]) -> str | dict[str, str]:
    """--weights as in the configuration: a word, or {"rgb": file, "flow": file}."""
    named = dict(part.split("=", 1) for part in words if part.startswith(("rgb=", "flow=")))
    return named if len(named) == len(words) else " ".join(words)


def main() -> None:
    args = arguments().parse_args()
    progress.start(args.log)
    settings = {"from": "videos", "model": args.model, "weights": weights_of(args.weights)}
    settings = config.parse(config.Videos, settings, "features")
    grid = {"frames": args.frames, "fps": args.fps, "window": args.window}
    grid = config.parse(config.Snippet, grid, "snippet")
    names = config.from_json(config.VideoNames, args.names, "--names")
    if Path(args.videos).is_file():
        videos = {names.of(Path(args.videos).stem): Path(args.videos)}
    else:
        videos = folders.find(args.videos, names)

    def source() -> str:
        """The digest of the videos and the weights, as the workflow works it out."""
        weights = sorted((name, files.sha256(file)) for name, file in settings.files().items())
        return planned.digest(settings.model, weights, *map(files.sha256, videos.values()))

    with planned.unchanged([*videos.values(), *map(Path, settings.files().values())], source):
        extract(args, settings, grid, videos)


def extract(
    args: argparse.Namespace, settings: config.Videos, grid: config.Snippet, videos: dict[str, Path]
) -> None:
    """Write what is not there of the features of the videos, {name: path}."""
    decoding.pyav()  # an error ends it before the weights are read
    torch.set_num_threads(args.threads)
    device = devices.choose_device(args.device)
    backbone = backbones.load(settings.model, settings.weights, window=grid.window, device=device)
    weights = {name: files.sha256(file) for name, file in settings.files().items()} or settings.weights
    recipe = {"model": settings.model, "weights": weights, "snippet": grid.model_dump()}
    failures = []
    for name, path in videos.items():
        output, record = (Path(args.output) / f"{name}{suffix}" for suffix in (".npy", ".json"))
        content = {"video": files.sha256(path), **recipe}
        if output.is_file() and record.is_file() and files.read_json(record) == content:
            progress.log.info("%s: exists", output)
            continue
        try:
            rows = backbones.features(
                path, backbone, stride=grid.frames, window=grid.window, fps=grid.fps, batch=args.batch
            )
        except InputError as error:
            failures.append(error)
            progress.log.info("%s", error)
            continue
        record.unlink(missing_ok=True)  # it must not describe other features
        npy.write(output, rows)
        files.write_json(record, content, indent=1)
    if failures:
        others = f" (and {len(failures) - 1} more; --log lists them)" if len(failures) > 1 else ""
        raise InputError(f"{failures[0]}{others}")


if __name__ == "__main__":
    errors.run(main)
