"""The training videos' reliable proposals once more, from stage 2's refined and rescored ones."""

import argparse

from hrpro import config
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.instance import model
from hrpro.instance import scoring as infer
from hrpro.proposals import ranking
from hrpro.training import common as training
from hrpro.utils import devices, errors, files, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", required=True)
    parser.add_argument("--points", required=True)
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    parser.add_argument("--positive", required=True, help="of propose_training.py")
    parser.add_argument("--model", required=True, help="of train_stage2.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.detection")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Detection, args.settings)
    network, classes = model.load(args.model, devices.choose_device(args.device))
    points = files.read_json(args.points, "videos")["videos"]
    positive = results.read(args.positive, classes)
    with FeatureFile(args.features) as file, ScoreFile(args.scores) as scores:
        training.start(0, args.threads, file.width)  # nothing is drawn
        refined = infer.candidates(network, file, scores, positive, settings)
    reliable = {}
    for video, found in refined.items():
        known = [(point["seconds"], classes.index(point["label"])) for point in points[video]]
        chosen = ranking.reliable(found, known, any_score=True)
        reliable[video] = found.take([number for number in chosen if number is not None])
    results.write(args.output, reliable, classes)


if __name__ == "__main__":
    errors.run(main)
