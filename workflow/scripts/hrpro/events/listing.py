"""The events of videos: of each class one at a time, with probabilities, as many as the cut leaves."""

import numpy as np

from ..config import CalibratedEvents
from ..detection.segments import Segments
from ..utils.progress import log
from . import calibration
from .selection import one_at_a_time


def of_detections(detections: dict[str, Segments], settings: CalibratedEvents) -> dict[str, Segments]:
    """The events of each video by its detections, by start; their scores are probabilities.

    None, with a warning, where no held-back event was right. Raises InputError where the settings ask for a
    precision or recall that held-back videos do not reach.
    """
    place = calibration.place_of(settings)
    if place is None:
        log.warning("no events: none was right in the held-back videos that calibrate them")
    least = np.inf if place is None else settings.calibration.scores[place]
    return {video: events(of_video, settings, least) for video, of_video in detections.items()}


def events(detections: Segments, settings: CalibratedEvents, least: float = -np.inf) -> Segments:
    """The events of one video whose detections have a score of `least` or more.

    In whole milliseconds, and probabilities with four decimals: it is a list to read.
    """
    selected = one_at_a_time(detections)
    selected = selected.take(selected.scores >= least)
    selected = selected.take(np.lexsort((selected.labels, selected.times[:, 1], selected.times[:, 0])))
    probabilities = calibration.probabilities(settings.calibration, selected.scores)
    return Segments(selected.times.round(3), selected.labels, probabilities.round(4))
