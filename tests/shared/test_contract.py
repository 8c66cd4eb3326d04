import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from shared import contract
from shared.strict_json import UnfitError

NOW = "2026-11-23T02:00:00Z"
REGION = {
    "code": "eu-west-3",
    "name": "Europe (Paris)",
    "availabilityZones": 1,
    "launchDate": None,
    "blogUrl": None,
    "partition": "aws",
    "domain": "amazonaws.com",
    "country": "FR",
    "geography": "FR-IDF",
    "zones": {"availability": ["euw3-az1"], "local": [], "wavelength": ["euw3-cmn1-wlz1"]},
}
REGIONS = {
    "count": 2,
    "regions": [REGION, {**REGION, "code": "us-east-1"}],
    "source": "ssm",
    "timestamp": NOW,
}
SERVICES = {
    "count": 2,
    "services": [
        {"code": "ec2", "name": "Amazon EC2", "homeUrl": "https://aws.amazon.com/ec2", "regions": 2},
        {"code": "s3", "name": "Amazon S3", "homeUrl": None, "regions": 1},
    ],
    "source": "ssm",
    "timestamp": NOW,
}
COMPLETE: dict[str, Any] = {
    "metadata": {
        "timestamp": NOW,
        "tool": "aws-services-feed",
        "version": "1.3.0",
        "runId": "run-1",
        "counts": {"regions": 2, "services": 2, "regionServices": 3},
        "staleRegions": [],
    },
    "regions": REGIONS,
    "services": {"count": 2, "services": ["ec2", "s3"], "source": "ssm", "timestamp": NOW},
    "servicesByRegion": {
        "byRegion": {
            "eu-west-3": {"regionCode": "eu-west-3", "serviceCount": 1, "services": ["ec2"], "lastFetched": NOW},
            "us-east-1": {"regionCode": "us-east-1", "serviceCount": 2, "services": ["ec2", "s3"], "lastFetched": NOW},
        },
        "summary": {
            "totalRegions": 2,
            "totalServices": 2,
            "averageServicesPerRegion": 2,
            "cachedRegions": 0,
            "fetchedRegions": 2,
            "timestamp": NOW,
            "lastUpdated": NOW,
        },
        "knownSince": "2026-11-20",
        "firstSeen": {
            "regions": {"us-east-1": {"after": "2026-11-20", "before": "2026-11-22"}},
            "services": {"gone": "2026-11-21", "s3": "2026-11-22"},
            "pairs": {"us-east-1": {"gone": "2026-11-21", "s3": {"before": "2026-11-20"}}},
        },
        "lastSeen": {
            "regions": {"mars-1": "2026-11-21"},
            "services": {"gone": {"after": "2026-11-21", "before": "2026-11-23"}},
            "pairs": {"us-east-1": {"gone": {"after": "2026-11-21", "before": "2026-11-23"}}},
        },
    },
}
SERVICE_REGIONS = {
    "metadata": COMPLETE["metadata"],
    "byService": {
        "ec2": {"serviceCode": "ec2", "name": "Amazon EC2", "regionCount": 2, "regions": ["eu-west-3", "us-east-1"]},
        "s3": {"serviceCode": "s3", "name": "Amazon S3", "regionCount": 1, "regions": ["us-east-1"]},
    },
}
CHANGES: dict[str, list[Any]] = {
    "newServices": [{"code": "ec2", "name": "Amazon EC2"}, {"code": "s3", "name": "Amazon S3"}],
    "newRegionalServices": [{"region": "eu-west-3", "service": "ec2"}, {"region": "us-east-1", "service": "ec2"}],
    "newRegions": [{"code": "eu-west-3", "name": "Europe (Paris)"}, {"code": "us-east-1", "name": "us-east-1"}],
    "removedServices": [{"code": "a", "name": "A"}, {"code": "b", "name": "b"}],
    "removedRegionalServices": [{"region": "eu-west-3", "service": "a"}, {"region": "eu-west-3", "service": "b"}],
    "removedRegions": [{"code": "mars-1", "name": "Mars"}, {"code": "mars-2", "name": "Mars"}],
    "renamed": [
        {"kind": "region", "code": "z", "from": "Old", "to": "New"},
        {"kind": "service", "code": "a", "from": "Old", "to": "New"},
    ],
    "zoneChanges": [
        {"region": "eu-west-3", "kind": "availability", "added": ["euw3-az1"], "removed": []},
        {"region": "eu-west-3", "kind": "local", "added": [], "removed": ["l1", "l2"]},
    ],
}
HISTORY = {
    "metadata": {
        "created": "2026-11-20",
        "lastUpdated": "2026-11-23",
        "totalRegions": 2,
        "totalServices": 2,
        "totalRegionalServices": 3,
        "changesSinceInception": {"newRegions": 2, "newServices": 2, "newRegionalServices": 2},
    },
    "changeLog": [
        {
            "date": "2026-11-23",
            "summary": "Much.",
            "changes": CHANGES,
            "after": "2026-11-21",
            "regionsAfter": {"eu-west-3": "2026-11-20"},
        },
        {"date": "2026-11-20", "summary": "Baseline.", "changes": {name: [] for name in CHANGES}},
    ],
    "earlier": [
        {
            "file": "change-history-2025.json",
            "oldest": "2025-11-22",
            "newest": "2025-11-23",
            "additions": {"newRegions": 2, "newServices": 2, "newRegionalServices": 2},
        }
    ],
}
YEAR = {
    "year": 2025,
    "changeLog": [
        {"date": "2025-11-23", "summary": "Much.", "changes": CHANGES},
        {"date": "2025-11-22", "summary": "More.", "changes": CHANGES},
    ],
}
FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Changes",
    "home_page_url": "https://your.site/",
    "feed_url": "https://your.site/data/change-feed.json",
    "description": "By day.",
    "items": [
        {"id": "2", "title": "Much.", "content_text": "Much.", "date_published": NOW, "tags": ["newRegions"]},
        {"id": "1", "title": "Less.", "content_text": "Less.", "date_published": NOW, "tags": []},
    ],
}
MANIFEST: dict[str, Any] = {
    "version": "1.3.0",
    "release": "20261123T020000Z-9f3c2a1b",
    "time": NOW,
    "path": "releases/20261123T020000Z-9f3c2a1b/",
    "files": [
        {"name": "regions.json", "bytes": 12, "sha256": "0" * 64, "contentType": "application/json"},
        {"name": "services.json", "bytes": 12, "sha256": "f" * 64, "contentType": "application/json"},
    ],
    "counts": {"regions": 2, "services": 2, "regionServices": 3},
    "staleRegions": [],
    "latestChange": {"date": "2026-11-23", "summary": "Much."},
    "nextExpected": "2026-11-24T02:05:00Z",
}
REGION_ITEM: dict[str, Any] = {
    "code": "us-east-1",
    "name": "US East (N. Virginia)",
    "firstSeen": {"before": "2026-11-20"},
    "partition": "aws",
    "domain": None,
    "country": None,
    "geography": None,
    "launchDate": None,
    "blogUrl": None,
    "zones": {"availability": ["use1-az1"], "local": [], "wavelength": []},
    "services": [
        {"code": "ec2", "name": "Amazon EC2", "firstSeen": {"after": "2026-11-20", "before": "2026-11-22"}},
        {"code": "s3", "name": "Amazon S3", "firstSeen": {"before": "2026-11-20"}},
    ],
    "gone": [{"code": "gone", "name": "gone", "firstSeen": "2026-11-21", "lastSeen": "2026-11-22"}],
    "changes": [
        {"date": "2026-11-23", "kind": "removed", "what": ["gone"]},
        {"date": "2026-11-22", "after": "2026-11-20", "kind": "added", "what": ["ec2"]},
        {"date": "2026-11-22", "after": "2026-11-20", "kind": "renamed", "what": ["US East", "US East (N. Virginia)"]},
    ],
    "earlier": "change-history.json",
}
SERVICE_ITEM: dict[str, Any] = {
    "code": "gone",
    "name": "gone",
    "firstSeen": "2026-11-21",
    "lastSeen": "2026-11-22",
    "homeUrl": None,
    "regions": [],
    "gone": [{"code": "us-east-1", "name": "US East", "firstSeen": "2026-11-21", "lastSeen": "2026-11-22"}],
    "changes": [],
    "announcements": [{"id": "1", "title": "It goes", "link": "https://aws.amazon.com/x", "pubDate": NOW}],
}
INDEX: dict[str, Any] = {
    "knownSince": "2026-11-20",
    "regions": [
        {
            "code": "a/b",
            "name": "a/b",
            "firstSeen": None,
            "path": "regions/a_2Fb.json",
            "feed": "regions/a_2Fb.feed.json",
        }
    ],
    "services": [
        {
            "code": code,
            "name": code,
            "firstSeen": "2026-11-21",
            "lastSeen": "2026-11-22",
            "path": f"services/{code}.json",
            "feed": f"services/{code}.feed.json",
        }
        for code in ("ec2", "gone")
    ],
}
ANNOUNCEMENTS: dict[str, Any] = {
    "metadata": {
        "timestamp": NOW,
        "source": "https://aws.amazon.com/about-aws/whats-new/recent/feed/",
        "feedLastBuildDate": "Mon, 23 Nov 2026 01:55:00 GMT",
        "tool": "aws-services-feed",
        "version": "1.4.0",
        "count": 2,
    },
    "announcements": [
        {
            "id": "2",
            "title": "Amazon S3 does more",
            "summary": "It does more.",
            "link": "https://aws.amazon.com/about-aws/whats-new/2026/11/s3-more/",
            "pubDate": "2026-11-22T17:00:00Z",
            "pubDateFormatted": "Nov 22, 2026",
            "categories": ["general:products/amazon-s3", "marketing:marchitecture/storage"],
            "htmlContent": "<p>It does more.</p>",
        },
        {
            "id": "1",
            "title": "AWS does less",
            "summary": "",
            "link": "https://aws.amazon.com/about-aws/whats-new/2026/11/less",
            "pubDate": "2026-11-09T02:00:00Z",
            "pubDateFormatted": "Nov 9, 2026",
            "categories": [],
            "htmlContent": "",
        },
    ],
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "regions.json": REGIONS,
    "services.json": SERVICES,
    "service-regions.json": SERVICE_REGIONS,
    "complete-data.json": COMPLETE,
    "change-history.json": HISTORY,
    "change-feed.json": FEED,
    "change-history-2025.json": YEAR,
    "manifest.json": MANIFEST,
    "regions/us-east-1.json": REGION_ITEM,
    "regions/us-east-1.feed.json": FEED,
    "services/s3.json": SERVICE_ITEM,
    "index.json": INDEX,
    "aws-whats-new.json": ANNOUNCEMENTS,
}


def model_named(name: str) -> type[contract.Document]:
    model = contract.model_of(name)
    assert model
    return model


def encode(document: object) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_survives_reading_and_writing_byte_by_byte(name: str) -> None:
    body = encode(DOCUMENTS[name])

    again = model_named(name).from_bytes(body).to_bytes()

    assert again == (
        json.dumps(DOCUMENTS[name], separators=(",", ":")).encode() + b"\n" if name in ON_ONE_LINE else body
    )


ON_ONE_LINE = {"regions/us-east-1.json", "services/s3.json", "index.json"}  # there are many, or much is in it


def test_an_item_has_the_model_and_the_schema_of_its_folder() -> None:
    for name, model, schema in (
        ("regions/a_20b.json", contract.RegionItem, "region.schema.json"),
        ("services/S3.json", contract.ServiceItem, "service.schema.json"),
        ("services/S3.feed.json", contract.ChangeFeed, "change-feed.schema.json"),
        ("index.json", contract.ItemIndex, "index.schema.json"),
    ):
        assert contract.model_of(name) is model
        assert contract.schema_name(name) == schema


@pytest.mark.parametrize(
    "name", ["regions/a/b.json", "zones/a.json", "regions/.json", "regions/a.b.json", "a/index.json"]
)
def test_an_item_elsewhere_has_no_model(name: str) -> None:
    assert contract.model_of(name) is None


def test_a_file_of_a_year_has_the_same_model_and_schema_whatever_its_year_and_part() -> None:
    names = [contract.year_file(2025, 1), contract.year_file(2026, 12)]

    assert names == ["change-history-2025.json", "change-history-2026-12.json"]
    for name in names:
        assert contract.model_of(name) is contract.ChangeHistoryYear
        assert contract.schema_name(name) == "change-history-year.schema.json"


@pytest.mark.parametrize(
    "name",
    ["change-history-25.json", "change-history-2025-.json", "my-change-history-2025.json", "change-history-٢٠٢٥.json"],
)
def test_a_file_with_another_name_has_no_model(name: str) -> None:
    assert contract.model_of(name) is None


def test_keys_that_are_not_known_are_ignored() -> None:
    later = {**REGIONS, "addedLater": [1, 2]}

    assert contract.Regions.from_bytes(encode(later)).to_bytes() == encode(REGIONS)


def test_names_other_than_those_of_the_contract_do_not_count() -> None:
    snake = {**SERVICES, "services": [{"code": "s3", "name": "S3", "home_url": "https://x", "regions": 0}], "count": 1}

    assert contract.Services.from_bytes(encode(snake)).services[0].home_url is None


def changed(document: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> bytes:
    copy = deepcopy(document)
    change(copy)
    return encode(copy)


BREACHES: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
    "a count of regions": ("regions.json", lambda d: d.update(count=3), "count is 3"),
    "a count of services": ("services.json", lambda d: d.update(count=1), "count is 1"),
    "no region": ("regions.json", lambda d: d.update(count=0, regions=[]), "at least 1"),
    "no service": ("services.json", lambda d: d.update(count=0, services=[]), "at least 1"),
    "unsorted regions": ("regions.json", lambda d: d["regions"].reverse(), "sorted"),
    "a region twice": ("regions.json", lambda d: d["regions"].__setitem__(1, d["regions"][0]), "sorted"),
    "unsorted services": ("services.json", lambda d: d["services"].reverse(), "sorted"),
    "a count of zones": ("regions.json", lambda d: d["regions"][0].update(availabilityZones=2), "availabilityZones"),
    "unsorted zones": ("regions.json", lambda d: d["regions"][0]["zones"].update(local=["b", "a"]), "sorted"),
    "an empty code": ("regions.json", lambda d: d["regions"][0].update(code=""), "at least 1"),
    "a time that is no UTC": ("regions.json", lambda d: d.update(timestamp="2026-11-23T02:00:00+01:00"), "ISO 8601"),
    "a time without a zone": ("regions.json", lambda d: d.update(timestamp="2026-11-23T02:00:00"), "ISO 8601"),
    "a time that is a number in text": ("regions.json", lambda d: d.update(timestamp="1700000000"), "ISO 8601"),
    "a time with a space": ("regions.json", lambda d: d.update(timestamp="2026-11-23 02:00:00Z"), "ISO 8601"),
    "a link that runs code": (
        "regions.json",
        lambda d: d["regions"][0].update(blogUrl="javascript:alert(1)"),
        "pattern",
    ),
    "a launch date without a time": (
        "regions.json",
        lambda d: d["regions"][0].update(launchDate="2020-01-01"),
        "pattern",
    ),
    "the average": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["summary"].update(averageServicesPerRegion=999),
        "rounded average",
    ),
    "a number as text": ("services.json", lambda d: d.update(count="2"), "valid integer"),
    "another source": ("regions.json", lambda d: d.update(source="guess"), "'ssm'"),
    "no metadata": ("complete-data.json", lambda d: d.pop("metadata"), "required"),
    "no services by region": ("complete-data.json", lambda d: d.pop("servicesByRegion"), "required"),
    "services as objects": (
        "complete-data.json",
        lambda d: d["services"].update(services=[{"code": "ec2"}, {"code": "s3"}]),
        "valid string",
    ),
    "a count of codes": ("complete-data.json", lambda d: d["services"].update(count=9), "count is 9"),
    "a version that is none": ("complete-data.json", lambda d: d["metadata"].update(version="1"), "pattern"),
    "a region without services": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["byRegion"].pop("us-east-1"),
        "exactly the codes",
    ),
    "services of an unknown region": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["byRegion"].update(mars=d["servicesByRegion"]["byRegion"]["us-east-1"]),
        "exactly the codes",
    ),
    "a region under another's key": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["byRegion"]["us-east-1"].update(regionCode="eu-west-3"),
        "equal its key",
    ),
    "a count of a region's services": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["byRegion"]["us-east-1"].update(serviceCount=1),
        "serviceCount is 1",
    ),
    "a service that is not listed": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["byRegion"]["us-east-1"].update(services=["ec2", "new"]),
        "lacks: ['new']",
    ),
    "the counts in metadata": (
        "complete-data.json",
        lambda d: d["metadata"]["counts"].update(regionServices=4),
        "metadata.counts",
    ),
    "the totals in summary": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["summary"].update(totalServices=1),
        "summary",
    ),
    "the number of carried over regions": (
        "complete-data.json",
        lambda d: d["metadata"].update(staleRegions=["us-east-1"]),
        "staleRegions has 1 codes, but cachedRegions is 0",
    ),
    "a carried over region that is not there": (
        "complete-data.json",
        lambda d: (
            d["metadata"].update(staleRegions=["mars"]),
            d["servicesByRegion"]["summary"].update(cachedRegions=1, fetchedRegions=1),
        ),
        "lacks: ['mars']",
    ),
    "days without the first of all": (
        "complete-data.json",
        lambda d: d["servicesByRegion"].pop("knownSince"),
        "must be there together",
    ),
    "a last day of what is there": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["lastSeen"]["services"].update(s3="2026-11-22"),
        "what is there",
    ),
    "a first day of what never was": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["firstSeen"]["pairs"].update(mars={"s3": "2026-11-22"}),
        "neither is there nor in lastSeen",
    ),
    "a last day before the first": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["firstSeen"]["services"].update(gone="2026-11-22"),
        "must not be after lastSeen",
    ),
    "a day between two looks on one day": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["firstSeen"]["regions"]["us-east-1"].update(after="2026-11-22"),
        "before the day in before",
    ),
    "a service under another's key": (
        "service-regions.json",
        lambda d: d["byService"]["s3"].update(serviceCode="ec2"),
        "equal its key",
    ),
    "a count of a service's regions": (
        "service-regions.json",
        lambda d: d["byService"]["s3"].update(regionCount=2),
        "regionCount is 2",
    ),
    "unsorted regions of a service": (
        "service-regions.json",
        lambda d: d["byService"]["ec2"]["regions"].reverse(),
        "sorted",
    ),
    "a number of services": ("service-regions.json", lambda d: d["byService"].pop("s3"), "numbers of services"),
    "a number of pairs": (
        "service-regions.json",
        lambda d: d["metadata"]["counts"].update(regionServices=2),
        "services and pairs",
    ),
    "more regions than there are": (
        "service-regions.json",
        lambda d: d["metadata"]["counts"].update(regions=1),
        "less than the regions",
    ),
    "days in the wrong order": ("change-history.json", lambda d: d["changeLog"].reverse(), "newest first"),
    "a look after the change": (
        "change-history.json",
        lambda d: d["changeLog"][0].update(after="2026-11-23"),
        "before",
    ),
    "a look at a region after the change": (
        "change-history.json",
        lambda d: d["changeLog"][0]["regionsAfter"].update({"eu-west-3": "2026-11-24"}),
        "must be before the date",
    ),
    "a day twice": ("change-history.json", lambda d: d["changeLog"][1].update(date="2026-11-23"), "one entry a day"),
    "an empty summary": ("change-history.json", lambda d: d["changeLog"][0].update(summary=" "), "pattern"),
    "unsorted files": ("manifest.json", lambda d: d["files"].reverse(), "sorted"),
    "no files": ("manifest.json", lambda d: d.update(files=[]), "at least 1"),
    "more files than a release may have": (
        "manifest.json",
        lambda d: d.update(files=[{**d["files"][0], "name": f"{number:04}.json"} for number in range(1001)]),
        "at most 1000",
    ),
    "a file in a folder": ("manifest.json", lambda d: d["files"][0].update(name="a/b.json"), "pattern"),
    "a file whose name starts with a dot": ("manifest.json", lambda d: d["files"][0].update(name="..json"), "pattern"),
    "a manifest that names itself": ("manifest.json", lambda d: d["files"][0].update(name="manifest.json"), "itself"),
    "a hash that is none": ("manifest.json", lambda d: d["files"][0].update(sha256="F" * 64), "pattern"),
    "a release of another time": (
        "manifest.json",
        lambda d: d.update(release="20261123T020001Z-9f3c2a1b", path="releases/20261123T020001Z-9f3c2a1b/"),
        "begin with the time",
    ),
    "a release that leaves its folder": ("manifest.json", lambda d: d.update(release="20261123T020000Z-.."), "pattern"),
    "another path": ("manifest.json", lambda d: d.update(path="releases/"), "path must be"),
    "a manifest that is too large to be kept": (
        "manifest.json",
        lambda d: d.update(staleRegions=[f"{number:09}" for number in range(100_000)]),
        "a manifest of over 1,000,000 bytes",
    ),
    "a year's days in the wrong order": (
        "change-history-2025.json",
        lambda d: d["changeLog"].reverse(),
        "newest first",
    ),
    "a day of another year": ("change-history-2025.json", lambda d: d.update(year=2024), "must be of the year"),
    "a year without days": ("change-history-2025.json", lambda d: d.update(changeLog=[]), "at least 1 item"),
    "earlier entries in an odd file": (
        "change-history.json",
        lambda d: d["earlier"][0].update(file="history.json"),
        "should match pattern",
    ),
    "a day with a time": (
        "change-history.json",
        lambda d: d["metadata"].update(created="2026-11-22T00:00:00Z"),
        "a date such as",
    ),
    "a day that is a number": ("change-history.json", lambda d: d["metadata"].update(created=20261122), "date"),
    "a day that never was": ("change-history.json", lambda d: d["metadata"].update(created="2026-02-30"), "range"),
    "another kind of zone": (
        "change-history.json",
        lambda d: d["changeLog"][0]["changes"]["zoneChanges"][0].update(kind="lunar"),
        "'wavelength'",
    ),
    "another version of JSON Feed": ("change-feed.json", lambda d: d.update(version="1.1"), "version/1.1"),
    "an address that is null": ("change-feed.json", lambda d: d.update(home_page_url=None), "valid string"),
    "an item twice": ("change-feed.json", lambda d: d["items"][0].update(id="1"), "unique"),
    "an item without text": ("change-feed.json", lambda d: d["items"][0].update(content_text=""), "pattern"),
    "services of a region in the wrong order": (
        "regions/us-east-1.json",
        lambda d: d["services"].reverse(),
        "what is there must be sorted",
    ),
    "a service that is there and gone": (
        "regions/us-east-1.json",
        lambda d: d["gone"][0].update(code="s3"),
        "gone names what is there",
    ),
    "changes of an item in the wrong order": (
        "regions/us-east-1.json",
        lambda d: d["changes"].reverse(),
        "newest first",
    ),
    "a kind of change that is none": (
        "regions/us-east-1.json",
        lambda d: d["changes"][0].update(kind="moved"),
        "'zonesRemoved'",
    ),
    "a region twice in a service": (
        "services/s3.json",
        lambda d: d["gone"].append(d["gone"][0]),
        "gone must be sorted",
    ),
    "an item in another folder": ("index.json", lambda d: d["regions"][0].update(path="../x.json"), "pattern"),
    "an index in the wrong order": ("index.json", lambda d: d["services"].reverse(), "services must be sorted"),
    "a count of announcements": ("aws-whats-new.json", lambda d: d["metadata"].update(count=3), "list has 2"),
    "announcements in the wrong order": ("aws-whats-new.json", lambda d: d["announcements"].reverse(), "newest first"),
    "an announcement twice": ("aws-whats-new.json", lambda d: d["announcements"][0].update(id="1"), "unique"),
    "an announcement that is too old": (
        "aws-whats-new.json",
        lambda d: d["announcements"][1].update(pubDate="2026-11-09T01:59:59Z"),
        "14 days before",
    ),
    "an announcement of tomorrow": (
        "aws-whats-new.json",
        lambda d: d["announcements"][0].update(pubDate="2026-11-23T02:00:01Z", pubDateFormatted="Nov 23, 2026"),
        "14 days before",
    ),
    "an announcement of another day": (
        "aws-whats-new.json",
        lambda d: d["announcements"][0].update(pubDateFormatted="Nov 21, 2026"),
        "the day of pubDate",
    ),
    "a summary that is none": ("aws-whats-new.json", lambda d: d["announcements"][0].update(summary="x" * 201), "200"),
    "a long title": ("aws-whats-new.json", lambda d: d["announcements"][0].update(title="x" * 301), "300"),
    "a long id": ("aws-whats-new.json", lambda d: d["announcements"][0].update(id="x" * 1001), "1000"),
    "a long link": (
        "aws-whats-new.json",
        lambda d: d["announcements"][0].update(link=f"https://aws.amazon.com/{'x' * 1000}"),
        "1000",
    ),
    "too many categories": ("aws-whats-new.json", lambda d: d["announcements"][0].update(categories=["x"] * 51), "50"),
    "an announcement elsewhere": (
        "aws-whats-new.json",
        lambda d: d["announcements"][0].update(link="https://aws.amazon.com.example/x"),
        "pattern",
    ),
    "more announcements than are kept": (
        "aws-whats-new.json",
        lambda d: d.update(announcements=[{**d["announcements"][0], "id": str(number)} for number in range(101)]),
        "at most 100",
    ),
    "fetched and cached regions": (
        "complete-data.json",
        lambda d: d["servicesByRegion"]["summary"].update(cachedRegions=1),
        "add up",
    ),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_of_the_contract_is_named(breach: str) -> None:
    name, change, words = BREACHES[breach]

    with pytest.raises(UnfitError, match=r"(?s).*" + words.replace("[", r"\[").replace("]", r"\]")):
        model_named(name).from_bytes(changed(DOCUMENTS[name], change))


@pytest.mark.parametrize("name", CHANGES)
def test_every_list_of_changes_must_be_sorted(name: str) -> None:
    unsorted = changed(HISTORY, lambda d: d["changeLog"][0]["changes"][name].reverse())

    with pytest.raises(UnfitError, match=f"{name} must be sorted"):
        contract.ChangeHistory.from_bytes(unsorted)


def test_a_time_made_by_code_must_be_in_utc_too() -> None:
    paris = datetime(2026, 11, 23, 3, tzinfo=timezone(timedelta(hours=1)))

    with pytest.raises(ValidationError, match="must be in UTC"):
        contract.ServiceCodes(count=1, services=("s3",), source="ssm", timestamp=paris)


def test_a_launch_date_as_the_feed_writes_it_is_taken() -> None:
    launched = {**REGION, "launchDate": "Wed, 25 Aug 2006 00:00:00 GMT", "blogUrl": "https://aws.amazon.com/blogs/x"}

    assert contract.Region.from_bytes(encode(launched)).launch_date


def test_a_file_of_nothing_but_errors_is_refused_at_the_first() -> None:
    with pytest.raises(UnfitError, match=r"in \d place\(s\)"):
        contract.Regions.from_bytes(b'{"regions": [' + b"{}," * 100_000 + b"{}]}")


def test_a_file_of_the_first_version_may_have_carried_over_regions_without_naming_them() -> None:
    def as_first(document: dict[str, Any]) -> None:
        del document["metadata"]["staleRegions"]
        document["servicesByRegion"]["summary"].update(cachedRegions=1, fetchedRegions=1)

    assert contract.CompleteData.from_bytes(changed(COMPLETE, as_first)).metadata.stale_regions == ()


@pytest.mark.parametrize("kind", ["regions", "services", "pairs"])
def test_days_of_nothing_but_errors_are_refused_at_the_first(kind: str) -> None:
    wrong = {f"{number}": {"x": 1} for number in range(4000)}
    body = changed(COMPLETE, lambda d: d["servicesByRegion"]["firstSeen"].update({kind: wrong}))

    with pytest.raises(UnfitError, match=r"in \d place\(s\)"):
        contract.CompleteData.from_bytes(body)


def test_a_log_that_knows_no_removals_is_taken() -> None:
    def as_before(document: dict[str, Any]) -> None:
        for entry in document["changeLog"]:
            entry["changes"] = {"newServices": [], "newRegionalServices": [], "newRegions": []}

    assert contract.ChangeHistory.from_bytes(changed(HISTORY, as_before)).change_log[0].changes == contract.Changes()


def test_what_was_undone_is_kept_and_left_out_where_there_is_none() -> None:
    kept = encode({**HISTORY, "undone": CHANGES})

    assert contract.ChangeHistory.from_bytes(kept).to_bytes() == kept


def test_addresses_that_are_not_known_are_left_out_of_the_feed() -> None:
    unknown = encode({name: value for name, value in FEED.items() if not name.endswith("_url")})

    assert contract.ChangeFeed.from_bytes(unknown).to_bytes() == unknown


def test_a_log_of_nothing_but_errors_is_refused_at_the_first() -> None:
    with pytest.raises(UnfitError, match=r"in \d place\(s\)"):
        contract.ChangeHistory.from_bytes(b'{"changeLog": [' + b"{}," * 100_000 + b"{}]}")


def test_no_validator_of_a_file_is_built_before_the_file_is_seen() -> None:
    built = "from shared.contract import MODELS; print([model.__pydantic_complete__ for model in MODELS.values()])"

    ended = subprocess.run([sys.executable, "-c", built], capture_output=True, text=True, check=True)

    assert set(json.loads(ended.stdout.lower())) == {False}
