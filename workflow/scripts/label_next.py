"""Which videos to label next, of those with features that are in neither split.

A row per video: rank, video, gain and covers, the videos to which it would be the nearest with labels
(hrpro/labelling/order.py).
"""

import argparse

from hrpro import config
from hrpro.data import layouts, orientation, readers, splits
from hrpro.data import sources as digests
from hrpro.data.features import FeatureFile
from hrpro.labelling import order
from hrpro.utils import errors, files, planned, progress
from hrpro.video import folders


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", required=True, help="the data set's folder")
    parser.add_argument("--labels", required=True, help="JSON: where annotations and points come from")
    parser.add_argument("--features", required=True, help="JSON: where the features lie, and how")
    parser.add_argument("--names", required=True, help="JSON: what is no part of the names of videos")
    parser.add_argument(
        "--videos", nargs="?", default="", help="the folder of the videos that the features are made of"
    )
    parser.add_argument("--training", required=True, help="features.h5 of the training split")
    parser.add_argument("--output", required=True, help="label_next.csv")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    layout = config.from_json(config.FeatureFiles, args.features)
    names = config.from_json(config.VideoNames, args.names)
    of_splits = splits.read_splits(args.root, config.from_json(config.Labels, args.labels))
    sources = layouts.beside(args.root, layout, of_splits, config.AS_THEY_ARE if args.videos else names)
    if args.videos:  # of one that has gone its features may still be there
        sources = {video: sources[video] for video in folders.find(args.videos, names) if video in sources}
    with (
        FeatureFile(args.training) as training,
        planned.unchanged(digests.files_behind(sources), lambda: digests.FileDigests().of_features(sources)),
    ):
        width = {"width": training.width}
        oriented, _ = orientation.orient(sources, layout.model_copy(update=width), training.orientations)
        labelled = {video: training.read([video])[0].mean(0, dtype=float) for video in training.videos}
        unlabelled = {
            video: readers.read(source)[0].mean(0, dtype=float)
            for video, source in progress.track(oriented.items(), len(oriented), "features")
        }
    files.write_text(args.output, order.as_csv(order.rank(unlabelled, labelled)))


if __name__ == "__main__":
    errors.run(main)
