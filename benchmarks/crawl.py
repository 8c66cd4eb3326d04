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

from benchmarks import spread, times
from cloud.built import HERE, build, link_runtime
from cloud.stand_ins.launch_feed import LaunchFeed
from cloud.stand_ins.ssm import ROOT as CATALOGUE
from cloud.stand_ins.ssm import ParameterServer, Quirks
from cloud.template import REGION
from fetcher.ssm import open_parameter_store

INVOKE = Path(__file__).with_name("invoke.py")
LATENCY = 0.04
LAMBDA_512_MB = (
    0.29  # of a core: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html gives 1 at 1,769 MB
)
ACCESS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}
WHOLE = (39, 405, 9289)
CALLS, ROUNDS = 100, 5


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
            "times the floor",
            "SSM, s",
            "whole run, s",
            "CPU, s",
            "peak, MB",
            "files",
        ),
        title="One run each; CPU and memory are of its process",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = built(Path(folder), "Fetcher")
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
            f"{run['ssmSeconds'] / floor:.2f}",
            f"{run['ssmSeconds']:.1f}",
            f"{run['seconds']:.1f}",
            f"{run['cpu']:.2f}",
            f"{run['peak']:.0f}",
            "complete" if whole else "stale or incomplete",
        )
    return table


def client_table() -> Table:
    """What one call to SSM costs the processor, by the client that makes it; calls in turn, on one thread's clock."""
    table = Table(
        *("client", "times the second", "CPU of a call, ms"),
        title=f"{CALLS} calls to a stand-in without quota, medians of {ROUNDS} rounds in turn (least to most)",
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

        clients = {"boto3's": with_client, "signer and session alone": without_client}
        taken: dict[str, list[float]] = {name: [] for name in clients}
        for round_ in range(ROUNDS + 1):
            for name, call in clients.items():
                before = time.thread_time()
                for _ in range(CALLS):
                    call()
                if round_:  # the first one warms up
                    taken[name].append((time.thread_time() - before) / CALLS * 1000)
        for name, spent in taken.items():
            table.add_row(name, times(spent, [*taken.values()][-1]), spread(spent))
    return table


def _run(scenario: Scenario, python_path: str) -> Any:  # noqa: ANN401 - see `invoke`
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
        return run_limited(("fetcher.handler", "300", "{}", "1"), environment, scenario.share)


def built(folder: Path, function: str) -> str:
    """The PYTHONPATH of a function as it is built, with Lambda's own packages and no others."""
    packages = folder / "runtime"
    packages.mkdir()
    return f"{build(folder, function, *HERE)}:{link_runtime(packages)}"


def run_limited(arguments: Sequence[str], environment: Mapping[str, str], share: float) -> Any:  # noqa: ANN401 - see `invoke`
    """The answer of an invocation in a process of its own, with `logged`, the bytes of what all of them printed."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:  # a pipe may be full before the process ends
        process = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-S", "-P", INVOKE, *arguments],
            env={**os.environ, **environment, "POWERTOOLS_TRACE_DISABLED": "1"},
            stdout=printed,
        )
        _wait(process, share)
        printed.seek(0)
        *lines, answer = printed.read().splitlines(keepends=True)
    return {**json.loads(answer), "logged": sum(map(len, lines))}


def _wait(process: subprocess.Popen[bytes], share: float) -> None:
    """Until the process has ended; it runs with a share of one core, as Lambda's smaller sizes do."""
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
    process.wait()
