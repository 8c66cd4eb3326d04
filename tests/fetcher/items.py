"""Small files of single regions and services, for states that have none."""

import json
from dataclasses import replace
from typing import Any

from fetcher.next_state import NextState, next_state


def next_state_with_items(*arguments: Any) -> NextState:
    """The next state, with items."""
    state = next_state(*arguments)
    return state if state.items else replace(state, items=_items(state))


def _items(state: NextState) -> dict[str, bytes]:
    data = state.documents.complete_data
    by_region = {code: entry.services for code, entry in data.services_by_region.by_region.items()}
    codes = {f"regions/{code}": [*services] for code, services in by_region.items()}
    for service in data.services.services:
        codes[f"services/{service}"] = [code for code, services in by_region.items() if service in services]
    items = {f"{name}{suffix}.json": {"codes": codes[name]} for name in codes for suffix in ("", ".feed")}
    return {name: json.dumps(item).encode() for name, item in {**items, "index.json": {"items": [*codes]}}.items()}
