"""Whatever comes in, the decoder and the JSON check answer; they raise nothing but their own errors."""

import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from distributor.content import check
from distributor.events import Changed, EnvelopeError, decode
from distributor.plan import plan
from distributor.settings import DistributorSettings
from shared.settings import read_settings
from shared.strict_json import UnfitError
from tests.distributor.world import ENVIRONMENT, record
from tests.shared.test_contract import DOCUMENTS, encode

SETTINGS = read_settings(DistributorSettings, ENVIRONMENT)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = ["Records", "eventSource", "body", "s3", "bucket", "name", "object", "key", "requestPayload", "requestContext"]
NAMES += ["keys", "Event", "detail", "detail-type", "source", "time", "eventVersion", "eventName", "Message", "Type"]
NAMES += ["invocationSchemaVersion", "tasks", "taskId", "s3Key", "s3Bucket"]
envelopes = st.recursive(
    json_values | st.sampled_from(["aws:s3", "aws:sqs", "aws.s3", "2.1", "ObjectCreated:Put", "Notification", "2.0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)


@given(envelopes)
def test_any_envelope_is_decoded_or_refused(envelope: object) -> None:
    with suppress(EnvelopeError):
        plan(decode(envelope).notices, SETTINGS)


@given(envelopes)
def test_a_good_record_survives_any_sibling(sibling: object) -> None:
    request = decode({"Records": [sibling, record()]})

    assert isinstance(request.notices[-1], Changed)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 200_000)
@example(b'{"a":' * 50_000)
@example(b"-")
@example(b"\xed\xa0\x80")
def test_what_is_found_fit_is_strict_json(body: bytes) -> None:
    try:
        check("x.json", body)
    except UnfitError:
        return

    parsed = json.loads(body.decode("utf-8"))
    assert isinstance(parsed, dict | list)
    json.dumps(parsed, allow_nan=False)


@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_a_damaged_file_of_the_contract_is_judged_and_never_a_crash(name: str, data: st.DataObject) -> None:
    body = bytearray(encode(DOCUMENTS[name]))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    with suppress(UnfitError):
        check(name, bytes(body))


def _keys(value: Any) -> list[str]:
    return [decision.destination_key for decision in plan(value, SETTINGS) if hasattr(decision, "destination_key")]


@given(st.text(max_size=60))
@example("../index.json")
@example("a/../../index.json")
@example("\ud800.json")
def test_no_key_ever_leads_out_of_the_websites_prefix(name: str) -> None:
    for key in _keys([Changed("my-source", f"aws-data/{name}"), Changed("my-source", name)]):
        assert key.startswith("data/")
        assert not {"", ".", ".."} & set(key.split("/"))
        assert key.isprintable() or not any(ord(character) < 32 for character in key)
