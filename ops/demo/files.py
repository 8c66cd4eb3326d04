"""The files of the source and of the website on the embedded cloud: read, uploaded, and what became of uploads."""

from typing import Any

from cloud.embedded import EmbeddedCloud


def read(cloud: EmbeddedCloud, bucket: str, key: str) -> bytes:
    """The bytes of an object."""
    body: bytes = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def source(cloud: EmbeddedCloud, name: str) -> bytes:
    """The bytes of a source file."""
    return read(cloud, cloud.source_bucket(), f"aws-data/{name}")


def website(cloud: EmbeddedCloud, name: str) -> bytes:
    """The bytes of a published file."""
    return read(cloud, cloud.website, f"data/{name}")


def distributed_at(cloud: EmbeddedCloud, name: str) -> str:
    """When a file was published."""
    head = cloud.client("s3").head_object(Bucket=cloud.website, Key=f"data/{name}")
    return str(head["Metadata"]["distributed-at"])


def upload(cloud: EmbeddedCloud, name: str, body: bytes) -> list[dict[str, Any]]:
    """Upload a source file; the outcomes that the distributor reports of it."""
    earlier = len(outcomes(cloud))
    cloud.client("s3").put_object(Bucket=cloud.source_bucket(), Key=f"aws-data/{name}", Body=body)
    cloud.settle()
    return outcomes(cloud)[earlier:]


def outcomes(cloud: EmbeddedCloud) -> list[dict[str, Any]]:
    """Every outcome that the distributor has reported so far; a run that ended in an error counts as one failure."""
    return [
        outcome
        for invocation in cloud.lambdas.invocations
        if invocation.function.endswith("-distributor")
        for outcome in invocation.answer.content.get("objects")
        or [{"outcome": "failed", "source": "?", "reason": invocation.answer.content.get("errorMessage", "")}]
    ]
