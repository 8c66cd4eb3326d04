"""Checks the bytes of a file: returns what matters about it further on, or raises UnfitError. Pure."""

import json
from datetime import datetime
from typing import TypeAlias

from shared import strict_json
from shared.contract import ITEM_FOLDERS, MANIFEST_FILE, CompleteData, Manifest, model_of
from shared.strict_json import UnfitError

Facts: TypeAlias = datetime | Manifest | None
"""The time when the complete data was read from SSM, or the manifest of a release; None for every other file."""


def check(name: str, body: bytes, *, releases: bool = True) -> Facts:
    """Require strict JSON with an object or array at the top; a file of the contract must also match its model.

    Without `releases` a manifest is a file like any other. The folders of regions and services hold no other files: by
    default they are published, and somebody may keep private ones in a folder of the same name.
    """
    if name == MANIFEST_FILE and releases:
        return _check_manifest(body)
    model = None if name == MANIFEST_FILE else model_of(name)
    if model is None and name.startswith(ITEM_FOLDERS):
        msg = "in this folder are only the files of the contract; no one of them has this name"
        raise UnfitError(msg)
    document = model.from_bytes(body) if model else strict_json.parse(body)
    if isinstance(document, CompleteData):
        return document.metadata.timestamp
    if not model and not isinstance(document, dict | list):
        msg = f"the top of the document is {json.dumps(document)[:20]}, not an object or array"
        raise UnfitError(msg)
    return None


def _check_manifest(body: bytes) -> Manifest:
    try:
        return Manifest.from_bytes(body)
    except UnfitError as error:
        msg = f"{error}; if this is not the manifest of a release, deploy with Releases=false"
        raise UnfitError(msg) from error
