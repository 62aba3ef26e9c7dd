"""The labelling page with 1,000 videos and 5,000 points on one of them: how fast it answers a key.

    PYTHONPATH=workflow/scripts:tests python bench/label_page.py [--output FILE]

`make bench-label` installs what it takes. Milliseconds. processor: what the page's main thread computes for a
key, its point drawn and saved, while the film stands still; it hardly depends on what else the machine does.
drawn: from a key to the picture with its point, by the browser's clock; saved: until the server has confirmed
it; both while the film plays, medians and maxima of KEYS keys.
"""

import argparse
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from hrpro.labelling import recordings
from hrpro.labelling.server import Site
from hrpro.labelling.store import Store
from hrpro.utils import files
from test_video import film

VIDEOS, POINTS, KEYS = 1000, 5000, 40
STILL = "123456789abcdefghijk"  # keys of the 20 classes, for points at one frame
FPS, SECONDS = 25, 40
PATIENCE = 30  # seconds for all to be saved
MEASURE = """() => {
  window.times = [];
  const saved = document.getElementById("saved");
  new MutationObserver(() => {
    if (saved.textContent === "saving") return;
    for (const times of window.times) times.saved ??= performance.now() - times.start;
  }).observe(saved, { childList: true, characterData: true, subtree: true });
  document.addEventListener("keydown", () => {
    const times = { start: performance.now() };
    window.times.push(times);
    requestAnimationFrame(() => setTimeout(() => { times.drawn = performance.now() - times.start; }));
  }, true);
}"""


def main() -> None:
    """Make the files, open the page, press keys, print and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", default="results/bench-label.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    for name, value in figures.items():
        print(f"{name:<14}{value:>8.1f} ms")
    files.write_json(args.output, figures, indent=1)


def measure(folder: Path) -> dict[str, float]:
    """The figures."""
    (folder / "videos").mkdir()
    first = film(folder / "videos" / "v0000.webm", FPS * SECONDS, FPS, "libvpx")
    for number in range(1, VIDEOS):
        (folder / "videos" / f"v{number:04}.webm").hardlink_to(first)
    lines = [f"v0000,{SECONDS * i / POINTS:.3f},class {i % 20}" for i in range(POINTS)]
    (folder / "points.csv").write_text("\n".join(["video,seconds,class", *lines]) + "\n")
    store = Store(folder / "points.csv")
    site = Site(folder / "videos", recordings.find(folder / "videos", None, store.path), store, rate=None)
    thread = threading.Thread(target=site.run)
    thread.start()
    try:
        processor, times = keys(site.url)
    finally:
        site.stop()
        thread.join()
    assert len(files.read_text(store.path).splitlines()) > POINTS + KEYS // 2
    return {"processor": processor} | {
        f"{name}_{how}": float(of([entry[name] for entry in times]))
        for name in ("drawn", "saved")
        for how, of in (("median", np.median), ("max", np.max))
    }


def keys(url: str) -> tuple[float, list[dict[str, float]]]:
    """Press keys; processor time per key, and when each was drawn and saved, in milliseconds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url)
        page.locator("#videos button").first.click()
        page.get_by_text(f"frame 1 of {FPS * SECONDS}").wait_for()
        page.wait_for_timeout(2000)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        before = processor_time(session)
        for key in STILL:
            page.keyboard.press(key)
            page.wait_for_timeout(250)
        processor = (processor_time(session) - before) / len(STILL)
        page.keyboard.press("Space")  # the film plays on
        page.wait_for_timeout(500)
        page.evaluate(MEASURE)
        for _ in range(KEYS):
            page.keyboard.press("1")
            page.wait_for_timeout(250)
        end = time.monotonic() + PATIENCE
        while not page.evaluate("window.times.every((times) => times.drawn && times.saved)"):
            if time.monotonic() > end:
                raise SystemExit(f"not saved within {PATIENCE} s: {page.inner_text('#saved')}")
            page.wait_for_timeout(100)
        times = page.evaluate("window.times")
        browser.close()
    return processor, times


def processor_time(session) -> float:
    """What the page's main thread has computed so far, in milliseconds."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


if __name__ == "__main__":
    main()
