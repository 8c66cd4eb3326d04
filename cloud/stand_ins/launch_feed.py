"""A stand-in for AWS's RSS feed of region launches, with a handful of launches from AWS's own announcements."""

from collections.abc import Mapping

from cloud.stand_ins.loopback import HttpReply, HttpRequest, LoopbackServer

LAUNCHES = {
    "il-central-1": (
        "Tue, 01 Aug 2023 12:00:00 GMT",
        "https://aws.amazon.com/blogs/aws/now-open-aws-israel-tel-aviv-region/",
    ),
    "ca-west-1": (
        "Wed, 20 Dec 2023 12:00:00 GMT",
        "https://aws.amazon.com/blogs/aws/the-aws-canada-west-calgary-region-is-now-available/",
    ),
    "mx-central-1": (
        "Tue, 14 Jan 2025 12:00:00 GMT",
        "https://aws.amazon.com/blogs/aws/now-open-aws-mexico-central-region/",
    ),
}


def rss(launches: Mapping[str, tuple[str, str]]) -> bytes:
    """The feed's document, from date and link by region."""
    items = "".join(
        f"<item><title>AWS Region {code}</title><description>The Region {code} is now open.</description>"
        f"<pubDate>{date}</pubDate><link>{url}</link></item>"
        for code, (date, url) in launches.items()
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Regions</title>{items}</channel></rss>'.encode()


class LaunchFeed(LoopbackServer):
    """The feed, at any path of `url`; `with` starts and stops it."""

    def __init__(self, launches: Mapping[str, tuple[str, str]] = LAUNCHES) -> None:
        """Serve these until `body` is set to something else."""
        self.body = rss(launches)

    def reply(self, request: HttpRequest) -> HttpReply:  # noqa: ARG002 - whatever is asked
        """The feed."""
        return HttpReply(200, "application/rss+xml", self.body)
