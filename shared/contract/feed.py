"""The changes as a JSON Feed, for feed readers: https://www.jsonfeed.org/version/1.1/. Since 1.1.0."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from shared.contract.document import Code, Codes, Document, Items, Text, Timestamp, Url, require


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


UNKNOWN = ""
OptionalUrl = Annotated[
    Url, Field(default=UNKNOWN, exclude_if=lambda url: url == UNKNOWN, json_schema_extra=_without_default)
]


class FeedItem(Document):
    """The changes of one day. Its `id` stays when more changes are found on that day. `url` is there since 1.3.0."""

    model_config = ConfigDict(alias_generator=None)

    id: Code
    url: OptionalUrl
    title: Text
    content_text: Text
    date_published: Timestamp
    tags: Codes = ()


class ChangeFeed(Document):
    """`change-feed.json`: the newest entries of the log of changes as a JSON Feed. Unknown addresses are left out."""

    model_config = ConfigDict(alias_generator=None)  # the specification's names are in snake_case

    version: Literal["https://jsonfeed.org/version/1.1"]
    title: Text
    home_page_url: OptionalUrl
    feed_url: OptionalUrl
    description: Text
    items: Items[FeedItem]

    @model_validator(mode="after")
    def _holds(self) -> Self:
        ids = {item.id for item in self.items}
        require(len(ids) == len(self.items), "every item's id must be unique")
        return self
