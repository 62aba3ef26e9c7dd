"""Fetching, from a server on 127.0.0.1 that cuts connections, is busy, and sends wrong and hostile files."""

import hashlib
import io
import json
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import urllib3
import yaml

from conftest import DATA, SCRIPTS, run_script, snakemake
from hrpro import config
from hrpro.data import download, web
from hrpro.utils import files
from hrpro.utils.errors import InputError
from test_archives import ARCHIVES, FINE, UNPACKED, list_files, make_zip
from test_bad_input import Case, assert_stopped, table

MB = web.MB
CONTENT = bytes(range(256)) * 12_000  # 3.07 MB
HALF = len(CONTENT) // 2
ZEROS = "0" * 64
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


class Site:
    """A server: its files, {path: content}; how it misbehaves first, {path: answers}; the requests it had."""

    def __init__(self, certificate: Path | None = None):
        self.files, self.answers, self.requests = {}, {}, []
        self.connections = 0
        self.go_on = threading.Event()  # stalled answers wait for it
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = urllib.parse.unquote(self.path)
                site.requests.append((path, self.headers.get("Range")))
                answer = next(site.answers.get(path, iter(())), whole)
                with suppress(ConnectionError):  # of clients that are killed
                    answer(self, site.files.get(path))

            def handle(self):
                site.connections += 1
                with suppress(OSError):  # of clients that hang up or do not trust the certificate
                    super().handle()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"

    def reset(self):
        self.go_on.set()  # answers of an earlier test end
        self.go_on = threading.Event()
        self.files, self.answers, self.requests = {}, {}, []

    def close(self):
        self.go_on.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def serve(self, path: str, content: bytes | None, *answers, **more) -> dict:
        """Serve a file (None: no file), after these answers; -> the entry that fetches it."""
        self.files[f"/{path}"] = content
        self.answers[f"/{path}"] = iter(answers)
        return {"url": f"{self.url}/{path}", "sha256": hashlib.sha256(content or b"").hexdigest()} | more

    def ranges(self) -> list[str | None]:
        return [asked_range for _, asked_range in self.requests]


def whole(handler, content, ranges: bool = True, upto: int | None = None):
    """The file, or the range that is asked for; upto: the byte of the file at which the connection is cut."""
    if content is None:
        return handler.send_error(404)
    begin = 0
    asked_range = handler.headers.get("Range")
    if asked_range and ranges:
        begin = int(asked_range.removeprefix("bytes=").removesuffix("-"))
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


def encoded(handler, content):
    """The whole file, said to be compressed, as servers say of .tar.gz."""
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def says(code: int, **headers):
    """An answer without a file."""

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
    """The file in chunks, of unknown length, up to `ending`; without one, cut after an MB."""

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
    """Half of the file, and the rest when the test sets `site.go_on`."""

    def answer(handler, content):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:HALF])
        handler.wfile.flush()
        site.go_on.wait()
        handler.wfile.write(content[HALF:])

    return answer


@pytest.fixture(scope="module")
def server():
    server = Site()
    yield server
    server.close()


@pytest.fixture
def site(server, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server.reset()
    return server


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(web, "BACKOFF", 0.001)


def fetch(root, *entries: dict, **options) -> None:
    download.fetch(root, [config.parse(config.Remote, entry) for entry in entries], **options)


def fetch_error(root, *entries: dict, **options) -> str:
    """The message of a fetch that fails."""
    with pytest.raises(InputError) as caught:
        fetch(root, *entries, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def fetch_script(root, *entries: dict):
    return run_script("fetch.py", "--root", root, "--settings", *map(json.dumps, entries))


def wait_for(condition) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


# --- what a user or a server gets wrong


def served(content: bytes | None, *answers, **more):
    """Serve this as x.zip."""
    return lambda site: site.serve("x.zip", content, *answers, **more)


def entry(**changes):
    """A good entry with other values; None removes one."""

    def change(site):
        values = site.serve("x.zip", CONTENT) | changes
        return {key: value for key, value in values.items() if value is not None}

    return change


def redirect(address: str):
    """Serve x.zip as a redirect."""
    return served(CONTENT, says(302, Location=address))


REDIRECTED = ["x.zip: it is not a valid address, or redirects to one that is not (", "); correct the url"]
CASES = [
    Case("404", served(None), ["x.zip: the server says 404 Not Found; correct the entry"]),
    Case("403", served(CONTENT, says(403)), ["x.zip: the server says 403 Forbidden; correct the entry"]),
    Case("an answer without a file", served(CONTENT, says(204)), ["x.zip: the server says 204 No Content"]),
    Case("a redirect to nowhere", served(CONTENT, says(302)), ["x.zip: the server says 302 Found"]),
    Case(
        "a redirect in a circle",
        served(CONTENT, *[says(302, Location="/x.zip")] * 20),
        ["x.zip: redirects more than 10 times; correct the url"],
    ),
    Case("a redirect to half an IPv6 address", redirect("http://[::1/x"), REDIRECTED),
    Case("a redirect to a port that is no number", redirect("http://127.0.0.1:x/x"), REDIRECTED),
    Case("a redirect to a port too high", redirect("http://127.0.0.1:99999/x"), REDIRECTED),
    Case("a redirect to a host that is none", redirect("http://a..b/x"), REDIRECTED),
    Case("a redirect to a local file", redirect("file:///etc/passwd"), REDIRECTED),
    Case("a redirect in Latin-1", redirect("http://a.b/\xe4"), REDIRECTED),
    Case(
        "asked to wait an hour",
        served(CONTENT, says(503, Retry_After="3600")),
        ["x.zip: the server says 503 Service Unavailable and asks to wait 3600 s; fetch again later"],
    ),
    Case(
        "wrong bytes",
        entry(sha256=ZEROS),
        [
            "x.zip: the downloaded file has sha256 ",
            hashlib.sha256(CONTENT).hexdigest(),
            f"the entry says {ZEROS}",
            "it was removed",
        ],
    ),
    Case("a web page", served(PAGE, sha256=ZEROS), ["the downloaded file is a web page and has sha256 "]),
    Case(
        "a hostile archive",
        served(make_zip(FINE, ("../b.txt", "")), unpack=True),
        ["x.zip: '../b.txt' would leave its folder; the archive was removed"],
    ),
    Case(
        "a file of an archive without a name",
        served(make_zip(FINE, ("", "x")), unpack=True),
        ["x.zip: '' is not a file name; the archive was removed"],
    ),
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
    Case(
        "a port that is no number",
        entry(url="http://a.b:c/x"),
        ["configuration: ", "url: expected http://... or https://"],
    ),
    Case(
        "a host that is none",
        entry(url="http://a..b/x.zip"),
        ["http://a..b/x.zip: it is not a valid address"],
    ),
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
    assert_stopped(fetch_script(out, case.damage(site)), case.words, out)
    assert time.monotonic() - began < 10
    assert list_files(out.parent) == ["out"]  # and nothing beside it


def test_a_root_that_is_a_file(site, tmp_path):
    root = tmp_path / "root"
    root.write_text("")
    result = fetch_script(root, entry()(site))
    assert result.returncode == 1
    assert result.stderr == f"error: {root}: not a folder; name the data set's, or move this away\n"


def test_settings_that_are_not_json(out):
    assert_stopped(
        run_script("fetch.py", "--root", out, "--settings", "{x"), ["{x: line 1: not valid JSON"], out
    )


def test_two_files_with_one_place():
    twice = [{"url": f"http://a.b/{folder}/x.zip", "sha256": ZEROS} for folder in "cd"]
    values = {"root": "data", "snippet": {"frames": 16, "fps": 25}, "fetch": twice}
    with pytest.raises(InputError, match=r"fetch: two files go to 'x.zip'; give one another `to`"):
        config.parse(config.Dataset, values)


# --- what is in the folder already


def test_a_file_gets_its_name_its_bytes_and_its_place(site, out):
    first = site.serve("some%20where/x%20y.bin", CONTENT)
    site.files["/some where/x y.bin"] = CONTENT
    second = site.serve("b", b"two", to="deep/down/c.bin")
    fetch(out / "new", first, second)
    assert list_files(out) == ["new/deep/down/c.bin", "new/x y.bin"]
    assert (out / "new/x y.bin").read_bytes() == CONTENT
    assert (out / "new/deep/down/c.bin").read_bytes() == b"two"


def test_an_existing_file_is_not_fetched_again(site, out):
    remote = site.serve("x.bin", CONTENT)
    fetch(out, remote)
    fetch(out, remote, remote | {"to": "y.bin"})
    assert len(site.requests) == 2
    assert list_files(out) == ["x.bin", "y.bin"]


def test_another_file_in_its_place_stays(site, out):
    remote = site.serve("x.bin", CONTENT)
    (out / "x.bin").write_text("mine")
    message = fetch_error(out, remote)
    assert message.startswith(f"{out}/x.bin: already exists with sha256 ")
    assert f"but the entry says {remote['sha256']}; move it away or correct the entry" in message
    assert (out / "x.bin").read_text() == "mine"
    (out / "folder").mkdir()
    assert fetch_error(out, remote | {"to": "folder"}).startswith(
        f"{out}/folder: already exists and is not a file; move it away"
    )
    assert site.requests == []


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_part_that_is_not_a_file_is_not_written_to(site, out, tmp_path, kind):
    part = out / "x.bin.part"
    if kind == "link":
        part.symlink_to(tmp_path / "elsewhere")
    else:
        part.mkdir()
    assert fetch_error(out, site.serve("x.bin", CONTENT)) == f"{part}: is not a regular file; remove it"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("place", ["linked/x.bin", "linked/deeper/x.bin", "folder/up/x.bin"])
def test_no_file_is_fetched_through_a_link_out_of_the_folder(site, out, tmp_path, place):
    (tmp_path / "elsewhere").mkdir()
    (out / "linked").symlink_to(tmp_path / "elsewhere")
    (out / "folder").mkdir()
    (out / "folder/up").symlink_to("../..")
    assert f"a symbolic link leads out of {out}" in fetch_error(
        out, site.serve("x.bin", CONTENT) | {"to": place}
    )
    assert list((tmp_path / "elsewhere").iterdir()) == [] and site.requests == []


def test_a_link_that_stays_inside_is_followed(site, out):
    (out / "real").mkdir()
    (out / "linked").symlink_to("real")
    fetch(out, site.serve("x.bin", CONTENT) | {"to": "linked/x.bin"})
    assert (out / "real/x.bin").read_bytes() == CONTENT


def test_an_unknown_digest_is_told_and_nothing_is_downloaded_twice(site, out):
    remote = site.serve("x.bin", CONTENT)
    unknown = remote | {"sha256": "unknown"}
    words = f"its sha256 is {remote['sha256']}"
    assert words in fetch_error(out, unknown)
    assert list_files(out) == ["x.bin.part"]
    assert words in fetch_error(out, unknown)
    assert site.ranges() == [None, f"bytes={len(CONTENT)}-"]  # the server says that nothing is missing
    fetch(out, remote)
    assert len(site.requests) == 2
    assert list_files(out) == ["x.bin"]
    assert words in fetch_error(out, unknown)


# --- downloads that succeed in the end


class Download(NamedTuple):
    """A server's first answers, and the ranges that it is asked for until the file is there."""

    name: str
    answers: list
    ranges: list[str | None]
    part: bytes | None = None  # of an earlier download


def after(*places: int) -> list[str | None]:
    """The ranges of a download that is resumed at these places."""
    return [None, *(f"bytes={place}-" for place in places)]


FIFTHS = range(MB // 5, 3 * MB, MB // 5)
soon = format_datetime(datetime.now(UTC) + timedelta(seconds=0.1), usegmt=True)
DOWNLOADS = [
    Download("at once", [], [None]),
    Download("cut twice", [cut(MB), cut(2 * MB + 5)], after(MB, 2 * MB + 5)),
    Download("cut more often than it is tried", [cut(place) for place in FIFTHS], after(*FIFTHS)),
    Download("cut before the first byte", [cut(0), cut(0)], [None, None, None]),
    Download("a server without ranges", [cut(MB), no_ranges], after(MB)),
    Download("another range than asked for", [cut(MB), other_range], [*after(MB), None]),
    Download("unknown length", [chunked(b"0\r\n\r\n")], [None]),
    Download("unknown length, cut", [chunked(b""), no_ranges], after(MB)),
    Download("said to be compressed", [encoded], [None]),
    Download("redirected", [says(302, Location="/x.bin")], [None, None]),
    Download("redirected and cut", [says(302, Location="/x.bin"), cut(MB)], [None, *after(MB)]),
    Download("a whole part", [], [], part=CONTENT),
    Download("a part longer than the file", [], [f"bytes={len(CONTENT) + 4}-", None], part=CONTENT + b"more"),
    Download("busy", [says(503), says(500), says(502), says(408)], [None] * 5),
    Download(
        "asks to wait", [says(503, Retry_After="0"), says(429, Retry_After=soon), says(504)], [None] * 4
    ),
    *(
        Download(f"Retry-After: {text[:20]}", [says(503, Retry_After=text)], [None, None])
        for text in ("\xb2", "soon", "-1", "1.5", "9" * 5000, "Fri, 31 Dec 99999 23:59:59 GMT", "")
    ),
]


@table(DOWNLOADS)
def test_a_download(case, site, out):
    if case.part is not None:
        (out / "x.bin.part").write_bytes(case.part)
    fetch(out, site.serve("x.bin", CONTENT, *case.answers))
    assert (out / "x.bin").read_bytes() == CONTENT
    assert site.ranges() == case.ranges
    assert list_files(out) == ["x.bin"]


def test_a_server_that_falls_silent(site, out, monkeypatch):
    monkeypatch.setattr(web, "TIMEOUT", 0.3)
    fetch(out, site.serve("x.bin", CONTENT, stalled(site)))
    assert (out / "x.bin").read_bytes() == CONTENT
    assert len(site.requests) == 2


def test_a_server_that_asks_to_wait_is_left_alone_so_long(site, out, monkeypatch, caplog):
    waits = []
    monkeypatch.setattr(urllib3.util.retry.time, "sleep", waits.append)
    fetch(out, site.serve("x.bin", CONTENT, says(503, Retry_After="17"), says(503), cut(0), cut(0), cut(0)))
    assert waits == [17.0, 0.002, 0.002, 0.004]
    assert caplog.messages[0] == (
        "127.0.0.1/x.bin: the server says 503 Service Unavailable; retrying in 17 s"
    )
    assert f"{site.url}/x.bin: the connection was cut at 0.0 of 3.1 MB; retrying in 0 s" in caplog.messages


# --- downloads that are given up


def test_a_part_of_another_file_is_found_out(site, out):
    (out / "x.bin.part").write_bytes(b"?" * MB)
    remote = site.serve("x.bin", CONTENT)
    assert "the downloaded file has sha256" in fetch_error(out, remote)
    assert list_files(out) == []
    fetch(out, remote)
    assert (out / "x.bin").read_bytes() == CONTENT


def test_a_server_that_always_cuts_at_one_place_is_given_up(site, out):
    message = fetch_error(out, site.serve("x.bin", CONTENT, *[cut(MB, ranges=False)] * 20))
    assert "the connection was cut at 1.0 of 3.1 MB (tried 6 times); fetch again later" in message
    assert message.endswith(", which resumes at 1.0 MB")
    assert len(site.requests) == web.TRIES
    assert list_files(out) == ["x.bin.part"]


def test_a_server_that_stays_busy_is_given_up(site, out):
    message = fetch_error(out, site.serve("x.bin", CONTENT, *[says(503)] * 20))
    assert message.endswith("the server says 503 Service Unavailable (tried 6 times); fetch again later")
    assert len(site.requests) == web.TRIES
    assert list_files(out) == []


def test_a_server_that_does_not_listen_is_given_up(site, out):
    remote = site.serve("x.bin", CONTENT)
    with socket.socket() as free:  # bound, but nobody listens
        free.bind(("127.0.0.1", 0))
        remote["url"] = f"http://127.0.0.1:{free.getsockname()[1]}/x.bin"
        assert "no answer (Connection refused) (tried 6 times)" in fetch_error(out, remote)
    assert list_files(out) == []


def test_an_unknown_host_is_not_tried_again(out, monkeypatch):
    calls = []

    def fail(*arguments, **_):
        calls.append(arguments)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    url = "https://nowhere.invalid/x.bin"
    assert fetch_error(out, {"url": url, "sha256": ZEROS}) == (
        f"{url}: no such host (Name or service not known); correct the url"
    )
    assert len(calls) == 1


def test_a_certificate_must_be_trusted_by_the_system(out, monkeypatch):
    site = Site(certificate=DATA / "server.pem")
    try:
        monkeypatch.setenv("no_proxy", "*")
        remote = site.serve("x.bin", CONTENT)
        message = fetch_error(out, remote)
        assert message.startswith(
            f"{site.url}/x.bin: the server's certificate is not trusted (self-signed certificate); "
        )
        assert site.connections == 1
        monkeypatch.setenv("SSL_CERT_FILE", str(DATA / "server.pem"))
        fetch(out, remote)
        assert (out / "x.bin").read_bytes() == CONTENT
    finally:
        site.close()


# --- downloads that are stopped


def test_a_killed_download_resumes(site, out):
    remote = site.serve("x.bin", CONTENT, stalled(site))
    command = [sys.executable, SCRIPTS / "fetch.py", "--root", out, "--settings", json.dumps(remote)]
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE) as process:
        wait_for(lambda: web.size_of(out / "x.bin.part") >= MB)
        process.kill()
    assert list_files(out) == ["x.bin.part"]
    result = fetch_script(out, remote)
    assert (result.returncode, result.stderr) == (0, "")
    assert site.ranges() == after(MB)
    assert (out / "x.bin").read_bytes() == CONTENT


def test_an_interrupted_download_ends_with_one_line(site, out):
    def interrupt(handler, content):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:HALF])
        wait_for(lambda: web.size_of(out / "x.bin.part") >= MB)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        site.go_on.wait()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = fetch_script(out, site.serve("x.bin", CONTENT, interrupt))
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.stderr == f"warning: {out}: interrupted; fetch again to resume\n"
    assert result.returncode == 128 + signal.SIGINT
    assert list_files(out) == ["x.bin.part"]


def test_two_fetches_at_once_share_one_download(site, out, caplog):
    remote = site.serve("x.bin", CONTENT, stalled(site))
    first, second = (threading.Thread(target=fetch, args=(out, remote)) for _ in range(2))
    first.start()
    wait_for(lambda: web.size_of(out / "x.bin.part") >= MB)
    second.start()
    wait_for(lambda: f"{out}: another process is fetching here; waiting for it" in caplog.messages)
    site.go_on.set()
    first.join()
    second.join()
    assert len(site.requests) == 1
    assert (out / "x.bin").read_bytes() == CONTENT


def test_a_disk_that_is_full_from_the_start(site, out, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=7))
    message = fetch_error(out, site.serve("x.bin", CONTENT))
    assert message.startswith(f"{out}/x.bin.part: 3.1 MB, but 0.0 MB are free; free some space")
    assert list_files(out) == []


def test_a_disk_that_fills_up(site, out):
    remote = site.serve("x.bin", CONTENT)
    with limited_file_size(MB + 7):
        result = fetch_script(out, remote)
    assert result.returncode == 1
    assert result.stderr == f"error: {out}/x.bin.part: File too large; free some space and run again\n"
    fetch(out, remote)
    assert (out / "x.bin").read_bytes() == CONTENT
    assert site.ranges()[1] is not None


@contextmanager
def limited_file_size(size: int):
    """Let no file of this process grow over so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_archive_is_unpacked_and_its_files_belong_to_the_user(site, out):
    remote = site.serve("x.zip", ARCHIVES["x.zip"], to="in/x.zip", unpack=True)
    fetch(out, remote)
    everything = ["in/.x.zip.unpacked", *(f"in/{name}" for name in UNPACKED)]
    assert list_files(out) == everything
    record = json.loads((out / "in/.x.zip.unpacked").read_text())
    assert record == {"sha256": remote["sha256"], "files": UNPACKED}
    (out / "in/gt_full.json").write_text("corrected")
    fetch(out, remote)
    assert (out / "in/gt_full.json").read_text() == "corrected"
    assert len(site.requests) == 1
    (out / "in/features/train/a.npy").unlink()
    message = fetch_error(out, remote)  # unpacking would overwrite the corrected file
    assert message == f"{out}/in/gt_full.json: already exists and differs from x.zip's; move it away"
    assert list_files(out) == ["in/.x.zip.unpacked", "in/features/train", "in/gt_full.json", "in/x.zip"]
    (out / "in/gt_full.json").unlink()
    (out / "in/.x.zip.unpacking").mkdir()  # left by a kill
    (out / "in/.x.zip.unpacking/half.npy").write_text("ha")
    fetch(out, remote)
    assert list_files(out) == everything
    assert len(site.requests) == 2


# --- Zenodo and Google Drive


def test_a_file_of_a_zenodo_record(site, out):
    digest = site.serve("api/records/1234/files/all features.zip/content", CONTENT)["sha256"]
    remote = {"zenodo": {"record": 1234, "file": "all features.zip"}, "sha256": digest}
    fetch(out, remote, zenodo=f"{site.url}/api")
    assert (out / "all features.zip").read_bytes() == CONTENT
    assert download.url_of(config.parse(config.Remote, remote), download.ZENODO) == (
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
    """A stand-in for gdown, with its call's parameters and its error."""
    folder = tmp_path / "packages" / "gdown"
    folder.mkdir(parents=True)
    (folder / "exceptions.py").write_text(GDOWN)
    (folder / "__init__.py").write_text("from .exceptions import download")
    monkeypatch.syspath_prepend(folder.parent)
    for name in ("gdown", "gdown.exceptions"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def drive(out, **changes):
    digest = hashlib.sha256(b"from the drive").hexdigest()
    return fetch_script(out, {"gdrive": "1aB-_", "to": "sub/x.bin", "sha256": digest} | changes)


def test_a_file_of_google_drive(gdown, out):
    result = drive(out)
    assert (result.returncode, result.stderr) == (0, "")
    assert list_files(out) == ["sub/x.bin"]
    assert (out / "sub/x.bin").read_bytes() == b"from the drive"


def test_a_file_that_google_drive_refuses(gdown, out):
    result = drive(out, gdrive="1", to="x.bin")
    words = [f"{out}/x.bin: file 1 on Google Drive: Failed to retrieve file url: Too many users"]
    assert_stopped(result, words, out)


def test_wrong_bytes_from_google_drive(gdown, out):
    assert_stopped(
        drive(out, to="x.bin", sha256=ZEROS), ["x.bin: the downloaded file has sha256", ZEROS], out
    )


def test_without_gdown(gdown, out):
    (gdown / "__init__.py").write_text("raise ImportError")
    assert_stopped(drive(out), ["sub/x.bin: files on Google Drive need gdown: python -m pip install"], out)


# --- in the workflow


@pytest.fixture(scope="module")
def archive(demo_data) -> bytes:
    """The demo's data set as an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        archive.add(demo_data, ".")
    return buffer.getvalue()


@pytest.fixture
def mine(site, tmp_path, archive) -> Path:
    """A folder with a configuration whose data set `mine-1` is an archive on the server."""
    remote = site.serve("mine.tar.gz", archive, cut(1000), unpack=True)
    values = {"root": "my data", "snippet": {"frames": 16, "fps": 25}, "fetch": [remote]}
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine-1": values}}))
    return folder


def run(folder, *arguments):
    return snakemake(folder, "--configfile=mine.yaml", *arguments)


ANNOTATIONS, POINTS = "results/mine-1/train/annotations.json", "results/mine-1/train/points.json"


def test_the_target_fetches_and_then_planning_works(site, mine):
    before = run(mine, "--", ANNOTATIONS)
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
    result = run(mine, "-n", "--", ANNOTATIONS)
    assert result.returncode == 0, result.stderr
    assert "rule convert_annotations:" in result.stdout + result.stderr
    assert run(mine, "--", "fetch_mine-1").returncode == 0
    assert len(site.requests) == 2


def test_fetching_and_running_in_one_go(site, mine):
    targets = ["--", ANNOTATIONS, POINTS]
    fetching = ["--config", "fetch=true", *targets]
    dry = run(mine, "-n", *fetching)
    assert dry.returncode == 1
    assert "`snakemake fetch_mine-1` fetches" in dry.stderr
    assert site.requests == []
    result = run(mine, *fetching)
    assert result.returncode == 0, result.stderr
    assert (mine / ANNOTATIONS).is_file()
    for arguments in (fetching, targets):  # the keys are the same with and without it
        again = run(mine, "-n", *arguments)
        assert again.returncode == 0
        assert "Nothing to be done" in again.stdout + again.stderr
    assert len(site.requests) == 2

    # data that were removed come back before results are compared
    for path in (mine / "my data").rglob("*.csv"):
        path.unlink()
    (mine / "my data/gt_full.json").unlink()
    result = run(mine, *fetching)
    assert result.returncode == 0, result.stderr
    assert "Nothing to be done" in result.stdout + result.stderr
    assert (mine / "my data/gt_full.json").is_file()


def test_a_fetch_that_fails_ends_the_workflow_with_its_line(site, mine):
    site.answers["/mine.tar.gz"] = iter([says(404)] * 2)
    for arguments in (["--config", "fetch=true", "--", ANNOTATIONS], ["--", "fetch_mine-1"]):
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
