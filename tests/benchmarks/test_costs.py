from decimal import Decimal
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from benchmarks.costs import DEFAULT, FILES_PUBLISHED, alarms_of, million, month
from benchmarks.sweep import Listings, environment_for
from distributor.dependencies import build_dependencies
from distributor.handler import lambda_handler
from ops.prices import UPKEEP


def test_the_calls_of_a_published_file_are_those_that_are_priced(
    monkeypatch: pytest.MonkeyPatch, lambda_context: LambdaContext
) -> None:
    with Listings(1) as s3:
        for name, value in environment_for(s3, "").items():
            monkeypatch.setenv(name, value)
        build_dependencies.cache_clear()
        event: Any = {"keys": ["aws-data/000000000.json"]}

        lambda_handler(event, lambda_context)

    requests, _, copies, reads, _ = million(Decimal(1), Decimal(0)).lines
    assert s3.calls == {"GET": 1, "PUT": 1, "HEAD": 1}
    assert requests.quantity == copies.quantity == FILES_PUBLISHED * s3.calls["PUT"]
    assert reads.quantity == FILES_PUBLISHED * (s3.calls["GET"] + s3.calls["HEAD"])


def test_a_million_files_are_priced() -> None:
    # 1,000,000 x 0.0000002 = 0.20; 0.2 s x 0.5 GB x 1,000,000 = 100,000 GB-s x 0.0000133334 = 1.33334;
    # 1,000,000 x 0.000005 = 5; 2,000,000 x 0.0000004 = 0.80; 1,000,000 x (600 + 400) bytes = 1 GB x 0.50.
    bill = million(Decimal("0.2"), Decimal(600))

    assert [str(line.cents) for line in bill.lines] == ["0.20", "1.33", "5.00", "0.80", "0.50"]


def test_the_metrics_of_alarms_are_counted_in_the_template() -> None:
    assert alarms_of({"AlarmMails": "outage"}) == (alarms_of(DEFAULT)[0], 2)
    assert alarms_of({"CloudFrontDistributionId": "E1EXAMPLE"})[0] > alarms_of(DEFAULT)[0]


def test_a_month_of_the_stack_as_it_is_by_default_costs_at_most_five_cents() -> None:
    metrics, composites = alarms_of(DEFAULT)
    bill = month(metrics, composites, free=True)

    assert metrics <= UPKEEP.alarm.free
    assert composites == 0
    assert 0 < bill.dollars <= Decimal("0.05")
