"""The page's folder in, its objects on the website out: assets that never change, and `index.html`, which names them.

    website/index.html      -> index.html                  asked for again after a minute
    website/assets/app.js   -> assets/<hash>/app.js        immutable

The hash is that of all assets, so a page never runs with files of two versions, and open pages keep theirs.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ops.stack import StackError

INDEX, ASSETS = "index.html", "assets"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
SHORT = "public, max-age=60, stale-while-revalidate=600"
IMMUTABLE = "public, max-age=31536000, immutable"
KEPT = {SHORT: "a minute", IMMUTABLE: "for good"}
DATA = "data"  # where the page says that the published files are, relative to itself


class State(StrEnum):
    """What the website has of an object."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "unchanged"


@dataclass(frozen=True, slots=True)
class PageObject:
    """An object of the page as it is to be on the website."""

    key: str
    body: bytes
    cache_control: str

    @property
    def content_type(self) -> str:
        """By its name; StackError for a name that the page should not have."""
        suffix = Path(self.key).suffix
        if suffix not in CONTENT_TYPES:
            msg = f"{self.key}: a page has no {suffix or 'nameless'} files, but {', '.join(CONTENT_TYPES)}"
            raise StackError(msg)
        return CONTENT_TYPES[suffix]


def read_page(folder: Path, prefix: str) -> list[PageObject]:
    """The page's objects beside the published files at `prefix`, `index.html` last.

    StackError if there is no page, or one of its objects would be below the prefix, which is the distributor's.
    """
    if not (folder / INDEX).is_file():
        msg = f"there is no page: {folder / INDEX} is missing"
        raise StackError(msg)
    beside, _, data = prefix.rpartition("/")
    root = f"{beside}/" * bool(beside)
    files = sorted(path for path in (folder / ASSETS).glob("*") if path.is_file() and not path.name.startswith("."))
    bodies = {path.name: path.read_bytes() for path in files}
    assets = f"{ASSETS}/{_hash(bodies.items())}/"
    index = (folder / INDEX).read_text(encoding="utf-8")
    index = index.replace(f'"{ASSETS}/', f'"{assets}').replace(f'"{DATA}/', f'"{data}/')
    objects = [PageObject(f"{root}{assets}{name}", body, IMMUTABLE) for name, body in bodies.items()]
    objects.append(PageObject(f"{root}{INDEX}", index.encode(), SHORT))
    for page_object in objects:
        _ = page_object.content_type
        if page_object.key.startswith(f"{prefix}/"):
            msg = f"{page_object.key} would be among the published files, which are below {prefix}/"
            raise StackError(msg)
    return objects


def _hash(files: Iterable[tuple[str, bytes]]) -> str:
    whole = hashlib.sha256()
    for name, body in files:
        whole.update(f"{name}\n{len(body)}\n".encode() + body)
    return whole.hexdigest()[:16]


def compare_page(s3: Any, bucket: str, objects: Sequence[PageObject]) -> list[State]:  # noqa: ANN401 - one type for each service
    """What the website has of each object."""
    return [_state(s3, bucket, page_object) for page_object in objects]


def _state(s3: Any, bucket: str, page_object: PageObject) -> State:  # noqa: ANN401
    try:
        head = s3.head_object(Bucket=bucket, Key=page_object.key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            return State.NEW
        raise
    # Under a KMS key an ETag is no MD5: then each object is uploaded again, which does no harm.
    etag = hashlib.md5(page_object.body, usedforsecurity=False).hexdigest()
    stored = (head["ETag"].strip('"'), head.get("CacheControl"), head.get("ContentType"))
    return State.SAME if stored == (etag, page_object.cache_control, page_object.content_type) else State.CHANGED


def upload_page(s3: Any, bucket: str, objects: Iterable[PageObject]) -> None:  # noqa: ANN401
    """Put the objects on the website, one after the other: `index.html` last, when all that it names is there."""
    for page_object in objects:
        s3.put_object(
            Bucket=bucket,
            Key=page_object.key,
            Body=page_object.body,
            CacheControl=page_object.cache_control,
            ContentType=page_object.content_type,
        )
