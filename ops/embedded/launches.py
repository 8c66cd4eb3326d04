"""A stand-in for AWS's RSS feed of region launches, with a handful of launches from AWS's own announcements."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

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


class LaunchFeed:
    """The feed on a loopback port that the system chooses; `with` starts and stops it at `url`."""

    def __init__(self, launches: Mapping[str, tuple[str, str]] = LAUNCHES) -> None:
        """Serve these until `body` is set to something else."""
        self.body = rss(launches)
        self.url = ""

    def __enter__(self) -> Self:
        feed = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(feed.body)))
                self.end_headers()
                self.wfile.write(feed.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/regions.rss"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
