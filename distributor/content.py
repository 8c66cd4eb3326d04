"""Checks the bytes of a file: returns the time that its data states, or raises UnfitError. Pure."""

import json
from datetime import datetime

from shared import strict_json
from shared.contract import CompleteData, model_of
from shared.strict_json import UnfitError


def check(name: str, body: bytes) -> datetime | None:
    """Require strict JSON with an object or array at the top; a file of the contract must also match its model.

    Returns the time when the complete data was read from SSM, as these bytes state it; None for every other file.
    """
    model = model_of(name)
    document = model.from_bytes(body) if model else strict_json.parse(body)
    if isinstance(document, CompleteData):
        return document.metadata.timestamp
    if not model and not isinstance(document, dict | list):
        msg = f"the top of the document is {json.dumps(document)[:20]}, not an object or array"
        raise UnfitError(msg)
    return None
