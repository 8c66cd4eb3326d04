"""A stand-in for AWS's RSS feed of announcements, with some of the last days in the form of AWS's own."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

from cloud.stand_ins.loopback import HttpReply, HttpRequest, LoopbackServer


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the feed; the description is HTML, and the categories have commas between them."""

    guid: str
    title: str
    description: str
    published: datetime
    categories: str
    link: str = "https://aws.amazon.com/about-aws/whats-new/"


def recent(now: datetime) -> list[Item]:
    """Announcements of the days before."""
    return [
        Item(
            "5b1f0a",
            "Amazon S3 lists more objects at once",
            "<p>Amazon S3 now lists more objects at once. See the "
            '<a href="https://docs.aws.amazon.com/s3/" target="_blank">user guide</a>.</p>',
            now - timedelta(hours=3),
            "general:products/amazon-s3,marketing:marchitecture/storage",
        ),
        Item(
            "5b1f09",
            "AWS Lambda and Amazon EC2 are available in another Region",
            "<p>Starting today, both are available in another Region.&nbsp;</p>\n<ul>\n <li>Lambda</li>\n</ul>",
            now - timedelta(days=2),
            "marketing:marchitecture/compute,general:products/aws-lambda,general:products/amazon-ec2",
        ),
        Item("5b1f08", "AWS announces availability changes", "<p>Some.</p>", now - timedelta(days=5), ""),
    ]


def rss(items: Iterable[Item], built: datetime) -> bytes:
    """The feed's document."""
    written = "".join(
        f'<item><guid isPermaLink="false">{escape(item.guid)}</guid><title>{escape(item.title)}</title>'
        f"<description>{escape(item.description)}</description><pubDate>{_date(item.published)}</pubDate>"
        f"<category>{escape(item.categories)}</category><author>aws@amazon.com</author>"
        f"<link>{escape(item.link)}</link></item>"
        for item in items
    )
    channel = f"<title>Recent Announcements</title><lastBuildDate>{_date(built)}</lastBuildDate>{written}"
    return f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>{channel}</channel></rss>'.encode()


def _date(time: datetime) -> str:
    return format_datetime(time, usegmt=True)


class AnnouncementFeed(LoopbackServer):
    """The feed, at any path of `url`; `with` starts and stops it."""

    def __init__(self) -> None:
        """Serve recent announcements until `body` is set to something else."""
        now = datetime.now(UTC)
        self.body = rss(recent(now), now)

    def reply(self, request: HttpRequest) -> HttpReply:  # noqa: ARG002 - whatever is asked
        """The feed."""
        return HttpReply(200, "application/rss+xml", self.body)
