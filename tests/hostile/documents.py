"""Documents that are meant to fill the memory, to take long, or to be taken for what they are not."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from shared.contract import FILES
from shared.strict_json import MAX_BYTES
from tests.hostile.judge import Judge

NODES = 1_000_000
MODEL_NODES = 300_000
NOW = "2026-11-23T02:00:00Z"


def repeated(unit: bytes, start: bytes = b"[", end: bytes = b"]", times: int | None = None) -> bytes:
    """`start`, the unit with commas between, `end`; ten million bytes unless `times` is given."""
    times = times or (MAX_BYTES - len(start) - len(end)) // (len(unit) + 1)
    return start + b",".join([unit] * times) + end


def numbered(pattern: bytes, times: int, start: bytes = b"[", end: bytes = b"]") -> bytes:
    """The same with a number in each unit, so that none equals another."""
    return start + b",".join(pattern % number for number in range(times)) + end


def padded(body: bytes) -> bytes:
    """The document with space after it, up to ten million bytes."""
    return body + b" " * (MAX_BYTES - len(body))


ANY: Mapping[str, Callable[[], bytes]] = {
    "brackets": lambda: b"[" * (MAX_BYTES // 2) + b"]" * (MAX_BYTES // 2),
    "brackets that only open": lambda: b"[" * MAX_BYTES,
    "brackets that only close": lambda: b"]" * MAX_BYTES,
    "objects in objects": lambda: b'{"a":' * (MAX_BYTES // 6) + b"1" + b"}" * (MAX_BYTES // 6),
    "as deep as allowed": lambda: repeated(b"[" * 99 + b"]" * 99, times=9_000),
    "empty lists": lambda: repeated(b"[]"),
    "empty objects": lambda: repeated(b"{}"),
    "empty lists, as many as allowed": lambda: padded(repeated(b"[]", times=NODES // 2)),
    "empty objects, as many as allowed": lambda: padded(repeated(b"{}", times=NODES // 2)),
    "lists of one": lambda: padded(repeated(b"[1]", times=NODES // 2)),
    "objects of one, each name new": lambda: padded(numbered(b'{"%d":1}', NODES // 3)),
    "objects in objects, each name new": lambda: padded(
        repeated(b"".join(b'{"%d":' % n for n in range(98)) + b"1" + b"}" * 98, times=NODES // 197)
    ),
    "numbers": lambda: repeated(b"1"),
    "numbers, as many as allowed": lambda: padded(repeated(b"1.5", times=NODES)),
    "integers of 300 digits": lambda: repeated(b"1" * 300),
    "an integer of ten million digits": lambda: b"[" + b"1" * (MAX_BYTES - 2) + b"]",
    "a number beyond a double": lambda: b"[1e999]",
    "names": lambda: numbered(b'"%07d":1', MAX_BYTES // 12, b"{", b"}"),
    "names beyond the first plane, as many as allowed": lambda: padded(
        numbered('"😀%d":1'.encode(), NODES // 2, b"{", b"}")
    ),
    "names, as many as allowed": lambda: padded(numbered(b'"%d":1', NODES // 2, b"{", b"}")),
    "a name twice, spelt in two ways": lambda: b'{"a":1,"\\u0061":2}',
    "a name twice among many": lambda: padded(numbered(b'"%d":1', 400_000, b"{", b',"7":1}')),
    "strings": lambda: repeated(b'"a"'),
    "strings, as many as allowed": lambda: padded(numbered(b'"%d"', NODES)),
    "strings beyond the first plane": lambda: padded(repeated('"😀"'.encode(), times=NODES)),
    "a string of ten million bytes": lambda: b'["' + b"a" * (MAX_BYTES - 4) + b'"]',
    "a long string with one wide character": lambda: b'["' + "😀".encode() + b"a" * (MAX_BYTES - 8) + b'"]',
    "a string of escapes": lambda: b'["' + b"\\n" * (MAX_BYTES // 2 - 2) + b'"]',
    "a string of backslashes without an end": lambda: b'"' + b"\\" * (MAX_BYTES - 1),
    "a string of brackets": lambda: b'["' + b"[{,:" * (MAX_BYTES // 4 - 1) + b'"]',
    "strings without an end": lambda: b'"a' * (MAX_BYTES // 2),
    "surrogate pairs": lambda: b'["' + b"\\ud83d\\ude00" * (MAX_BYTES // 12 - 1) + b'"]',
    "half of a surrogate pair": lambda: b'["\\ud83d"]',
    "half of a surrogate pair in a name": lambda: b'{"\\udc00":1}',
    "half of a surrogate pair behind many": lambda: b'["' + b"\\ud83d\\ude00" * 800_000 + b'\\ud83d"]',
    "white space": lambda: b" " * MAX_BYTES,
    "white space within": lambda: b"[" + b" " * (MAX_BYTES - 2) + b"]",
    "zeros": lambda: bytes(MAX_BYTES),
    "not UTF-8 at the end": lambda: b'["' + b"a" * (MAX_BYTES - 5) + b'\xff"]',
    "one byte too many": lambda: padded(b"[]") + b" ",
}
"""Fit for no file of the contract."""

FIT = {
    *("as deep as allowed", "lists of one", "objects of one, each name new", "objects in objects, each name new"),
    *("empty lists, as many as allowed", "empty objects, as many as allowed", "numbers, as many as allowed"),
    *("integers of 300 digits", "names, as many as allowed", "strings, as many as allowed", "a string of escapes"),
    *("strings beyond the first plane", "a string of ten million bytes", "a long string with one wide character"),
    *("a string of brackets", "surrogate pairs", "white space within", "a list of empty regions"),
    *("a list of empty services", "a list of empty items", "a log of empty lists", "regions without lists"),
    *("services without regions", "regions without lists, one too many"),
    *("a service whose code is ten million bytes to escape", "names beyond the first plane, as many as allowed"),
    "names of 2 kB, each with four errors",
}
"""What an ordinary file may hold."""


def encoded(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def regions(codes: Iterable[str], zones: Iterable[str] = ()) -> dict[str, Any]:
    availability = list(zones)
    places = {"availability": availability, "local": [], "wavelength": []}
    items = [{"code": code, "name": "", "availabilityZones": len(availability), "zones": places} for code in codes]
    return {"count": len(items), "regions": items, "source": "ssm", "timestamp": NOW}


def history(entries: list[dict[str, Any]]) -> dict[str, Any]:
    inception = {"newRegions": 0, "newServices": 0, "newRegionalServices": 0}
    totals = {"totalRegions": 0, "totalServices": 0, "totalRegionalServices": 0, "changesSinceInception": inception}
    return {"metadata": {"created": "2026-11-23", "lastUpdated": "2026-11-23", **totals}, "changeLog": entries}


def days(number: int) -> list[dict[str, Any]]:
    newest = date(2026, 11, 23)
    return [{"date": f"{newest - timedelta(days=n)}", "summary": "x", "changes": {}} for n in range(number)]


def pairs(number: int) -> list[dict[str, Any]]:
    found = [{"region": f"{n:06}", "service": "x"} for n in range(number)]
    return [{"date": "2026-11-23", "summary": "x", "changes": {"newRegionalServices": found}}]


def by_service(number: int, regions: list[str]) -> dict[str, Any]:
    entry = {"name": "x", "regionCount": len(regions), "regions": regions}
    codes = [f"{n:06}" for n in range(number)]
    counts = {"regions": len(regions), "services": number, "regionServices": number * len(regions)}
    metadata = {"timestamp": NOW, "tool": "aws-services-feed", "version": "1.1.0", "runId": "x", "counts": counts}
    return {"metadata": metadata, "byService": {code: {"serviceCode": code, **entry} for code in codes}}


def unprintable_code(length: int) -> bytes:
    """Services of which one breaks the contract, where its code is a part of the reason."""
    document = {**by_service(0, []), "byService": {"\xad" * length: {}}}
    return json.dumps(document, ensure_ascii=False).encode()


def went(number: int) -> dict[str, Any]:
    """Complete data with nothing but one pair, and the days of many that are no longer there."""
    counts = {"regions": 1, "services": 1, "regionServices": 1}
    summary = {"totalRegions": 1, "totalServices": 1, "averageServicesPerRegion": 1, "cachedRegions": 0}
    offer = {"regionCode": "x", "serviceCount": 1, "services": ["x"], "lastFetched": NOW}
    between = {"after": "2026-11-20", "before": "2026-11-23"}
    days = {f"{n:02}": {f"{m:04}": between for m in range(number // 12)} for n in range(12)}
    seen = {"regions": {}, "services": {}, "pairs": days}
    return {
        "metadata": {"timestamp": NOW, "tool": "aws-services-feed", "version": "1.4.0", "runId": "x", "counts": counts},
        "regions": regions(["x"]),
        "services": {"count": 1, "services": ["x"], "source": "ssm", "timestamp": NOW},
        "servicesByRegion": {
            "byRegion": {"x": offer},
            "summary": {**summary, "fetchedRegions": 1, "timestamp": NOW, "lastUpdated": NOW},
            "knownSince": "2022-02-12",
            "firstSeen": {"regions": {}, "services": {}, "pairs": {}},
            "lastSeen": seen,
        },
    }


MODELLED: Mapping[str, tuple[str, Callable[[], object]]] = {
    "regions": ("regions.json", lambda: regions(f"{n:06}" for n in range(MODEL_NODES // 19))),
    "zones": ("regions.json", lambda: regions(["x"], (f"{n:06}" for n in range(MODEL_NODES - 50)))),
    "services": (
        "services.json",
        lambda: {
            "count": MODEL_NODES // 7 - 9,
            "services": [{"code": f"{n:06}", "name": "x", "regions": 0} for n in range(MODEL_NODES // 7 - 9)],
            "source": "ssm",
            "timestamp": NOW,
        },
    ),
    "pairs": ("change-history.json", lambda: history(pairs(MODEL_NODES // 5 - 20))),
    "days": ("change-history.json", lambda: history(days(MODEL_NODES // 8 - 20))),
    "pairs that went": ("complete-data.json", lambda: went(MODEL_NODES // 6 - 40)),
    "services by code": ("service-regions.json", lambda: by_service(5000, [f"{n:03}" for n in range(48)])),
    "items": (
        "change-feed.json",
        lambda: {
            "version": "https://jsonfeed.org/version/1.1",
            "title": "x",
            "description": "x",
            "items": [
                {"id": f"{n}", "title": "x", "content_text": "x", "date_published": NOW}
                for n in range(MODEL_NODES // 9 - 20)
            ],
        },
    ),
}
"""As much as a file of the contract may hold, all of it right: by the file's name."""

EMPTY: Mapping[str, Callable[[], bytes]] = {
    "a list of empty regions": lambda: padded(encoded({"regions": [{}] * (MODEL_NODES // 2 - 9)})),
    "a list of empty services": lambda: padded(encoded({"services": [{}] * (MODEL_NODES // 2 - 9)})),
    "a list of empty items": lambda: padded(encoded({"items": [{}] * (MODEL_NODES // 2 - 9)})),
    "a log of empty lists": lambda: padded(encoded({"changeLog": [[]] * (MODEL_NODES // 2 - 9)})),
    "regions without lists": lambda: padded(
        encoded({"servicesByRegion": {"byRegion": {f"{n}": {} for n in range(5000)}}, "x": [{"a": 1}] * 90_000})
    ),
    "services without regions": lambda: padded(encoded({"byService": {f"{n}": {} for n in range(5000)}})),
    "a service whose code is ten million bytes to escape": lambda: unprintable_code(MAX_BYTES // 2 - 400),
    "names of 2 kB, each with four errors": lambda: encoded(
        {"servicesByRegion": {"byRegion": {f"{n:01960}": {} for n in range(5000)}}}
    ),
    "regions without lists, one too many": lambda: encoded(
        {"servicesByRegion": {"byRegion": {f"{n}": {} for n in range(5001)}}}
    ),
}
"""What breaks the contract in as many places as can be."""


@dataclass(frozen=True)
class Case:
    """A document under the name of a file, and whether it may be published."""

    title: str
    name: str
    build: Callable[[], bytes]
    fit: bool

    @property
    def promised(self) -> list[str]:
        """The outcomes of the document and the seven beside it: one is fit, and six are not."""
        return ["copied" if self.fit else "rejected", "copied", *["rejected"] * 6]

    def outcome(self, judge: Judge) -> list[str]:
        """The same as the limited process has found them."""
        answer = judge.ask("document", self.build(), self.name)
        return [answer["outcome"], *answer["others"]]

    def __str__(self) -> str:
        return f"{self.name}: {self.title}"


def cases() -> Iterator[Case]:
    """Every document under an ordinary name and those of the contract."""
    for title, build in {**ANY, **EMPTY}.items():
        for name in ("x.json", *FILES, "change-history-2025.json"):
            yield Case(title, name, build, name == "x.json" and title in FIT)
    for title, (name, document) in MODELLED.items():
        yield Case(title, name, partial(lambda build: encoded(build()), document), fit=True)


CASES = list(cases())
