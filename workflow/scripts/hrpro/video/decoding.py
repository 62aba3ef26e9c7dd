"""Decoding videos: their frames at a steady rate, read by time, and the clip that each snippet sees.

Frame k is what a viewer sees at k / fps seconds after the first one; a video has the frames of all such
times before its end. Snippet i sees frames [i * stride, i * stride + window). What is left at the end, too
short for a window, is dropped; a video shorter than that is one snippet, its last frame repeated.
"""

import contextlib
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from ..utils import progress
from ..utils.errors import InputError

ROUNDING = Fraction(1, 1000)  # seconds: Matroska and FLV keep times in milliseconds
LOST = 2  # seconds that a video may end before its file says so
REPAIR = "copy it again, or convert it: ffmpeg -i IN OUT.mp4"


def snippets(frames: Iterable[np.ndarray], stride: int, window: int, ahead: int = 0) -> Iterator[np.ndarray]:
    """Frames (H, W, 3) -> the clip of each snippet, (3, window + ahead, H, W).

    Keeps one window in memory. ahead: frames after the window that its clip has too.
    """
    length = window + ahead
    buffer, count, done = [], 0, 0
    for frame in frames:
        count += 1
        buffer.append(frame)
        if len(buffer) == max(stride, length):
            yield clip(buffer, length)
            del buffer[:stride]
            done += 1
    for _ in range(done, max(1, (count - window) // stride + 1)):
        yield clip(buffer, length)
        del buffer[:stride]


def clip(frames: list[np.ndarray], length: int) -> np.ndarray:
    """The first `length` of some frames (H, W, 3), the last one repeated if need be -> (3, length, H, W)."""
    padded = frames + frames[-1:] * (length - len(frames))
    return np.stack(padded[:length]).transpose(3, 0, 1, 2)


def pyav():
    """The module av, which only this module needs. Raises InputError if it is not installed."""
    try:
        import av
    except ModuleNotFoundError:
        raise InputError(
            "features: from videos needs PyAV; install it: pip install -r requirements-video.lock"
        ) from None
    return av


@contextlib.contextmanager
def open_video(path, threads: int = 1) -> Iterator["VideoReader"]:
    """A video to read, decoded by so many threads.

    Raises InputError if it is missing or damaged, or holds no video.
    """
    av = pyav()
    try:
        container = av.open(str(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; put it there") from None
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: not a video that can be read ({error.strerror}); {REPAIR}") from None
    with container:
        # the cover of a sound file is a stream of one picture
        picture = av.stream.Disposition.attached_pic
        streams = [stream for stream in container.streams.video if not stream.disposition & picture]
        if not streams:
            raise InputError(f"{path}: no video in it, only sound or the like; put the video there")
        streams[0].thread_type = "AUTO"
        streams[0].codec_context.thread_count = threads
        yield VideoReader(path, container, streams[0], av.error.FFmpegError)


class VideoReader:
    """Decodes a video that is open."""

    def __init__(self, path, container, stream, error: type[Exception]):
        self.path = path
        self.container = container
        self.stream = stream
        self.error = error  # what PyAV raises
        self.damaged = 0

    def length(self, stride: int, fps: float) -> int:
        """About how many snippets there will be, by the length that the file declares."""
        return int((self.declared_seconds() or 0) * Fraction(str(fps)) / stride)

    def declared_seconds(self) -> Fraction | None:
        """The video's length in seconds, as the file declares it."""
        if self.stream.duration:
            return self.stream.duration * self.stream.time_base
        return Fraction(self.container.duration, 1_000_000) if self.container.duration else None

    def packet_times(self) -> list[Fraction] | None:
        """When each frame is shown, in seconds since the first one, by the packets alone; nothing is decoded.

        None where they do not say it: then `timed_frames` does.
        """
        try:
            packets = [p for p in self.container.demux(self.stream) if p.size and not p.is_discard]
        except self.error:
            return None
        ticks = {packet.pts for packet in packets}
        if not ticks or None in ticks:
            return None
        first = min(ticks)
        return [(tick - first) * self.stream.time_base for tick in sorted(ticks)]

    def frames(self, fps: float, resize: tuple[int, ...], crop: tuple[int, int]) -> Iterator[np.ndarray]:
        """The pictures at times k / fps, (*crop, 3) uint8, upright, each the last one shown by then.

        resize: the shorter side, or height and width; crop: cut out of the centre. Raises InputError if
        none can be decoded, or if the video ends long before the length that its file declares.
        """
        step, number = 1 / Fraction(str(fps)), 0
        for frame, end in self.timed_frames():
            picture = None
            while number * step + ROUNDING < end:
                picture = upright(frame, resize, crop) if picture is None else picture
                yield picture
                number += 1

    def timed_frames(self) -> Iterator[tuple]:
        """The frames, each with the seconds since the first one until which it is shown."""
        last = first = start = None
        for frame in self.decoded():
            ticks = frame.dts if frame.pts is None else frame.pts
            if ticks is None:
                raise InputError(f"{self.path}: frames without times; convert it: ffmpeg -i IN OUT.mp4")
            time = ticks * frame.time_base
            if last is None:
                first = time
            elif time <= start:
                self.damaged += 1
                continue
            else:
                yield last, time - first
            last, start = frame, time
        if last is None:
            raise InputError(f"{self.path}: no frame of it can be decoded; {REPAIR}")
        if self.damaged:
            progress.log.warning(
                "%s: %d damaged packets or frames out of order; the pictures before them stand",
                self.path, self.damaged,
            )  # fmt: skip
        duration = last.duration * last.time_base or 1 / Fraction(self.stream.average_rate or 25)
        end = start - first + duration
        # some formats count their length from the first frame, some from 0
        declared = self.declared_seconds()
        if declared and declared - max(end, start + duration) > LOST:
            raise InputError(
                f"{self.path}: ends after {float(end):.1f} s of {float(declared):.1f} s; copy it again or, "
                "if that is all, convert it without sound: ffmpeg -i IN -an OUT.mp4"
            )
        yield last, end

    def decoded(self) -> Iterator:
        """The frames, those that cannot be decoded left out and counted."""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
                yield from packet.decode()
            except StopIteration:
                return
            except self.error:
                self.damaged += 1


def upright(frame, resize: tuple[int, ...], crop: tuple[int, int]) -> np.ndarray:
    """A frame of PyAV's -> (*crop, 3) uint8, turned as the file asks, resized, cut out of the centre."""
    turns = round(frame.rotation / 90) % 4  # counter-clockwise
    height, width = (frame.width, frame.height) if turns % 2 else (frame.height, frame.width)
    if len(resize) == 1:
        scale = resize[0] / min(height, width)
        resize = (max(resize[0], round(height * scale)), max(resize[0], round(width * scale)))
    size = resize[::-1] if turns % 2 else resize
    picture = frame.to_ndarray(format="rgb24", height=size[0], width=size[1], interpolation="BILINEAR")
    picture = np.rot90(picture, turns)
    top, left = ((side - cropped) // 2 for side, cropped in zip(resize, crop, strict=True))
    return np.ascontiguousarray(picture[top : top + crop[0], left : left + crop[1]])
