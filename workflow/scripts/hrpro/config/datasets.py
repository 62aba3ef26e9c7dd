"""A data set's entry: where its parts lie, and how; and copies of data sets."""

import urllib.parse
from pathlib import PurePath, PurePosixPath
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from ..utils.names import clean
from ..utils.settings import Count, Length, Path, Positive, Rate, Share, Streams, Strict, Whole
from .parsing import tag

SPLITS = ("train", "test")

# The steps of which an experiment chooses a variant, in the order of the flow.
STEPS = ("stage1", "proposals", "stage2", "detection", "stage3", "evaluation")
Step = Literal[STEPS]
# They are parts of file names, and words of command lines.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$", max_length=100)]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$", max_length=100)]

UNKNOWN = "unknown"  # in place of a sha256 that the fetch is to print

# How features may lie on disk; layouts.py reads them.
LAYOUTS = ("hrpro", "lacp", "rgb_flow", "flat", "flat_rgb_flow", "npz", "npz_file", "h5", "wtalc")

# Labels of other tools and data sets; labels/formats.py reads them.
LABEL_FORMATS = (
    "elan", "boris", "labelstudio", "via", "cvat", "audacity", "table",
    "mstcn", "thumos14", "multithumos", "charades", "epic", "soccernet",
)  # fmt: skip
TAKES = ("centre", "start", "uniform")

# Networks that compute features of videos, and their channels (I3D: per stream); backbones.py runs them.
I3D = "i3d"
BACKBONES = {
    I3D: 1024,
    "r3d_18": 512,
    "mc3_18": 512,
    "r2plus1d_18": 512,
    "s3d": 1024,
    "mvit_v1_b": 768,
    "mvit_v2_s": 768,
    "swin3d_t": 768,
}
DOWNLOAD = "download"


class Snippet(Strict):
    """The grid of the snippets."""

    frames: Length = Field(description="frames from the start of a snippet to the start of the next one")
    fps: Rate = Field(description="frames per second")
    window: Length | None = Field(None, description="frames that a snippet sees; null: as many as `frames`")

    @model_validator(mode="before")
    @classmethod
    def window_is_known(cls, values):
        """Without a window, or with null, a snippet sees the frames up to the next one."""
        if isinstance(values, dict) and values.get("window") is None and "frames" in values:
            return values | {"window": values["frames"]}
        return values


class FeatureFiles(Strict):
    """Features that lie on disk under the data set's root."""

    layout: Literal["auto", *LAYOUTS] = Field(
        "auto", description="how the features lie (docs/data.md); auto: recognised by the files that exist"
    )
    folder: Path = Field("features", description="where, under `root`: a folder, or a layout's one file")
    width: Length | None = Field(
        None,
        description="channels, which tell (T, D) from (D, T); null: the size common to all training videos",
    )
    streams: Streams | None = Field(
        None,
        description="channels of RGB and of flow, as [1024, 1024], in the order in which they lie; null: not "
        "known. P-MIL has a branch for each",
    )
    names: Path | None = Field(
        None,
        description="of W-TALC's joint file: the list of its videos, relative to it; null: videoname.npy",
    )
    allow_pickle: bool = Field(
        False,
        description="permission to unpickle W-TALC's joint file; a pickle can run code of whoever made it",
    )


class Videos(Strict):
    """Features that the workflow computes of videos (docs/video.md)."""

    source: Annotated[
        Literal["videos"],
        Field(alias="from", description="videos: compute the features instead of reading them"),
    ]
    folder: Path = Field("videos", description="where the videos lie, under `root`")
    model: Literal[tuple(BACKBONES)] = Field(description="the network; all but i3d need torchvision")
    weights: Path | dict[str, Path] = Field(
        description="of i3d `{rgb: FILE, flow: FILE}` or one of them alone; of the others a file, or "
        "`download`: from torchvision. Files are absolute, or relative to the working directory"
    )

    @field_validator("weights", mode="before")
    @classmethod
    def weights_suit_the_model(cls, weights, info: ValidationInfo):
        """Pass weights on if they are of the model's kind."""
        if info.data.get("model") == I3D:
            files = isinstance(weights, dict) and weights and set(weights) <= {"rgb", "flow"}
            if not files or not all(isinstance(file, str) and file.strip() for file in weights.values()):
                raise ValueError("expected {rgb: FILE, flow: FILE} for i3d, or one of them alone")
        elif not isinstance(weights, str):
            raise ValueError("expected a file, or `download` for torchvision's weights")
        return weights

    @property
    def width(self) -> int:
        """The channels of the features."""
        return BACKBONES[self.model] * len(self.files() or [DOWNLOAD])

    @property
    def streams(self) -> list[int] | None:
        """The channels of RGB and of flow, where there are both."""
        return [BACKBONES[self.model]] * 2 if len(self.files()) > 1 else None

    def files(self) -> dict[str, str]:
        """The files of weights: by stream, or one as "all"; none if they are downloaded."""
        if isinstance(self.weights, dict):
            return self.weights
        return {} if self.weights == DOWNLOAD else {"all": self.weights}


FILES, VIDEOS = tag("files"), tag("videos")


def kind_of(features) -> str:
    """Which of the two models of `features` an entry means."""
    of_videos = "from" in features if isinstance(features, dict) else isinstance(features, Videos)
    return VIDEOS if of_videos else FILES


Features = Annotated[
    Annotated[FeatureFiles, Tag(FILES)] | Annotated[Videos, Tag(VIDEOS)], Discriminator(kind_of)
]


class LabelFile(Strict):
    """How a file or a folder of labels is read (docs/data.md, Labels of other tools)."""

    format: Literal["auto", *LABEL_FORMATS] = Field(
        "auto", description="of the file, or of the files of the folder; auto: recognised by what they hold"
    )
    fps: Rate | None = Field(
        None, description="frames per second, of formats whose times are frames and that do not say it"
    )
    tiers: Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="the tiers, attributes or columns that are read, of formats that have them",
    )
    ignore: list[str] = Field([], description="classes of another tool's labels that are no actions")


class Annotations(LabelFile):
    """Where the annotations lie, and which of their subsets are the splits."""

    file: Path | None = Field(
        None,
        description="a file or folder under `root`, or absolute; null: gt_full.json or, if there is none, "
        "annotations.json",
    )
    train: list[str] | None = Field(
        None,
        description="subsets, in any case, that are the training split; null: split_train.txt, else the "
        "usual names (docs/data.md)",
    )
    test: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="subsets that are the test split; null: split_test.txt, else the usual names"
    )

    @model_validator(mode="after")
    def splits_are_two(self):
        """No subset is in both splits, and the test split is named where the training split is."""
        if self.train is not None and self.test is None:
            raise ValueError("train without test; name the test split's subsets too")
        for name in sorted(self.subsets("train") & self.subsets("test")):
            raise ValueError(f"{name} is in train and in test; a subset belongs to one split")
        return self

    def subsets(self, split: str) -> set[str]:
        """The names that the entry gives of a split's subsets, in lower case."""
        return {name.lower() for name in getattr(self, split) or ()}


class Points(LabelFile):
    """Where the points come from: a file, or draws from the training segments (docs/data.md)."""

    model_config = ConfigDict(serialize_by_alias=True)

    file: Path | None = Field(
        None,
        description="a file or folder under `root`, or absolute; null: point_labels/point_gaussian.csv or, "
        "if there is none, points.csv",
    )
    take: Literal[TAKES] = Field(
        "centre",
        description="of an instance with start and end in another tool's labels, its point: centre, start or "
        "uniform",
    )
    source: Literal["segments"] | None = Field(
        None,
        alias="from",
        description="segments: instead of reading a file, draw one point per training instance",
    )
    distribution: Literal["gaussian", "uniform", "centre"] = Field(
        "gaussian", description="of points drawn in their segments: gaussian, uniform or centre"
    )
    seed: Whole = Field(0, description="of the draws")

    @model_validator(mode="after")
    def one_source(self):
        """A file and draws exclude each other, and each has settings of its own."""
        if self.source and self.file:
            raise ValueError("file and from exclude each other; remove one")
        if not self.source and self.distribution != "gaussian":
            raise ValueError("distribution is of drawn points; add from: segments or remove it")
        if self.seed and not self.source and self.take != "uniform":
            raise ValueError("seed is of drawn points; add from: segments or take: uniform, or remove it")
        of_a_file = self.model_dump(include={*LabelFile.model_fields, "take"}, exclude_defaults=True)
        if self.source and of_a_file:
            raise ValueError(f"{next(iter(of_a_file))} is of a file, and from draws points; remove one")
        return self


class VideoNames(Strict):
    """What is no part of the names of a data set's videos, in whichever file they stand."""

    prefix: str = Field("", description="taken from the start of videos' names, in whichever file they stand")
    suffix: str = Field("", description="taken from their end, such as .mp4 or _rgb")

    def of(self, name: str) -> str:
        """A video's one name, by how it stands in a file; that of the result is the result."""
        name, prefix, suffix = clean(name), clean(self.prefix), clean(self.suffix)
        while prefix and name.startswith(prefix):
            name = name.removeprefix(prefix).lstrip()
        while suffix and name.endswith(suffix):
            name = name.removesuffix(suffix).rstrip()
        return name


AS_THEY_ARE = VideoNames()
OnFault = Literal["stop", "leave_out"]


class Labels(Strict):
    """Where a data set's annotations and points come from, and what of them is left out.

    without: videos that are left out of both splits, as having no features.
    """

    annotations: Annotations = Annotations()
    points: Points = Points()
    names: VideoNames = AS_THEY_ARE
    on_fault: OnFault = "stop"
    without: list[str] = Field([])


RECOGNISED = Labels()  # by the files that are there


class ZenodoFile(Strict):
    """A file of a Zenodo record."""

    record: Count = Field(description="the record's number")
    file: Annotated[str, Field(min_length=1)] = Field(description="the file's name there")


def is_address(url: str) -> bool:
    """Whether a text is an address of the web."""
    try:
        parts = urllib.parse.urlsplit(url)
        whole = url.isascii() and url.isprintable() and " " not in url
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and whole
    except ValueError:  # a port of letters, or half of an IPv6 address
        return False


class Remote(Strict):
    """A file to fetch, from one of url, gdrive and zenodo."""

    url: str | None = Field(None, description="http://... or https://...")
    gdrive: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None = Field(
        None, description="its id on Google Drive"
    )
    zenodo: ZenodoFile | None = Field(None, description="a record's number and the name of a file in it")
    sha256: Annotated[str, Field(pattern=rf"^([0-9a-f]{{64}}|{UNKNOWN})$")] = Field(
        description=f"its digest; {UNKNOWN}: the fetch prints it"
    )
    to: str | None = Field(None, description="where it goes, under `root`; null: there, by its own name")
    unpack: bool = Field(False, description="whether it is an archive to unpack where it lies")
    unpacked: Positive | None = Field(
        None, description="GB that it may unpack to; null: 100 times its own size, or 0.1 GB if that is more"
    )

    @model_validator(mode="before")
    @classmethod
    def has_a_digest(cls, values):
        """Say where to get the sha256 from, where it is missing."""
        if isinstance(values, dict) and "sha256" not in values:
            raise ValueError(
                f"no sha256; `sha256sum FILE` prints it; write {UNKNOWN!r} for a file that you do not have "
                "yet, and the fetch prints it"
            )
        return values

    @model_validator(mode="after")
    def is_one_file(self):
        """It is one file on the web, with a place inside the root."""
        if [self.url, self.gdrive, self.zenodo].count(None) != 2:
            raise ValueError("expected exactly one of url, gdrive and zenodo")
        if self.url is not None and not is_address(self.url):
            raise ValueError("url: expected http://... or https://..., with blanks written as %20")
        path = PurePosixPath(self.place)
        if not path.name or path.is_absolute() or ".." in path.parts or "\0" in self.place:
            raise ValueError("to: expected a path under the data set's root, such as features/all.zip")
        return self

    @property
    def place(self) -> str:
        """Where the file goes under the data set's root; by default it keeps its own name."""
        if self.to is not None:
            return self.to
        if self.zenodo is not None:
            return PurePosixPath(self.zenodo.file).name
        return urllib.parse.unquote(PurePosixPath(urllib.parse.urlsplit(self.url or "").path).name)


class Dataset(Strict):
    """A data set."""

    root: Path = Field(
        description="the data's folder (docs/data.md); absolute, or relative to the working directory"
    )
    snippet: Snippet = Field(description="the grid of the snippets (docs/time-grid.md)")
    features: Features = Field(FeatureFiles(), description="where the features lie, or how to compute them")
    annotations: Annotations = Field(Annotations(), description="where the annotations lie, and the splits")
    points: Points = Field(Points(), description="where the points come from")
    names: VideoNames = Field(
        AS_THEY_ARE, description="prefix and suffix that are no part of the names of its videos"
    )
    on_fault: OnFault = Field(
        "stop",
        description="what becomes of annotations, points and videos with a fault, and of videos without "
        "features; stop: they stop the run; leave_out: they are left out, with a warning that counts them",
    )
    exclude: list[str] = Field([], description="videos to leave out of the evaluation")
    ambiguous: Path | None = Field(
        None,
        description="file of segments that may or may not be an action, under `root`, or absolute: lines "
        "`video start end`, in seconds",
    )
    source: str = Field("", description="where to get the data; shown when files are missing")
    fetch: list[Remote] = Field([], description="files that `snakemake fetch_<name>` fetches (docs/data.md)")
    settings: dict[str, dict] = Field({}, description="per step, what the data dictate; overlays `settings`")
    variants: dict[Step, dict[Name, dict]] = Field(
        {}, description="per step and variant, what the variant changes for this data set in addition"
    )

    @property
    def labels(self) -> Labels:
        """Where its annotations and points come from."""
        return Labels(
            annotations=self.annotations, points=self.points, names=self.names, on_fault=self.on_fault
        )

    @property
    def ambiguous_file(self) -> PurePath | None:
        """The file of ambiguous segments, if there is one."""
        return None if self.ambiguous is None else PurePath(self.root, self.ambiguous)

    @field_validator("exclude")
    @classmethod
    def excluded_by_their_names(cls, exclude: list[str], info: ValidationInfo):
        """Names of videos in their one form."""
        names = info.data.get("names", AS_THEY_ARE)
        return [names.of(video) for video in exclude]

    @model_validator(mode="after")
    def places_differ(self):
        """No two files are fetched to one place."""
        places = [remote.place for remote in self.fetch]
        for place in places:
            if places.count(place) > 1:
                raise ValueError(f"fetch: two files go to {place!r}; give one another `to`")
        return self


class Copy(Strict):
    """What a copy of a data set changes, by draws from `seed`."""

    points: Literal["given", "uniform"] = Field(
        "given", description="given: as they are; uniform: drawn anywhere inside their instances"
    )
    missing: Share = Field(0.0, description="share of the points that are left out")
    wrong: Share = Field(0.0, description="share of the points that get another class")
    labelled: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="share of the points that is kept, by whole videos; other training videos are left out",
    )
    held_back: Share = Field(0.0, description="share of the training videos that becomes the test split")
    truth: Literal["segments", "points"] = Field(
        "segments", description="what held-back videos are scored with: their segments, or their points alone"
    )
    seed: Whole = Field(0, description="of the draws")
