"""Fetching, from a server on 127.0.0.1 that cuts connections, is busy, and serves wrong and hostile files."""

import hashlib
import io
import json
import resource
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse
import zipfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from conftest import SCRIPTS, run_script, run_script_process, snakemake
from hrpro import config
from hrpro.data import archives
from hrpro.data import download as fetch
from hrpro.utils import files
from hrpro.utils.errors import InputError
from test_bad_input import Case, assert_says, assert_stopped, table

MB = fetch.MB
CONTENT = bytes(range(256)) * 12_000  # 3.07 MB
HALF = len(CONTENT) // 2


class Site:
    """A server: what it serves, {path: content}; how it misbehaves, {path: answers}; what it was asked."""

    def __init__(self):
        self.files, self.answers, self.requests = {}, {}, []
        self.go_on = threading.Event()  # what a stalled answer waits for
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = urllib.parse.unquote(self.path)
                site.requests.append((path, self.headers.get("Range")))
                answer = next(site.answers.get(path, iter(())), whole)
                with suppress(ConnectionError):  # of clients that the tests kill
                    answer(self, site.files.get(path))

            def handle(self):
                with suppress(ConnectionError):
                    super().handle()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.go_on.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def serve(self, path: str, content: bytes | None, *answers, **more) -> dict:
        """Serve a file (None: do not), first by these answers, then whole; -> the entry that fetches it."""
        self.files[f"/{path}"] = content
        self.answers[f"/{path}"] = iter(answers)
        return {"url": f"{self.url}/{path}", "sha256": hashlib.sha256(content or b"").hexdigest()} | more

    def ranges(self) -> list[str | None]:
        return [asked for _, asked in self.requests]


def whole(handler, content, ranges: bool = True, upto: int | None = None):
    """The file, or the range asked for; upto: where the connection is cut, in bytes of the file."""
    if content is None:
        return handler.send_error(404)
    begin = 0
    asked = handler.headers.get("Range")
    if asked and ranges:
        begin = int(asked.removeprefix("bytes=").removesuffix("-"))
        if begin >= len(content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.send_header("Content-Length", "0")
            return handler.end_headers()
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
    else:
        handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) - begin))
    handler.end_headers()
    handler.wfile.write(content[begin:upto])
    handler.close_connection = upto is not None


def cut(upto: int, ranges: bool = True):
    """An answer that ends in the middle of the file."""
    return lambda handler, content: whole(handler, content, ranges, upto)


def no_ranges(handler, content):
    """The whole file, whatever range is asked for."""
    whole(handler, content, ranges=False)


def says(code: int, **headers):
    """An answer that is no file."""

    def answer(handler, content):
        handler.send_response(code)
        for name, value in ({"Content_Length": "0"} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answer


def other_range(handler, content):
    """A piece of the file that was not asked for."""
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 5-9/{len(content)}")
    handler.send_header("Content-Length", "5")
    handler.end_headers()
    handler.wfile.write(content[5:10])


def chunked(ending: bytes):
    """The file in chunks, its length not said, and this at the end."""

    def answer(handler, content):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%b\r\n" % (MB, content[:MB]))
        if ending:
            rest = content[MB:]
            handler.wfile.write(b"%x\r\n%b\r\n%b" % (len(rest), rest, ending))
        handler.close_connection = True

    return answer


def stalled(site: Site):
    """Half of the file, and the rest when the test says so."""

    def answer(handler, content):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:HALF])
        handler.wfile.flush()
        site.go_on.wait()
        handler.wfile.write(content[HALF:])

    return answer


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    one = Site()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(fetch, "WAIT", 0.001)


def remotes(*entries: dict) -> list[config.Remote]:
    return [config.parse(config.Remote, entry) for entry in entries]


def fetched(root, *entries: dict, **options) -> None:
    fetch.fetch(root, remotes(*entries), **options)


def refused(root, *entries: dict, **options) -> str:
    """The message of a fetch that fails."""
    with pytest.raises(InputError) as caught:
        fetched(root, *entries, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def names(folder: Path) -> list[str]:
    """What files there are under a folder, and folders without any."""
    found = [path for path in folder.rglob("*") if path.is_file() or not any(path.iterdir())]
    return sorted(str(path.relative_to(folder)) for path in found)


def start(root, *entries: dict, **options) -> subprocess.Popen:
    """The script, left running."""
    settings = [json.dumps(entry) for entry in entries]
    command = [sys.executable, SCRIPTS / "fetch.py", "--root", root, "--settings", *settings]
    # tests that run in the background ignore SIGINT, and would hand that on
    options = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)} | options
    return subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, **options)


def wait_for(condition, process: subprocess.Popen) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


# --- archives to serve


def zipped(*members: tuple) -> bytes:
    """A zip archive of (name, text) or (name, text, the mode's file type)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text, *kind in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = (kind[0] if kind else stat.S_IFREG) << 16
            archive.writestr(info, text)
    return buffer.getvalue()


def tarred(*members: tuple, mode: str = "w") -> bytes:
    """A tar archive of (name, text), or of (name, a link's target, its type)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, text, *kind in members:
            info = tarfile.TarInfo(name)
            if kind:
                info.type, info.linkname = kind[0], text
                archive.addfile(info)
            else:
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


MEMBERS = [("features/train/a.npy", "one"), ("./gt_full.json", "two")]
ARCHIVES = {"x.zip": zipped(*MEMBERS), "x.tar": tarred(*MEMBERS)} | {
    f"x.tar.{kind}": tarred(*MEMBERS, mode=f"w:{kind}") for kind in ("gz", "bz2", "xz")
}
UNPACKED = ["features/train/a.npy", "gt_full.json"]


# --- what a user or a server can get wrong


def served(content: bytes | None, *answers, **more):
    """Serve this as x.zip."""
    return lambda site: site.serve("x.zip", content, *answers, **more)


def entry(**changes):
    """A good entry with other values; None takes one out."""

    def asked(site):
        values = site.serve("x.zip", CONTENT) | changes
        return {key: value for key, value in values.items() if value is not None}

    return asked


PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
ZEROS = "0" * 64
LEFT = ["x.zip: ", "would leave its folder; the archive was removed, do not trust"]
NO_FILE = ["x.zip: ", "is a link to no file of the archive; the archive was removed"]
SPECIAL = ["x.zip: ", "is a device or the like; the archive was removed"]
FINE = ("a.txt", "fine")
CASES = [
    Case("404", served(None), ["x.zip: the server says 404 Not Found; correct the entry"]),
    Case("403", served(CONTENT, says(403)), ["x.zip: the server says 403 Forbidden; correct the entry"]),
    Case(
        "a redirect in a circle",
        served(CONTENT, *[says(302, Location="/x.zip")] * 20),
        ["x.zip: the server says 302"],
    ),
    Case(
        "asked to wait an hour",
        served(CONTENT, says(503, Retry_After="3600")),
        ["x.zip: the server says 503", "to come back in 3600 s; fetch again later"],
    ),
    Case(
        "wrong bytes",
        entry(sha256=ZEROS),
        [
            "x.zip: what came is of sha256 ",
            hashlib.sha256(CONTENT).hexdigest(),
            f"the entry says {ZEROS}",
            "it was removed",
        ],
    ),
    Case("a web page", served(PAGE, sha256=ZEROS), ["what came is a web page, of sha256 "]),
    Case("zip: ..", served(zipped(FINE, ("../b.txt", "")), unpack=True), ["'../b.txt'", *LEFT]),
    Case("zip: .. inside", served(zipped(FINE, ("c/../../b", "")), unpack=True), ["'c/../../b'", *LEFT]),
    Case("zip: absolute", served(zipped(FINE, ("/tmp/b.txt", "")), unpack=True), ["'/tmp/b.txt'", *LEFT]),
    Case("zip: a link", served(zipped(FINE, ("b", "/etc", stat.S_IFLNK)), unpack=True), ["'b'", *NO_FILE]),
    Case("zip: a device", served(zipped(FINE, ("b", "", stat.S_IFCHR)), unpack=True), ["'b'", *SPECIAL]),
    Case("tar: ..", served(tarred(FINE, ("../b.txt", "")), unpack=True), ["'../b.txt'", *LEFT]),
    Case("tar: absolute", served(tarred(FINE, ("/tmp/b.txt", "")), unpack=True), ["'/tmp/b.txt'", *LEFT]),
    Case(
        "tar: a link out",
        served(tarred(FINE, ("c/b", "../../x", tarfile.SYMTYPE)), unpack=True),
        ["'c/b'", *NO_FILE],
    ),
    Case(
        "tar: an absolute link",
        served(tarred(FINE, ("b", "/a.txt", tarfile.SYMTYPE)), unpack=True),
        ["'b'", *NO_FILE],
    ),
    Case(
        "tar: a hard link out",
        served(tarred(FINE, ("b", "../../etc/passwd", tarfile.LNKTYPE)), unpack=True),
        ["'b'", *NO_FILE],
    ),
    Case(
        "tar: a path through a link",
        served(tarred(("c/d.txt", ""), ("b", "c", tarfile.SYMTYPE), ("b/e.txt", "")), unpack=True),
        ["'b'", *NO_FILE],
    ),
    Case("tar: a device", served(tarred(FINE, ("b", "", tarfile.CHRTYPE)), unpack=True), ["'b'", *SPECIAL]),
    Case("tar: a pipe", served(tarred(FINE, ("b", "", tarfile.FIFOTYPE)), unpack=True), ["'b'", *SPECIAL]),
    Case(
        "no sha256", entry(sha256=None), ["configuration: no sha256; `sha256sum FILE` prints it", "'unknown'"]
    ),
    Case("half a sha256", entry(sha256="abc"), ["configuration: sha256: 'abc'"]),
    Case(
        "a misspelt key", entry(sha265=ZEROS), ["configuration: sha265: unknown key; did you mean 'sha256'?"]
    ),
    Case("no source", entry(url=None), ["configuration: expected exactly one of url, gdrive and zenodo"]),
    Case(
        "two sources", entry(gdrive="1a"), ["configuration: expected exactly one of url, gdrive and zenodo"]
    ),
    Case("a local url", entry(url="file:///etc/passwd"), ["configuration: url: expected http://"]),
    Case("no host", entry(url="http:///x.zip"), ["configuration: url: expected http://"]),
    Case(
        "a blank in a url", entry(url="http://a.b/x y.zip"), ["configuration: url: expected http://", "%20"]
    ),
    Case("a port that is no number", entry(url="http://a.b:c/x"), ["configuration: ", "Port"]),
    Case("a host that is none", entry(url="http://a..b/x.zip"), ["http://a..b/x.zip: no name of a host"]),
    Case("a url without a name", entry(url="http://a.b/"), ["configuration: to: expected a path under"]),
    Case(
        "a Drive file without a name",
        entry(url=None, gdrive="1a"),
        ["configuration: to: expected a path under"],
    ),
    Case("an absolute place", entry(to="/tmp/x.zip"), ["configuration: to: expected a path under"]),
    Case("a place outside", entry(to="../x.zip"), ["configuration: to: expected a path under"]),
    Case(
        "a record that is no number",
        entry(url=None, zenodo={"record": "12", "file": "x.zip"}),
        ["configuration: zenodo.record: '12'"],
    ),
]


@table(CASES)
def test_what_a_user_or_a_server_gets_wrong(case, site, out):
    began = time.monotonic()
    result = run_script("fetch.py", "--root", out, "--settings", json.dumps(case.damage(site)))
    assert_stopped(result, case.words, out)
    assert time.monotonic() - began < 10
    assert names(out.parent) == ["out"]  # and nothing beside it


def test_a_root_that_is_a_file(site, tmp_path):
    (tmp_path / "root").write_text("")
    result = run_script("fetch.py", "--root", tmp_path / "root", "--settings", json.dumps(entry()(site)))
    assert result.returncode == 1
    assert result.stderr == f"error: {tmp_path}/root: File exists; see that files may be written there\n"


def test_settings_that_are_no_json(out):
    assert_stopped(run_script("fetch.py", "--root", out, "--settings", "{x"), ["{x: not valid JSON"], out)


def test_two_files_with_one_place():
    twice = [{"url": f"http://a.b/{folder}/x.zip", "sha256": ZEROS} for folder in "cd"]
    values = {"root": "data", "snippet": {"frames": 16, "fps": 25}, "fetch": twice}
    with pytest.raises(InputError, match=r"fetch: two files go to 'x.zip'; give one another `to`"):
        config.parse(config.Dataset, values)


# --- downloading


def test_a_file_gets_its_name_its_bytes_and_its_place(site, out):
    first = site.serve("some%20where/x%20y.bin", CONTENT)
    site.files["/some where/x y.bin"] = CONTENT
    second = site.serve("b", b"two", to="deep/down/c.bin")
    fetched(out / "new", first, second)
    assert names(out) == ["new/deep/down/c.bin", "new/x y.bin"]
    assert (out / "new/x y.bin").read_bytes() == CONTENT
    assert (out / "new/deep/down/c.bin").read_bytes() == b"two"


def test_what_is_there_is_not_fetched_again(site, out):
    one = site.serve("x.bin", CONTENT)
    fetched(out, one)
    fetched(out, one, one | {"to": "y.bin"})
    assert len(site.requests) == 2
    assert names(out) == ["x.bin", "y.bin"]


def test_another_file_in_its_place_stays(site, out):
    (out / "x.bin").write_text("mine")
    message = refused(out, site.serve("x.bin", CONTENT))
    assert_says(
        InputError(message), f"{out}/x.bin: is there already, of sha256 ", ["the entry says", "move it away"]
    )
    assert (out / "x.bin").read_text() == "mine"
    assert site.requests == []


def test_a_cut_connection_goes_on_where_it_ended(site, out):
    one = site.serve("x.bin", CONTENT, cut(MB), cut(2 * MB + 5))
    fetched(out, one)
    assert (out / "x.bin").read_bytes() == CONTENT
    assert site.ranges() == [None, f"bytes={MB}-", f"bytes={2 * MB + 5}-"]
    assert names(out) == ["x.bin"]


def test_a_server_that_ignores_ranges_starts_over(site, out):
    fetched(out, site.serve("x.bin", CONTENT, cut(MB), no_ranges))
    assert (out / "x.bin").read_bytes() == CONTENT
    assert site.ranges() == [None, f"bytes={MB}-"]


def test_a_server_that_always_cuts_at_one_place_is_given_up(site, out):
    one = site.serve("x.bin", CONTENT, *[cut(MB, ranges=False)] * 20)
    message = refused(out, one)
    assert "the connection was cut at 1.0 of 3.1 MB (tried 6 times); fetch again later" in message
    assert message.endswith("to go on from 1.0 MB")
    assert len(site.requests) == fetch.TRIES
    assert names(out) == ["x.bin.part"]


def test_as_many_cuts_as_there_are_while_it_comes_further(site, out):
    one = site.serve("x.bin", CONTENT, *[cut(place) for place in range(MB // 5, 3 * MB, MB // 5)])
    fetched(out, one)
    assert (out / "x.bin").read_bytes() == CONTENT
    assert len(site.requests) > 2 * fetch.TRIES


def test_a_piece_that_was_not_asked_for_starts_over(site, out):
    fetched(out, site.serve("x.bin", CONTENT, cut(MB), other_range))
    assert (out / "x.bin").read_bytes() == CONTENT
    assert site.ranges() == [None, f"bytes={MB}-", None]


@pytest.mark.parametrize("answers", [[chunked(b"0\r\n\r\n")], [chunked(b""), no_ranges]])
def test_a_length_that_is_not_said(site, out, answers):
    fetched(out, site.serve("x.bin", CONTENT, *answers))
    assert (out / "x.bin").read_bytes() == CONTENT
    assert len(site.requests) == len(answers)


def test_a_whole_part_is_verified_and_not_asked_for(site, out):
    (out / "x.bin.part").write_bytes(CONTENT)
    fetched(out, site.serve("x.bin", CONTENT))
    assert names(out) == ["x.bin"]
    assert site.requests == []


def test_a_part_that_is_longer_than_the_file_starts_over(site, out):
    (out / "x.bin.part").write_bytes(CONTENT + b"more")
    fetched(out, site.serve("x.bin", CONTENT))
    assert (out / "x.bin").read_bytes() == CONTENT
    assert site.ranges() == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_part_of_another_file_is_found_out(site, out):
    (out / "x.bin.part").write_bytes(b"?" * MB)
    one = site.serve("x.bin", CONTENT)
    assert "what came is of sha256" in refused(out, one)
    assert names(out) == []
    fetched(out, one)
    assert (out / "x.bin").read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(site, out):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=0.1), usegmt=True)
    answers = [says(503), says(503, Retry_After="0"), says(429, Retry_After=soon), says(500)]
    fetched(out, site.serve("x.bin", CONTENT, *answers))
    assert (out / "x.bin").read_bytes() == CONTENT
    assert len(site.requests) == 5


def test_a_server_that_asks_to_wait_is_left_alone_so_long(site, out, monkeypatch):
    waits = []
    monkeypatch.setattr(fetch.time, "sleep", waits.append)
    fetched(out, site.serve("x.bin", CONTENT, says(503, Retry_After="17"), says(503), says(503)))
    assert waits == [17.0, 0.002, 0.004]


def test_a_server_that_stays_busy_is_given_up(site, out):
    message = refused(out, site.serve("x.bin", CONTENT, *[says(503)] * 20))
    assert "the server says 503 Service Unavailable (tried 6 times); fetch again later" in message
    assert len(site.requests) == fetch.TRIES
    assert names(out) == []


def test_a_server_that_is_not_there(site, out):
    one = site.serve("x.bin", CONTENT)
    with socket.socket() as free:  # bound, but nobody listens
        free.bind(("127.0.0.1", 0))
        one["url"] = f"http://127.0.0.1:{free.getsockname()[1]}/x.bin"
        assert "no answer (Connection refused) (tried 6 times)" in refused(out, one)
    assert names(out) == []


def test_a_server_that_falls_silent(site, out, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", 1.0)
    fetched(out, site.serve("x.bin", CONTENT, stalled(site)))
    assert (out / "x.bin").read_bytes() == CONTENT
    assert len(site.requests) == 2


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no such host .*; correct the url"),
        (ssl.SSLCertVerificationError(1, "bad"), "certificate is not trusted"),
    ],
)
def test_what_no_other_try_would_better(monkeypatch, out, reason, said):
    tried = []

    def fail(*_, **__):
        tried.append(1)
        raise fetch.urllib.error.URLError(reason)

    reason.verify_message = "self-signed certificate"
    monkeypatch.setattr(fetch.urllib.request, "urlopen", fail)
    with pytest.raises(InputError, match=said):
        fetched(out, {"url": "https://nowhere.invalid/x", "sha256": ZEROS})
    assert tried == [1]


def test_an_unknown_digest_is_told_and_nothing_is_downloaded_twice(site, out):
    one = site.serve("x.bin", CONTENT)
    digest = one["sha256"]
    message = refused(out, one | {"sha256": "unknown"})
    assert f"its sha256 is {digest}" in message
    assert names(out) == ["x.bin.part"]
    assert f"its sha256 is {digest}" in refused(out, one | {"sha256": "unknown"})
    assert site.ranges() == [None, f"bytes={len(CONTENT)}-"]  # which has no more bytes
    fetched(out, one)
    assert len(site.requests) == 2
    assert names(out) == ["x.bin"]
    assert f"its sha256 is {digest}" in refused(out, one | {"sha256": "unknown"})


def test_a_killed_download_goes_on(site, out):
    one = site.serve("x.bin", CONTENT, stalled(site))
    process = start(out, one)
    wait_for(lambda: fetch.size_of(out / "x.bin.part") >= MB, process)
    process.kill()
    process.communicate()
    assert names(out) == ["x.bin.part"]
    result = run_script("fetch.py", "--root", out, "--settings", json.dumps(one))
    assert (result.returncode, result.stderr) == (0, "")
    assert site.ranges() == [None, f"bytes={MB}-"]
    assert (out / "x.bin").read_bytes() == CONTENT


def test_an_interrupted_download_ends_with_one_line(site, out):
    process = start(out, site.serve("x.bin", CONTENT, stalled(site)))
    wait_for(lambda: fetch.size_of(out / "x.bin.part") >= MB, process)
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == f"warning: {out}: interrupted; fetch again to go on from there\n"
    assert process.returncode == 128 + signal.SIGINT


def test_two_fetches_at_once_share_one_download(site, out):
    one = site.serve("x.bin", CONTENT, stalled(site))
    first = start(out, one)
    wait_for(lambda: fetch.size_of(out / "x.bin.part") >= MB, first)
    second = start(out, one)
    assert second.stderr.readline() == f"warning: {out}: another process fetches here; waiting for it\n"
    site.go_on.set()
    assert [process.communicate()[1] for process in (first, second)] == ["", ""]
    assert [process.returncode for process in (first, second)] == [0, 0]
    assert len(site.requests) == 1
    assert (out / "x.bin").read_bytes() == CONTENT


def test_a_disk_that_is_full_from_the_start(site, out, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", free(7))
    message = refused(out, site.serve("x.bin", CONTENT))
    assert message.startswith(f"{out}/x.bin.part: 3.1 MB, but 0.0 MB are free; free some space")
    assert names(out) == []


def free(size: int):
    """A stand-in for shutil.disk_usage where so many bytes are free."""
    return lambda _: SimpleNamespace(free=size)


def test_a_disk_that_fills_up(site, out):
    one = site.serve("x.bin", CONTENT)
    limits = (MB + 7, MB + 7)
    process = start(out, one, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
    said = process.communicate()[1]
    assert process.returncode == 1
    assert said == f"error: {out}/x.bin.part: File too large; free some space and run again\n"
    fetched(out, one)
    assert (out / "x.bin").read_bytes() == CONTENT
    assert site.ranges()[1] is not None


# --- Zenodo and Google Drive


def test_a_file_of_a_zenodo_record(site, out):
    digest = site.serve("api/records/1234/files/all features.zip/content", CONTENT)["sha256"]
    one = {"zenodo": {"record": 1234, "file": "all features.zip"}, "sha256": digest}
    fetched(out, one, zenodo=f"{site.url}/api")
    assert (out / "all features.zip").read_bytes() == CONTENT
    assert fetch.url_of(*remotes(one), fetch.ZENODO) == (
        "https://zenodo.org/api/records/1234/files/all%20features.zip/content"
    )


GDOWN = """
class DownloadError(Exception):
    pass

def download(id, output, quiet, resume, retries, timeout):
    assert resume and retries > 0 and timeout > 0
    if id != "1aB-_":
        raise DownloadError("Failed to retrieve file url:\\n\\n\\tToo many users\\n")
    with open(output, "wb") as file:
        file.write(b"from the drive")
    return output
"""


@pytest.fixture
def gdown(tmp_path, monkeypatch) -> Path:
    """A stand-in for gdown, with its call's parameters and its error, which writes a file of its own."""
    folder = tmp_path / "packages" / "gdown"
    folder.mkdir(parents=True)
    (folder / "exceptions.py").write_text(GDOWN)
    (folder / "__init__.py").write_text("from .exceptions import download")
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    return folder


def drive(out, **changes):
    one = {"gdrive": "1aB-_", "to": "sub/x.bin", "sha256": hashlib.sha256(b"from the drive").hexdigest()}
    return run_script_process("fetch.py", "--root", out, "--settings", json.dumps(one | changes))


def test_a_file_of_google_drive(gdown, out):
    result = drive(out)
    assert (result.returncode, result.stderr) == (0, "")
    assert names(out) == ["sub/x.bin"]
    assert (out / "sub/x.bin").read_bytes() == b"from the drive"


def test_a_file_that_google_drive_does_not_give(gdown, out):
    result = drive(out, gdrive="1", to="x.bin")
    words = [f"{out}/x.bin: Google Drive's file 1: Failed to retrieve file url: Too many users"]
    assert_stopped(result, words, out)


def test_wrong_bytes_from_google_drive(gdown, out):
    assert_stopped(drive(out, to="x.bin", sha256=ZEROS), ["x.bin: what came is of sha256", ZEROS], out)


def test_without_gdown(gdown, out):
    (gdown / "__init__.py").write_text("raise ImportError")
    assert_stopped(drive(out), ["sub/x.bin: files of Google Drive need gdown: python -m pip install"], out)


# --- unpacking


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_unpacked_where_it_lies(site, out, name):
    one = site.serve(name, ARCHIVES[name], to=f"in/{name}", unpack=True)
    fetched(out, one)
    record = f"in/.{name}.unpacked"
    assert names(out) == [record, *(f"in/{member}" for member in UNPACKED)]
    assert (out / "in/features/train/a.npy").read_text() == "one"
    assert json.loads((out / record).read_text()) == {"sha256": one["sha256"], "files": UNPACKED}
    fetched(out, one)
    assert len(site.requests) == 1


def test_links_inside_an_archive(site, out):
    links = [("c/b", "../a.txt", tarfile.SYMTYPE), ("d", "a.txt", tarfile.LNKTYPE)]
    fetched(out, site.serve("x.tar", tarred(FINE, *links), unpack=True))
    assert (out / "c/b").read_text() == (out / "d").read_text() == "fine"
    assert (out / "c/b").readlink() == Path("../a.txt")


def test_unpacked_files_belong_to_the_user(site, out):
    one = site.serve("x.zip", ARCHIVES["x.zip"], unpack=True)
    fetched(out, one)
    (out / "gt_full.json").write_text("corrected")
    fetched(out, one)
    assert (out / "gt_full.json").read_text() == "corrected"
    (out / "features/train/a.npy").unlink()
    message = refused(out, one)  # the archive would bring the other one back
    assert message == f"{out}/gt_full.json: is there already, and x.zip has another; move it away"
    assert names(out) == [".x.zip.unpacked", "features/train", "gt_full.json", "x.zip"]
    (out / "gt_full.json").unlink()
    fetched(out, one)
    assert names(out) == [".x.zip.unpacked", *UNPACKED]
    assert len(site.requests) == 2


@pytest.mark.parametrize("there", ["features", "features/train/a.npy/x"])
def test_a_file_where_a_folder_should_be_and_the_reverse(site, out, there):
    (out / there).parent.mkdir(parents=True, exist_ok=True)
    (out / there).write_text("")
    assert "is there already, and x.zip has another; move it away" in refused(
        out, site.serve("x.zip", ARCHIVES["x.zip"], unpack=True)
    )
    assert names(out) == sorted([there, "x.zip"])


def test_a_stopped_unpacking_leaves_nothing_and_goes_on(site, out, monkeypatch):
    one = site.serve("x.zip", ARCHIVES["x.zip"], unpack=True)
    with monkeypatch.context() as stopping:

        def stop(*_):
            assert names(out / ".x.zip.unpacking") == UNPACKED  # apart
            raise KeyboardInterrupt

        stopping.setattr(archives, "place_all", stop)
        with pytest.raises(KeyboardInterrupt):
            fetched(out, one)
    assert names(out) == ["x.zip"]
    (out / ".x.zip.unpacking").mkdir()  # as a kill leaves it
    (out / ".x.zip.unpacking/half.npy").write_text("ha")
    fetched(out, one)
    assert names(out) == [".x.zip.unpacked", *UNPACKED]
    assert len(site.requests) == 1


KILLED = """
import os, signal, sys
from hrpro import config, fetch, progress

def killed(items, *_, **__):
    for number, item in enumerate(items):
        if number == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        yield item

progress.track = killed
fetch.fetch(sys.argv[1], [config.from_json(config.Remote, sys.argv[2])])
"""


def test_an_unpacking_that_is_killed_leaves_nothing_in_place(site, out):
    members = [f"{number}.npy" for number in range(9)]
    one = site.serve("x.zip", zipped(*((name, "x") for name in members)), unpack=True)
    command = [sys.executable, "-c", KILLED, str(out), json.dumps(one)]
    killed = subprocess.run(command, cwd=SCRIPTS, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert names(out) == [*(f".x.zip.unpacking/{name}" for name in members[:5]), "x.zip"]
    fetched(out, one)
    assert names(out) == [".x.zip.unpacked", *members]
    assert len(site.requests) == 1


def damaged_zip() -> bytes:
    content = bytearray(ARCHIVES["x.zip"])
    content[content.index(b"one")] ^= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no archive", "is no zip or tar archive; say unpack: false"),
        (b"", "is no zip or tar archive; say unpack: false"),
        (damaged_zip(), "cannot be unpacked (Bad CRC-32"),
        (ARCHIVES["x.tar.gz"][:-40], "cannot be unpacked ("),
        (ARCHIVES["x.tar.bz2"][:99], ""),
        (ARCHIVES["x.tar.xz"][:99], ""),
        (zipped(("folder/", "")), "holds no file; say unpack: false"),
        (tarred(("a", ""), ("a/b", "")), "cannot be unpacked ("),
    ],
)
def test_an_archive_that_is_unfit_stays(site, out, content, said):
    message = refused(out, site.serve("x", content, unpack=True))
    assert message.startswith(f"{out}/x")
    assert said in message
    assert names(out) == ["x"]


def test_an_archive_for_which_there_is_no_place(site, out, monkeypatch):
    one = site.serve("x.zip", ARCHIVES["x.zip"])
    fetched(out, one)
    monkeypatch.setattr(files.shutil, "disk_usage", free(5))
    assert "MB are free; free some space" in refused(out, one | {"unpack": True})
    assert names(out) == ["x.zip"]


# --- in the workflow


@pytest.fixture
def mine(site, tmp_path, demo_data) -> Path:
    """A folder with a configuration whose data set `mine-1` is an archive on the server."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(demo_data, ".")
    one = site.serve("mine.tar.gz", buffer.getvalue(), cut(1000), unpack=True)
    values = {"root": "my data", "snippet": {"frames": 16, "fps": 25}, "fetch": [one]}
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine-1": values}}))
    return folder


def run(folder, *arguments):
    return snakemake(folder, "--configfile=mine.yaml", *arguments)


TARGET = "results/mine-1/annotations.json"


def test_the_target_fetches_and_then_planning_works(site, mine):
    before = run(mine, "--", TARGET)
    assert before.returncode == 1
    assert "error: data set mine-1: no file my data/gt_full.json" in before.stderr
    assert "`snakemake fetch_mine-1` fetches what its entry lists" in before.stderr
    assert run(mine, "-n", "--", "fetch_mine-1").returncode == 0
    assert site.requests == []
    result = run(mine, "--", "fetch_mine-1")
    assert result.returncode == 0, result.stderr
    assert site.ranges() == [None, "bytes=1000-"]
    assert (mine / "my data/gt_full.json").is_file()
    assert "files unpacked" in (mine / "logs/mine-1/fetch.log").read_text()
    result = run(mine, "-n", "--", TARGET)
    assert result.returncode == 0, result.stderr
    assert "rule convert_annotations:" in result.stdout + result.stderr
    assert run(mine, "--", "fetch_mine-1").returncode == 0
    assert len(site.requests) == 2


def test_all_in_one_go(site, mine):
    wanted = ["--config", "fetch=true", "--", TARGET]
    dry = run(mine, "-n", *wanted)
    assert dry.returncode == 1
    assert "`snakemake fetch_mine-1` fetches" in dry.stderr
    assert site.requests == []
    result = run(mine, *wanted)
    assert result.returncode == 0, result.stderr
    assert (mine / TARGET).is_file()
    for arguments in (wanted, wanted[2:]):  # the keys are the same with and without it
        again = run(mine, "-n", *arguments)
        assert again.returncode == 0
        assert "Nothing to be done" in again.stdout + again.stderr
    assert len(site.requests) == 2


def test_data_that_were_removed_come_back_before_results_are_compared(site, mine):
    wanted = ["--config", "fetch=true", "--", TARGET, "results/mine-1/points.json"]
    assert run(mine, *wanted).returncode == 0
    for path in (mine / "my data").rglob("*.csv"):
        path.unlink()
    (mine / "my data/gt_full.json").unlink()
    result = run(mine, *wanted)
    assert result.returncode == 0, result.stderr
    assert "Nothing to be done" in result.stdout + result.stderr
    assert (mine / "my data/gt_full.json").is_file()


def test_a_fetch_that_fails_ends_the_workflow_with_its_line(site, mine):
    site.answers["/mine.tar.gz"] = iter([says(404)] * 2)
    for arguments in (["--config", "fetch=true", "--", TARGET], ["--", "fetch_mine-1"]):
        result = run(mine, *arguments)
        assert result.returncode == 1
        assert "mine.tar.gz: the server says 404 Not Found; correct the entry" in result.stderr
        assert "Traceback" not in result.stderr
    assert not (mine / "results").exists()


def test_a_target_of_a_data_set_that_lists_no_files(tmp_path):
    result = snakemake(tmp_path, "fetch_thumos")
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: fetch_thumos: datasets.thumos has no `fetch` list; write one")
    assert "thumos_features.tar.gz" in last
