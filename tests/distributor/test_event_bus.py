import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.parsers import ResponseParserError
from jsonschema import Draft4Validator
from moto import mock_aws

from cloud.template import ROOT
from distributor.event_bus import PAUSES, SOURCE, EventBus, schemas
from distributor.outcomes import Copied, Failed, Gone, NotSent, Omission, Outcome, Publish, Rejected
from distributor.settings import Location
from shared.contract import Manifest
from shared.contract.manifest import LatestChange
from tests.distributor.world import EVERY_KIND, HEADERS, WEBSITE, manifest_of, task
from tests.distributor.world import SOURCE as SOURCE_LOCATION

SITE = "https://your.site/data/"
SCHEMAS = {name: json.loads(text) for name, text in schemas().items()}


def copied(name: str = "x.json", run: str = "run-1") -> Copied:
    return Copied(task(name), '"e"', 2, 1, 0.1, run)


@dataclass
class Bus:
    """A bus whose only subscriber is a queue."""

    events: Any
    sqs: Any
    url: str

    def put(self, outcomes: list[Outcome], site_url: str = SITE, name: str = "feed") -> list[NotSent]:
        return EventBus(self.events, name, WEBSITE, site_url).put(outcomes)

    def received(self) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            received += [json.loads(message["Body"]) for message in messages]
        return received

    def details(self) -> list[dict[str, Any]]:
        return [event["detail"] for event in self.received()]


@pytest.fixture
def bus() -> Iterator[Bus]:
    with mock_aws():
        events, sqs = boto3.client("events"), boto3.client("sqs")
        events.create_event_bus(Name="feed")
        url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
        arn = "arn:aws:sqs:us-east-1:123456789012:subscriber"
        events.put_rule(Name="all", EventBusName="feed", EventPattern=json.dumps({"source": [SOURCE]}))
        events.put_targets(Rule="all", EventBusName="feed", Targets=[{"Id": "queue", "Arn": arn}])
        yield Bus(events, sqs, url)


def test_a_subscriber_gets_an_event_for_each_published_file_as_its_schema_says(bus: Bus) -> None:
    assert bus.put([copied("a b+日.json"), copied("y.json", run="")]) == []

    events = bus.received()
    assert [(event["source"], event["detail-type"]) for event in events] == [("services-feed", "File Published")] * 2
    assert [event["detail"] for event in events] == [
        {
            "bucket": "my-website",
            "key": "data/a b+日.json",
            "url": "https://your.site/data/a%20b%2B%E6%97%A5.json",
            "etag": "e",
            "bytes": 2,
            "correlationId": "run-1",
        },
        {"bucket": "my-website", "key": "data/y.json", "url": f"{SITE}y.json", "etag": "e", "bytes": 2},
    ]
    for event in events:
        Draft4Validator(SCHEMAS["file-published.schema.json"]).validate(event)


def test_a_published_manifest_is_announced_as_a_file_and_as_the_release_that_it_names(bus: Bus) -> None:
    manifest = Manifest.from_bytes(manifest_of({"a.json": b"[]", "b.json": b"[1]"}))
    latest = LatestChange(date=date(2026, 11, 24), summary="s3 came to \x1b\n" + "x" * 10**6)
    manifest = manifest.model_copy(update={"latest_change": latest, "stale_regions": ("a", "b")})

    bus.put([replace(copied("manifest.json"), release=manifest.release, manifest=manifest), copied("x.json")])

    file, release, other = bus.received()
    assert (file["detail-type"], file["detail"]["release"]) == ("File Published", manifest.release)
    assert (release["detail-type"], other["detail-type"]) == ("Release Published", "File Published")
    Draft4Validator(SCHEMAS["release-published.schema.json"]).validate(release)
    assert not Draft4Validator(SCHEMAS["release-published.schema.json"]).is_valid(file)
    change = release["detail"]["summary"].pop("latestChange")
    assert change.startswith("s3 came to \\x1b\\nxxx")
    assert len(change) < 1200
    assert release["detail"] == {
        "bucket": "my-website",
        "key": "data/manifest.json",
        "url": f"{SITE}manifest.json",
        "release": "20261124T020001Z-00000001",
        "correlationId": "run-1",
        "summary": {
            "time": "2026-11-24T02:00:01Z",
            "path": "releases/20261124T020001Z-00000001/",
            "files": 2,
            "bytes": 5,
            "counts": {"regions": 1, "services": 1, "regionServices": 1},
            "staleRegions": 2,
            "nextExpected": None,
        },
    }


def test_a_manifest_whose_release_was_not_published_is_announced_as_a_file_alone(bus: Bus) -> None:
    bus.put([copied("manifest.json")])

    assert [event["detail-type"] for event in bus.received()] == ["File Published"]


def test_without_the_websites_address_an_event_has_no_url(bus: Bus) -> None:
    bus.put([copied()], site_url="")

    assert [detail.keys() for detail in bus.details()] == [{"bucket", "key", "etag", "bytes", "correlationId"}]


def test_what_a_copy_has_written_is_announced_whatever_the_outcome_without_what_is_uncertain(bus: Bus) -> None:
    gone, unfit, failed = (task(f"{name}.json") for name in ("gone", "unfit", "failed"))

    bus.put(
        [
            *EVERY_KIND[1:],
            Gone(gone, "run-1", gone),
            Rejected(unfit.source_key, "why", landed=unfit),
            Failed(failed.source_key, "why", landed=failed),
        ]
    )

    assert bus.details() == [
        {"bucket": "my-website", "key": "data/gone.json", "url": f"{SITE}gone.json", "correlationId": "run-1"},
        {"bucket": "my-website", "key": "data/unfit.json", "url": f"{SITE}unfit.json"},
        {"bucket": "my-website", "key": "data/failed.json", "url": f"{SITE}failed.json"},
    ]


def test_a_file_has_one_event_and_its_replicas_have_none(bus: Bus) -> None:
    replicas = [
        Copied(Publish(SOURCE_LOCATION, Location(bucket, prefix), "x.json", HEADERS), '"e"', 2, 1, 0.1)
        for bucket, prefix in (("my-mirror", "data"), ("my-website", "beta"))
    ]

    bus.put([copied(), copied(run="run-2"), *replicas])

    assert [(detail["key"], detail["correlationId"]) for detail in bus.details()] == [("data/x.json", "run-2")]


def test_nothing_published_is_nothing_put() -> None:
    client = Mock()

    assert EventBus(client, "feed", WEBSITE, SITE).put(EVERY_KIND[1:]) == []
    assert client.mock_calls == []


@dataclass
class EventBridge:
    """Refuses the events of some files, each as often as it is told to, or fails as a whole."""

    refusals: dict[str, list[str]] = field(default_factory=dict)
    errors: list[Exception | None] = field(default_factory=list)
    requests: list[list[str]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def put_events(self, **request: Any) -> Any:
        names = [json.loads(entry["Detail"])["key"].removeprefix("data/") for entry in request["Entries"]]
        self.requests.append(names)
        if self.errors and (error := self.errors.pop(0)):
            raise error
        return {"Entries": [self._answer(name) for name in names]}

    def _answer(self, name: str) -> dict[str, str]:
        codes = self.refusals.get(name)
        return {"ErrorCode": codes.pop(0), "ErrorMessage": "no"} if codes else {"EventId": "1"}

    def bus(self) -> EventBus:
        return EventBus(self, "feed", WEBSITE, SITE, self.pauses.append)  # type: ignore[arg-type]


def not_announced(name: str, reason: str) -> NotSent:
    return NotSent(f"aws-data/{name}", Omission.NOT_ANNOUNCED, reason)


def test_a_storm_of_files_makes_requests_of_ten_events_and_no_pause() -> None:
    fake = EventBridge()

    assert fake.bus().put(copied(f"{number}.json") for number in range(1005)) == []
    assert [len(names) for names in fake.requests] == [10] * 100 + [5]
    assert fake.pauses == []


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure"])
def test_only_the_events_that_were_not_taken_are_put_again(code: str) -> None:
    fake = EventBridge({"b.json": [code], "c.json": [code, code]})

    assert fake.bus().put(map(copied, ("a.json", "b.json", "c.json"))) == []
    assert fake.requests == [["a.json", "b.json", "c.json"], ["b.json", "c.json"], ["c.json"]]
    assert fake.pauses == list(PAUSES)


def test_what_is_not_taken_after_three_tries_is_handed_back_with_the_source_key_and_the_reason() -> None:
    fake = EventBridge({"b.json": ["InternalFailure", "ThrottlingException", "ThrottlingException", "none"]})

    assert fake.bus().put(map(copied, ("a.json", "b.json"))) == [not_announced("b.json", "ThrottlingException: no")]
    assert len(fake.requests) == 3


def test_what_no_retry_helps_is_handed_back_at_once() -> None:
    fake = EventBridge({"a.json": ["AccessDeniedException"]})

    assert fake.bus().put([copied("a.json")]) == [not_announced("a.json", "AccessDeniedException: no")]
    assert fake.requests == [["a.json"]]


def test_an_answer_for_fewer_events_than_were_put_says_that_the_rest_were_not_taken() -> None:
    client = Mock(**{"put_events.return_value": {"Entries": [{"EventId": "1"}]}})

    (not_sent,) = EventBus(client, "feed", WEBSITE, SITE).put([copied("a.json"), copied("b.json")])

    assert not_sent == not_announced("b.json", "EventBridge gave no answer: ")


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://events"),
        ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no bus"}}, "PutEvents"),
        ResponseParserError("not JSON"),
    ],
)
def test_after_a_request_that_failed_as_a_whole_no_further_one_is_made_and_nothing_is_raised(error: Exception) -> None:
    fake = EventBridge(errors=[None, error])

    not_sent = fake.bus().put(copied(f"{number:02}.json") for number in range(35))

    assert [len(names) for names in fake.requests] == [10, 10]
    assert [entry.key for entry in not_sent] == [f"aws-data/{number}.json" for number in range(10, 35)]
    assert type(error).__name__ in not_sent[-1].reason


def test_ten_events_of_the_longest_keys_fit_into_a_request() -> None:
    longest = "\\" * (1024 - len("data/"))  # twice as long in JSON, three times in an address
    website = WEBSITE._replace(bucket="b" * 63)
    client = Mock(**{"put_events.return_value": {"Entries": [{"EventId": "1"}]}})
    outcome = Copied(Publish(SOURCE_LOCATION, website, longest, HEADERS), '"e"', 10**7, 1, 0.1, "r" * 128)

    EventBus(client, "feed", website, SITE).put([outcome])

    (entry,) = client.put_events.call_args.kwargs["Entries"]
    assert 10 * len(json.dumps(entry)) < 256_000


def test_the_schemas_in_the_documentation_are_those_of_the_models() -> None:
    folder = ROOT / "docs" / "events"

    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == schemas()


def test_each_schema_is_a_draft_that_eventbridge_takes_and_refuses_what_is_no_such_event() -> None:
    for schema in SCHEMAS.values():
        Draft4Validator.check_schema(schema)
        assert schema["$schema"] == "http://json-schema.org/draft-04/schema#"
        assert not Draft4Validator(schema).is_valid({"source": SOURCE, "detail-type": schema["title"], "detail": {}})
        assert not Draft4Validator(schema).is_valid({"source": "aws.s3", "detail-type": schema["title"]})
