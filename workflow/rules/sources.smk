"""A data set's own files: whether they are there, and what they say as `source` params. Functions alone.

They are no inputs of the rules that read them, so that neither a touch nor another place runs anything; the
digest of what they say is a param in their stead.
"""

import subprocess
from contextlib import suppress
from functools import wraps

from hrpro.data import annotations, conversion, download, layouts, orientation, points, splits
from hrpro.data.sources import FileDigests
from hrpro.utils.errors import refused
from hrpro.utils.names import quoted
from hrpro.grid import Grid
from hrpro.video import folders

DEMO = "results/demo/data"  # the root of the data set that the workflow makes itself
DIGESTS = FileDigests()
SOME = 20  # videos whose features' headers are read while the plan is made
MANY = 60_000  # letters of the names of videos that are left out: a command has up to 131,072


def checked(function):
    """The function, ending the run with one line on a fault of the data set or what the machine refuses."""

    @wraps(function)
    def call(*arguments):
        try:
            return function(*arguments)
        except InputError as error:
            stop(error)
        except OSError as error:
            if error.errno is None:
                raise
            stop(refused(error))

    return call


def snippets_of(dataset):
    """The grid of a data set's snippets."""
    snippet = CONFIG.datasets[dataset].snippet
    return Grid(snippet.frames, snippet.fps, snippet.window)


@cache
@checked
def labels_for(dataset):
    """Where a data set's annotations and points come from, and its videos without features if those are left out."""
    entry = CONFIG.datasets[dataset]
    if entry.on_fault == "stop" or is_demo(dataset):
        return entry.labels
    videos = splits.read_splits(entry.root, entry.labels)
    if isinstance(entry.features, settings.Videos):
        films = folders.find(Path(entry.root) / entry.features.folder, entry.names)
        without = [video for names in videos.values() for video in names if video not in films]
    else:
        without = layouts.missing(layouts.look(entry.root, entry.features, videos, entry.names))
    if len(without) == sum(map(len, videos.values())):
        without = []  # not a fault of some videos
    if sum(map(len, without)) > MANY:
        raise InputError(
            f"data set {dataset}: {len(without)} videos have no features, too many to be left out one by one; "
            f"list those that have in {splits.split_file('train')} and {splits.split_file('test')}"
        )
    return entry.labels.model_copy(update={"without": sorted(without)})


@cache
@checked
def contents_of(dataset):
    """What a data set's files say of its splits."""
    return splits.read(CONFIG.datasets[dataset].root, labels_for(dataset))


@cache
@checked
def annotated(dataset):
    """A data set's checked annotations of both splits, without the durations that its features say."""
    ambiguous = CONFIG.datasets[dataset].ambiguous_file
    parts = [
        conversion.annotate(contents_of(dataset), split, ambiguous=ambiguous) for split in settings.SPLITS
    ]
    return {video: entry for part in parts for video, entry in part.items()}


@cache
@checked
def pointed(dataset, on_fault):
    """A data set's points, likewise; on_fault: as its entry says, or leave_out, for its check."""
    contents = contents_of(dataset)
    contents = contents._replace(labels=contents.labels.model_copy(update={"on_fault": on_fault}))
    return conversion.place(contents, annotated(dataset), snippets_of(dataset).tolerance)


def splits_of(dataset):
    """The videos of a data set's splits: {"train": names, "test": names}."""
    return contents_of(dataset).videos


@cache
@checked
def feature_sources(dataset):
    """Where the features of the videos of both splits lie, or would: {video: Source}."""
    entry = CONFIG.datasets[dataset]
    return layouts.look(entry.root, entry.features, splits_of(dataset), entry.names)


@cache
@checked
def films_of(dataset):
    """The videos that features are made of: {video: path}."""
    entry = CONFIG.datasets[dataset]
    names = [name for videos in splits_of(dataset).values() for name in videos]
    return folders.find_all(Path(entry.root) / entry.features.folder, names, entry.names)


@cache
@checked
def unlabelled_films(dataset):
    """The videos beside those that features are made of, in no split: {video: path}."""
    entry = CONFIG.datasets[dataset]
    films = folders.find(Path(entry.root) / entry.features.folder, entry.names)
    return {video: path for video, path in films.items() if video not in films_of(dataset)}


@cache
@checked
def unlabelled_features(dataset):
    """Where the features of videos lie that are in no split: {video: Source}."""
    entry = CONFIG.datasets[dataset]
    return layouts.beside(entry.root, entry.features, splits_of(dataset), entry.names)


@cache
@checked
def new_videos(name, dataset):
    """Where the features lie of `predict.<name>`, by a data set's model: {video: Source}."""
    if name not in CONFIG.predict:
        known = ", ".join(CONFIG.predict) or "none"
        raise InputError(f"configuration: predict.{name}: missing (there are: {known}); name a folder")
    try:
        sources = layouts.of_folder(CONFIG.predict[name], settings.FeatureFiles(), *training_layout(dataset))
    except InputError as error:
        raise InputError(f"configuration: predict.{name}: {error}") from None
    for path in layouts.files_of(sources.values()):
        if not path.is_file():
            raise InputError(f"configuration: predict.{name}: {path}: no file; remove it")
    return sources


def is_demo(dataset):
    """Whether the workflow makes a data set's own files itself."""
    return CONFIG.datasets[dataset].root == DEMO


@cache
@checked
def require_truth(dataset):
    """Stop where the test split has nothing to be scored with; of a copy that holds videos back, it has."""
    entry, copy = CONFIG.origin(dataset)
    if (copy is None or not CONFIG.copies[copy].held_back) and not is_demo(entry):
        require_labels(entry)
        annotations.require_truth(annotated(entry), f"data set {entry}", contents_of(entry).pointed)


@cache
@checked
def require_times(dataset):
    """Stop where a data set's points have no times, which the chains that learn from points need."""
    entry, _ = CONFIG.origin(dataset)
    if is_demo(entry):
        return
    require_labels(entry)
    contents = contents_of(entry)
    if contents.points is not None and not points.have_times(contents.points.points):
        experiments = [name for name, one in CONFIG.experiments.items() if one.supervision == "videos"]
        raise InputError(
            f"{contents.point_file}: has no times, so it says which actions a video shows and not when; make "
            f"{' or '.join(f'results/{dataset}/{name}/map.json' for name in experiments) or 'points'}, or add "
            "a column `seconds`"
        )


@cache
@checked
def has_segments(dataset):
    """Whether a training video has a true segment; those of the demo have."""
    entry, _ = CONFIG.origin(dataset)
    if is_demo(entry):
        return True
    require_labels(entry)
    return any(video["annotations"] for video in annotations.of_split(annotated(entry), "train").values())


def require_segments(dataset):
    """Stop where no training video has a true segment, which the chain `segment-labels` needs."""
    if not has_segments(dataset):
        stop(
            f"data set {dataset}: no training video has a segment, and so supervision: segments has nothing to "
            f"learn from;\nadd segments to its annotations, or make results/{dataset}/map.json, which learns from "
            "points"
        )


# Input functions: they stop the plan where a file is missing, and declare what the workflow makes itself.


def label_files(wildcards):
    """The demo's folder; of other data sets none, once annotations, splits and points are there."""
    if is_demo(wildcards.dataset):
        return [DEMO]
    require_labels(wildcards.dataset)
    return []


@cache
def require_labels(dataset):
    """Stop before any job where a file of annotations, splits or points is missing."""
    entry = CONFIG.datasets[dataset]
    fetch_missing(dataset)  # which files there are says which are read
    require(dataset, checked(conversion.files_of)(entry.root, entry.labels), expected_files(entry))
    if entry.ambiguous:
        remedy = "put it there or say `ambiguous: null`; its path counts from the data set's root"
        require(dataset, [Path(entry.ambiguous_file)], remedy)


def feature_files(wildcards):
    """As label_files; of features that are made of videos, those of both splits' videos."""
    dataset = wildcards.dataset
    labels = label_files(wildcards)
    if is_demo(dataset):
        return labels
    entry = CONFIG.datasets[dataset]
    if isinstance(entry.features, settings.Videos):
        return extracted(dataset, splits_of(dataset)[wildcards.split])
    require_features(dataset)
    return []


def extracted(dataset, names):
    """The features of some videos, which the workflow makes."""
    if braces := [name for name in names if "{" in name or "}" in name]:
        stop(
            f"data set {dataset}: features of videos: a brace in {quoted(braces)}, which Snakemake takes for "
            "a wildcard; rename the video"
        )
    return [f"results/{dataset}/extracted/{name}.npy" for name in names]


def unlabelled_files(wildcards):
    """As feature_files, of the videos that are in no split; at least one."""
    dataset = wildcards.dataset
    if is_demo(dataset):
        stop(f"results/{dataset}/label_next.csv: all videos of the demo have labels; name another data set")
    require_labels(dataset)
    from_videos = isinstance(CONFIG.datasets[dataset].features, settings.Videos)
    if not from_videos:
        require_features(dataset)
    names = unlabelled_films(dataset) if from_videos else unlabelled_features(dataset)
    if not names:
        what = "videos" if from_videos else "features"
        stop(
            f"data set {dataset}: {what} of no video but those of the splits; add those that may be labelled"
        )
    return extracted(dataset, names) if from_videos else []


@cache
@checked
def require_features(dataset):
    """Stop before any job where videos have no features."""
    entry, sources = CONFIG.datasets[dataset], feature_sources(dataset)
    if len(layouts.missing(sources)) == len(sources):
        require(dataset, layouts.files_of(sources.values()), expected_files(entry))
    if lack := layouts.lack(entry.root, entry.features, sources):
        stop(f"data set {dataset}: {lack}.{where_from(dataset)}")


def lengths(wildcards):
    """The features of a split, by default of the training split, where they say how long videos are."""
    label_files(wildcards)  # a missing file is said first
    dataset, split = wildcards.dataset, getattr(wildcards, "split", "train")
    if is_demo(dataset):
        return []
    database = annotations.of_split(annotated(dataset), split)
    unknown = any(video["duration"] is None for video in database.values())
    return f"results/{dataset}/{split}/features.h5" if unknown else []


def training_features(wildcards):
    """For the test split the training features, which decide width and orientation."""
    return [] if wildcards.split == "train" else f"results/{wildcards.dataset}/train/features.h5"


def film_and_weights(wildcards):
    """None, once the video that features are made of and the network's weights are there."""
    dataset = wildcards.dataset
    features = CONFIG.datasets[dataset].features
    path = f"results/{dataset}/extracted/{wildcards.video}.npy"
    if not isinstance(features, settings.Videos):
        stop(f"{path}: the features of data set {dataset} are not from videos")
    if wildcards.video not in films_of(dataset) | unlabelled_films(dataset):
        stop(f"{path}: no such video of data set {dataset}; put it into its folder")
    for weights in features.files().values():
        if not Path(weights).is_file():
            stop(f"{weights}: no such file; correct datasets.{dataset}.features.weights")
    return []


def new_files(wildcards):
    """None, once the features that a prediction is for are there."""
    new_videos(wildcards.new, wildcards.dataset)
    return []


def expected_files(entry):
    """What belongs into a data set's root, in words."""
    names = [entry.annotations.file or " or ".join(annotations.DEFAULTS)]
    if entry.annotations.test is None:
        lists = " and ".join(map(splits.split_file, settings.SPLITS))
        names.append(f"{lists} (unless subsets of the annotations say it)")
    if not entry.points.source:
        names.append(entry.points.file or " or ".join(points.DEFAULTS))
    if isinstance(entry.features, settings.Videos):
        names.append(f"{entry.features.folder}/<video>.mp4")
    elif (entry.features.layout, entry.features.folder) == ("auto", "features"):
        names.append("features/{train,test}/<video>.npy")
    else:
        names.append(entry.features.folder)
    return f"expected in {entry.root}/: {', '.join(names)}; docs/data.md has other layouts"


def require(dataset, paths, remedy):
    """Stop before any job if a file of a data set is missing, and say what to do."""
    missing = [path for path in paths if not path.is_file()]
    if not missing:
        return
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    stop(f"data set {dataset}: no file {missing[0]}{more}; {remedy}.{where_from(dataset)}")


def where_from(dataset):
    """A part of a message: where to get a data set's files."""
    fetched = f" `snakemake fetch_{dataset}` fetches what its entry lists." if unfetched(dataset) else ""
    return f"{fetched} {CONFIG.datasets[dataset].source}".rstrip()


@checked
def unfetched(dataset):
    """What a data set's entry lists to fetch and is not there."""
    entry = CONFIG.datasets[dataset]
    return [remote for remote in entry.fetch if not download.is_there(entry.root, remote)]


@cache
def fetch_missing(dataset):
    """With `--config fetch=true`, fetch what a data set's entry lists if any of it is not there.

    What jobs there are, and what they read, depends on what the files say; so they are fetched while the
    workflow is planned, before the first of them is read, and never where it is only planned.
    """
    if not CONFIG.fetch or only_planned() or not unfetched(dataset):
        return
    entry = CONFIG.datasets[dataset]
    print(f"data set {dataset}: fetching what is missing", file=sys.stderr, flush=True)
    command = [sys.executable, str(scripts() / "fetch.py"), "--root", entry.root]
    remotes = ["--settings", *map(settings.canonical, entry.fetch), "--log", f"logs/{dataset}/fetch.log"]
    if subprocess.run([*command, *remotes], check=False).returncode:
        sys.exit(1)  # it has said why


@cache
@checked
def warn_of_grid(dataset):
    """Say before any job that the snippets of a data set's features do not fit its durations; by some videos."""
    entry, grid = CONFIG.datasets[dataset], snippets_of(dataset)
    durations = {video: known["duration"] for video, known in annotated(dataset).items() if known["duration"]}
    sources = {
        video: feature_sources(dataset)[video] for video in list(durations)[:: len(durations) // SOME + 1]
    }
    pickled = any(source.key and source.files[0].suffix == ".npy" for source in sources.values())
    if pickled or not sources:  # a pickle is not looked into while the plan is made
        return
    with suppress(InputError):  # of features that are missing or damaged, which their conversion says
        _, shapes = orientation.orient(sources, entry.features)
        lengths = {video: length for video, (length, _) in shapes.items()}
        if ratio := grid.misfit(lengths, durations):
            print(
                f"warning: data set {dataset}: {ratio:.3g} times as many snippets as the durations say; set "
                f"`snippet` to what the features were extracted with: now one lasts {grid.snippet:.4g} s, by "
                f"{len(sources)} videos {grid.snippet / ratio:.4g} s",
                file=sys.stderr,
            )


# `source` params: what the data set's own files say, of what a step reads of them.


@checked
def annotations_source(wildcards):
    """The annotations of a split's videos; of the demo, whose folder is an input, where they come from."""
    if is_demo(wildcards.dataset):
        return digest(labels_of(wildcards), ambiguous_digest(wildcards))
    return digest(annotations.of_split(annotated(wildcards.dataset), wildcards.split))


def ambiguous_digest(wildcards):
    """The digest of the demo's list of ambiguous segments, unless it is made with the demo or missing."""
    ambiguous = Path(ambiguous_of(wildcards))
    if not ambiguous.is_file() or ambiguous.is_relative_to(DEMO):
        return str(ambiguous)
    return DIGESTS.of([ambiguous])[0]


@checked
def points_source(wildcards):
    """The points of the training videos, and the names of the classes."""
    if is_demo(wildcards.dataset):
        return labels_of(wildcards)
    return digest(pointed(wildcards.dataset, CONFIG.datasets[wildcards.dataset].on_fault))


@checked
def usable_points_source(wildcards):
    """As `points_source`, of the points that can be used."""
    if is_demo(wildcards.dataset):
        return labels_of(wildcards)
    return digest(pointed(wildcards.dataset, "leave_out"))


@checked
def features_source(wildcards):
    """The features of a split's videos; of those that the workflow makes, their width and names."""
    dataset = wildcards.dataset
    features = CONFIG.datasets[dataset].features
    if is_demo(dataset):
        return settings.canonical(features)
    names = splits_of(dataset)[wildcards.split]
    if isinstance(features, settings.Videos):
        return digest(features.width, sorted(names))
    warn_of_grid(dataset)
    sources = {name: feature_sources(dataset)[name] for name in names}
    return digest(features.width, DIGESTS.of_features(sources))


@cache
@checked
def film_digests(dataset, unlabelled):
    """The digests of all videos that features are made of, and those of the network's weights: two dicts.

    unlabelled: of those in no split instead. Worked out once for all jobs: each video has one of its own.
    """
    films = unlabelled_films(dataset) if unlabelled else films_of(dataset)
    weights = CONFIG.datasets[dataset].features.files()
    return tuple(dict(zip(files, DIGESTS.of(files.values()), strict=True)) for files in (films, weights))


def film_source(wildcards):
    """A video that features are made of, and the weights of the network."""
    films, weights = film_digests(wildcards.dataset, wildcards.video not in films_of(wildcards.dataset))
    model = CONFIG.datasets[wildcards.dataset].features.model
    return digest(model, sorted(weights.items()), films[wildcards.video])


@checked
def unlabelled_source(wildcards):
    """The features of videos that are in no split; of those that the workflow makes, their names."""
    dataset = wildcards.dataset
    if isinstance(CONFIG.datasets[dataset].features, settings.Videos):
        return digest(sorted(unlabelled_films(dataset)))
    return DIGESTS.of_features(unlabelled_features(dataset))


@checked
def new_source(wildcards):
    """The features of the videos of `predict.<name>`."""
    return DIGESTS.of_features(new_videos(wildcards.new, wildcards.dataset))


# Resources: where things lie, and what a step holds them against.


def planned(source):
    """A resource: the digest of what a step reads, for it to see whether that is what was planned.

    source: the params function. Empty where the workflow makes the files itself, and looks after them.
    """

    def digest_for(wildcards):
        what = f"{source.__name__} {wildcards}"
        if what in PLANNED:
            return PLANNED[what]
        from_videos = isinstance(dataset_of(wildcards).features, settings.Videos)
        made = is_demo(wildcards.dataset) and source is not new_source
        made = made or (from_videos and source in (features_source, unlabelled_source))
        value = "" if made else source(wildcards)
        if workflow.is_main_process and not only_planned():
            run_plan.remember(what, value)
        return value

    return digest_for


def root_of(wildcards):
    """The data set's folder."""
    return dataset_of(wildcards).root


def labels_of(wildcards):
    """Where the data set's annotations and points come from, as JSON."""
    return settings.canonical(labels_for(wildcards.dataset))


def names_of(wildcards):
    """What is no part of the names of the data set's videos, as JSON."""
    return settings.canonical(dataset_of(wildcards).names)


def usable_labels_of(wildcards):
    """As `labels_of`, with what has a fault left out."""
    return settings.canonical(labels_for(wildcards.dataset).model_copy(update={"on_fault": "leave_out"}))


def checked_points(wildcards):
    """An input function: the points that a check shows; where some may have a fault, those that can be used."""
    dataset, (entry, copy) = wildcards.dataset, CONFIG.origin(wildcards.dataset)
    folder = "train"
    if not copy and not is_demo(entry) and CONFIG.datasets[entry].on_fault == "stop":
        if lengths(wildcards) or "left_out" in pointed(dataset, "leave_out"):
            folder = "check"
    return f"results/{dataset}/{folder}/points.json"


def ambiguous_of(wildcards):
    """The data set's list of ambiguous segments, empty if it has none."""
    return str(dataset_of(wildcards).ambiguous_file or "")


def tolerance_of(wildcards):
    """How far a point or a segment may lie outside its video, in seconds."""
    return str(snippets_of(wildcards.dataset).tolerance)


def layout_of(wildcards):
    """Where a data set's features lie, and how, as JSON; those of videos in results/, once extracted."""
    features = dataset_of(wildcards).features
    if isinstance(features, settings.Videos):
        folder = os.path.abspath(f"results/{wildcards.dataset}/extracted")
        features = settings.FeatureFiles(layout="flat", folder=folder, width=features.width)
    return settings.canonical(features)


def film_of(wildcards):
    """The file of a video that features are made of."""
    return str((films_of(wildcards.dataset) | unlabelled_films(wildcards.dataset))[wildcards.video])


def weights_of(wildcards):
    """The weights as the script takes them: rgb=FILE flow=FILE, a file or the word download."""
    weights = dataset_of(wildcards).features.weights
    words = [weights] if isinstance(weights, str) else [f"{name}={path}" for name, path in weights.items()]
    return shlex.join(words)


# Settings of conversion.


def conversion_of(wildcards):
    """A params function: the snippets' grid and the features' type, as options."""
    dtype = settings.canonical(CONFIG.step(wildcards.dataset, "features"))
    return f"{grid_of(wildcards)} --settings {shlex.quote(dtype)}"


def grid_of(wildcards):
    """The snippets' grid, as options."""
    snippet = dataset_of(wildcards).snippet
    return f"--frames {snippet.frames} --window {snippet.window} --fps {snippet.fps}"


def extraction_of(wildcards):
    """A params function: the network and the snippets' grid, as options."""
    return f"--model {dataset_of(wildcards).features.model} {grid_of(wildcards)}"
