"""The steps: deploy, fetch, publish, reject, redrive, sweep, invalidate, update. Each looks at what is there."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ops.smoke.account import Account
from ops.smoke.report import Report, UnexpectedError
from ops.stack import DeployedStack, find_stack

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CONTRACT = "tests/reliability/test_s3_contract.py"
PATIENCE_SECONDS, POLL_SECONDS = 300, 0.5
PREFIX = "aws-data"
EVERY_MINUTE, USUALLY = "cron(* * * * ? *)", "cron(0 2 * * ? *)"
OTHER_CACHE_CONTROL = "public, max-age=60"


def _version(number: int) -> bytes:
    return b'{"version": %d}' % number


@dataclass
class Walk:
    """A walk in an account. `parameters` are the stack's besides those that the steps set; no distribution id: empty.

    `folder` holds what `sam build` makes of `template`.
    """

    account: Account
    report: Report
    template: Path
    folder: Path
    parameters: Mapping[str, str]
    distribution_id: str = ""

    def go(self) -> None:
        """Take every step; StoppedError if one fails that the others need. What was made is not removed."""
        self._deploy_first()
        self._look_at_fetching()
        self._deploy_with_website()
        self._look_at_publishing()
        self._look_at_failures()
        self._look_at_repairs()
        self._update()
        self._look_at_invalidations()
        self._end_distribution()

    # ---- without a website

    def _deploy_first(self) -> None:
        with self.report.step("sam build makes the functions", needed=True):
            self._sam("build", "--base-dir", str(ROOT), "--build-in-source", "--parallel", template=self.template)
        with self.report.step(f"the bucket {self.account.website} is made", needed=True):
            self.account.make_website()
        with self.report.step("sam deploy makes a stack without a website", needed=True):
            self._deploy({"ScheduleExpression": EVERY_MINUTE})
            self._expect(not self._stack().distributes, "there is a distributor")

    def _look_at_fetching(self) -> None:
        with self.report.step("S3 keeps the contract that publishing relies on") as step:
            command = (BIN / "pytest", "-q", "-p", "no:cacheprovider", CONTRACT, "-k", "aws")
            step.seen = self._run(*command, FEED_TEST_AWS_BUCKET=self.account.website).strip().splitlines()[-1]
        with self.report.step("the schedule fetches the catalogue") as step:
            seconds = self._eventually(lambda: self._read(self.account.source, f"{PREFIX}/complete-data.json"))
            step.seen = f"after {seconds:.0f} s more"
        self._verify()

    # ---- with a website

    def _deploy_with_website(self) -> None:
        with self.report.step("sam deploy adds the website", needed=True):
            self._deploy(self._website())
            self._expect(self._stack().distributes, "there is no distributor")
        with self.report.step("feed sweep publishes what was there before"):
            self._feed("sweep", "--yes")
            self._expect(self._site("regions.json"), "regions.json is not on the website")
        with self.report.step("feed fetch reaches the website") as step:
            step.seen = self._feed("fetch", "--seconds", str(PATIENCE_SECONDS)).strip().splitlines()[0].rstrip()
        self._verify()

    def _look_at_publishing(self) -> None:
        with self.report.step("an upload is published, with its headers and where it came from") as step:
            self._upload("smoke.json", _version(1))
            step.seen = f"after {self._published('smoke.json', _version(1)):.1f} s"
            head = self._head("smoke.json")
            self._expect(head["ContentType"] == "application/json", head["ContentType"])
            self._expect(head["CacheControl"] == "public, max-age=300", head["CacheControl"])
            self._expect(head["Metadata"]["source-bucket"] == self.account.source, str(head["Metadata"]))
        with self.report.step("of three uploads at once the last one stays") as step:
            for version in (2, 3, 4):
                self._upload("smoke.json", _version(version))
            step.seen = f"after {self._published('smoke.json', _version(4)):.1f} s"
        with self.report.step("feed redistribute publishes a file again"):
            before = self._head("smoke.json")["Metadata"]["distributed-at"]
            self._feed("redistribute", "smoke.json")
            self._expect(self._head("smoke.json")["Metadata"]["distributed-at"] > before, "it was not published")

    def _look_at_failures(self) -> None:
        with self.report.step("a broken file is rejected, and the good one stays") as step:
            self._upload("smoke.json", b"<html>")
            self._eventually(lambda: ("rejected", f"{PREFIX}/smoke.json") in self._failures())
            self._expect(self._site("smoke.json") == _version(4), "the website has other bytes")
            step.seen = "feed failures names it"
        with self.report.step("what comes while the distributor is paused waits on the failure queue") as step:
            with self._paused(self._stack().output("DistributorFunctionName")):
                self._upload("paused.json", b"{}")
                seconds = self._eventually(lambda: ("failed event", f"{PREFIX}/paused.json") in self._failures())
            self._expect(not self._site("paused.json"), "it was published")
            step.seen = f"after {seconds:.0f} s"
        with self.report.step("feed redrive publishes what waited, and leaves nothing on the queue"):
            self._upload("smoke.json", _version(5))
            self._published("smoke.json", _version(5))
            self._eventually(lambda: self._feed("redrive", "--yes", codes=(0, 1, 2)) and not self._failures())
            self._expect(self._site("paused.json") == b"{}", "paused.json was not published")

    def _look_at_repairs(self) -> None:
        with self.report.step("feed sweep mends what others have changed and deleted on the website") as step:
            s3 = self.account.client("s3")
            s3.put_object(Bucket=self.account.website, Key=self._key("smoke.json"), Body=b"[]")
            s3.delete_object(Bucket=self.account.website, Key=self._key("paused.json"))
            drifted = self._feed("sweep", codes=(1,))
            self._expect("2 drifted" in drifted, drifted)
            self._feed("sweep", "--yes")
            self._expect(self._site("smoke.json") == _version(5), "the changed file is still there")
            self._expect(self._site("paused.json") == b"{}", "the deleted file is still missing")
            step.seen = self._feed("sweep").strip().splitlines()[-1]

    # ---- with other parameters

    def _update(self) -> None:
        edge = {"CloudFrontDistributionId": self.distribution_id} if self.distribution_id else {}
        with self.report.step("sam deploy changes CacheControl" + " and adds CloudFront" * bool(edge), needed=True):
            self._deploy(self._website() | edge | {"CacheControl": OTHER_CACHE_CONTROL})
        with self.report.step("feed redistribute --all renews every header"):
            self._feed("redistribute", "--all", "--yes")
            self._expect(self._head("smoke.json")["CacheControl"] == OTHER_CACHE_CONTROL, "the header is the old one")
        self._verify()

    def _look_at_invalidations(self) -> None:
        if not self.distribution_id:
            return
        with self.report.step("CloudFront is asked to invalidate an upload") as step:
            self._upload("smoke.json", _version(6))
            self._published("smoke.json", _version(6))
            seconds = self._eventually(lambda: f"/{self._key('smoke.json')}" in self._invalidated())
            step.seen = f"{seconds:.0f} s after it was published"
        with self.report.step("feed invalidate --all asks for everything"):
            self._feed("invalidate", "--all", "--yes")
            self._eventually(lambda: f"/{self._key('*')}" in self._invalidated())

    def _end_distribution(self) -> None:
        with self.report.step("feed status shows the queues empty and every file in step") as step:
            status = json.loads(self._feed("status", "--drift", "--json", codes=(0, 1)))
            waiting = [queue["name"] for queue in status["queues"] if queue.get("visible", 1) + queue.get("hidden", 0)]
            self._expect(not waiting, f"messages wait on {waiting}")
            self._expect(status["drift"]["compared"] == status["drift"]["inStep"], str(status["drift"]))
            on = [alarm["name"] for alarm in status["alarms"] if alarm["state"] == "ALARM"]
            step.seen = f"{len(status['alarms'])} alarms; on: {', '.join(on) or 'none'}"
        with self.report.step("sam deploy takes the website away, and its files stay", needed=True):
            self._deploy({})
            self._expect(not self._stack().distributes, "there is still a distributor")
            self._expect(self._site("smoke.json"), "the files have gone")

    # ---- what the steps are made of

    def _website(self) -> dict[str, str]:
        return {"DistributionBucketName": self.account.website, "DistributionKeyPrefix": self.account.name}

    def _deploy(self, parameters: Mapping[str, str]) -> None:
        """Deploy with these parameters; a parameter that is left out would keep its last value."""
        usual = {"DistributionBucketName": "", "CloudFrontDistributionId": "", "ScheduleExpression": USUALLY}
        merged = usual | dict(self.parameters) | dict(parameters)
        arguments = (
            *("--stack-name", self.account.name, "--region", self.account.region),
            *("--s3-bucket", self.account.website, "--s3-prefix", "zips"),
            *("--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar"),
            *("--tags", "project=aws-services-feed", "environment=smoke"),
            *("--parameter-overrides", *(f'{name}="{value}"' for name, value in merged.items())),
        )
        try:
            self._sam("deploy", *arguments, template=self.folder / "template.yaml")
        except UnexpectedError as error:
            message = "; ".join([str(error), *self.account.reasons()])
            raise UnexpectedError(message, error.output) from error

    def _sam(self, command: str, *arguments: str, template: Path) -> None:
        """Run SAM without what samconfig.toml says of real stacks."""
        build = ("--build-dir", str(self.folder)) if command == "build" else ()
        self._run(BIN / "sam", command, "--config-env", "smoke", "--template-file", template, *build, *arguments)

    def _verify(self) -> None:
        """Until it holds, since another run of the fetcher may be writing its files just now.

        Alarms are left out: those that the walk sets off end some minutes after their cause.
        """
        with self.report.step("feed verify") as step:
            printed = ""

            def holds() -> bool:
                nonlocal printed
                printed = self._feed("verify", "--json", codes=(0, 1))
                return not any(check["trouble"] and check["group"] != "Alarms" for check in json.loads(printed))

            try:
                self._eventually(holds, seconds=60)
            except UnexpectedError as error:
                wrong = "not every check holds"
                raise UnexpectedError(wrong, printed) from error
            step.seen = f"{len(json.loads(printed))} checks"

    def _feed(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        return self._run(BIN / "feed", *arguments, "--stack-name", self.account.name, codes=codes)

    def _failures(self) -> set[tuple[str, str]]:
        """Kind and key of each message on the failure queue."""
        listed = json.loads(self._feed("failures", "--json", codes=(0, 1)))
        return {(failure["kind"], key) for failure in listed for key in failure["keys"]}

    def _run(self, *command: object, codes: tuple[int, ...] = (0,), **variables: str) -> str:
        finished = subprocess.run(  # noqa: S603 - the project's own commands
            [str(word) for word in command],
            cwd=ROOT,
            env={**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": self.account.region, **variables},
            check=False,
            capture_output=True,
            text=True,
        )
        if finished.returncode not in codes:
            message = f"{' '.join(Path(str(word)).name for word in command[:2])} ended with {finished.returncode}"
            raise UnexpectedError(message, finished.stdout + finished.stderr)
        return finished.stdout

    def _stack(self) -> DeployedStack:
        return find_stack(self.account.name, None, self.account.region)

    def _key(self, name: str) -> str:
        return f"{self.account.name}/{name}"

    def _upload(self, name: str, body: bytes) -> None:
        self.account.client("s3").put_object(Bucket=self.account.source, Key=f"{PREFIX}/{name}", Body=body)

    def _read(self, bucket: str, key: str) -> bytes:
        """An object's bytes; none if it is missing."""
        try:
            body: bytes = self.account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return b""
            raise
        return body

    def _site(self, name: str) -> bytes:
        return self._read(self.account.website, self._key(name))

    def _head(self, name: str) -> Any:  # noqa: ANN401 - boto3's answer
        return self.account.client("s3").head_object(Bucket=self.account.website, Key=self._key(name))

    def _published(self, name: str, body: bytes) -> float:
        return self._eventually(lambda: self._site(name) == body)

    def _invalidated(self) -> Iterator[str]:
        """The paths of the latest invalidations."""
        cloudfront = self.account.client("cloudfront")
        listed = cloudfront.list_invalidations(DistributionId=self.distribution_id)["InvalidationList"]
        for entry in listed.get("Items", []):
            found = cloudfront.get_invalidation(DistributionId=self.distribution_id, Id=entry["Id"])["Invalidation"]
            yield from found["InvalidationBatch"]["Paths"]["Items"]

    @contextmanager
    def _paused(self, function: str) -> Iterator[None]:
        lambda_ = self.account.client("lambda")
        lambda_.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
        try:
            yield
        finally:
            lambda_.delete_function_concurrency(FunctionName=function)

    def _eventually(self, holds: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> float:
        """Wait until it holds; the seconds that it took."""
        started = time.monotonic()
        while not holds():
            if time.monotonic() - started > seconds:
                message = f"not within {seconds:.0f} s"
                raise UnexpectedError(message)
            time.sleep(POLL_SECONDS)
        return time.monotonic() - started

    def _expect(self, holds: object, otherwise: str) -> None:
        if not holds:
            raise UnexpectedError(otherwise)
