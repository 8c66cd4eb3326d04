"""The page and published files on the stand-in for CloudFront's edge, with the headers that website.yaml gives."""

import hashlib
import itertools
import threading
from dataclasses import dataclass, field

from cloud.stand_ins.cloudfront import CloudFront
from cloud.stand_ins.edge import Edge, StoredFile
from cloud.stand_ins.loopback import HttpReply, HttpRequest, LoopbackServer
from cloud.template import ROOT
from ops.page import read_page

WEBSITE = ROOT / "website"
DATA_CACHE_CONTROL = "public, max-age=300"


@dataclass
class SiteServer(LoopbackServer):
    """Serves the page as `feed site` uploads it, and `files` by their path below `/data/`.

    `received`: path, status and bytes on the wire of each request. Answers to a path that contains one of `held` wait
    until `release` is set.
    """

    files: dict[str, bytes]
    received: list[tuple[str, int, int]] = field(default_factory=list)
    held: tuple[str, ...] = ()
    release: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._page = {
            file.key: _stored(file.body, file.content_type, file.cache_control) for file in read_page(WEBSITE, "data")
        }
        # A day passes between two looks at its clock, so the edge keeps nothing and a test may change a file.
        self._edge = Edge(self._origin, CloudFront(set()), clock=itertools.count(step=86_400).__next__)

    def __exit__(self, *error: object) -> None:
        self.release.set()
        super().__exit__(*error)

    def reply(self, request: HttpRequest) -> HttpReply:
        path = request.path.lstrip("/")
        if any(part in path for part in self.held):
            self.release.wait(30)
        reply = self._edge.answer(request)
        self.received.append((path, reply.status, len(reply.body)))
        return reply

    def _origin(self, key: str) -> StoredFile | None:
        body = self.files.get(key.removeprefix("data/")) if key.startswith("data/") else None
        content_type = "text/html" if key.endswith(".html") else "application/json"
        return self._page.get(key) if body is None else _stored(body, content_type, DATA_CACHE_CONTROL)


def _stored(body: bytes, content_type: str, cache_control: str) -> StoredFile:
    return StoredFile(body, content_type, cache_control, f'"{hashlib.sha256(body).hexdigest()[:16]}"', "")
