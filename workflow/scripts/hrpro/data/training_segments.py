"""The true segments of a training split, segments.json as label_segments.py has written it."""

from collections.abc import Iterable
from typing import NamedTuple

from ..detection.segments import Segments, segments
from ..utils import files
from ..utils.errors import InputError
from ..utils.names import quoted, shown
from ..utils.progress import log
from . import training_points
from .instances import are_spans


class TrainingSegments(NamedTuple):
    """What a segments.json holds, in seconds.

    classes: names; videos: {training video: [{"label", "segment": [start, end]}]}; ambiguous: of some of
    them, what may or may not be an action, {video: [[start, end]]}.
    """

    classes: list[str]
    videos: dict[str, list[dict]]
    ambiguous: dict[str, list[list[float]]]

    def of_video(self, video: str) -> Segments:
        """The true segments of a video, in seconds, with the numbers of their classes."""
        known = self.videos[video]
        labels = [self.classes.index(each["label"]) for each in known]
        return segments([each["segment"] for each in known], labels)


def of_split(database: dict, points: training_points.TrainingPoints, place: str) -> TrainingSegments:
    """The true segments of a training split, by its annotations.json and its points.json.

    The points say the names of all classes. Of a video that has points and no segment nobody knows them:
    all of it is ambiguous, and a warning counts such videos. place: how the message of an InputError begins,
    which is raised where no video has a segment.
    """
    videos = {video: database[video]["annotations"] for video in points.videos}
    if not any(videos.values()):
        raise InputError(
            f"{place}: no training video has a segment, so supervision: segments has nothing to learn from;\n"
            "add some to the annotations, or take an experiment that learns from points"
        )
    ambiguous = {video: database[video]["ambiguous"] for video in videos if database[video]["ambiguous"]}
    unknown = [video for video, segments in videos.items() if points.videos[video] and not segments]
    if unknown:
        log.warning(
            "%s: %d training videos have points and no segment, and teach nothing here: %s",
            place, len(unknown), quoted(unknown),
        )  # fmt: skip
    for video in unknown:
        # features may go on after the video's end
        ambiguous[video] = [[0.0, 2 * database[video]["duration"]]]
    return TrainingSegments(points.classes, videos, ambiguous)


def read(path, videos: Iterable[str] = ()) -> TrainingSegments:
    """The content of a segments.json. Raises InputError where it is another one, or lacks one of `videos`."""
    known = training_points.read(path, videos, with_times=False)
    ambiguous = files.read_json(path, "ambiguous")["ambiguous"]
    for video, of_video in known.videos.items():
        if not are_spans([each.get("segment") for each in of_video]):
            raise InputError(
                f'{path}: {shown(video)}: expected a list of {{"label", "segment": [start, end]}}; '
                f"{training_points.REMEDY}"
            )
    if not isinstance(ambiguous, dict) or not all(map(are_spans, ambiguous.values())):
        raise InputError(
            f'{path}: "ambiguous" is not {{video: [[start, end]]}}, in seconds; {training_points.REMEDY}'
        )
    return TrainingSegments(known.classes, known.videos, ambiguous)
