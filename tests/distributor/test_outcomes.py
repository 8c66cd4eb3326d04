from dataclasses import replace

import pytest

from distributor.outcomes import Copied, Failed, Gone, Outcome, Rejected, Skipped, count, describe
from tests.distributor.world import EVERY_KIND, task

COPIED = EVERY_KIND[0]


def test_every_kind_is_counted_also_those_that_there_are_none_of() -> None:
    assert count([*EVERY_KIND, COPIED]) == {"copied": 2, "gone": 1, "skipped": 1, "rejected": 1, "failed": 1}
    assert count([]) == {"copied": 0, "gone": 0, "skipped": 0, "rejected": 0, "failed": 0}


@pytest.mark.parametrize(
    ("outcome", "described"),
    [
        (
            Copied(task(), '"e"', 12, 1, 0.0371),
            {
                "outcome": "copied",
                "source": "aws-data/x.json",
                "destination": "s3://my-website/data/x.json",
                "etag": "e",
                "bytes": 12,
                "passes": 1,
                "seconds": 0.037,
            },
        ),
        (
            Gone(task()),
            {
                "outcome": "gone",
                "source": "aws-data/x.json",
                "reason": "the source no longer exists; what is published stays",
            },
        ),
        (Skipped("s", "why"), {"outcome": "skipped", "source": "s", "reason": "why"}),
        (Rejected("a\nb", "c\x1b"), {"outcome": "rejected", "source": "a\\nb", "reason": "c\\x1b"}),
        (Failed("f", "why"), {"outcome": "failed", "source": "f", "reason": "why"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_outcome_is_plain_fields_with_text_from_outside_escaped(
    outcome: Outcome, described: dict[str, object]
) -> None:
    assert describe(outcome) == described


@pytest.mark.parametrize(
    "outcome",
    [
        replace(Copied(task(), '"e"', 12, 1, 0.0371), correlation_id="c"),
        Gone(task(), "c"),
        Rejected("r", "y", correlation_id="c"),
        Failed("f", "y", "c"),
    ],
)
def test_the_correlation_id_is_shown_where_it_is_known(outcome: Outcome) -> None:
    assert describe(outcome)["correlation_id"] == "c"
