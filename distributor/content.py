"""Checks the bytes of a file: returns what matters about it further on, or raises UnfitError. Pure."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from shared import strict_json
from shared.files import ITEM_FOLDERS, MANIFEST_FILE, kind_of
from shared.strict_json import UnfitError

if TYPE_CHECKING:
    from shared.contract import Document, Manifest


@dataclass(frozen=True, slots=True)
class Facts:
    """What matters about a file. `data_time`: when the complete data was read from SSM. `manifest`: of a release.

    Each is None for every other file.
    """

    data_time: datetime | None = None
    manifest: "Manifest | None" = None


def check(name: str, body: bytes, *, releases: bool = True) -> Facts:
    """Require strict JSON with an object or array at the top; a file of the contract must also match its model.

    Without `releases` a manifest is a file like any other. The folders of regions and services hold no other files: by
    default they are published, and somebody may keep private ones in a folder of the same name.
    """
    kind = kind_of(name)
    if kind and (releases or kind != MANIFEST_FILE):
        return _check_model(kind, body)
    if name.startswith(ITEM_FOLDERS):
        msg = "in this folder are only the files of the contract; no one of them has this name"
        raise UnfitError(msg)
    document = strict_json.parse(body)
    if not isinstance(document, dict | list):
        msg = f"the top of the document is {json.dumps(document)[:20]}, not an object or array"
        raise UnfitError(msg)
    return Facts()


def _check_model(kind: str, body: bytes) -> Facts:
    # Loaded with the first file of the contract: pydantic and the models are a third of what a start would import.
    from shared.contract import MODELS, CompleteData, Manifest  # noqa: PLC0415

    try:
        document: Document = MODELS[kind].from_bytes(body)
    except UnfitError as error:
        advice = "; if this is not the manifest of a release, deploy with Releases=false"
        msg = f"{error}{advice if kind == MANIFEST_FILE else ''}"
        raise UnfitError(msg) from error
    match document:
        case CompleteData():
            return Facts(data_time=document.metadata.timestamp)
        case Manifest():
            return Facts(manifest=document)
        case _:
            return Facts()
