from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ValidationError, field_validator, model_validator

from shared.text import correlation_id, first_error, printable, utc_stamp


@pytest.mark.parametrize("found", ["7b5cf1f1-0000-4000-8000-000000000000", "EXAMPLE123456789", "a" * 128])
def test_an_id_is_carried_on(found: str) -> None:
    assert correlation_id(found) == found


@pytest.mark.parametrize("found", [None, 7, "", "a b", "a\n", "ü", "<script>", "a" * 129])
def test_what_is_no_id_is_dropped(found: object) -> None:
    assert correlation_id(found) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("aws-data/日 a.json", "aws-data/日 a.json"),
        ("a\nb\x1b[31m\x7f", "a\\nb\\x1b[31m\\x7f"),
        ("a\ud800b", "a\\ud800b"),
        ("x" * 1100, "x" * 1100),
        ("x" * 1101, "x" * 1099 + "…"),
    ],
)
def test_text_from_outside_is_escaped_and_cut(text: str, shown: str) -> None:
    assert printable(text) == shown


class Example(BaseModel):
    numbers: tuple[int, ...]
    names: dict[str, int] = {}

    @field_validator("numbers")
    @classmethod
    def _not_seven(cls, numbers: tuple[int, ...]) -> tuple[int, ...]:
        if 7 in numbers:
            msg = "7 is taken"
            raise ValueError(msg)
        return numbers

    @model_validator(mode="after")
    def _not_empty(self) -> "Example":
        if not self.numbers:
            msg = "nothing in it"
            raise ValueError(msg)
        return self


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([1, "x", "y"], "numbers.1: Input should be a valid integer, unable to parse string as an integer"),
        ([7], "numbers: 7 is taken"),
        ([], "nothing in it"),
    ],
)
def test_a_refused_model_says_what_is_wrong_first_and_where(numbers: object, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Example.model_validate({"numbers": numbers})

    assert first_error(refused.value) == said


def test_a_time_is_written_as_the_contract_has_it() -> None:
    time = datetime(2026, 11, 23, 2, 0, 7, 123456, UTC)

    assert utc_stamp(time) == "2026-11-23T02:00:07.123Z"
    assert utc_stamp(time, "seconds") == "2026-11-23T02:00:07Z"


def test_what_is_wrong_is_escaped_and_cut_wherever_it_stands() -> None:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({"numbers": [1], "names": {"\x1b" * 1_000_000: "x"}})

    assert first_error(caught.value) == printable("names." + "\x1b" * 1_000_000)
