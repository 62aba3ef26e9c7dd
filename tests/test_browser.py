"""The report in a real browser: headless Chromium, which Playwright drives (make test-browser)."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

import report_files
from conftest import ROOT, run_script, snakemake
from test_html_report import HOSTILE, Page

pytestmark = pytest.mark.browser
SCREENSHOTS = ROOT / "results" / "browser"  # light and dark, wide and narrow
SECONDS, FPS = 60, 5  # of the film
WIDE, NARROW = 1400, 400


def encode(path: Path) -> None:
    """A film of a grey that grows with time."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(SECONDS * FPS):
            picture = np.full((48, 64, 3), 255 * number // (SECONDS * FPS), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A report of two experiments; the film of one test video lies beside it, that of another is broken."""
    folder = tmp_path_factory.mktemp("made")
    films = folder / "films"
    films.mkdir()
    encode(films / "test 0.webm")
    (films / "test 1.webm").write_bytes(b"no film")
    names = [name for name in HOSTILE if "/" not in name]
    options = {"classes": [*report_files.CLASSES, *HOSTILE], "experiments": {"default": 2, "floor": 1}}
    size = report_files.Size(test=7, instances=12)
    arguments = report_files.write(folder / "files", size=size, names=["test 0", "test 1", *names], **options)
    outputs = ["--html", folder / "report.html", "--json", folder / "report.json", "--videos", films]
    run_script("write_report.py", *arguments, *outputs).check_returncode()
    return folder / "report.html"


class Opened:
    """A page that is open: what it said, and what it asked for."""

    def __init__(self, context, path: Path, panels=("videos", "reliable")):
        self.page = context.new_page()
        self.said, self.requests = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        for panel in panels:
            self.page.wait_for_selector(f"#{panel}[data-ready]")
        self.read = Page(path.read_text())

    def part(self, name: str, panel: str = "videos"):
        """A part of a panel."""
        return self.page.locator(f"#{panel} [data-part={name}]")

    def choose(self, video: str) -> dict:
        """Open a test video; what the page draws of it."""
        index = self.read.index("videos")["videos"]
        number = [entry["name"] for entry in index].index(video)
        self.page.locator(f"#videos-option-{number}").click()
        self.page.wait_for_selector(f'#videos[data-ready="{number}"]')
        return self.read.content("videos", video)

    def shown(self) -> list[int]:
        """The rows of the detections that are drawn."""
        bars = "#videos .detections .bar:not([hidden])"
        rows = self.page.eval_on_selector_all(bars, "bars => bars.map((bar) => Number(bar.dataset.row))")
        return sorted(rows)

    def threshold(self, score: float) -> None:
        """Move the slider."""
        self.part("threshold").evaluate(
            "(slider, score) => { slider.value = score; slider.dispatchEvent(new Event('input')); }", score
        )


@pytest.fixture(scope="module")
def gtea(tmp_path_factory, shared) -> Path:
    """The folder of gtea's results after short trainings: its report, and that of new videos."""
    folder = tmp_path_factory.mktemp("gtea")
    entry = {"root": str(shared / "data/gtea"), "snippet": {"frames": 4, "fps": 15}}
    content = {
        "seeds": [0, 1],
        "settings": {"stage1": {"iterations": 40}, "stage2": {"iterations": 40}},
        "datasets": {"gtea": entry},
        "predict": {"new": str(shared / "data/gtea/features/test")},
    }
    (folder / "gtea.yaml").write_text(yaml.safe_dump(content))
    targets = ["results/gtea/report.html", "results/gtea/predict/new/report.html"]
    run = snakemake(folder, "--configfile=gtea.yaml", "--", *targets)
    assert run.returncode == 0, run.stderr
    return folder / "results/gtea"


@pytest.fixture
def opened(chromium, made):
    """Opens a report, 1400 pixels wide in light colours unless said otherwise."""
    contexts = []

    def open_page(width: int = WIDE, scheme: str = "light", path: Path = made, **options) -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        return Opened(context, path, **options)

    yield open_page
    for context in contexts:
        context.close()


def test_it_opens_in_silence_and_asks_for_nothing(opened, made):
    one = opened()
    films = (made.parent / "films").as_uri()
    assert one.said == []
    assert [url for url in one.requests if not url.startswith(films)] == [made.as_uri()]
    assert one.page.evaluate("window.hacked") is None


def test_reports_of_gtea_open_in_silence_and_ask_for_nothing(opened, gtea):
    pages = {gtea / "report.html": ("videos", "reliable"), gtea / "predict/new/report.html": ("videos",)}
    for path, panels in pages.items():
        for width, scheme in ((WIDE, "light"), (NARROW, "dark")):
            one = opened(width, scheme, path=path, panels=panels)
            assert (one.said, one.requests) == ([], [path.as_uri()])
            assert one.shown()
            assert one.page.evaluate("document.documentElement.scrollWidth") <= width
            one.page.screenshot(path=SCREENSHOTS / f"gtea-{path.parent.name}-{scheme}.png", full_page=True)


def test_the_slider_hides_exactly_the_detections_under_it(opened):
    one = opened()
    scores = one.choose("test 0")["sources"][0]["detections"]["score"]
    for number in (0, 5, len(scores) - 1):
        one.threshold(scores[number])
        at = float(one.part("threshold").input_value())
        assert at == pytest.approx(scores[number], abs=1e-4)
        assert one.shown() == [row for row, score in enumerate(scores) if score >= at]
    assert one.part("facts").text_content().startswith(f"{len(one.shown())} of {len(scores)} detections")
    assert one.said == []


def test_buttons_hide_and_show_classes(opened):
    one = opened()
    bars = one.choose("test 0")["sources"][0]["detections"]
    one.threshold(0)
    every, label = one.shown(), bars["label"][0]
    button = one.page.locator(f'#videos [data-label="{label}"]')
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert one.shown() == [row for row in every if bars["label"][row] != label]
    titles = one.page.locator("#videos .row-title:not([hidden])").all_text_contents()
    assert one.read.index("videos")["classes"][label] not in titles
    one.page.locator("#videos [data-all=off]").click()
    assert one.shown() == []
    one.page.locator("#videos [data-all=on]").click()
    assert one.shown() == every


def test_search_order_and_keys_of_the_list(opened):
    one = opened()
    index = one.read.index("videos")
    names = [video["name"] for video in index["videos"]]

    def listed() -> list[str]:
        return one.page.locator("#videos .video-name").all_text_contents()

    quality = {video["name"]: video["quality"][0] for video in index["videos"]}
    assert listed() == sorted(names, key=lambda name: (quality[name], names.index(name)))
    one.part("sort").select_option("best")
    assert listed()[0] == max(names, key=quality.get)
    one.part("search").fill("TEST")
    assert set(listed()) == {name for name in names if "test" in name}
    assert one.part("count").text_content() == f"{len(listed())} of {len(names)} videos"
    one.part("list").focus()
    one.page.keyboard.press("Home")
    one.page.get_by_role("heading", name=listed()[0], exact=True).wait_for()
    one.page.keyboard.press("ArrowDown")
    one.page.get_by_role("heading", name=listed()[1], exact=True).wait_for()
    chosen = one.page.locator("#videos [aria-selected=true] .video-name")
    assert chosen.all_text_contents() == [listed()[1]]


def test_keys_go_from_detection_to_detection(opened):
    one = opened()
    bars = one.choose("test 6")["sources"][0]["detections"]
    one.threshold(bars["score"][4])
    one.part("classes").locator("button").last.focus()
    one.page.keyboard.press("Tab")
    assert one.page.evaluate("document.activeElement.dataset.part") == "chart"
    in_time = sorted(range(5), key=lambda row: (bars["start"][row], row))
    for row in in_time:
        one.page.keyboard.press("ArrowRight")
        assert one.page.locator("#videos .focused").get_attribute("data-row") == str(row)
        assert f"score {bars['score'][row]}" in one.part("detail").text_content()
    one.page.keyboard.press("Home")
    one.page.keyboard.press("Escape")
    assert one.page.locator("#videos .focused").count() == 0
    one.page.keyboard.press("ArrowDown")
    one.page.keyboard.press("ArrowDown")
    assert one.page.locator("#videos .focused").get_attribute("data-row") == "1"
    width = float(one.page.locator("#videos .timeline").get_attribute("width"))
    one.page.keyboard.press("+")
    assert float(one.page.locator("#videos .timeline").get_attribute("width")) == pytest.approx(
        1.5 * width, abs=1
    )
    one.page.locator("#videos [data-zoom='0']").click()
    assert float(one.page.locator("#videos .timeline").get_attribute("width")) == width


def test_hovering_says_what_a_bar_is(opened):
    one = opened()
    content = one.choose("test 0")
    index, bars = one.read.index("videos"), content["sources"][0]["detections"]
    one.threshold(bars["score"][0])
    one.page.locator('#videos .detections [data-row="0"]').hover()
    words = one.page.locator(".tip:not([hidden])").inner_text()
    start, end = bars["start"][0], bars["end"][0]
    assert words.startswith(index["classes"][bars["label"][0]])
    assert f"score {bars['score'][0]}" in words and f"{start:g} to {end:g} s" in words
    overlaps = [
        max(0, min(end, b) - max(start, a)) / (max(end, b) - min(start, a)) for a, b, _ in content["truth"]
    ]
    if max(overlaps) > 0:
        assert f"tIoU {max(overlaps):.2f} with" in words
    number = index["tiou"].index(0.5)
    assert f"{index['errors'][int(bars['errors'][number][0])]} at tIoU 0.5" in words
    one.page.locator("#videos .timeline .truth").first.hover()
    assert "true segment" in one.page.locator(".tip:not([hidden])").inner_text()
    one.page.mouse.move(5, 5)
    assert one.page.locator(".tip:not([hidden])").count() == 0


def test_a_click_seeks_the_film(opened):
    one = opened()
    bars = one.choose("test 0")["sources"][0]["detections"]
    one.threshold(0)
    player = one.part("player")
    player.evaluate("film => film.readyState || new Promise((done) => film.onloadedmetadata = done)")
    row = next(row for row, start in enumerate(bars["start"]) if 5 < start < SECONDS - 20)
    one.page.locator(f'#videos .detections [data-row="{row}"]').dispatch_event("click")
    player.evaluate("film => film.seeking ? new Promise((done) => film.onseeked = done) : null")
    assert player.evaluate("film => film.currentTime") == pytest.approx(bars["start"][row], abs=0.3)
    playhead = one.page.locator("#videos .playhead")
    assert float(playhead.get_attribute("x1")) == pytest.approx(bars["start"][row], abs=0.3)
    assert playhead.get_attribute("visibility") == "visible"
    assert one.said == []
    one.choose("test 1")
    one.page.wait_for_function("document.querySelector('#videos [data-part=film-note]').textContent")
    assert "test 1.webm: cannot be played" in one.part("film-note").text_content()
    one.choose("test 6")
    assert one.part("film").is_hidden()


def test_sources_thresholds_and_proposals(opened):
    one = opened()
    content = one.choose("test 0")
    one.part("source").select_option("2")
    scores = content["sources"][2]["detections"]["score"]
    first = one.read.index("videos")["sources"][2]["first"]
    assert one.shown() == [row for row, score in enumerate(scores) if score >= first]
    one.part("tiou").select_option("3")
    digits = content["sources"][2]["detections"]["errors"][3]
    for row in one.shown():
        classes = one.page.locator(f'#videos .detections [data-row="{row}"]').get_attribute("class")
        assert f"e-{digits[row]}" in classes.split()
    assert one.page.locator("#videos .proposals .bar").first.is_hidden()
    one.part("proposals").check()
    assert one.page.locator("#videos .proposals .bar").first.is_visible()


def test_a_class_table_is_sorted_by_its_columns(opened):
    one = opened()

    def column(number: int) -> list[str]:
        rows = one.page.locator("#classes table.sortable").first.locator("tbody tr")
        return [row.locator("th, td").nth(number).text_content() for row in rows.all()]

    heading = one.page.locator("#classes table.sortable").first.locator("thead button")
    heading.nth(1).click()
    assert [float(cell) for cell in column(1)] == sorted(map(float, column(1)), reverse=True)
    heading.nth(1).click()
    assert [float(cell) for cell in column(1)] == sorted(map(float, column(1)))
    heading.nth(0).click()
    assert set(HOSTILE) < set(column(0))
    first = one.page.locator("#classes th[aria-sort]").first
    assert first.text_content().strip() == "class" and first.get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_overflows(opened, width, scheme):
    one = opened(width, scheme)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    one.choose(HOSTILE[-1])
    one.page.screenshot(path=SCREENSHOTS / f"{scheme}-{width}.png", full_page=True)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    # nothing but what scrolls in itself is wider than the page
    wide = one.page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((each) =>
            !each.closest(".scroll, .chart, [role=listbox]") &&
            each.getBoundingClientRect().right > innerWidth
        ).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert wide == []
    assert one.said == []


def test_a_page_without_its_script_is_still_read(chromium, made):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(made.as_uri())
    assert "mAP" in page.locator("#summary").inner_text()
    assert page.locator("#diagnosis svg").count() > 5
    context.close()


def test_the_figures_are_those_of_the_json(opened, made):
    figures = json.loads(made.with_name("report.json").read_text())
    assert figures["sentence"] in opened().page.locator("#summary").inner_text()
