"""The file of what AWS announced in the last days. Since 1.4.0."""

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from shared.contract.document import Code, Document, Items, RfcDate, Text, Timestamp, Url, require

ANNOUNCEMENTS_KEPT: Final = timedelta(days=14)
MOST_ANNOUNCEMENTS: Final = 100
SUMMARY_CHARACTERS: Final = 200
TITLE_CHARACTERS: Final = 300
MOST_CATEGORIES: Final = 50
MOST_CHARACTERS: Final = 1000  # of an id, a link or a category

Short = Annotated[Code, Field(max_length=MOST_CHARACTERS)]
AwsUrl = Annotated[
    Short, Field(pattern=r"^https://([a-z0-9-]+\.)*aws\.amazon\.com(/[A-Za-z0-9._~:/?#@!$&()*+,;=%-]*)?$")
]


class Announcement(Document):
    """One announcement. `htmlContent` is made of an allow-list of tags, and its links are https; it may be empty.

    What the files of services repeat is short: each of hundreds may name it.
    """

    id: Short
    title: Annotated[Text, Field(max_length=TITLE_CHARACTERS)]
    summary: str = Field(max_length=SUMMARY_CHARACTERS, description="Plain text.")
    link: AwsUrl
    pub_date: Timestamp
    pub_date_formatted: str = Field(description="The day in UTC, such as Oct 29, 2025.")
    categories: Items[Short] = Field(
        max_length=MOST_CATEGORIES, description="As AWS's feed has them, such as general:products/amazon-ec2."
    )
    html_content: str

    @model_validator(mode="after")
    def _holds(self) -> Self:
        require(self.pub_date_formatted == format_day(self.pub_date), "pubDateFormatted must be the day of pubDate")
        return self


class AnnouncementsMetadata(Document):
    """When the file last changed, and which state of AWS's feed it has."""

    timestamp: Timestamp
    source: Url
    feed_last_build_date: RfcDate | None
    tool: Literal["aws-services-feed"]
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    count: NonNegativeInt


class Announcements(Document):
    """`aws-whats-new.json`: the announcements of the last 14 days, newest first."""

    metadata: AnnouncementsMetadata
    announcements: Items[Announcement] = Field(max_length=MOST_ANNOUNCEMENTS)

    @model_validator(mode="after")
    def _holds(self) -> Self:
        times, newest = [each.pub_date for each in self.announcements], self.metadata.timestamp
        require(
            self.metadata.count == len(times),
            f"metadata.count is {self.metadata.count}, but the list has {len(times)}",
        )
        require(times == sorted(times, reverse=True), "announcements must be sorted, newest first")
        require(len({each.id for each in self.announcements}) == len(times), "every announcement's id must be unique")
        require(
            all(newest - ANNOUNCEMENTS_KEPT <= time <= newest for time in times),
            f"every pubDate must be in the {ANNOUNCEMENTS_KEPT.days} days before metadata.timestamp",
        )
        return self


def format_day(time: datetime) -> str:
    """The day as people in the United States write it: Oct 29, 2025."""
    return f"{time:%b} {time.day}, {time.year}"
