"""Events that match a rule in, requests to a stand-in out: the API destinations of EventBridge, which moto never calls.

moto matches events, transforms them and sends them to queues. A request goes to one stand-in, whatever its address is,
so that nothing leaves this machine. It is tried again as EventBridge does, a hundred times as fast.
"""

import copy
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import requests
from moto.events.models import Connection, Destination, Rule, events_backends
from moto.events.utils import EventTemplateParser
from moto.secretsmanager.models import secretsmanager_backends

from cloud.mappings import SCALE
from cloud.template import ACCOUNT, REGION
from cloud.work import Work

LONGEST_PAUSE = 600  # seconds between two tries
PATIENCE = 5  # seconds that a request may take
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
_TRIED_AGAIN = {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
_SECRET = re.compile(r"\{\{resolve:secretsmanager:(?P<id>.+?)(:SecretString(:(?P<key>\w+))?)?\}\}")

Target = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiDestinations:
    """Calls the stand-in at `url`. `may_call`: whether a role may invoke a destination. `keep` gets dead letters."""

    url: Callable[[], str]
    may_call: Callable[[str, str], bool]
    keep: Callable[[str, str, str], None]
    work: Work

    def deliver(self, target: Target, event: dict[str, Any]) -> None:
        """Call the target's destination until it takes the event, or hand the event to the dead-letter queue."""
        with self.work.of("events"):
            refusal = self._call(target, event)
            if refusal:
                self.keep(target["DeadLetterConfig"]["Arn"], json.dumps(event), refusal)

    def _call(self, target: Target, event: dict[str, Any]) -> str:
        """Why the event was given up; empty if it was taken."""
        if not self.may_call(target["RoleArn"], target["Arn"]):
            return "NO_PERMISSIONS"
        policy, age, refusal = target.get("RetryPolicy", {}), 0.0, ""
        for attempt in range(int(policy.get("MaximumRetryAttempts", 185)) + 1):
            refusal, again = self._request(target, event)
            pause = min(2**attempt, LONGEST_PAUSE)
            age += pause
            if not again or age > int(policy.get("MaximumEventAgeInSeconds", 86400)):
                break
            time.sleep(pause * SCALE)
        return refusal

    def _request(self, target: Target, event: dict[str, Any]) -> tuple[str, bool]:
        """Why one request failed, empty if it did not, and whether it is tried again."""
        backend = events_backends[ACCOUNT][REGION]
        destination: Destination = backend.destinations[target["Arn"].split("/")[1]]
        connection: Connection = backend.connections[destination.connection_arn.split("/")[1]]
        key = connection.auth_parameters["ApiKeyAuthParameters"]
        headers = {
            **target.get("HttpParameters", {}).get("HeaderParameters", {}),
            key["ApiKeyName"]: _SECRET.sub(_secret, key["ApiKeyValue"]),
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Amazon/EventBridge/ApiDestinations",
        }
        address = urlsplit(destination.invocation_endpoint)
        url, body = f"{self.url()}{address.path}?{address.query}", json.dumps(_transformed(target, event))
        try:
            answer = requests.request(destination.http_method, url, data=body, headers=headers, timeout=PATIENCE)
        except requests.RequestException as error:
            return f"SDK_CLIENT_ERROR: {type(error).__name__}", True
        status = answer.status_code
        if status < HTTPStatus.BAD_REQUEST:
            return "", False
        return f"{status}: {answer.text[:200]}", status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRIED_AGAIN


def _secret(reference: re.Match[str]) -> str:
    # AWS reads a secret when it deploys; here it may be made later, since the cloud begins empty.
    secret = secretsmanager_backends[ACCOUNT][REGION].get_secret_value(reference["id"], "", "")["SecretString"]
    return str(json.loads(secret)[reference["key"]] if reference["key"] else secret)


def _transformed(target: Target, event: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    transformer = target.get("InputTransformer")
    if not transformer:
        return event
    whole: Any = {**event, "ingestion-time": event["time"]}
    return EventTemplateParser.parse(transformer["InputTemplate"], transformer.get("InputPathsMap", {}), whole)


@contextmanager
def rules_call_destinations(destinations: ApiDestinations) -> Iterator[None]:
    """Let moto's rules call API destinations; what else they send to, moto does."""

    def send(rule: Rule, event: Any, transform_input: bool = True) -> None:  # noqa: ANN401, FBT001, FBT002 - moto's
        called = [target for target in rule.targets if ":api-destination/" in target["Arn"]]
        others = copy.copy(rule)
        others.targets = [target for target in rule.targets if target not in called]
        sent(others, event, transform_input)
        if called and rule.event_pattern.matches_event(event):
            time_ = datetime.fromtimestamp(event["time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            delivered = {name: value for name, value in event.items() if name != "ingestion-time"} | {"time": time_}
            for target in called:
                destinations.work.begin("events")  # before the request that puts the event ends
                threading.Thread(target=deliver, args=(target, delivered), daemon=True).start()

    def deliver(target: Target, event: dict[str, Any]) -> None:
        error: Exception | None = None
        try:
            destinations.deliver(target, event)
        except Exception as raised:  # noqa: BLE001 - raised by whoever waits
            error = raised
        destinations.work.end("events", error)

    sent = Rule.send_to_targets
    with patch.object(Rule, "send_to_targets", send):
        yield
