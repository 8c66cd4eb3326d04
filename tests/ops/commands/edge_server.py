"""A CDN's edge on the loopback that does everything right until it is told otherwise."""

import gzip
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self

MANIFEST_CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=600"
RELEASE_CACHE_CONTROL = "public, max-age=31536000, immutable"
GOOD_HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Age": "12",
    "Access-Control-Allow-Origin": "*",
}


class EdgeServer:
    """Serves files below /data/. A header set to None is left out; `compresses` names the encodings it knows.

    As CloudFront does, it compresses `application/json` but no feed.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.headers: dict[str, str | None] = dict(GOOD_HEADERS)
        self.status = 200
        self.compresses = {"gzip", "br"}

    def __enter__(self) -> Self:
        edge = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                edge._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/data"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _headers(self, name: str) -> dict[str, str | None]:
        special = RELEASE_CACHE_CONTROL if name.startswith("releases/") else MANIFEST_CACHE_CONTROL
        if name == "manifest.json" or name.startswith("releases/"):
            usual = self.headers.get("Cache-Control") == GOOD_HEADERS["Cache-Control"]
            return {**self.headers, **({"Cache-Control": special} if usual else {})}
        return self.headers

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.removeprefix("/data/")
        known = name in self.files
        body, encoding = self.files.get(name, b"<html>"), ""
        accepted = request.headers.get("Accept-Encoding", "")
        media_type = "application/feed+json" if name.endswith("change-feed.json") else "application/json"
        if accepted in self.compresses and media_type == "application/json":
            body, encoding = gzip.compress(body, mtime=0) if accepted == "gzip" else b"Brotli", accepted
        request.send_response(self.status if known else 404)
        for header, value in {
            "Content-Type": media_type,
            **self._headers(name),
            "Content-Length": str(len(body)),
        }.items():
            if value is not None:
                request.send_header(header, value)
        if encoding:
            request.send_header("Content-Encoding", encoding)
        request.end_headers()
        request.wfile.write(body)
