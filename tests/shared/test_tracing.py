import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from shared.tracing import traced

Traces = Callable[[], list[dict[str, Any]]]


def test_a_step_is_a_subsegment_of_the_invocation_with_its_time_and_annotations(traces: Traces) -> None:
    before = time.time()

    with traced("crawl", run_id="r") as facts:
        facts.update(regions=39)

    (sent,) = traces()
    assert (sent["name"], sent["type"], sent["fault"]) == ("crawl", "subsegment", False)
    assert (sent["trace_id"], sent["parent_id"]) == ("1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
    assert re.fullmatch("[0-9a-f]{16}", sent["id"])
    assert before <= sent["start_time"] <= sent["end_time"] <= time.time()
    assert sent["annotations"] == {"run_id": "r", "regions": 39}


def test_a_step_that_raises_is_a_fault_and_still_raises(traces: Traces) -> None:
    with pytest.raises(ValueError, match="broken"), traced("crawl"):
        raise ValueError("broken")

    assert [one["fault"] for one in traces()] == [True]


@pytest.mark.parametrize("header", ["", "Root=1-a-b;Parent=c;Sampled=0", "Root=1-a-b;Lineage=x", ";;=;"])
def test_an_invocation_that_is_not_sampled_sends_nothing(
    header: str, traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)

    with traced("crawl"):
        pass

    assert traces() == []


@pytest.mark.parametrize("address", ["", "nowhere", "127.0.0.1:", "127.0.0.1:x", "256.0.0.1:2000"])
def test_without_a_daemon_the_step_is_done_all_the_same(
    address: str, traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)
    done = False

    with traced("crawl"):
        done = True

    assert done
    assert traces() == []
