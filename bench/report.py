"""The report of a made data set of THUMOS14's size: how long it takes to write and to open, and its frames.

    PYTHONPATH=workflow/scripts:tests python bench/report.py [--output FILE]

210 test videos with 400 detections each, 200 training videos, 20 classes; most have 350 snippets, the first
one 2,600. `make bench-report` installs what it takes. A frame is the time between two pictures that 99 % are
under, by the browser's own trace, while that video's time axis scrolls at a close zoom.
"""

import argparse
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

import report_files
from hrpro.utils import files

SIZE = report_files.Size(train=200, test=210, snippets=350, instances=16, detections=400)
LONG = 2600  # snippets of the first test video
CLASSES = [f"class {number}" for number in range(20)]
LIMITS = {"write_s": 20, "open_s": 2, "frame_ms": 50, "megabytes": 10}
SCRIPT = Path(__file__).parent.parent / "workflow" / "scripts" / "write_report.py"
# Scroll by 40 pixels a picture for three seconds.
SCROLL = """async () => {
  const chart = document.querySelector("#videos .chart");
  const end = performance.now() + 3000;
  while (performance.now() < end) {
    await new Promise(requestAnimationFrame);
    chart.scrollLeft = (chart.scrollLeft + 40) % (chart.scrollWidth - chart.clientWidth);
  }
}"""


def main() -> None:
    """Write the report, open it, scroll, print and write the figures; exit 1 where one is over its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", default="results/bench-report.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    for name, value in figures.items():
        print(f"{name:<12}{value:>10.2f}   limit {LIMITS[name]}")
    files.write_json(args.output, figures, indent=1)
    sys.exit(any(value > LIMITS[name] for name, value in figures.items()))


def measure(folder: Path) -> dict[str, float]:
    """The figures of LIMITS."""
    arguments = report_files.write(folder / "made", size=SIZE, classes=CLASSES, long={"test 0": LONG})
    page = folder / "report.html"
    command = [sys.executable, SCRIPT, *arguments, "--html", page, "--json", folder / "report.json"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    figures = {"write_s": time.perf_counter() - began, "megabytes": page.stat().st_size / 1e6}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        began = time.perf_counter()
        tab.goto(page.as_uri())
        tab.wait_for_selector("#videos[data-ready]")
        figures["open_s"] = time.perf_counter() - began
        figures["frame_ms"] = frame(browser, tab)
        browser.close()
    return figures


def frame(browser, tab) -> float:
    """The time between two pictures while the long video's axis scrolls, in ms: 99 % are under it."""
    tab.locator("#videos-option-0").click()
    tab.wait_for_selector('#videos[data-ready="0"]')
    tab.locator("#videos [data-part=threshold]").evaluate(
        "(slider) => { slider.value = 0; slider.dispatchEvent(new Event('input')); }"
    )
    tab.locator("#videos .chart").scroll_into_view_if_needed()
    for _ in range(8):
        tab.locator("#videos [data-zoom='1.5']").click()
    browser.start_tracing(
        page=tab, categories=["disabled-by-default-devtools.timeline.frame", "devtools.timeline"]
    )
    tab.evaluate(SCROLL)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    pictures = sorted(event["ts"] for event in events if event["name"] == "DrawFrame")
    steps = sorted((after - before) / 1000 for before, after in itertools.pairwise(pictures))
    print(
        f"{len(steps)} frames, in the median {steps[len(steps) // 2]:.1f} ms, the longest {steps[-1]:.1f} ms"
    )
    return steps[int(0.99 * len(steps))]


if __name__ == "__main__":
    main()
