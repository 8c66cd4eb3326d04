import os
from collections.abc import Callable
from unittest.mock import patch

from benchmarks.bulk import COPY, METADATA, signed_alone
from benchmarks.sweep import Listings
from benchmarks.sync import Publish, environment, requests_alone

NAME = "000000000.json"
HEADERS = {*COPY, "x-amz-copy-source", "x-amz-copy-source-if-match"}


def sent(publisher: Callable[[], Publish]) -> list[tuple[str, str, dict[str, str | None]]]:
    """The requests for one file: method, path, the headers of the protocol, and the names of the metadata."""
    with (
        Listings(1) as s3,
        patch.dict(os.environ, environment(s3.url)),
        patch.object(s3, "reply", wraps=s3.reply) as reply,
    ):
        publisher()([NAME])
    requests = [call.args[0] for call in reply.call_args_list]
    return [
        (
            each.method,
            each.path,
            {name: each.headers.get(name) for name in HEADERS} | {name: str(name in each.headers) for name in METADATA},
        )
        for each in requests
    ]


def test_the_requests_by_the_signer_alone_are_those_of_the_distributor() -> None:
    by_signer = sent(signed_alone)

    assert [method for method, *_ in by_signer] == ["GET", "PUT", "HEAD"]
    assert by_signer == sent(requests_alone)
