"""Outcomes in, events on the event bus out, for whoever follows the website. The only module that calls EventBridge."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import not_
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from distributor.outcomes import Copied, NotSent, Omission, Outcome
from distributor.settings import Location
from shared.contract import Counts, Manifest
from shared.contract.document import Timestamp
from shared.contract.schema import UntitledFields
from shared.text import printable

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef, PutEventsResultEntryTypeDef

SOURCE = "services-feed"  # EventBridge keeps sources that begin with "aws." for AWS
ENTRIES_PER_REQUEST = 10  # the most that PutEvents takes; an entry has at most 6 of the 256 KB of a request
PAUSES = (0.2, 0.8)  # seconds before what EventBridge could not take is tried again
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
_TEMPORARY = {"InternalFailure", "ThrottlingException"}


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


def _optional(default: str | int, description: str) -> Any:  # noqa: ANN401 - like pydantic's Field
    """A field that the event leaves out where it has this value."""
    return Field(default=default, exclude_if=not_, description=description, json_schema_extra=_without_default)


class EventDetail(BaseModel):
    """What every event tells."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)
    DETAIL_TYPE: ClassVar[str]

    bucket: str = Field(description="Bucket of the website.")
    key: str = Field(description="Key of the file in this bucket; of a release, that of its manifest.")
    url: str = _optional("", "Public address of this file. Missing if the stack has no SiteUrl.")
    release: str = _optional("", "Release that it belongs to. Missing if it belongs to none.")
    correlation_id: str = _optional("", "Run that wrote the source, else the request that did. Missing if unknown.")


class FilePublished(EventDetail):
    """A file of the website was written, or may have been. The event may come more than once, and in any order."""

    DETAIL_TYPE = "File Published"

    etag: str = _optional("", "ETag of the source file, without quotes. Missing if it is uncertain what was written.")
    bytes: int = _optional(0, "Size of the file. Missing if it is uncertain what was written.")


class Summary(BaseModel):
    """What matters in a manifest, in a bounded number of bytes."""

    model_config = EventDetail.model_config

    time: Timestamp = Field(description="When the data of the release was read. ISO 8601, in UTC.")
    path: str = Field(description="Folder of the release, relative to the manifest.")
    files: int = Field(description="Number of files.")
    bytes: int = Field(description="Size of all files together.")
    counts: Counts
    stale_regions: int = Field(description="Number of regions whose data is of an earlier run.")
    latest_change: str = _optional("", "Newest entry of the log of changes, cut if it is long. Missing without one.")
    next_expected: Timestamp | None = Field(description="When the next run will have ended; null if that is unknown.")


class ReleasePublished(EventDetail):
    """A release is on the website, and the manifest that names it. The event may come more than once."""

    DETAIL_TYPE = "Release Published"

    release: str = Field(description="Name of the release. Names sort by time.")
    summary: Summary


EVENTS: tuple[type[EventDetail], ...] = (FilePublished, ReleasePublished)


@dataclass(frozen=True, slots=True)
class EventBus:
    """Gets an event for every file that was written, or may have been, on the website. Replicas get none.

    `site_url`: public address of the prefix, with a slash at the end; empty if unknown.
    """

    client: "EventBridgeClient"
    name: str
    website: Location
    site_url: str
    sleep: Callable[[float], None] = time.sleep

    def put(self, outcomes: Iterable[Outcome]) -> list[NotSent]:
        """Put an event for each file that a copy has written, also if the outcome is another, and for each release.

        An earlier pass, or a request without an answer, may have written it. Never raises; returns what was not put.
        """
        written = {
            outcome.landed.name: outcome
            for outcome in outcomes
            if outcome.landed and outcome.landed.destination == self.website
        }
        events = [(outcome, detail) for name, outcome in written.items() for detail in self._details(name, outcome)]
        reasons = self._put([self._entry(detail) for _, detail in events])
        return [
            NotSent(outcome.key, Omission.NOT_ANNOUNCED, reason)
            for (outcome, _), reason in zip(events, reasons, strict=True)
            if reason
        ]

    def _details(self, name: str, outcome: Outcome) -> Iterator[EventDetail]:
        place: dict[str, Any] = {
            "bucket": self.website.bucket,
            "key": f"{self.website.prefix}/{name}",
            "url": self.site_url and f"{self.site_url}{quote(name)}",
            "correlation_id": outcome.correlation_id,
        }
        if not isinstance(outcome, Copied):
            yield FilePublished(**place)
            return
        yield FilePublished(**place, release=outcome.release, etag=outcome.etag.strip('"'), bytes=outcome.size)
        if outcome.manifest:
            yield ReleasePublished(**place, release=outcome.manifest.release, summary=_summary(outcome.manifest))

    def _entry(self, detail: EventDetail) -> "PutEventsRequestEntryTypeDef":
        return {
            "Source": SOURCE,
            "DetailType": detail.DETAIL_TYPE,
            "Detail": detail.model_dump_json(by_alias=True),
            "EventBusName": self.name,
        }

    def _put(self, entries: Sequence["PutEventsRequestEntryTypeDef"]) -> list[str]:
        """Why each entry was not taken; empty if it was. After a temporary error an entry is tried again by itself."""
        answers = self._request(entries)
        for pause in PAUSES:
            again = [number for number, answer in enumerate(answers) if answer.get("ErrorCode") in _TEMPORARY]
            if not again:
                break
            self.sleep(pause)
            for number, answer in zip(again, self._request([entries[number] for number in again]), strict=True):
                answers[number] = answer
        return ["" if answer.get("EventId") else _reason(answer) for answer in answers]

    def _request(self, entries: Sequence["PutEventsRequestEntryTypeDef"]) -> list["PutEventsResultEntryTypeDef"]:
        """An answer for each entry; after a request that failed as a whole, no more are sent."""
        answers: list[PutEventsResultEntryTypeDef] = []
        try:
            for start in range(0, len(entries), ENTRIES_PER_REQUEST):
                batch = entries[start : start + ENTRIES_PER_REQUEST]
                answered = self.client.put_events(Entries=batch)["Entries"]
                answers += answered
                answers.extend({} for _ in batch[len(answered) :])
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            refusal: PutEventsResultEntryTypeDef = {"ErrorCode": type(error).__name__, "ErrorMessage": str(error)}
            answers += [refusal] * (len(entries) - len(answers))
        return answers


def _summary(manifest: Manifest) -> Summary:
    latest = manifest.latest_change
    return Summary(
        time=manifest.time,
        path=manifest.path,
        files=len(manifest.files),
        bytes=sum(file.size for file in manifest.files),
        counts=manifest.counts,
        stale_regions=len(manifest.stale_regions),
        latest_change=printable(latest.summary) if latest else "",
        next_expected=manifest.next_expected,
    )


def _reason(answer: "PutEventsResultEntryTypeDef") -> str:
    return f"{answer.get('ErrorCode', 'EventBridge gave no answer')}: {answer.get('ErrorMessage', '')}"


def schemas() -> Mapping[str, str]:
    """The JSON Schema of each event as subscribers get it, by its file's name; the same models give the same text.

    Draft 4, which EventBridge's schema registry takes. A later version may add fields.
    """
    return {f"{event.DETAIL_TYPE.lower().replace(' ', '-')}.schema.json": _schema(event) for event in EVENTS}


def _schema(event: type[EventDetail]) -> str:
    detail = event.model_json_schema(
        mode="serialization", schema_generator=UntitledFields, ref_template="#/definitions/{model}"
    )
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": event.DETAIL_TYPE,
        "description": detail.pop("description"),
        "type": "object",
        "required": ["source", "detail-type", "detail"],
        "properties": {"source": {"enum": [SOURCE]}, "detail-type": {"enum": [event.DETAIL_TYPE]}, "detail": detail},
        "definitions": detail.pop("$defs", {}),
    }
    return json.dumps(schema, indent=2) + "\n"
