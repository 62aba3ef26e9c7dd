"""The labelling page's server: on this machine alone, for who has its address alone.

The address holds a token, without which nothing is answered. Requests that another page of the browser makes
are known by their Origin and Sec-Fetch-Site, names of other machines that lead here by their Host. Recordings
are asked for by number, so that no request holds a path.
"""

import secrets
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import flask
import werkzeug.serving
from werkzeug.exceptions import HTTPException

from ..utils.errors import InputError, reason, refused
from . import recordings
from .conversion import Conversions
from .marks import Refused, action_of
from .recordings import PLAYED, Recording
from .store import Store

if TYPE_CHECKING:  # it brings torch along, which takes seconds
    from .predictions import Predictions

ADDRESS = "127.0.0.1"
LARGEST_REQUEST = 2**20  # bytes
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address is a secret
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
MEDIA = {".webm": "video/webm", ".mkv": "video/x-matroska", ".ogv": "video/ogg"}  # else video/mp4


class Handler(werkzeug.serving.WSGIRequestHandler):
    """Keeps connections open, for speed, and logs no request."""

    protocol_version = "HTTP/1.1"

    def log(self, *_) -> None:
        """Nothing: an address in a log would be the token's."""


class Site:
    """A labelling that is served; .url is where, as long as `run` runs."""

    def __init__(
        self,
        folder,
        every: list[Recording],
        store: Store,
        *,
        rate: float | None,
        port: int = 0,
        predictions: "Predictions | None" = None,
    ):
        """port: 0 for a free one; predictions: of a model. Raises InputError if the port cannot be had."""
        self.folder = Path(folder)
        self.recordings = every
        self.videos = {"", *(recording.video for recording in every)}  # "" has the classes
        self.store = store
        self.rate = rate
        self.predictions = predictions
        self.token = secrets.token_urlsafe(24)
        self.conversions = Conversions()
        self.app = application(self)
        try:
            listening = socket.create_server((ADDRESS, port))
        except OSError as error:
            raise InputError(f"--port {port}: {reason(error)}; name another one") from None
        with listening:
            port, handle = listening.getsockname()[1], listening.fileno()
            self.server = werkzeug.serving.make_server(
                ADDRESS, port, self.app, threaded=True, request_handler=Handler, fd=handle
            )
        self.hosts = {f"{name}:{self.server.port}" for name in (ADDRESS, "localhost")}

    @property
    def url(self) -> str:
        """The page's address, with its token."""
        return f"http://{ADDRESS}:{self.server.port}/{self.token}/"

    def run(self) -> None:
        """Serve until `stop` or an exception, then write what is left to write."""
        if self.predictions:
            self.predictions.start()
        try:
            self.server.serve_forever()
        finally:
            if self.predictions:
                self.predictions.stop()
            self.server.server_close()
            self.conversions.close()
            self.store.close()

    def stop(self) -> None:
        """End `run`, from another thread."""
        threading.Thread(target=self.server.shutdown, daemon=True).start()

    def film(self, number: int) -> Path:
        """A film by its number; 404 if there is none, or if it is a link out of the folder by now."""
        film = self.recording(number).film
        if film is None or not recordings.is_inside(self.folder, film):
            flask.abort(404, "there is no such film any more")
        return film

    def recording(self, number: int) -> Recording:
        """A recording by its number; 404 if there is none."""
        if number >= len(self.recordings):
            flask.abort(404, "there is no such recording")
        return self.recordings[number]


def application(site: Site) -> flask.Flask:
    """What answers the page's requests."""
    app = flask.Flask(__name__)
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    store = site.store

    @app.before_request
    def admit() -> None:
        request = flask.request
        if request.host not in site.hosts:
            flask.abort(403, "asked for under another name than this machine's")
        if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
            flask.abort(403, "asked for by another page")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            flask.abort(403, "asked for by another page")
        token = request.path.split("/")[1]
        if not secrets.compare_digest(token.encode(), site.token.encode()):
            flask.abort(403, "open the address that hrpro-label has printed")

    @app.after_request
    def protect(response: flask.Response) -> flask.Response:
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response

    @app.errorhandler(HTTPException)
    def fail(error: HTTPException):
        return {"message": error.description}, error.code

    @app.errorhandler(InputError)
    @app.errorhandler(OSError)
    def not_now(error: Exception):
        is_machines = isinstance(error, OSError) and error.errno is not None
        return {"message": refused(error) if is_machines else str(error)}, 503

    @app.get("/<token>/")
    def page(token: str) -> str:
        return flask.render_template("label.html", folder=site.folder.resolve().name)

    @app.get("/<token>/static/<name>")
    def static_file(token: str, name: str):
        return flask.send_from_directory(app.static_folder, name)

    @app.get("/<token>/labels")
    def labels(token: str) -> dict:
        store.look()
        listed = [{"name": r.video, "kind": kind_of(r)} for r in site.recordings]
        has_model = site.predictions is not None
        return {**store.snapshot(), "videos": listed, "file": store.path.name, "has_model": has_model}

    @app.get("/<token>/changes/<int:since>")
    def changes(token: str, since: int) -> dict:
        store.look()
        return changes_since(since)

    @app.post("/<token>/actions/<int:since>")
    def act(token: str, since: int):
        try:
            action = action_of(sent())
            if action.by != "page" or action.video not in site.videos:
                raise Refused("there is no such video here")
            store.act(action)
        except Refused as refusal:
            return {**changes_since(since), "message": str(refusal)}, 409
        return changes_since(since)

    def sent():
        try:
            return flask.request.get_json()
        except RecursionError:
            raise Refused("lists nested too deep") from None

    def changes_since(version: int) -> dict:
        latest, actions = store.since(version)
        return {"version": latest, "changes": [action._asdict() for action in actions]}

    @app.get("/<token>/film/<int:number>")
    def film(token: str, number: int):
        path = site.film(number)
        kind = MEDIA.get(path.suffix.lower(), "video/mp4")
        return flask.send_file(path.resolve(), mimetype=kind, conditional=True)

    @app.get("/<token>/frames/<int:number>")
    def frames(token: str, number: int):
        times = recordings.frame_times(site.film(number))
        return flask.Response(times.astype("<f8").tobytes(), mimetype="application/octet-stream")

    @app.post("/<token>/convert/<int:number>")
    def convert(token: str, number: int) -> dict:
        conversion = site.conversions.start(site.film(number))
        return {"share": conversion.share, "done": conversion.is_done, "error": conversion.error}

    @app.get("/<token>/converted/<int:number>")
    def converted(token: str, number: int):
        conversion = site.conversions.start(site.film(number))
        if not conversion.is_done:
            flask.abort(404, "not converted yet")
        return flask.send_file(conversion.output, mimetype="video/webm", conditional=True)

    @app.get("/<token>/curves/<int:number>")
    def curves(token: str, number: int) -> dict:
        recording = site.recording(number)
        if recording.values is None:
            flask.abort(404, "it is a film")
        return {**recordings.curves(recording.values()), "rate": site.rate}

    @app.get("/<token>/detections/<int:number>")
    def detections(token: str, number: int) -> dict:
        return {"drawing": model().of(site.recording(number).video)}

    @app.get("/<token>/order")
    def order(token: str) -> dict:
        ranked = model().ranked(store.labelled())
        return {"order": ranked and [rank._asdict() for rank in ranked]}

    def model() -> "Predictions":
        if site.predictions is None:
            flask.abort(404, "there is no model here; start hrpro-label with --model")
        return site.predictions

    return app


def kind_of(recording: Recording) -> str:
    """How the page shows a recording: "film", "converted" or "curves"."""
    if recording.film is None:
        return "curves"
    return "film" if recording.film.suffix.lower() in PLAYED else "converted"
