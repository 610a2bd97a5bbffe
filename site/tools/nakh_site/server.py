# SPDX-License-Identifier: BSL-1.0
"""The built site on this machine, rebuilt when a source changes; open pages of both languages reload by themselves."""
from __future__ import annotations

import http.server
import posixpath
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .problem import SiteError

LOOK_EVERY = 0.5  # seconds
HELD_FOR = 20.0  # seconds that a waiting page is held before it asks again
RELOAD_SCRIPT = b"""<script>
(function wait(seen) {
  fetch("/.nakh/build?seen=" + seen, {cache: "no-store"}).then(r => r.text()).then(now => {
    if (seen && now !== seen) location.reload(); else wait(now);
  }).catch(() => setTimeout(() => wait(seen), 1000));
})("");
</script></body>"""


class Build:
    """The number of the last good build, and a way to wait for the next."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.stamp = str(time.time_ns())  # differs after a restart too, so that open pages reload

    def done(self) -> None:
        with self._changed:
            self.stamp = str(time.time_ns())
            self._changed.notify_all()

    def wait(self, seen: str) -> str:
        with self._changed:
            self._changed.wait_for(lambda: self.stamp != seen, timeout=HELD_FOR)
            return self.stamp


class Handler(http.server.SimpleHTTPRequestHandler):
    build: Build

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/.nakh/build":
            self._answer(200, self.build.wait(query.removeprefix("seen=")).encode(), "text/plain")
            return
        file = Path(self.translate_path(path))
        if file.is_dir() and path.endswith("/"):
            file /= "index.html"
        elif file.is_dir():
            super().do_GET()  # redirects to the same address with a slash
            return
        try:
            if file.suffix == ".html":
                self._answer(200, _with_reload(file.read_bytes()), "text/html; charset=utf-8")
            else:
                self._answer(200, file.read_bytes(), self.guess_type(str(file)))
        except OSError:
            self._answer(404, self._not_found(path), "text/html; charset=utf-8")

    def _not_found(self, path: str) -> bytes:
        top = Path(self.directory)
        page = top / "en/404.html" if posixpath.normpath(path).startswith("/en/") else top / "404.html"
        return _with_reload(page.read_bytes()) if page.is_file() else b"404"

    def _answer(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a browser that closed the connection is no news


def _with_reload(body: bytes) -> bytes:
    return body.replace(b"</body>", RELOAD_SCRIPT, 1)


def make_server(out: Path, host: str, port: int, build: Build) -> Server:
    handler = type("SiteHandler", (Handler,), {"build": build})
    return Server((host, port), lambda *arguments: handler(*arguments, directory=str(out)))


def fingerprint(watched: list[Path]) -> dict[str, int]:
    """Every watched file with the time of its last change."""
    found = {}
    for top in watched:
        for path in [top] if top.is_file() else top.rglob("*"):
            try:
                if path.is_file() and "__pycache__" not in path.parts:
                    found[str(path)] = path.stat().st_mtime_ns
            except OSError:
                pass  # it went while we looked
    return found


def rebuild_on_change(watched: list[Path], rebuild: Callable[[], None], build: Build, say: Callable[[str], None],
                      stop: threading.Event) -> None:
    """Looks for changes until `stop` is set; a build that fails leaves the last good site in place."""
    last = fingerprint(watched)
    while not stop.wait(LOOK_EVERY):
        now = fingerprint(watched)
        if now == last:
            continue
        changed = sorted(set(now.items()) ^ set(last.items()))
        last = now
        try:
            rebuild()
            say(f"rebuilt after a change of {Path(changed[0][0]).name}")
            build.done()
        except SiteError as error:
            say(f"not rebuilt:\n{error}")
