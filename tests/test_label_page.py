"""The page of hrpro-label in a real browser: headless Chromium, driven by Playwright (make test-browser)."""

import contextlib
import functools
import http.server
import json
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import label_model
from conftest import ROOT, SCRIPTS
from hrpro import predict
from hrpro.data import points
from hrpro.labelling import recordings
from hrpro.labelling.predictions import Predictions, features_of
from hrpro.labelling.server import Site
from hrpro.labelling.store import Store
from test_video import BRIGHTNESS, film

pytestmark = pytest.mark.browser
SCREENSHOTS = ROOT / "results" / "browser"
VARIABLE = np.cumsum([0, 40, 40, 100, 17, 17, 250, 33, 40, 40, 120, 40, 17, 17, 40, 200, 40, 40, 33, 33])
PATIENCE = 15  # seconds
HOSTILE = "<img src=x onerror='window.hacked=1'> \"行\" & {{ 7 }}"
FRAME = """() => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1});
  canvas.getContext("2d").drawImage(document.getElementById("film"), 0, 0, 1, 1);
  return canvas.getContext("2d").getImageData(0, 0, 1, 1).data[1];
}"""
CONTRASTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = numbers(colour).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((numbers(colour)[3] ?? 1) > 0) return colour;
    }
  };
  const texts = [...document.querySelectorAll("body *")].filter((element) => element.checkVisibility()
    && !element.disabled && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.map((element) => {
    const [a, b] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), element.tagName + " " + element.textContent.slice(0, 30)];
  });
}"""


def until(page, condition: str) -> None:
    """Until JavaScript says so; wait_for_function would need eval, which the page forbids."""
    end = time.monotonic() + PATIENCE
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"{condition}: {page.inner_text('header')}"
        page.wait_for_timeout(30)


class Opened:
    """The page, open in a browser; .said: what it has said in its console."""

    def __init__(self, context, url: str):
        self.page = context.new_page()
        self.said = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(url)
        self.wait()

    def wait(self) -> None:
        """Until the first video is shown."""
        self.until("document.getElementById('clock').value.includes('frame 1 of')")

    def until(self, condition: str) -> None:
        """Until JavaScript says so."""
        until(self.page, condition)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def saved(self) -> None:
        """Until all is saved."""
        self.until("document.getElementById('saved').textContent.startsWith('saved in')")

    def go(self, frame: int) -> None:
        """To a frame, by its number from 0, from the one before it."""
        self.press("ArrowRight")
        self.until(f"document.getElementById('clock').value.includes('frame {frame + 1} of')")
        self.until("!document.getElementById('film').seeking")
        self.page.wait_for_timeout(60)  # to be on the screen

    def points(self) -> list[str]:
        """The points of the timeline, by their titles."""
        return sorted(self.page.eval_on_selector_all(".point", "all => all.map((point) => point.title)"))

    def drag(self, title: str, share: float) -> None:
        """Drag a point to a share of the timeline."""
        box, track = self.page.get_by_title(title).bounding_box(), self.page.locator("#track").bounding_box()
        middle = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + box["width"] / 2, middle)
        self.page.mouse.down()
        for step in (0.5, 0.9, 1):
            start = box["x"] + box["width"] / 2
            self.page.mouse.move(start + step * (track["x"] + share * track["width"] - start), middle)
        self.page.mouse.up()


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "videos").mkdir()
    film(tmp_path / "videos" / "a.webm", 50, codec="libvpx")
    return tmp_path / "videos"


@pytest.fixture
def serve(tmp_path):
    """Serves a folder; -> the site."""
    sites = []

    def start(folder, rate=None, classes=("pour", "stir"), features=None):
        store = Store(tmp_path / "points.csv", classes)
        every, model = recordings.find(folder, rate, store.path), None
        if features:
            trained = predict.load(label_model.train(tmp_path), "cpu")
            model = Predictions(trained, features_of(trained, every, folder, features, rate))
        site = Site(folder, every, store, rate=rate, predictions=model)
        thread = threading.Thread(target=site.run)
        thread.start()
        sites.append((site, thread))
        return site

    yield start
    for site, thread in sites:
        site.stop()
        thread.join()


@pytest.fixture
def visit(chromium):
    """Opens an address as another user would."""
    with contextlib.ExitStack() as stack:

        def go(url, width=1280, scheme="light", wait=True):
            viewport = {"width": width, "height": 900}
            context = stack.enter_context(chromium.new_context(viewport=viewport, color_scheme=scheme))
            context.set_default_timeout(60_000)
            return Opened(context, url) if wait else context.new_page()

        yield go


@pytest.fixture
def opened(serve, folder, visit):
    return visit(serve(folder).url)


def rows(folder) -> list[str]:
    return (folder.parent / "points.csv").read_text().splitlines()[1:]


def test_a_clip_is_labelled_with_keys_and_mouse(opened, folder):
    for frame in range(1, 6):
        opened.go(frame)
    opened.press("1")
    opened.go(6)
    opened.press("2")
    opened.saved()
    assert rows(folder) == ["a,0.2,pour", "a,0.24,stir"]
    opened.press("Control+z")
    opened.saved()
    assert rows(folder) == ["a,0.2,pour"]
    opened.press("Control+Shift+z")
    opened.drag("pour, 0.200 s", 0.5)
    opened.saved()
    assert rows(folder) == ["a,0.24,stir", "a,1,pour"]
    opened.press("Alt+ArrowRight")
    opened.saved()
    assert rows(folder) == ["a,0.24,stir", "a,1.04,pour"]
    opened.page.reload()
    opened.wait()
    opened.until("document.querySelectorAll('.point').length === 2")
    assert opened.points() == ["pour, 1.040 s", "stir, 0.240 s"]
    opened.press("Control+z")  # what was done before the page was loaded again
    opened.saved()
    assert rows(folder) == ["a,0.24,stir", "a,1,pour"]
    opened.press("PageDown", "Delete")
    opened.saved()
    assert rows(folder) == ["a,1,pour"]
    table, faulty, _ = points.read(folder.parent / "points.csv")
    assert (table["seconds"].tolist(), table["label"].tolist(), len(faulty)) == ([1.0], ["pour"], 0)
    assert opened.said == []


def test_a_class_on_the_fly_nothing_and_unsure(opened, folder):
    opened.page.fill("#class-name", HOSTILE)
    opened.press("Enter")
    opened.page.get_by_text(HOSTILE).click()
    opened.press("3")  # the same point once more
    opened.saved()
    assert points.read(folder.parent / "points.csv").points["label"].tolist() == [HOSTILE]
    opened.press("0")
    assert "has points; remove them first" in opened.page.inner_text("#message")
    opened.press("Delete", "0")
    opened.saved()
    assert "nothing happens" in opened.page.inner_text("#videos")
    opened.press("[")
    opened.press("Shift+ArrowRight")
    opened.until("document.getElementById('clock').value.includes('frame 26 of')")
    opened.press("]")
    opened.saved()
    more = (folder.parent / "points.more.json").read_text()
    assert re.search(r'"nothing_happens": \[\s*"a"\s*\]', more)
    assert re.search(r'"start": 0.0,\s*"end": 1.0', more)
    assert opened.page.evaluate("window.hacked") is None
    assert opened.said == []


@pytest.mark.parametrize(
    ("name", "options", "times"),
    [
        ("a.mp4", {"codec": "libx264", "fps": 25}, np.arange(20) / 25),
        ("a.mp4", {"codec": "libx264", "fps": "30000/1001"}, np.arange(20) * 1001 / 30000),
        ("a.webm", {"codec": "libvpx", "fps": 30}, np.arange(20) / 30),
        ("a.mp4", {"codec": "libx264", "fps": 60}, np.arange(20) / 60),
        ("a.webm", {"codec": "libvpx", "times": VARIABLE}, VARIABLE / 1000),
        ("a.mp4", {"codec": "libx264", "times": VARIABLE}, VARIABLE / 1000),
        ("a.avi", {"codec": "mpeg4", "fps": 25}, np.arange(20) / 25),  # converted
    ],
)
def test_a_point_has_the_time_of_the_frame_that_is_shown(tmp_path, serve, visit, name, options, times):
    (tmp_path / "videos").mkdir()
    film(tmp_path / "videos" / name, 20, **options)
    opened = visit(serve(tmp_path / "videos").url)
    opened.until("document.getElementById('film').readyState === 4")
    opened.page.wait_for_timeout(200)
    shown, numbers = [], []
    for _ in range(1, 20):
        opened.press("ArrowRight")
        opened.page.wait_for_timeout(100)
        opened.until("!document.getElementById('film').seeking")
        opened.page.wait_for_timeout(250)
        shown.append(opened.page.evaluate(FRAME) / BRIGHTNESS)
        numbers.append(int(re.search(r"frame (\d+)", opened.page.inner_text("#clock"))[1]) - 1)
        opened.press("1")
    opened.saved()
    np.testing.assert_allclose(shown, numbers, atol=1 if name == "a.avi" else 0.5)  # converted at a low rate
    seconds = points.read(tmp_path / "points.csv").points["seconds"].to_numpy()
    np.testing.assert_allclose(seconds, times[sorted(set(numbers))], atol=0.00101)  # WebM's milliseconds
    # Chromium does not seek to short frames among long ones where the file does not say how long they are
    assert len(seconds) >= (12 if name == "a.webm" and "times" in options else 19)


def test_a_point_is_put_while_the_film_plays(opened, folder):
    opened.page.select_option("#speed", "0.25")
    opened.press(" ")
    opened.until("document.getElementById('film').currentTime > 0.3")
    before = opened.page.evaluate("document.getElementById('film').currentTime")
    opened.press("1")
    after = opened.page.evaluate("document.getElementById('film').currentTime")
    assert opened.page.evaluate("document.getElementById('film').paused") is False
    opened.saved()
    [row] = points.read(folder.parent / "points.csv").points["seconds"]
    assert before - 0.05 <= row <= after
    assert round(row * 25) == pytest.approx(row * 25, abs=0.03)


def test_thousands_of_points_are_drawn_as_far_as_they_can_be_told_apart(serve, folder, visit):
    lines = [f"a,{2 * i / 3000:.4f},{('pour', 'stir')[i % 2]}" for i in range(3000)]
    (folder.parent / "points.csv").write_text("\n".join(["video,seconds,class", *lines]) + "\n")
    opened = visit(serve(folder).url)
    opened.until("document.querySelectorAll('.point').length > 100")
    few = set(opened.points())
    assert len(few) < 1000
    opened.go(1)
    opened.page.evaluate("""() => {
      window.changes = 0;
      const count = (records) => { window.changes += records.length; };
      const all = { subtree: true, childList: true, attributes: true };
      new MutationObserver(count).observe(document.getElementById("track"), all);
    }""")
    opened.press("1")
    opened.saved()
    assert 1 <= opened.page.evaluate("window.changes") < 12
    assert "pour, 0.040 s" in opened.points()
    opened.page.evaluate("""() => {
      document.getElementById("zoom").value = 6;
      document.getElementById("zoom").dispatchEvent(new Event("input"));
    }""")
    opened.until(f"document.querySelectorAll('.point').length !== {len(few) + 1}")
    assert set(opened.points()) - few - {"pour, 0.040 s"}
    assert opened.said == []


@pytest.fixture
def features(folder) -> Path:
    """Features of the folder's film, on which the model detects pour at 0.7 s and stir at 1.5 s."""
    (folder.parent / "features").mkdir()
    actions = label_model.features(10, (2, 4, "pour"), (6, 8, "stir"))
    np.save(folder.parent / "features" / "a.npy", actions)
    return folder.parent / "features"


def detection(page, start: str) -> None:
    """Until the detection that is accepted next, or what stands in its place, begins so."""
    until(page, f"document.getElementById('detection').value.startsWith('{start}')")


def test_detections_are_accepted_and_rejected_with_keys(serve, folder, visit, features):
    opened = visit(serve(folder, features=features).url)
    detection(opened.page, "pour at 0:00.70, score 0.6")
    assert opened.page.locator(".detection:not([hidden])").count() == 2
    opened.press("Enter")
    detection(opened.page, "stir at 0:01.50")
    opened.until("Math.abs(parseFloat(document.getElementById('clock').value.slice(2)) - 1.5) < 0.03")
    opened.press("Backspace")
    detection(opened.page, "all that the model detects here is done")
    opened.saved()

    def labelled() -> tuple[list, list]:
        rows = points.read(folder.parent / "points.csv").points
        rejected = json.loads((folder.parent / "points.more.json").read_text())["rejected"]
        return rows["label"].tolist(), [each["class"] for each in rejected]

    assert labelled() == (["pour"], ["stir"])
    [seconds] = points.read(folder.parent / "points.csv").points["seconds"]
    assert seconds == pytest.approx(0.7, abs=0.021)  # of a frame
    opened.page.reload()
    opened.wait()
    detection(opened.page, "all that the model detects here is done")
    assert opened.page.locator(".detection:not([hidden])").all_inner_texts() == ["0.61"]
    opened.press("Control+z")
    detection(opened.page, "stir at 0:01.50")
    opened.press("Control+z")
    detection(opened.page, "pour at 0:00.70")
    opened.saved()
    assert labelled() == ([], [])
    opened.press(".", ".", "Enter")
    detection(opened.page, "pour at 0:00.70")
    opened.saved()
    assert labelled() == (["stir"], [])
    assert opened.said == []


def test_of_videos_without_labels_the_most_worth_come_first(serve, folder, visit, features):
    for name, strength in (("b", 0.5), ("c", 0.3)):
        (folder / f"{name}.webm").hardlink_to(folder / "a.webm")
        np.save(features / f"{name}.npy", label_model.features(10, (2, 8, "pour"), strength=strength))
    (folder / "d.webm").hardlink_to(folder / "a.webm")
    (folder.parent / "points.csv").write_text("video,seconds,class\nc,0.4,stir\n")
    opened = visit(serve(folder, features=features).url)
    opened.until("document.getElementById('progress').textContent.endsWith('that teaches most')")
    names = opened.page.eval_on_selector_all("#videos button", "all => all.map((b) => b.firstChild.data)")
    assert names == ["b", "a", "d", "c"]
    opened.page.get_by_role("button", name="d no label").click()
    detection(opened.page, "there are no features of this video")


def test_two_tabs_and_an_editor_overwrite_nothing(serve, folder, visit):
    url = serve(folder).url
    first, second = visit(url), visit(url)
    first.press("1")
    second.until("document.querySelectorAll('.point').length === 1")
    assert "Another tab has labelled: 1 added" in second.page.inner_text("#message")
    second.page.route("**/changes/*", lambda route: route.abort())  # hears nothing for a while
    first.press("Delete")
    first.saved()
    second.drag("pour, 0.000 s", 0.5)
    second.until("!document.getElementById('message').hidden")
    second.until("document.getElementById('message').textContent.includes('has been changed elsewhere')")
    assert (second.points(), rows(folder)) == ([], [])
    (folder.parent / "points.csv").write_text("video,seconds,class\na,0.4,stir\n")
    first.until("document.querySelectorAll('.point').length === 1")
    assert "Another program has changed points.csv: 1 added, 0 removed" in first.page.inner_text("#message")
    first.press("1")
    first.saved()
    assert rows(folder) == ["a,0,pour", "a,0.4,stir"]


def test_another_page_of_the_browser_can_do_nothing(serve, folder, visit, tmp_path):
    site = serve(folder)
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "index.html").write_text("<!DOCTYPE html><title>evil</title>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "evil")
    handler.log_message = lambda *_: None
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=other.serve_forever).start()
    try:
        page = visit(f"http://127.0.0.1:{other.server_port}/", wait=False)
        page.goto(f"http://127.0.0.1:{other.server_port}/")
        body = '{"id": "1", "video": "a", "add": [["point", 1, "pour"]]}'
        with pytest.raises(Exception, match="Failed to fetch"):
            page.evaluate(
                "async ([url, body]) => await fetch(url, {method: 'POST', mode: 'no-cors', body})",
                [f"{site.url}actions/0", body],
            )
        with pytest.raises(Exception, match="Failed to fetch"):
            page.evaluate("async (url) => (await fetch(url)).text()", f"{site.url}labels")
        assert page.goto(site.url.replace(site.token, "")).status == 403
    finally:
        other.shutdown()
        other.server_close()
    assert rows(folder) == []


def test_curves_are_labelled_too(tmp_path, serve, visit):
    (tmp_path / "tables").mkdir()
    lines = [f"{np.sin(i / 9)},{np.cos(i / 5)}" for i in range(200)]
    (tmp_path / "tables" / "phone.csv").write_text("x,y\n" + "\n".join(lines) + "\n")
    site = serve(tmp_path / "tables", rate=50)
    page = visit(site.url, wait=False)
    page.goto(site.url)
    until(page, "document.getElementById('clock').value.includes('row 1')")
    track = page.locator("#track").bounding_box()
    page.mouse.click(track["x"] + track["width"] / 2 + 1, track["y"] + 30)
    page.keyboard.press("2")
    until(page, "document.getElementById('saved').textContent.startsWith('saved in')")
    assert (tmp_path / "points.csv").read_text().splitlines()[1:] == ["phone,2.01,stir"]
    assert page.locator("#curves path").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_it_is_readable_and_fits(serve, folder, visit, features, width, scheme):
    name = "long name " * 8
    (folder / "a.webm").rename(folder / f"{name}.webm")
    (features / "a.npy").rename(features / f"{name}.npy")
    site = serve(
        folder, classes=[*label_model.CLASSES, *(f"class {i}" for i in range(12))], features=features
    )
    opened = visit(site.url, width=width, scheme=scheme)
    detection(opened.page, "pour")
    opened.press("Enter")
    detection(opened.page, "stir")
    opened.press("ArrowLeft")
    opened.press(*"13456789abcde")
    opened.saved()
    opened.page.click("summary")
    opened.page.evaluate("document.activeElement.blur()")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    low = [(ratio, text) for ratio, text in opened.page.evaluate(CONTRASTS) if ratio < 4.5]
    assert low == []
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    opened.page.screenshot(path=SCREENSHOTS / f"label-{width}-{scheme}.png", full_page=True)


class Process:
    """hrpro-label as a process of its own."""

    def __init__(self, folder: Path):
        arguments = ["--videos", folder, "--points", folder.parent / "points.csv", "--classes", "pour"]
        command = [sys.executable, SCRIPTS / "label.py", *arguments]
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
        self.url = re.search(r"http\S+", self.process.stdout.readline())[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_killed_at_random_moments_it_loses_nothing_that_was_confirmed(folder, visit, tmp_path):
    """20 times, in the midst of keys that put, move and take back points."""
    rng = random.Random(0)
    for _ in range(20):
        process = Process(folder)
        opened = visit(process.url)
        timer = threading.Timer(rng.uniform(0.1, 1.0), process.kill)
        timer.start()
        while timer.is_alive():
            opened.press(
                rng.choice(["1", "1", "1", "ArrowRight", "ArrowRight", "Alt+ArrowRight", "Control+z"])
            )
        opened.until("document.getElementById('saved').className === 'failed'")
        confirmed = opened.page.eval_on_selector_all(
            ".point:not(.pending)", "all => all.map((point) => `a,${point.mark[1]},pour`)"
        )
        waiting = int(re.match(r"(\d*)", opened.page.inner_text("#saved"))[1] or 0)
        opened.page.close(run_before_unload=False)
        Store(tmp_path / "points.csv").close()  # started again
        written = rows(folder)
        assert len(written) == len(set(written))
        if not waiting:
            assert sorted(written) == sorted(confirmed)
        assert (
            len(set(confirmed) - set(written)) <= 1
        )  # one that a waiting action takes away, if it came through
