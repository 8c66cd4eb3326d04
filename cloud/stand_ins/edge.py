"""A stand-in for CloudFront's edge: the website bucket as readers get it, with the headers that website.yaml gives.

It keeps a file for as long as its Cache-Control says, drops what an invalidation names, answers conditions and ranges,
and compresses what CloudFront compresses, with gzip alone.
"""

import gzip
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from cloud.stand_ins.cloudfront import CloudFront
from cloud.stand_ins.loopback import HttpReply, HttpRequest, LoopbackServer
from cloud.template import WEBSITE_TEMPLATE, read_template

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
LEAST_COMPRESSED, MOST_COMPRESSED = 1_000, 10_000_000
COMPRESSED = {"application/json", "image/svg+xml", "text/css", "text/html", "text/javascript"}
NOT_KEPT = {"no-cache", "no-store", "private"}
READING = {"GET", "HEAD"}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An object of the website bucket; the ETag has its quotes."""

    body: bytes
    content_type: str
    cache_control: str
    etag: str
    last_modified: str


Origin = Callable[[str], StoredFile | None]


def bucket_origin(s3: Any, bucket: str) -> Origin:  # noqa: ANN401 - one type for each service
    """Reads objects of a bucket; None for what is missing."""
    return partial(_read, s3, bucket)


def _read(s3: Any, bucket: str, key: str) -> StoredFile | None:  # noqa: ANN401
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            return None
        raise
    return StoredFile(
        answer["Body"].read(),
        answer["ContentType"],
        answer.get("CacheControl", ""),
        answer["ETag"],
        format_datetime(answer["LastModified"].astimezone(UTC), usegmt=True),
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file at the edge since `at`; `invalidations` is how many CloudFront had accepted by then."""

    file: StoredFile
    at: float
    invalidations: int


@dataclass
class Edge:
    """The state and the rules, without a network; `clock` in seconds.

    `data` is the path of the published files, such as /data/; all else is the page's.
    """

    origin: Origin
    cloudfront: CloudFront
    data: str = "/data/"
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        template = read_template(WEBSITE_TEMPLATE)["Resources"]
        self._default_ttl = template["CachePolicy"]["Properties"]["CachePolicyConfig"]["DefaultTTL"]
        self._root = template["Distribution"]["Properties"]["DistributionConfig"]["DefaultRootObject"]
        self._data_headers, self._page_headers = (
            template[name]["Properties"]["ResponseHeadersPolicyConfig"] for name in ("DataHeaders", "PageHeaders")
        )

    def answer(self, request: HttpRequest) -> HttpReply:
        """What a reader gets."""
        path = unquote(urlsplit(request.path).path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        policy = self._data_headers if path.startswith(self.data) else self._page_headers
        added = _policy_headers(policy, of_another_origin="origin" in headers)
        if request.method not in READING:
            return HttpReply(403, "text/html", b"", {**added, "X-Cache": "Error from cloudfront"})
        try:
            with self._lock:
                kept, how = self._find(f"/{self._root}" if path == "/" else path)
        except (BotoCoreError, ClientError):
            return HttpReply(502, "text/html", b"", {**added, "X-Cache": "Error from cloudfront"})
        if kept is None:
            return HttpReply(
                404, "application/xml", b"<Error><Code>NoSuchKey</Code></Error>", {**added, "X-Cache": how}
            )
        age = {"Age": str(int(self.clock() - kept.at))} if how.startswith("Hit") else {}
        return _reply(kept.file, headers, {**added, **age, "X-Cache": how})

    def _find(self, path: str) -> tuple[_Kept | None, str]:
        """The file, kept or fetched, and what X-Cache says of it."""
        kept = self._kept.pop(path, None)
        if kept and self._is_invalidated(path, kept):
            kept = None
        age = self.clock() - kept.at if kept else 0
        lasts, while_revalidating = self._lifetime(kept.file) if kept else (0, 0)
        if kept and age < lasts:
            self._kept[path] = kept
            return kept, "Hit from cloudfront"
        fetched = self._fetch(path)
        if kept and age < lasts + while_revalidating:
            return kept, "Hit from cloudfront"
        if fetched is None:
            return None, "Error from cloudfront"
        same = kept is not None and kept.file.etag == fetched.file.etag
        return fetched, f"{'RefreshHit' if same else 'Miss'} from cloudfront"

    def _fetch(self, path: str) -> _Kept | None:
        accepted = len(self.cloudfront.accepted)
        file = self.origin(path.removeprefix("/"))
        if file is None:
            return None
        fetched = _Kept(file, self.clock(), accepted)
        if any(self._lifetime(file)):
            self._kept[path] = fetched
        return fetched

    def _is_invalidated(self, path: str, kept: _Kept) -> bool:
        later = (unquote(given) for one in self.cloudfront.accepted[kept.invalidations :] for given in one.paths)
        return any(path.startswith(given[:-1]) if given.endswith("*") else path == given for given in later)

    def _lifetime(self, file: StoredFile) -> tuple[int, int]:
        """The seconds that the edge keeps a file, and for how many more it shows it while it fetches a new one."""
        directives = [directive.strip().lower() for directive in file.cache_control.split(",")]
        if NOT_KEPT & set(directives):
            return 0, 0
        seconds = {name: int(value) for name, _, value in (one.partition("=") for one in directives) if value.isdigit()}
        lasts = seconds.get("s-maxage", seconds.get("max-age", self._default_ttl))
        return lasts, seconds.get("stale-while-revalidate", 0)


class EdgeServer(LoopbackServer):
    """An edge on a loopback port that the system chooses, at `url`; it has no bucket until `edge` is set."""

    edge: Edge | None = None

    def reply(self, request: HttpRequest) -> HttpReply:
        """The edge's answer."""
        return self.edge.answer(request) if self.edge else HttpReply(503, "text/plain", b"")


def _reply(file: StoredFile, asked: Mapping[str, str], added: Mapping[str, str]) -> HttpReply:
    """The whole file, a part of it, or that it has not changed."""
    compresses = "range" not in asked and _is_compressed(file, asked.get("accept-encoding", ""))
    headers = {
        "Cache-Control": file.cache_control,
        "Last-Modified": file.last_modified,
        "ETag": f"W/{file.etag}" if compresses else file.etag,
        "Accept-Ranges": "bytes",
        "Vary": "Accept-Encoding",
        **added,
    }
    headers = {name: value for name, value in headers.items() if value}
    known = {tag.strip().removeprefix("W/") for tag in asked.get("if-none-match", "").split(",")}
    if {file.etag, "*"} & known:
        return HttpReply(304, file.content_type, b"", headers)
    if compresses:
        body = gzip.compress(file.body, 6, mtime=0)
        return HttpReply(200, file.content_type, body, {**headers, "Content-Encoding": "gzip"})
    whole = HttpReply(200, file.content_type, file.body, headers)
    return _part(whole, asked["range"]) if "range" in asked else whole


def _is_compressed(file: StoredFile, accepted: str) -> bool:
    accepts = re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", accepted) is not None
    media_type = file.content_type.partition(";")[0]
    return accepts and media_type in COMPRESSED and LEAST_COMPRESSED <= len(file.body) <= MOST_COMPRESSED


def _part(whole: HttpReply, asked: str) -> HttpReply:
    """The bytes of one range. All of them where the header is odd or names several, none past the end."""
    size, match = len(whole.body), re.fullmatch(r"bytes=(\d*)-(\d*)", asked)
    if not match or not any(match.groups()):
        return whole
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        return HttpReply(416, whole.content_type, b"", {**whole.headers, "Content-Range": f"bytes */{size}"})
    headers = {**whole.headers, "Content-Range": f"bytes {start}-{end}/{size}"}
    return replace(whole, status=206, body=whole.body[start : end + 1], headers=headers)


def _policy_headers(policy: Mapping[str, Any], *, of_another_origin: bool) -> dict[str, str]:
    """The headers of a response headers policy; KeyError for a setting that is not known here."""
    headers = dict(_SECURITY[name](setting) for name, setting in policy["SecurityHeadersConfig"].items())
    cors = policy.get("CorsConfig")
    if cors and of_another_origin:
        headers["Access-Control-Allow-Origin"] = ", ".join(cors["AccessControlAllowOrigins"]["Items"])
        headers["Access-Control-Expose-Headers"] = ", ".join(cors["AccessControlExposeHeaders"]["Items"])
    return headers


_SECURITY: dict[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "ContentSecurityPolicy": lambda setting: ("Content-Security-Policy", setting["ContentSecurityPolicy"]),
    "ContentTypeOptions": lambda _: ("X-Content-Type-Options", "nosniff"),
    "FrameOptions": lambda setting: ("X-Frame-Options", setting["FrameOption"]),
    "ReferrerPolicy": lambda setting: ("Referrer-Policy", setting["ReferrerPolicy"]),
    "StrictTransportSecurity": lambda setting: (
        "Strict-Transport-Security",
        f"max-age={setting['AccessControlMaxAgeSec']}",
    ),
}
