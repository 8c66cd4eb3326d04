"""A stand-in for the AWS CLI, which pins another botocore than ours: SERVICE OPERATION --options, by boto3's models.

It knows `s3 cp FILE s3://…`, `--query`, `file://`, and `--max-items` where an operation calls it MaxKeys; answers are
printed as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import jmespath  # type: ignore[import-untyped]
from botocore import xform_name


def main(service: str, operation: str, *words: str) -> None:
    """Make the request."""
    make_client: Any = boto3.client
    if (service, operation) == ("s3", "cp"):
        _upload(make_client("s3"), *words)
        return
    client = make_client({"s3api": "s3"}.get(service, service))
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    parameters = {f"--{xform_name(name, '-')}": (name, member) for name, member in shape.members.items()}
    options = dict(zip(words[::2], words[1::2], strict=True))
    query = options.pop("--query", "@")
    if "--max-items" in options:
        options["--max-keys"] = options.pop("--max-items")
    request = {parameters[name][0]: _value(parameters[name][1], text) for name, text in options.items()}
    answer = getattr(client, method)(**request)
    answer.pop("ResponseMetadata")
    if answer:
        print(json.dumps(jmespath.search(query, answer), indent=2, default=str))  # noqa: T201 - a command's answer


def _upload(s3: Any, path: str, url: str) -> None:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    s3.upload_file(path, bucket, key)
    print(f"upload: ./{path} to {url}")  # noqa: T201


def _value(shape: Any, text: str) -> Any:
    text = Path(text.removeprefix("file://")).read_text(encoding="utf-8") if text.startswith("file://") else text
    return text if shape.type_name == "string" else json.loads(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
