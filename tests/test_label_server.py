"""The server of hrpro-label: who is answered, films and their times, recordings without film, mistakes."""

import os
import sys
import time

import numpy as np
import pytest

from conftest import run_script
from hrpro.labelling import recordings
from hrpro.labelling.server import Site
from hrpro.labelling.store import Store
from hrpro.utils.errors import InputError
from hrpro.video import decoding
from test_video import BRIGHTNESS, film

UNSTEADY = [0, 40, 80, 200, 217, 500, 540, 1000]  # milliseconds


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "videos").mkdir()
    film(tmp_path / "videos" / "a.mp4", 20)
    film(tmp_path / "videos" / "b.avi", 10)
    return tmp_path / "videos"


@pytest.fixture
def serve(tmp_path):
    sites = []

    def start(folder, rate=None):
        store = Store(tmp_path / "points.csv", ["pour"])
        sites.append(Site(folder, recordings.find(folder, rate, store.path), store, rate=rate))
        return sites[-1]

    yield start
    for site in sites:
        site.server.server_close()
        site.conversions.close()


class Client:
    """Asks a site, as its page does."""

    def __init__(self, site):
        self.site = site
        self.client = site.app.test_client()
        self.origin = f"http://127.0.0.1:{site.server.port}"

    def get(self, path, **headers):
        return self.client.get(f"/{self.site.token}/{path}", base_url=self.origin, headers=headers)

    def post(self, path, value=None, **headers):
        url, headers = f"/{self.site.token}/{path}", {"Origin": self.origin, **headers}
        return self.client.post(url, base_url=self.origin, json=value, headers=headers)

    def act(self, **action):
        return self.post("actions/0", {"id": os.urandom(4).hex(), "video": "a", **action})


@pytest.fixture
def client(serve, folder):
    return Client(serve(folder))


# --- who is answered


def test_the_page_is_on_this_machine_alone_and_loads_nothing_from_elsewhere(client):
    assert client.site.server.server_address[0] == "127.0.0.1"
    answer = client.get("")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "http://" not in answer.text
    assert client.get("static/page.js").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/labels", "/wrong/", "/wrong/labels", "//labels", "/\N{SNOWMAN}/labels"]
)
def test_without_the_token_nothing_is_answered(client, path):
    answer = client.client.get(path, base_url=client.origin)
    assert (answer.status_code, list(answer.json)) == (403, ["message"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_pages_of_the_browser_are_refused(client, headers):
    before = client.site.store.path.read_text()
    for answer in (
        client.get("labels", **headers),
        client.post("actions/0", {"id": "1", "video": "a", "add": [["point", 1, "pour"]]}, **headers),
    ):
        assert answer.status_code == 403
    assert client.site.store.path.read_text() == before


@pytest.mark.parametrize(
    "path",
    [
        *("static/../server.py", "static/%2e%2e/server.py", "static//etc/passwd", "static/..%2fserver.py"),
        *("film/../../points.csv", "film/%2e%2e", "film/a.mp4", "film/-1", "film/7", "frames/7", "curves/0"),
    ],
)
def test_no_path_leads_anywhere_else(client, path):
    assert client.get(path).status_code in (403, 404)


def test_links_out_of_the_folder_are_left_out(serve, folder, tmp_path, caplog):
    film(tmp_path / "secret.mp4", 5)
    (folder / "linked.mp4").symlink_to(tmp_path / "secret.mp4")
    (folder / "inside.mp4").symlink_to(folder / "a.mp4")
    client = Client(serve(folder))
    assert [video["name"] for video in client.get("labels").json["videos"]] == ["a", "b", "inside"]
    assert "left out 1 that links take out of the folder ('linked')" in caplog.text
    (folder / "a.mp4").unlink()
    (folder / "a.mp4").symlink_to(tmp_path / "secret.mp4")  # later
    assert client.get("film/0").status_code == 404
    assert client.get("frames/0").status_code == 404
    assert client.post("convert/0").status_code == 404


# --- actions


def test_actions_are_done_refused_and_told_to_others(client):
    done = client.act(add=[["point", 1, "pour"]])
    assert done.status_code == 200
    assert client.site.store.path.read_text() == "video,seconds,class\na,1,pour\n"
    assert client.get(f"changes/{done.json['version']}").json["changes"] == []
    [change] = client.get(f"changes/{done.json['version'] - 1}").json["changes"]
    assert change["add"] == [["point", 1.0, "pour"]]
    refused = client.act(remove=[["point", 2, "pour"]])
    assert refused.status_code == 409
    assert "the point of pour at 2.00 s has been changed elsewhere" in refused.json["message"]
    assert client.act(video="c").json["message"] == "there is no such video here"
    assert client.act(by="file").status_code == 409
    assert client.act(add=[["point", "x", "pour"]]).json["message"] == "'x' is not a number from 0 to 1e+09"
    assert (
        client.client.post(f"/{client.site.token}/actions/0", base_url=client.origin, data="x").status_code
        == 415
    )
    assert client.act(add=[["point", 1, "x" * 2**20]]).status_code == 413


def test_a_file_that_cannot_be_read_is_told_and_tried_again(client):
    client.site.store.path.write_text("video,seconds,class\na,x,pour\n")
    for answer in (client.act(add=[["point", 1, "pour"]]), client.get("changes/0"), client.get("labels")):
        assert answer.status_code == 503
        assert "points.csv: line 2: seconds 'x' is not a number" in answer.json["message"]
    client.site.store.path.write_text("video,seconds,class\na,3,pour\n")
    assert client.act(add=[["point", 1, "pour"]]).status_code == 200
    assert client.site.store.path.read_text() == "video,seconds,class\na,1,pour\na,3,pour\n"


# --- films


def test_parts_of_a_film_are_sent(client, folder):
    content = (folder / "a.mp4").read_bytes()
    answer = client.get("film/0", Range="bytes=100-199")
    assert (answer.status_code, answer.data) == (206, content[100:200])
    assert answer.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    assert client.get("film/0").data == content
    assert client.get("film/0", Range=f"bytes={len(content) + 5}-").status_code == 416


@pytest.mark.parametrize(
    ("name", "options", "times"),
    [
        ("a.mp4", {"codec": "libx264", "fps": 25}, np.arange(8) / 25),  # with frames out of order
        ("a.mp4", {"codec": "libx264", "fps": "30000/1001"}, np.arange(8) * 1001 / 30000),
        ("a.mkv", {"fps": 60}, np.round(np.arange(8) / 60, 3)),
        ("a.ts", {"codec": "mpeg2video", "fps": 30}, np.arange(8) / 30),
        ("a.avi", {"codec": "libx264", "fps": 25}, np.arange(8) / 25),  # without times, so it is decoded
        ("a.mkv", {"times": UNSTEADY}, np.array(UNSTEADY) / 1000),
    ],
)
def test_frames_have_the_times_at_which_they_are_shown(tmp_path, name, options, times):
    path = film(tmp_path / name, 8, **options)
    np.testing.assert_allclose(recordings.frame_times(path), times, atol=1e-4)


def converted(client, number):
    until = time.monotonic() + 60
    while not (answer := client.post(f"convert/{number}").json)["done"]:
        assert answer["error"] is None
        assert time.monotonic() < until
        time.sleep(0.02)
    return client.get(f"converted/{number}")


def test_a_film_is_converted_with_the_times_of_its_frames(serve, folder, tmp_path):
    film(folder / "b.mkv", 8, times=UNSTEADY, turn=90).rename(folder / "b.avi")
    client = Client(serve(folder))
    assert [video["kind"] for video in client.get("labels").json["videos"]] == ["film", "converted"]
    assert client.get("converted/1").status_code == 404
    (tmp_path / "b.webm").write_bytes(converted(client, 1).data)
    np.testing.assert_allclose(recordings.frame_times(tmp_path / "b.webm"), np.array(UNSTEADY) / 1000)
    with decoding.open_video(tmp_path / "b.webm") as reader:
        pictures = [frame.to_ndarray(format="rgb24") for frame, _ in reader.timed_frames()]
    assert pictures[0].shape == (64, 48, 3)  # upright
    assert [round(picture.mean() / BRIGHTNESS) for picture in pictures] == pytest.approx(
        list(range(8)), abs=1
    )


def test_a_film_that_cannot_be_converted_says_why(serve, folder):
    (folder / "b.avi").write_bytes(b"no film" * 100)
    client = Client(serve(folder))
    while not (error := client.post("convert/1").json["error"]):
        time.sleep(0.02)
    assert "b.avi: not a video that can be read" in error
    answer = client.get("frames/1")
    assert (answer.status_code, "b.avi: not a video" in answer.json["message"]) == (503, True)


# --- recordings without film


def test_a_few_channels_are_curves(serve, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("who,x,y\nme,0,5\nme,1,5\nme,4,5\n")
    client = Client(serve(tmp_path / "tables", rate=50))
    assert client.get("labels").json["videos"] == [{"name": "a", "kind": "curves"}]
    assert client.get("curves/0").json == {
        "rows": 3,
        "rows_per_value": 1,
        "names": ["channel 1", "channel 2"],
        "curves": [[0.0, 0.25, 1.0], [0.5, 0.5, 0.5]],
        "rate": 50,
    }
    assert client.get("film/0").status_code == 404


def test_of_many_channels_the_principal_components_are(serve, tmp_path):
    (tmp_path / "features").mkdir()
    rng = np.random.default_rng(0)
    slope = np.linspace(-1, 1, 40)[:, None]
    values = 5 * slope * rng.normal(size=(1, 16)) + rng.normal(size=(40, 16)) / 100
    np.save(tmp_path / "features" / "a.npy", values.astype(np.float32))
    np.save(tmp_path / "features" / "b.npy", values[:30].astype(np.float32))
    answer = Client(serve(tmp_path / "features", rate=25 / 16)).get("curves/0").json
    assert (answer["rows"], len(answer["names"])) == (40, 3)
    assert abs(np.corrcoef(answer["curves"][0], slope[:, 0])[0, 1]) > 0.999


def test_a_long_recording_is_drawn_by_means(monkeypatch):
    monkeypatch.setattr(recordings, "COLUMNS", 4)
    drawn = recordings.curves(np.arange(10, dtype=float)[:, None])
    assert (drawn["rows"], drawn["rows_per_value"]) == (10, 3)
    np.testing.assert_allclose(drawn["curves"], [[0, 0.375, 0.75, 1]])  # means 1, 4, 7, 9


# --- mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "0"], "--rate 0: expected rows per second, over 0"),
        (["--rate", "nan"], "--rate nan: expected rows per second, over 0"),
        (["--port", "70000"], "--port 70000: expected a number up to 65535"),
        (["--classes", "a\tb"], r"--classes: a class cannot be called 'a\tb'; name it otherwise"),
        (["--points", "points.txt"], "points.txt: expected the name of a CSV file, such as points.csv"),
        (["--videos", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_a_mistake_is_one_line(folder, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = run_script("label.py", "--videos", folder, "--points", "points.csv", *arguments)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1


def test_a_port_in_use_is_told(serve, folder, tmp_path):
    port = serve(folder).server.port
    result = run_script("label.py", "--videos", folder, "--points", tmp_path / "other.csv", "--port", port)
    assert result.stderr == f"error: --port {port}: Address already in use; name another one\n"


def test_a_missing_flask_is_told(folder, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "hrpro.labelling.server", raising=False)
    monkeypatch.setitem(sys.modules, "flask", None)
    result = run_script("label.py", "--videos", folder, "--points", tmp_path / "points.csv")
    assert (
        "error: hrpro-label needs flask; install it: pip install -r requirements-label.lock" in result.stderr
    )


def test_tables_that_hold_no_numbers_are_told(tmp_path):
    (tmp_path / "a.csv").write_text("x\nword\n")
    [recording] = recordings.find(tmp_path, 50, tmp_path / "points.csv")
    with pytest.raises(InputError, match=r"a\.csv: no column of numbers"):
        recording.values()
