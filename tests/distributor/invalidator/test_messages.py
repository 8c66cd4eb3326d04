import json
from datetime import timedelta

import pytest

from distributor.events import EnvelopeError
from distributor.invalidator.messages import Delivery, PublishedKey, decode_batch, delay, longest_wait
from tests.distributor.messages import SENT, body, queue_event, received


def test_a_message_of_the_distributor_is_a_published_key() -> None:
    batch = decode_batch(queue_event(received(7, receives=3)))

    delivery = Delivery("message-7", "receipt-7", body(), 3, SENT)
    assert batch.published == (PublishedKey(delivery, "data/x.json", "run-1"),)
    assert batch.malformed == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("{", "not JSON"),
        ("\ud800", "not UTF-8"),
        (r'{"key": "\ud800", "time": "2026-11-23T02:00:31Z"}', "half of a surrogate pair"),
        ("[" * 200_000, "nested deeper"),
        ('{"key": "a", "key": "b", "time": "2026-11-23T02:00:31Z"}', "twice"),
        ("null", "must be an object"),
        ("[]", "must be an object"),
        ("{}", "key: must be"),
        (json.dumps({"key": "", "time": "2026-11-23T02:00:31Z"}), "key: must be a text that is not empty"),
        (json.dumps({"key": 5, "time": "2026-11-23T02:00:31Z"}), "key: must be a text that is not empty"),
        (json.dumps({"key": "data/x.json", "time": "2026-11-23T02:00:31"}), "time: must be a time with its zone"),
        (json.dumps({"key": "data/x.json", "time": 1795399231}), "time: must be a time with its zone"),
        (json.dumps({"key": "data/x.json", "time": "now"}), "time: must be a time with its zone"),
        (json.dumps({"key": "data/x.json"}), "time: must be a time with its zone"),
    ],
)
def test_a_message_that_is_not_understood_is_set_aside_and_touches_no_other(text: str, reason: str) -> None:
    batch = decode_batch(queue_event(received(1), received(2, text), received(3)))

    assert [published.delivery.message_id for published in batch.published] == ["message-1", "message-3"]
    (refusal,) = batch.malformed
    assert refusal.delivery == Delivery("message-2", "receipt-2", text, 1, SENT)
    assert refusal.reason.startswith("not a message of the distributor: ")
    assert reason in refusal.reason


def test_the_oldest_message_has_waited_longest_however_often_it_came() -> None:
    batch = decode_batch(queue_event(received(1, receives=9), received(2)))
    deliveries = [published.delivery for published in batch.published]

    assert longest_wait(deliveries, SENT + timedelta(minutes=40)) == 2400
    assert longest_wait(deliveries, SENT - timedelta(seconds=1)) == 0  # another machine's clock
    assert longest_wait([], SENT) == 0


def test_an_id_that_logs_should_not_carry_is_dropped() -> None:
    without = json.dumps({"key": "data/x.json", "time": "2026-11-23T02:00:31Z"})
    texts = [body(correlation_id="a\nb"), body().replace('"run-1"', "7"), without]
    published = decode_batch(queue_event(*(received(text=text) for text in texts))).published

    assert [each.correlation_id for each in published] == ["", "", ""]


@pytest.mark.parametrize(
    "event",
    [
        *(None, [], {}, {"Records": {}}, {"Records": [{}]}, queue_event(received() | {"body": None})),
        queue_event(received(), received() | {"attributes": {}}),
        queue_event(received(), received() | {"messageId": 7}),
        *(
            queue_event(received() | {"attributes": received()["attributes"] | {name: odd}})
            for name, values in (
                ("ApproximateReceiveCount", ["0", "-1", "x", "", 3, "9" * 5000]),
                ("SentTimestamp", ["", "x", "2026-11-23T02:00:31Z", 1, "9" * 20]),
            )
            for odd in values
        ),
    ],
)
def test_an_event_that_is_not_of_a_queue_is_an_error(event: object) -> None:
    with pytest.raises(EnvelopeError):
        decode_batch(event)


@pytest.mark.parametrize(
    ("receives", "seconds"), [(1, 20), (2, 40), (3, 80), (6, 640), (7, 900), (8, 900), (100_000, 900)]
)
def test_the_delay_doubles_up_to_fifteen_minutes(receives: int, seconds: int) -> None:
    assert delay(receives, 0) == seconds
    assert delay(receives, 1) == seconds / 2
