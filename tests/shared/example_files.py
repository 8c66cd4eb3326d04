"""The files that the present code writes for a small world; `python -m tests.shared.example_files` keeps them.

Kept files are of one minor version. Once that is released they never change: a later version gets a folder of its own.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fetcher.documents import Documents, build_documents
from fetcher.history import build_feed, changes_by_item, known_by_log, merge, move_years, watch, with_days
from fetcher.items import ItemFacts, build_items
from fetcher.manifest import build_manifest
from shared import contract
from tests.fetcher.small_world import PARAMETERS, ROOT, read_catalogue

FOLDER = Path(__file__).parent / "fixtures"
YEAR = contract.year_file(2025, 1)
ITEMS = ("regions/us-east-1.json", "regions/us-east-1.feed.json", "services/s3.json", contract.INDEX_FILE)

THIRD_REGION = {
    f"{ROOT}/regions/ap-southeast-7{path}": value
    for path, value in {
        "": "ap-southeast-7",
        "/longName": "Asia Pacific (Thailand)",
        "/partition": "aws",
        "/domain": "amazonaws.com",
        "/geolocationCountry": "TH",
        "/geolocationRegion": "TH-10",
        "/availability-zones/apse7-az1": "apse7-az1",
        "/services/s3": "s3",
    }.items()
}
GONE = {
    f"{ROOT}/regions/us-east-1/services/gone": "gone",
    f"{ROOT}/regions/mars-1": "mars-1",
    f"{ROOT}/regions/mars-1/services/s3": "s3",
}
OLD_NAME = {f"{ROOT}/services/s3/longName": "Amazon S3"}
SITE_URL = "https://your.site/data/"
ANNOUNCEMENT = contract.ItemAnnouncement(
    id="1",
    title="Amazon S3 has more of everything",
    link="https://aws.amazon.com/about-aws/whats-new/2026/11/s3-more/",
    pub_date=datetime(2026, 11, 22, 17, tzinfo=UTC),
)
NOT_YET = {name for name in PARAMETERS if "GameLift" in name}


def _read(parameters: Mapping[str, str], day: int) -> Documents:
    now = datetime(2026, 11, day, 2, tzinfo=UTC)
    return build_documents(read_catalogue(dict(parameters), now), f"run-of-day-{day}", now)


def _last_year(history: contract.ChangeHistory) -> contract.ChangeHistoryYear:
    """The entries of the history, as if they were a year older."""
    years = ((entry, entry.date.year - 1, entry.after) for entry in history.change_log)
    log = tuple(
        entry.model_copy(
            update={"date": entry.date.replace(year=year), "after": after.replace(year=year) if after else None}
        )
        for entry, year, after in years
    )
    return contract.ChangeHistoryYear(year=log[0].date.year, change_log=log)


def example_files() -> dict[str, bytes]:
    """Every file of the contract, by name, after two runs between which there was a change of each kind."""
    then = {name: value for name, value in (PARAMETERS | GONE | OLD_NAME).items() if name not in NOT_YET}
    before, after = _read(then, 20), _read(PARAMETERS | THIRD_REGION, 23)
    history = merge(None, None, before, datetime(2026, 11, 20, tzinfo=UTC).date())
    history = merge(history, before, after, datetime(2026, 11, 23, tzinfo=UTC).date())
    year = _last_year(history)
    metadata = history.metadata.model_copy(update={"created": year.change_log[-1].date})
    log = (*history.change_log, *year.change_log)
    history = move_years(history.model_copy(update={"metadata": metadata, "change_log": log}), {YEAR: year}, after)
    history = merge(history, after, after, datetime(2026, 11, 23, tzinfo=UTC).date())
    feed = build_feed(history, after, SITE_URL)
    sights = watch({}, reversed(year.change_log), history.metadata.created)
    known = known_by_log(history, sights, None)
    complete_data = with_days(after.complete_data, known)
    facts = ItemFacts(
        documents=replace(after, complete_data=complete_data),
        changes=changes_by_item(history, sights),
        names={key: sight.name for key, sight in known.sights.items()},
        announcements={"s3": (ANNOUNCEMENT,)},
        earlier=contract.CHANGE_HISTORY_FILE,
    )
    items = build_items(facts, SITE_URL)
    documents: dict[str, contract.Document] = {
        contract.REGIONS_FILE: after.regions,
        contract.SERVICES_FILE: after.services,
        contract.SERVICE_REGIONS_FILE: after.service_regions,
        contract.COMPLETE_DATA_FILE: complete_data,
        contract.CHANGE_HISTORY_FILE: history,
        contract.CHANGE_FEED_FILE: feed,
        YEAR: year,
    }
    files = {name: document.to_bytes() for name, document in documents.items()}
    released = {name: body for name, body in files.items() if name != YEAR}
    manifest = build_manifest(after, released, history, "cron(0 2 * * ? *)")
    return {**files, contract.MANIFEST_FILE: manifest.to_bytes(), **{name: items[name] for name in ITEMS}}


if __name__ == "__main__":
    folder = FOLDER / contract.SCHEMA_VERSION
    folder.mkdir(exist_ok=True)
    for name, body in example_files().items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(body)
