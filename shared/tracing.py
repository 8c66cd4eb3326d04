"""Sends a step's name, times and annotations to X-Ray as a subsegment. The only module that talks to X-Ray.

Lambda itself creates the segment of an invocation and runs X-Ray's daemon. X-Ray's SDK would lengthen each cold start
and, through its dependencies, add all of botocore to the zip; since February 2026 it gets only security fixes. A
subsegment is one datagram:
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon
"""

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

Annotations = dict[str, str | int]
HEADER = b'{"format": "json", "version": 1}\n'


@contextmanager
def traced(step: str, **annotations: str | int) -> Iterator[Annotations]:
    """Measure a step. Traces can be searched by its annotations; add more inside the block. Steps do not nest.

    Nothing is sent without a daemon or if the invocation is not sampled. Errors of sending are never raised.
    """
    started, fault = time.time(), True
    try:
        yield annotations
        fault = False
    finally:
        subsegment = {
            "name": step,
            "id": secrets.token_hex(8),
            "type": "subsegment",
            "start_time": started,
            "end_time": time.time(),
            "fault": fault,
            "annotations": annotations,
        }
        _send(subsegment, os.environ)


def _send(subsegment: Mapping[str, object], environ: Mapping[str, str]) -> None:
    # Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1, set by Lambda for each invocation
    fields = dict(part.partition("=")[::2] for part in environ.get("_X_AMZN_TRACE_ID", "").split(";"))
    host, _, port = environ.get("AWS_XRAY_DAEMON_ADDRESS", "").rpartition(":")
    if fields.get("Sampled") != "1" or not port.isdigit():
        return
    document = {**subsegment, "trace_id": fields.get("Root"), "parent_id": fields.get("Parent")}
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.sendto(HEADER + json.dumps(document).encode(), (host, int(port)))
