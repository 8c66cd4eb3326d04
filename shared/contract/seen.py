"""Since when things are there, as far as anyone looked. Since 1.4.0."""

from datetime import date
from typing import Annotated, Self

from pydantic import Discriminator, Field, GetCoreSchemaHandler, Tag, model_validator
from pydantic_core import CoreSchema

from shared.contract.document import Code, Date, Document, require

Key = tuple[str, str, str]  # "region", "service" or "offer"; the region, empty for a service; and the code


class Between(Document):
    """A day between two looks. Without `after` the look was the first of all: it may have been so for long."""

    after: Date | None = Field(default=None, exclude_if=lambda after: after is None)
    before: Date

    @model_validator(mode="after")
    def _holds(self) -> Self:
        require(self.after is None or self.after < self.before, "after must be before the day in before")
        return self


class FailFastObject:
    """One error of an object is enough, as in `Items`. pydantic's own FailFast is for lists alone."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return {**handler(source), "fail_fast": True}


def _form(value: object) -> str:
    return "between" if isinstance(value, dict | Between) else "day"


Seen = date | Between  # a day, if there were looks on it and on the day before
SeenField = Annotated[Annotated[Date, Tag("day")] | Annotated[Between, Tag("between")], Discriminator(_form)]
Days = Annotated[dict[Code, SeenField], FailFastObject()]


class Sightings(Document):
    """The days of regions, services and pairs, by their codes."""

    regions: Days
    services: Days
    pairs: Annotated[dict[Code, Days], FailFastObject()] = Field(description="By region, then by service.")

    def by_key(self) -> dict[Key, Seen]:
        """All of them."""
        return {
            **{("region", code, code): seen for code, seen in self.regions.items()},
            **{("service", "", code): seen for code, seen in self.services.items()},
            **{("offer", region, code): seen for region, days in self.pairs.items() for code, seen in days.items()},
        }


def earliest(seen: Seen) -> date:
    """The earliest day that it may mean; of one without a beginning, its end."""
    return (seen.after or seen.before) if isinstance(seen, Between) else seen


def latest(seen: Seen) -> date:
    """The latest day that it may mean."""
    return seen.before if isinstance(seen, Between) else seen
