"""Whole runs of the fetcher as it is built, against stand-ins of SSM that enforce a quota and answer slowly.

Each run is a process of its own with nothing but the zip's and Lambda's own packages.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import requests
from moto.server import ThreadedMotoServer
from rich.table import Table

from cloud.built import HERE, build, link_runtime
from cloud.stand_ins.launch_feed import LaunchFeed
from cloud.stand_ins.ssm import ROOT as CATALOGUE
from cloud.stand_ins.ssm import ParameterServer, Quirks
from cloud.template import REGION
from fetcher.ssm import open_parameter_store

INVOKE_ONCE = Path(__file__).with_name("invoke_once.py")
LATENCY = 0.04
LAMBDA_512_MB = (
    0.29  # of a core: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html gives 1 at 1,769 MB
)
ACCESS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}
WHOLE = (39, 405, 9289)
CALLS = 300


@dataclass(frozen=True)
class Scenario:
    """One run's conditions; `share` is of one core, `quirks` are of every endpoint but the `failing` ones."""

    name: str
    endpoints: int
    per_second: int
    quirks: Quirks
    share: float = 1
    failing: int = 0


USUAL = Quirks(per_second=40, latency=LATENCY)
SCENARIOS = (
    Scenario("four endpoints", 4, 10, USUAL),
    Scenario("four endpoints, 0.29 of a core", 4, 10, USUAL, LAMBDA_512_MB),
    Scenario("four endpoints, one of them fails", 4, 10, USUAL, failing=1),
    Scenario("one endpoint", 1, 10, USUAL),
    Scenario("one endpoint, others use half of its quota", 1, 38, Quirks(per_second=20, latency=LATENCY)),
    Scenario("four endpoints, fast", 4, 38, USUAL),
    Scenario(
        "one endpoint, fast, 2 % errors, 2 % time-outs",
        1,
        38,
        Quirks(per_second=40, latency=LATENCY, errors=0.02, hangs=0.02),
    ),
)
FAILING = Quirks(latency=LATENCY, errors=1)


def crawl_table() -> Table:
    """One run for each scenario."""
    table = Table(
        *(
            "scenario",
            "most a second",
            "calls",
            "throttled",
            "SSM, s",
            "of floor",
            "whole run, s",
            "CPU, s",
            "peak, MB",
            "files",
        ),
        title="Runs of the fetcher: 40 ms latency; floor: calls / rate that is set or left; CPU, memory of its process",
    )
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(folder) / "runtime"
        packages.mkdir()
        path = f"{build(Path(folder), 'Fetcher', *HERE)}:{link_runtime(packages)}"
        runs = [(scenario, _run(scenario, path)) for scenario in SCENARIOS]
    for scenario, run in runs:
        rate = min(scenario.per_second, scenario.quirks.per_second)
        floor = run["ssmCalls"] / rate / (scenario.endpoints - scenario.failing)
        whole = (run["regions"], run["services"], run["regionServices"]) == WHOLE and not run["staleRegions"]
        table.add_row(
            scenario.name,
            str(scenario.per_second),
            str(run["ssmCalls"]),
            f"{run['ssmThrottles'] / run['ssmCalls']:.2%}",
            f"{run['ssmSeconds']:.1f}",
            f"{run['ssmSeconds'] / floor:.2f} x",
            f"{run['seconds']:.1f}",
            f"{run['cpu']:.2f}",
            f"{run['peak']:.0f}",
            "complete" if whole else "stale or incomplete",
        )
    return table


def client_table() -> Table:
    """What one call to SSM costs the processor, by the client that makes it; calls in turn, on one thread's clock."""
    table = Table(
        "client", "CPU of a call, ms", title=f"Clients of SSM, {CALLS} calls each to a stand-in without quota"
    )
    path = f"{CATALOGUE}/regions/us-east-1/services"
    with (
        ParameterServer() as ssm,
        patch.dict(os.environ, ACCESS),
        open_parameter_store([("", ssm.url)], 10_000, 600) as store,
    ):
        client = boto3.client("ssm", endpoint_url=ssm.url)
        (endpoint,) = store._endpoints  # noqa: SLF001 - one call and not a whole listing is measured

        def without_client() -> None:
            endpoint.call("GetParametersByPath", {"Path": path}, float("inf"), lambda: False)

        def with_client() -> None:
            client.get_parameters_by_path(Path=path)

        for name, call in (("boto3's client", with_client), ("signer and session alone", without_client)):
            call()
            before = time.thread_time()
            for _ in range(CALLS):
                call()
            table.add_row(name, f"{(time.thread_time() - before) / CALLS * 1000:.2f}")
    return table


def _run(scenario: Scenario, python_path: str) -> Any:  # noqa: ANN401 - see `invoke_once`
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for each request
    with ExitStack() as stack:
        quirks = [FAILING if number < scenario.failing else scenario.quirks for number in range(scenario.endpoints)]
        ssm = [stack.enter_context(ParameterServer(quirks=each)) for each in quirks]
        feed = stack.enter_context(LaunchFeed())
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        stack.callback(server.stop)
        requests.post("http://{}:{}/moto-api/reset".format(*server.get_host_and_port()), timeout=10)
        url = "http://{}:{}".format(*server.get_host_and_port())
        boto3.client(
            "s3",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="x",
            aws_secret_access_key="x",  # noqa: S106
        ).create_bucket(Bucket="crawled")
        environment = {
            **ACCESS,
            "AWS_ENDPOINT_URL": url,
            "SOURCE_BUCKET": "crawled",
            "SSM_REGIONS": ",".join([REGION] * scenario.endpoints),
            "SSM_ENDPOINT_URLS": ",".join(server.url for server in ssm),
            "SSM_REQUESTS_PER_SECOND": str(scenario.per_second),
            "LAUNCH_FEED_URL": feed.url,
            "PYTHONPATH": python_path,
        }
        return run_limited(("fetcher.handler", "300", "{}"), environment, scenario.share)


def run_limited(arguments: Sequence[str], environment: Mapping[str, str], share: float) -> Any:  # noqa: ANN401 - see `invoke_once`
    """The answer of one invocation in a process of its own."""
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-S", "-P", INVOKE_ONCE, *arguments],
        env={**os.environ, **environment, "POWERTOOLS_TRACE_DISABLED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(_output(process, share).splitlines()[-1])


def _output(process: subprocess.Popen[str], share: float) -> str:
    """What the process prints; it runs with a share of one core, as Lambda's smaller sizes do."""
    clock = (~process.pid << 3) | 2  # its processor time: clock_getcpuclockid(3)
    allowed = used = 0.0
    last, stopped = time.monotonic(), False
    while process.poll() is None and share < 1:
        now, total = time.monotonic(), time.clock_gettime(clock)
        allowed = min(allowed + (now - last) * share, 0.02) - (total - used)
        last, used = now, total
        if stopped != (allowed < 0):
            stopped = allowed < 0
            process.send_signal(signal.SIGSTOP if stopped else signal.SIGCONT)
        time.sleep(0.002)
    return process.communicate()[0]
