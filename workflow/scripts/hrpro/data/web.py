"""Downloading from the web and from Google Drive: resumed after a cut, retried where that may help."""

import http.client
import math
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError, ProtocolError

from ..utils import files, progress
from ..utils.errors import FULL, InputError
from ..utils.progress import log

MB = 10**6
TIMEOUT = 60.0  # seconds without a byte after which a connection counts as cut
TRIES = 6  # of a request, and of a download that gets no further
BACKOFF = 1.0  # seconds; the waits between tries are 0, 2, 4, 8 and 16 times this
LONGEST_WAIT = 120.0  # seconds that a server may ask to wait
BUSY = {408, 429, 500, 502, 503, 504}  # statuses that another try may change
REDIRECTS = 10
LONGEST = 200  # letters that a message shows of what a server says
GDOWN = "gdown>=6.5"


class Cut(ProtocolError):
    """A connection that ended before the file did."""


class Retries(urllib3.Retry):
    """urllib3's retries, each with a line in the log, and none where it would not help."""

    def increment(self, method=None, url=None, response=None, error=None, **options):
        """The retries that are left after a failure. Raises MaxRetryError where there are none."""
        pool = options.get("_pool")
        wait = self.get_retry_after(response) if response is not None else None
        if is_permanent(error) or (wait is not None and wait > LONGEST_WAIT):
            raise MaxRetryError(pool, url, error)
        retries = super().increment(method, url, response, error, **options)
        host = pool.host if pool is not None else ""  # a pool's URLs are paths
        failure = describe_status(response.status) if response is not None else describe_error(error)
        place = url if "://" in url else f"{host}{url}"  # by a proxy it is whole
        log.warning("%s: %s; retrying in %.0f s", place, failure, wait or retries.get_backoff_time())
        return retries

    def get_retry_after(self, response) -> float | None:
        """The seconds that a server asks to wait; None if it does not, or not in a way that can be read."""
        try:
            return super().get_retry_after(response)
        except (InvalidHeader, ValueError, OverflowError):
            return None


class SystemCertificates(HTTPAdapter):
    """Trusts the certificates that the system trusts, as well as those that `requests` brings."""

    def init_poolmanager(self, *arguments, **options):
        """Make the connections of an ordinary network."""
        super().init_poolmanager(*arguments, ssl_context=ssl.create_default_context(), **options)

    def proxy_manager_for(self, proxy, **options):
        """Make the connections that go through a proxy."""
        return super().proxy_manager_for(proxy, ssl_context=ssl.create_default_context(), **options)


def download(url: str, part: Path) -> None:
    """Download a URL to the file `part`, resuming after what that holds already.

    Raises InputError where the server does not send the file, or cuts the connection TRIES times in a row
    without getting any further.
    """
    policy = Retries(total=TRIES - 1, backoff_factor=BACKOFF, status_forcelist=BUSY, raise_on_status=False)
    with requests.Session() as session:
        session.max_redirects = REDIRECTS
        # identity: digests and ranges are of the file's own bytes
        session.headers.update({"User-Agent": "hrpro", "Accept-Encoding": "identity"})
        for scheme in ("http://", "https://"):
            session.mount(scheme, SystemCertificates(max_retries=policy))
        retries, largest = policy, size_of(part)
        while True:
            try:
                transfer(session, url, part)
                return
            except Cut as error:
                if size_of(part) > largest:
                    retries, largest = policy, size_of(part)
                try:
                    retries = retries.increment("GET", url, error=error)
                except MaxRetryError:
                    raise give_up(url, f"{error} (tried {TRIES} times)", part) from None
                retries.sleep()


def transfer(session: requests.Session, url: str, part: Path) -> None:
    """Append the rest of a URL to the file `part`, or write it anew where the server does not send the rest.

    Raises Cut where the connection is cut, InputError where the server does not send the file.
    """
    begin = size_of(part)
    response = request(session, url, part, begin)
    if begin and response.status_code in (
        http.client.PARTIAL_CONTENT,
        http.client.REQUESTED_RANGE_NOT_SATISFIABLE,
    ):
        content_range = response.headers.get("Content-Range", "")
        if content_range == f"bytes */{begin}":  # nothing is missing
            return
        if not content_range.startswith(f"bytes {begin}-"):
            response.close()
            begin = 0
            response = request(session, url, part, begin)
    else:
        begin = 0
    with response:
        check_status(response, url, part)
        remaining = response.raw.length_remaining
        size = None if remaining is None else begin + remaining
        files.require_space(part, (size or 0) - size_of(part))
        try:
            save(response, part, begin, size)
        except HTTPError:
            of = "" if size is None else f" of {size / MB:.1f}"
            raise Cut(f"the connection was cut at {size_of(part) / MB:.1f}{of} MB") from None


def request(session: requests.Session, url: str, part: Path, begin: int) -> requests.Response:
    """Ask for a URL from byte `begin` on; -> the answer, its body still to be read.

    Raises InputError where there is none.
    """
    headers = {"Range": f"bytes={begin}-"} if begin else {}
    try:
        return session.get(url, headers=headers, stream=True, timeout=TIMEOUT)
    except requests.TooManyRedirects:
        raise InputError(f"{url}: redirects more than {REDIRECTS} times; correct the url") from None
    except ValueError as error:  # of requests, of urllib3 and of Python alike
        reason = " ".join(str(error).split())
        raise InputError(
            f"{url}: it is not a valid address, or redirects to one that is not ({reason}); correct the url"
        ) from None
    except (requests.RequestException, HTTPError) as error:
        cause = root_cause(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise InputError(
                f"{url}: the server's certificate is not trusted ({cause.verify_message}); "
                "SSL_CERT_FILE may name a file of certificates to trust"
            ) from None
        if is_permanent(error):
            raise InputError(f"{url}: no such host ({cause.strerror}); correct the url") from None
        raise give_up(url, f"{describe_error(error)} (tried {TRIES} times)", part) from None


def check_status(response: requests.Response, url: str, part: Path) -> None:
    """Raise InputError where an answer is not a file."""
    status = response.status_code
    if status in (http.client.OK, http.client.PARTIAL_CONTENT):
        return
    failure = describe_status(status)
    if status not in BUSY:
        raise InputError(f"{url}: {failure}; correct the entry, or look in a browser where the file is now")
    wait = Retries().get_retry_after(response.raw) or 0
    if wait > LONGEST_WAIT:
        raise give_up(url, f"{failure} and asks to wait {wait:.0f} s", part)
    raise give_up(url, f"{failure} (tried {len(response.raw.retries.history) + 1} times)", part)


def save(response: requests.Response, part: Path, begin: int, size: int | None) -> None:
    """Write an answer's body to the file `part` from byte `begin` on; size: the file's, None if unknown."""
    done = begin // MB
    total = None if size is None else done + math.ceil((size - begin) / MB)
    try:
        with open(part, "ab" if begin else "wb") as file:
            for chunk in progress.track(read_chunks(response), total, f"{part.stem}, MB", done=done):
                file.write(chunk)
    except OSError as error:
        error.filename = str(part)  # a full disk does not say which file had no room
        raise


def read_chunks(response: requests.Response) -> Iterator[bytes]:
    """The bytes of an answer's body as they were sent, an MB at a time."""
    while chunk := response.raw.read(MB, decode_content=False):
        yield chunk


def download_from_drive(file_id: str, part: Path) -> None:
    """Download a file of Google Drive to the file `part`; gdown keeps its own partial file to resume from.

    Raises InputError where gdown is missing or fails.
    """
    path = part.with_suffix("")
    try:
        import gdown
        from gdown.exceptions import DownloadError
    except ImportError:
        raise InputError(
            f"{path}: files on Google Drive need gdown: python -m pip install '{GDOWN}'"
        ) from None
    part.parent.mkdir(parents=True, exist_ok=True)
    quiet = not sys.stderr.isatty()
    limits = {"retries": TRIES - 1, "timeout": TIMEOUT}
    try:
        gdown.download(id=file_id, output=str(part), quiet=quiet, resume=True, **limits)
    except (DownloadError, OSError) as error:
        if getattr(error, "errno", None) in FULL:
            raise
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: file {file_id} on Google Drive: {reason}") from None


def size_of(path: Path) -> int:
    """The size of a file in bytes, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0


# What went wrong.


def give_up(url: str, failure: str, part: Path) -> InputError:
    """The error of a download that may succeed at another time."""
    resumed = f", which resumes at {size_of(part) / MB:.1f} MB" if size_of(part) else ""
    return InputError(f"{url}: {failure}; fetch again later{resumed}")


def describe_status(status: int) -> str:
    """What a server says in place of sending a file."""
    return f"the server says {status} {http.client.responses.get(status, '')}".rstrip()


def describe_error(error: Exception) -> str:
    """What happened to a request."""
    if isinstance(error, Cut):
        return str(error)
    cause = root_cause(error)
    words = str(getattr(cause, "strerror", None) or cause or type(cause).__name__)
    return f"no answer ({repr(' '.join(words.split())[:LONGEST])[1:-1]})"  # words of the server, perhaps


def root_cause(error: BaseException) -> BaseException:
    """The exception that urllib3 and requests have wrapped, some in `reason`, some in an argument."""
    inner = [getattr(error, "reason", None), error.__cause__, *error.args]
    inner = [value for value in inner if isinstance(value, BaseException)]
    return root_cause(inner[0]) if inner else error


def is_permanent(error: BaseException | None) -> bool:
    """Whether another try would meet the same error: an unknown host, a certificate that is not trusted."""
    if error is None:
        return False
    cause = root_cause(error)
    unknown_host = isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME
    return unknown_host or isinstance(cause, ssl.SSLCertVerificationError)
