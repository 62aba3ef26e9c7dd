"""Films that a browser does not play, made into WebM: small, silent, quick to seek in, the times the same."""

import tempfile
import threading
from fractions import Fraction
from pathlib import Path

from ..utils import files
from ..utils.errors import InputError
from ..utils.progress import log
from ..video import decoding

SIDE = 480  # pixels of the shorter side at most
BASE = Fraction(1, 1000)  # WebM keeps times in milliseconds
KEY_FRAME_EVERY = 15  # frames, for seeking
BITS_PER_SECOND = 1_200_000
FAST = {
    **{"deadline": "realtime", "cpu-used": "16", "lag-in-frames": "0", "auto-alt-ref": "0"},
    **{"qmin": "16", "qmax": "50"},
}


class Conversion:
    """A film that is being converted; .share of it is done, .error is why it cannot be."""

    def __init__(self, film: Path, output: Path):
        self.film = film
        self.output = output
        self.share = 0.0
        self.error: str | None = None
        self.is_done = False

    def run(self) -> None:
        """Convert it."""
        try:
            with files.atomic(self.output) as temporary:
                for share in convert(self.film, temporary):
                    self.share = share
            self.is_done = True
        except (InputError, OSError) as error:
            log.warning("%s", error)
            self.error = str(error)


class Conversions:
    """The conversions of a session, in a folder that goes with it, one at a time."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hrpro-label-")
        self.of_film: dict[Path, Conversion] = {}
        self.mutex, self.turn = threading.Lock(), threading.Lock()

    def start(self, film: Path) -> Conversion:
        """The conversion of a film, begun if it was not; one that has failed begins anew."""
        with self.mutex:
            conversion = self.of_film.get(film)
            if conversion is None or conversion.error:
                conversion = Conversion(film, Path(self.folder.name, f"{len(self.of_film)}.webm"))
                self.of_film[film] = conversion
                threading.Thread(target=self.run, args=[conversion], daemon=True).start()
            return conversion

    def run(self, conversion: Conversion) -> None:
        """Convert when it is its turn."""
        with self.turn:
            conversion.run()

    def close(self) -> None:
        """Remove what was made."""
        self.folder.cleanup()


def convert(film: Path, output: Path):
    """Write a film's pictures as WebM (VP8), each at its time since the first one; yields the share done.

    Raises InputError if it cannot be decoded.
    """
    av = decoding.pyav()
    with (
        decoding.open_video(film, threads=2) as reader,
        av.open(str(output), "w", format="webm") as container,
    ):
        seconds = float(reader.declared_seconds() or 0)
        stream, start, last = None, Fraction(0), -1
        for frame, end in reader.timed_frames():
            if stream is None:
                height, width = size_of(frame)
                stream = container.add_stream("libvpx", rate=30, options=FAST)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                stream.bit_rate, stream.codec_context.gop_size = BITS_PER_SECOND, KEY_FRAME_EVERY
                stream.codec_context.time_base = BASE
            time = round(start / BASE)
            if time > last:
                pixels = decoding.upright(frame, (height, width), (height, width))
                picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                picture.pts, picture.time_base, last = time, BASE, time
                container.mux(stream.encode(picture))
            start = end
            yield min(float(end) / seconds, 1.0) if seconds else 0.0
        container.mux(stream.encode())


def size_of(frame) -> tuple[int, int]:
    """Height and width of an upright frame at SIDE, both even."""
    turned = round(frame.rotation / 90) % 2
    height, width = (frame.width, frame.height) if turned else (frame.height, frame.width)
    scale = min(1, SIDE / min(height, width))
    return max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2)
