"""The site on a loopback port as its edge would serve it: compressed, with ETags and a Content-Security-Policy."""

import gzip
import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

WEBSITE = Path(__file__).parents[2] / "website"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass
class Edge:
    """Serves the page and `files`, by their path below `/data/`; `with` starts and stops it at `url`.

    `received`: path, status and bytes on the wire of each request. Answers to a path that contains one of `held` wait
    until `release` is set.
    """

    files: dict[str, bytes]
    received: list[tuple[str, int, int]] = field(default_factory=list)
    held: tuple[str, ...] = ()
    release: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def __enter__(self) -> Self:
        edge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                edge._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0].lstrip("/") or "index.html"
        if any(part in path for part in self.held):
            self.release.wait(30)
        body = self._body(path)
        etag = f'"{hashlib.sha256(body or b"").hexdigest()[:16]}"'
        status = 404 if body is None else 304 if request.headers.get("If-None-Match") == etag else 200
        content = gzip.compress(body, mtime=0) if body and status == 200 else b""
        request.send_response(status)
        if status != 404:
            request.send_header("ETag", etag)
            request.send_header("Cache-Control", "public, max-age=60")
            request.send_header("Content-Type", f"{TYPES.get(Path(path).suffix, 'application/json')}; charset=utf-8")
        if content:
            request.send_header("Content-Encoding", "gzip")
        request.send_header("Content-Security-Policy", POLICY)
        request.send_header("X-Content-Type-Options", "nosniff")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)
        self.received.append((path, status, len(content)))

    def _body(self, path: str) -> bytes | None:
        if path.startswith("data/"):
            return self.files.get(path.removeprefix("data/"))
        if path == "index.html" or (path.startswith("assets/") and path.count("/") == 1):
            file = WEBSITE / path
            return file.read_bytes() if file.is_file() else None
        return None
