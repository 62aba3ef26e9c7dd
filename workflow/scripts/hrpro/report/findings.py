"""What of the facts should be looked at before hours go into a training, and what to do about each.

A finding is {"level", "place", "what", "remedy"}. error: the training or its figures would be wrong; warning:
they would suffer; note: worth knowing. None stops the workflow.
"""

from collections.abc import Iterator

from ..grid import MISFIT
from . import scan

LEVELS = ("error", "warning", "note")
NAMED = 5  # places that a finding names
FEW_POINTS = 5  # of a class
FEW_VIDEOS = 10  # of a split
SHIFT = 1.0  # deviations between the splits' means in the median channel
SCALE = 2.0  # ratio of the splits' deviations in the median channel
MOST = 0.9  # share of a split's time in which little background is left
SHORT = 0.1  # share of instances shorter than a snippet
UNMARKED = 0.05  # share of instances without a point
UNEVEN = 20  # times the points of the rarest class that the most frequent one has


def findings(facts: dict) -> list[dict]:
    """The findings, errors first."""
    parts = (on_splits, on_shared, on_lengths, on_classes, on_points, on_instances, on_features)
    results = [result for part in parts for result in part(facts)]
    return sorted(results, key=lambda result: LEVELS.index(result["level"]))


def finding(level: str, place: str, what: str, remedy: str) -> dict:
    """One finding."""
    return {"level": level, "place": place, "what": what, "remedy": remedy}


def shortened(names) -> str:
    """The first of some names, and how many there are besides."""
    names = list(names)
    rest = len(names) - NAMED
    return ", ".join(map(str, names[:NAMED])) + (f" and {rest} more" if rest > 0 else "")


def percent(share: float) -> str:
    """A share as whole per cent."""
    return f"{share:.0%}".replace("%", " %")


def on_splits(facts: dict) -> Iterator[dict]:
    """What the splits hold as a whole."""
    train, test = facts["splits"]["train"], facts["splits"]["test"]
    if not test["videos"]:
        yield finding(
            "note",
            "test split",
            "no video, so nothing can be evaluated",
            "leave it so if you want detections alone, by `predict`; otherwise annotate some videos for it",
        )
    elif not test["instances"]:
        yield finding(
            "error",
            "test split",
            "no instance in any video, so nothing can be evaluated",
            "annotate the test videos, or take detections alone by `predict`",
        )
    for split, totals in facts["splits"].items():
        if 0 < totals["videos"] < FEW_VIDEOS:
            yield finding(
                "note",
                f"{split} split",
                f"videos are few: {totals['videos']}",
                "label more if you can; report several seeds, for the figures will swing",
            )
        if totals["action"] is not None and totals["action"] > MOST:
            yield finding(
                "warning",
                f"{split} split",
                f"{percent(totals['action'])} of the time is action",
                "use untrimmed videos: what an action is, is learnt against the background around it",
            )
    if train["without_points"]:
        yield finding(
            "warning",
            shortened(train["without_points"]),
            f"training videos without a point: {len(train['without_points'])}",
            "mark their actions, or leave the videos out: as they are they teach that nothing happens there",
        )
    if test["instances"] and test["empty"]:
        yield finding(
            "note",
            shortened(test["empty"]),
            f"test videos without an instance: {len(test['empty'])}; each detection in them counts as wrong",
            "leave it so if they show no action; otherwise annotate them, or name them in `exclude`",
        )


def on_shared(facts: dict) -> Iterator[dict]:
    """Videos with the same features."""
    for across in (True, False):
        pairs = [pair for pair in facts["features"]["shared"] if (len(set(pair["splits"])) == 2) == across]
        if not pairs:
            continue
        names = [f"{p['first']} = {p['second']} ({percent(p['share'])})" for p in pairs]
        if across:
            yield finding(
                "error",
                shortened(names),
                f"test videos whose features are in the training split: {len(pairs)}",
                "remove them from one of the splits: figures are too good on what was learnt by heart",
            )
        else:
            yield finding(
                "warning",
                shortened(names),
                f"videos of one split with the same features: {len(pairs)}",
                "extract them again if a file was copied by mistake; otherwise keep one of each",
            )


def on_lengths(facts: dict) -> Iterator[dict]:
    """Snippets that do not fit the durations."""
    seconds = facts["snippet"]["seconds"]
    for split, lengths in facts["lengths"].items():
        videos, odd, ratio = facts["splits"][split]["videos"], lengths["odd"], lengths["ratio"]
        if odd and abs(ratio - 1) > MISFIT:
            yield finding(
                "error",
                f"{split} split",
                f"{ratio:.3g} times as many snippets as the durations say: all times would be wrong",
                f"set `snippet` to what the features were extracted with; by the configuration one lasts "
                f"{seconds:.4g} s, by these videos {seconds / ratio:.4g} s",
            )
        elif odd:
            names = [f"{o['video']} ({o['snippets']} for {o['of_duration']:.1f})" for o in odd]
            yield finding(
                "warning",
                shortened(names),
                f"{split} videos whose snippets do not fit their duration: {len(odd)} of {videos}",
                "correct their durations or, where it is most videos, `snippet`: their times are off",
            )


def on_classes(facts: dict) -> Iterator[dict]:
    """Classes that cannot be learnt, or not be measured."""
    classes = facts["classes"]
    for group in facts["alike"]:
        yield finding(
            "warning",
            " = ".join(group),
            "classes whose names differ in case, blanks or punctuation alone",
            "write one name in points and annotations if they are one class",
        )
    unlearnt = [c for c, counts in classes.items() if counts["test"]["instances"] and not counts["points"]]
    if unlearnt:
        yield finding(
            "error",
            shortened(unlearnt),
            f"classes of the test split without a training point: {len(unlearnt)}",
            "mark points of them, or drop them from the test split: all they hold would count as missed",
        )
    unused = [c for c, counts in classes.items() if not counts["test"]["instances"] and not counts["points"]]
    if unused:
        yield finding(
            "note",
            shortened(unused),
            f"classes with neither a training point nor a test instance: {len(unused)}",
            "leave it so if the annotations name them for other videos",
        )
    if facts["splits"]["test"]["instances"]:
        unmeasured = [
            c for c, counts in classes.items() if counts["points"] and not counts["test"]["instances"]
        ]
        if unmeasured:
            yield finding(
                "note",
                shortened(unmeasured),
                f"classes without a test instance: {len(unmeasured)}",
                "leave it so if that is meant; they are learnt, but not in the mAP",
            )
    pointed = {label: counts for label, counts in classes.items() if counts["points"]}
    few = {label: counts["points"] for label, counts in pointed.items() if counts["points"] < FEW_POINTS}
    if few:
        yield finding(
            "warning",
            shortened(f"{label} ({points})" for label, points in few.items()),
            f"classes of fewer than {FEW_POINTS} points: {len(few)}",
            "mark more of them; from so few, a class is hardly learnt",
        )
    alone = [c for c, counts in pointed.items() if counts["pointed_videos"] == 1 and c not in few]
    if alone:
        yield finding(
            "warning",
            shortened(alone),
            f"classes marked in a single training video: {len(alone)}",
            "mark them in other videos too: the action can't be told from that video's scene",
        )
    if pointed:
        most = max(pointed, key=lambda label: pointed[label]["points"])
        least = min(pointed, key=lambda label: pointed[label]["points"])
        if pointed[most]["points"] > UNEVEN * pointed[least]["points"]:
            yield finding(
                "note",
                f"{most} ({pointed[most]['points']}), {least} ({pointed[least]['points']})",
                "the classes' points are uneven",
                "mark more of the rare ones if they matter: mAP counts every class alike",
            )


def on_points(facts: dict) -> Iterator[dict]:
    """Points that cannot be used, and those that do not fit the segments, where these are known."""
    points = facts["points"]
    for fault in points["left_out"]:
        yield finding("error", fault["place"], f"points left out here: {fault['what']}", fault["remedy"])
    if not points["timed"]:
        yield finding(
            "note",
            "points",
            "the points have no times: they say which classes a training video shows, and not when",
            "train by an experiment with `supervision: videos`, such as `videos`; all others need times",
        )
    if points["conflicts"]:
        yield finding(
            "note",
            "points",
            f"points in one snippet with a point of another class: {points['conflicts']}",
            "leave it so if actions do happen at once; otherwise correct the wrong one",
        )
    if points["copies"]:
        yield finding(
            "note",
            "points",
            f"points in one snippet with another of their class: {points['copies']}; they count once",
            "leave it so; where two exports were joined by mistake, take one of them out",
        )
    if points["joined"]:
        yield finding(
            "note",
            "points",
            f"further points of an action that has one: {points['joined']}; they are taken for one action",
            "leave it so if an action was marked twice; set `same_action` lower (config/README.md) where "
            "these are short actions of one class",
        )
    if not points["known"]:
        return
    outside, unmarked = sum(points["outside"].values()), sum(points["unmarked"].values())
    if outside:
        what = f"points in no instance of their class: {outside} of {outside + points['inside']}"
        if points["other_class"]:
            what += f", {points['other_class']} of them in one of another class"
        yield finding(
            "warning",
            shortened(points["outside"]),
            what,
            "correct the points' times or classes; where all of a video are off, see its frame rate",
        )
    if unmarked:
        instances = facts["splits"]["train"]["instances"]
        yield finding(
            "warning" if unmarked > UNMARKED * instances else "note",
            shortened(points["unmarked"]),
            f"training instances without a point: {unmarked} of {instances}",
            "mark them: what has no point is learnt as background",
        )
    if points["repeated"]:
        yield finding(
            "note",
            "points",
            f"training instances with several points: {points['repeated']}",
            "keep one point per instance: points further apart are taken for actions of their own",
        )


def on_instances(facts: dict) -> Iterator[dict]:
    """Instances that snippets can't show, or that overlap."""
    seconds = facts["snippet"]["seconds"]
    for split, instances in facts["instances"].items():
        if instances is None:
            continue
        if instances["short"]:
            short, count = instances["short"], instances["count"]
            share = f"{short / count:.1%}".replace("%", " %")
            yield finding(
                "warning" if short > SHORT * count else "note",
                f"{split} split",
                f"instances shorter than a snippet ({seconds:.3g} s): {short} of {count} ({share})",
                "extract features with a smaller stride if these matter",
            )
        if instances["late"]:
            yield finding(
                "warning",
                shortened(instances["late"]),
                f"{split} videos with an instance that ends after the video: {len(instances['late'])}",
                "correct the segment or the duration; such an instance can't be found in full",
            )
        if instances["doubled"]:
            yield finding(
                "warning",
                shortened(instances["doubled"]),
                f"{split} instances that overlap one of their class: {sum(instances['doubled'].values())}",
                "keep one of each where an action was annotated twice: a detection counts for one alone",
            )


def on_features(facts: dict) -> Iterator[dict]:
    """Features that show little, or that are not alike."""
    features = facts["features"]
    if features["still"]:
        yield finding(
            "warning",
            shortened(features["still"]),
            f"videos whose features hardly change: {len(features['still'])}",
            "look whether the extraction read their frames; extract them again or leave them out",
        )
    if features["blank"]:
        snippets = sum(features["blank"].values())
        yield finding(
            "warning",
            shortened(f"{video} ({blank})" for video, blank in features["blank"].items()),
            f"snippets whose channels are all equal: {snippets} in {len(features['blank'])} videos",
            "cut padding off at the end of the features; elsewhere extract the video again",
        )
    if features["far"]:
        yield finding(
            "warning",
            shortened(f"{far['video']} ({far['times']:.0f} times)" for far in features["far"]),
            f"videos with values far larger than the others': {len(features['far'])}",
            "look whether they were extracted by another model or scaled in another way; extract them again",
        )
    if flat := features["flat_channels"]:
        what = f"channels that hardly change in the training split: {len(flat)} of {features['channels']}"
        if len(flat) > features["channels"] / 10:
            level, remedy = "warning", "see whether the extraction filled them (a stream missing?)"
        else:
            level, remedy = "note", "leave them; so few do no harm"
        yield finding(level, f"channels {shortened(flat)}", what, remedy)
    shift = None if features["far"] else features["shift"]  # one video far away moves its split's figures
    if shift and (shift["mean"] > SHIFT or not 1 / SCALE < shift["deviation"] < SCALE):
        yield finding(
            "warning",
            "features",
            f"the splits' features are unlike: the test split's mean is {shift['mean']:.2g} deviations away, "
            f"its deviation {shift['deviation']:.2g} times the training split's, in the median channel",
            "extract both splits with the same model, order of streams and scaling",
        )
    if features["kind"] in (scan.LOG_PROBABILITIES, scan.NEVER_POSITIVE):
        yield finding(
            "note",
            "features",
            f"the features are {features['kind']}, as a classifier's logarithms",
            "use the default experiment, which standardizes them; `released` takes them as they are",
        )
