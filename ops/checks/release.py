"""Checks a release as a whole, in the website bucket or at the edge: every file, SHA-256 and header. Pure."""

import hashlib
from collections.abc import Iterator, Mapping

from distributor.plan import headers_for
from distributor.settings import HeaderSettings
from ops.checks.check import Check
from ops.observation import Observation, StoredObject, Unavailable
from ops.releases import ReleaseObject
from shared.contract import MANIFEST_FILE, Manifest
from shared.strict_json import UnfitError

Found = Mapping[str, ReleaseObject | Unavailable]


def check_release(  # noqa: PLR0913 - what is compared
    group: str, manifest: Manifest, body: bytes, found: Found, *, settings: HeaderSettings, advice: str
) -> Iterator[Check]:
    """Check what was found of the release that a manifest names; `body` are the manifest's bytes."""
    hashes = {MANIFEST_FILE: hashlib.sha256(body).hexdigest(), **{file.name: file.sha256 for file in manifest.files}}
    wrong = [f"{name}: {reason}" for name, sha256 in hashes.items() if (reason := _wrong_bytes(found[name], sha256))]
    total = sum(stored.size for stored in found.values() if isinstance(stored, ReleaseObject))
    whole = f"{len(hashes)} files, {total:,} bytes"
    sentence = f"{manifest.release} is whole, by every SHA-256"
    yield Check(group, sentence, not wrong, "; ".join(wrong) or whole, advice)
    wrong = [
        f"{name}: {reason}" for name in hashes if (reason := _wrong_headers(name, manifest.path, found[name], settings))
    ]
    sentence = f"{manifest.release} has its headers"
    again = "feed redistribute manifest.json sets them; a policy or function of the distribution may change them"
    yield Check(group, sentence, not wrong, "; ".join(wrong) or "Content-Type and Cache-Control", again)


def parse_manifest(body: bytes) -> Manifest | None:
    """The manifest of a release; None if it is anything else."""
    try:
        return Manifest.from_bytes(body)
    except UnfitError:
        return None


def overtaken(manifest: Manifest, observed: Observation) -> list[str]:
    """The files in the source that are not those which the manifest names, as far as they were read.

    If there is one, the release can't be published any more.
    """
    return [
        file.name
        for file in manifest.files
        if isinstance(stored := observed.source.get(file.name), StoredObject)
        and hashlib.sha256(stored.body).hexdigest() != file.sha256
    ]


def _wrong_bytes(stored: ReleaseObject | Unavailable, sha256: str) -> str:
    if isinstance(stored, Unavailable):
        return stored.reason
    return "" if stored.sha256 == sha256 else f"{stored.size:,} bytes with another SHA-256"


def _wrong_headers(name: str, folder: str, stored: ReleaseObject | Unavailable, settings: HeaderSettings) -> str:
    if isinstance(stored, Unavailable):
        return ""
    wanted = headers_for(name, settings, folder)
    if stored.content_type.partition(";")[0].strip() != wanted.content_type:
        return f"Content-Type {stored.content_type or 'is missing'}, not {wanted.content_type}"
    if stored.cache_control != wanted.cache_control:
        return f"Cache-Control {stored.cache_control or 'is missing'}, not {wanted.cache_control}"
    return ""
