"""A stand-in for the AWS CLI, which pins another botocore than ours: SERVICE OPERATION --options, by boto3's models.

It knows `--query`, `file://`, and `--max-items` where an operation calls it MaxKeys; answers are printed as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import jmespath  # type: ignore[import-untyped]
from botocore import xform_name


def main(service: str, operation: str, *options: str) -> None:
    """Make the one request."""
    connect: Any = boto3.client
    client = connect({"s3api": "s3"}.get(service, service))
    name = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[name]).input_shape
    members = {f"--{xform_name(member, '-')}": (member, one) for member, one in shape.members.items()}
    given = dict(zip(options[::2], options[1::2], strict=True))
    query = given.pop("--query", "@")
    if "--max-items" in given:
        given["--max-keys"] = given.pop("--max-items")
    answer = getattr(client, name)(**{members[key][0]: _value(members[key][1], text) for key, text in given.items()})
    answer.pop("ResponseMetadata")
    print(json.dumps(jmespath.search(query, answer), indent=2, default=str))  # noqa: T201 - a command's answer


def _value(shape: Any, text: str) -> Any:
    text = Path(text.removeprefix("file://")).read_text(encoding="utf-8") if text.startswith("file://") else text
    return text if shape.type_name == "string" else json.loads(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
