"""Where the processor time of one published object goes: into our own code, botocore's client, or the requests as such.

The AWS CLI, if `make bench RIVALS=1` has installed it, sends one request where the protocol needs three.
"""

import os
import resource
import subprocess
import time
from http import HTTPStatus
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from rich.table import Table

from benchmarks import spread, times
from benchmarks.sync import AWS_CLI, SOURCE, WEBSITE, Publish, Situation, at_once, buckets, fill, own, requests_alone
from shared.clients import open_session

ROUNDS = 5
WRITTEN = Situation("all of 100 written again", 100, 100)
METADATA = {f"x-amz-meta-{name}": SOURCE for name in ("distributed-at", "source-bucket", "source-etag", "source-key")}
COPY = {
    "x-amz-metadata-directive": "REPLACE",
    "x-amz-tagging-directive": "REPLACE",
    "Content-Type": "application/json",
    "Cache-Control": "public, max-age=300",
}


def bulk_table() -> Table:
    """The processor time of one object of many, by who publishes it."""
    title = f"{WRITTEN.changed} objects of 18 kB at a time, medians of {ROUNDS} rounds in turn (least to most)"
    table = Table("one object, published by", "times ours", "CPU, ms", title=title)
    with buckets() as s3, own(WRITTEN) as (_, distribute):
        fill(s3, range(WRITTEN.objects))
        publishers = {
            "the **distributor**": distribute,
            "its three requests alone, by botocore's client": requests_alone(),
            "the same by botocore's signer and HTTP session": signed_alone(),
            **({"a single copy by `aws s3 cp`, without its start": _copy_by_cli} if AWS_CLI.exists() else {}),
        }
        spent: dict[str, list[float]] = {name: [] for name in publishers}
        for round_ in range(ROUNDS + 1):
            for name, publish in publishers.items():
                seconds = _processor_time(publish) - (_processor_time(_start_cli) if publish is _copy_by_cli else 0)
                if round_:  # the first one warms up
                    spent[name].append(seconds / WRITTEN.changed * 1000)
    for name, milliseconds in spent.items():
        table.add_row(name, times(milliseconds, next(iter(spent.values()))), spread(milliseconds))
    return table


def signed_alone() -> Publish:
    """The requests of the protocol without a client: no retries, no redirects, no endpoint rules, nothing parsed."""
    session: Any = open_session()
    signer = S3SigV4Auth(session.get_credentials(), "s3", session.get_config_variable("region"))
    http, url = URLLib3Session(), os.environ["AWS_ENDPOINT_URL"]

    def send(method: str, path: str, headers: dict[str, str] | None = None) -> str:
        request: Any = AWSRequest(method, f"{url}/{path}", headers=headers)
        signer.add_auth(request)
        response = http.send(request.prepare())
        if response.status_code != HTTPStatus.OK or (method == "PUT" and b"<ETag>" not in response.content):
            raise RuntimeError(response.content)
        return str(response.headers.get("ETag"))

    def publish(name: str) -> None:
        source = f"{SOURCE}/aws-data/{name}"
        condition = {"x-amz-copy-source": source, "x-amz-copy-source-if-match": send("GET", source)}
        send("PUT", f"{WEBSITE}/data/{name}", COPY | METADATA | condition)
        send("HEAD", source)

    return lambda names: at_once(publish, names)


def _processor_time(publish: Publish) -> float:
    """Of this process, and of what it starts meanwhile."""
    before = _spent()
    publish(WRITTEN.names)
    return _spent() - before


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _copy_by_cli(_names: list[str], *options: str) -> None:
    command = (str(AWS_CLI), "s3", "cp", "--recursive", f"s3://{SOURCE}/aws-data", f"s3://{WEBSITE}/data", *options)
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - named above


def _start_cli(names: list[str]) -> None:
    _copy_by_cli(names, "--exclude=*")
