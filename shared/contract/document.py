"""Parts of the contract's models: the base class, types of single values, and checks of invariants."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    Strict,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from shared.strict_json import Limits, UnfitError, parse
from shared.text import first_error

_TIMESTAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"
_DATE = r"^\d{4}-\d\d-\d\d$"
_RFC_822 = r"^([A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(:\d\d)? ([A-Z]{1,4}|[+-]\d{4})$"


def _require_stamp(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(_TIMESTAMP, value):
        msg = "must be an ISO 8601 time in UTC, such as 2026-11-23T02:00:00Z"
        raise ValueError(msg)
    return datetime.fromisoformat(value)


def _require_utc(value: datetime) -> datetime:
    if value.utcoffset() != timedelta(0):
        msg = "must be in UTC"
        raise ValueError(msg)
    return value.astimezone(UTC)


def _require_date(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(_DATE, value):
        msg = "must be a date such as 2026-11-23"
        raise ValueError(msg)
    return date.fromisoformat(value)


ItemT = TypeVar("ItemT")
# One error is enough: a hostile list would fill the memory with them. JSON knows no tuples, so a list is taken too.
Items = Annotated[tuple[ItemT, ...], FailFast(), Strict(strict=False)]


def _require_sorted_and_unique(codes: tuple[str, ...]) -> tuple[str, ...]:
    require_sorted(codes, "the list")
    return codes


Timestamp = Annotated[
    AwareDatetime,
    BeforeValidator(_require_stamp),
    AfterValidator(_require_utc),
    Field(description="ISO 8601, in UTC.", json_schema_extra={"pattern": _TIMESTAMP}),
]
Date = Annotated[
    date, BeforeValidator(_require_date), Field(description="A day in UTC.", json_schema_extra={"pattern": _DATE})
]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
RfcDate = Annotated[str, Field(pattern=_RFC_822, description="RFC 822 date with a time.")]
Code = Annotated[str, Field(min_length=1)]
Text = Annotated[str, Field(pattern=r"\S")]
Codes = Annotated[
    Items[Code],
    AfterValidator(_require_sorted_and_unique),
    Field(description="Sorted and free of duplicates.", json_schema_extra={"uniqueItems": True}),
]


# A model takes more memory than what it is made of, and so do the errors of a hostile file.
LIMITS = Limits(nodes=300_000, names=5000, name=1000)


class Document(BaseModel):
    """A JSON object of the contract. Frozen; equal content gives equal bytes."""

    # Its validator is built when it is first used: most invocations see none of these files, and all of them would pay.
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, frozen=True, strict=True, defer_build=True
    )

    def to_bytes(self) -> bytes:
        """UTF-8 JSON: keys in the order of the fields, two-space indent, a newline at the end."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """The model of a published file; UnfitError if it is not strict JSON or breaks the contract."""
        document = parse(body, LIMITS)
        try:
            return cls.model_validate(document, by_alias=True, by_name=False)
        except ValidationError as error:
            msg = f"breaks the contract in {error.error_count()} place(s); {first_error(error)}"
            raise UnfitError(msg) from error


SortableT = TypeVar("SortableT", str, tuple[str, str])


def require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence at each call
    """For validators: ValueError with the text `otherwise` if the invariant does not hold."""
    if not holds:
        raise ValueError(otherwise)


def require_count(field: str, count: int, items: Sequence[object]) -> None:
    """Require that a stated count is the length of its list."""
    require(count == len(items), f"{field} is {count}, but its list has {len(items)}")


def require_sorted(codes: Iterable[SortableT], what: str) -> None:
    """Require that the codes are sorted, without duplicates."""
    listed = list(codes)
    require(listed == sorted(set(listed)), f"{what} must be sorted by code and free of duplicates")
