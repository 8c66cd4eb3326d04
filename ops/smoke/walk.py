"""The steps: deploy, fetch, publish, reject, redrive, sweep, invalidate, update. Each looks at what is there."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ops.smoke.account import Account
from ops.smoke.checkout import Checkout, last_line
from ops.smoke.report import Report, UnexpectedError
from ops.stack import DeployedStack, find_stack

PATIENCE_SECONDS, VERIFY_SECONDS, POLL_SECONDS = 300, 60, 0.5
PREFIX = "aws-data"
EVERY_MINUTE = "cron(* * * * ? *)"
OTHER_CACHE_CONTROL = "public, max-age=60"


@dataclass
class Walk:
    """A walk with a checkout in an account. Without the id of a distribution nothing is invalidated."""

    account: Account
    checkout: Checkout
    report: Report
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
            self.checkout.build()
        with self.report.step(f"two buckets are made, one of them in {self.account.replica_region}", needed=True):
            self.account.make_buckets()
        with self.report.step("sam deploy makes a stack without a website", needed=True):
            self.checkout.deploy({"ScheduleExpression": EVERY_MINUTE})
            _expect(not self._stack().distributes, "there is a distributor")

    def _look_at_fetching(self) -> None:
        with self.report.step("S3 keeps the contract that publishing relies on") as step:
            step.seen = self.checkout.test_s3()
        with self.report.step("the schedule fetches the catalogue") as step:
            seconds = _eventually(lambda: self._read(self.account.source, f"{PREFIX}/complete-data.json"))
            step.seen = f"after {seconds:.0f} s more"
        self._verify()

    # ---- with a website

    def _deploy_with_website(self) -> None:
        with self.report.step(
            "sam deploy adds the website, and a replica in another Region under a KMS key", needed=True
        ):
            self.checkout.deploy(self._website())
            _expect(self._stack().distributes, "there is no distributor")
        with self.report.step("feed sweep publishes what was there before"):
            self.checkout.feed("sweep", "--yes")
            for bucket in (self.account.website, self.account.replica):
                _expect(self._read(bucket, self._key("regions.json")), f"regions.json is not in {bucket}")
        with self.report.step("feed fetch reaches the website") as step:
            step.seen = self.checkout.feed("fetch", "--seconds", str(PATIENCE_SECONDS)).strip().splitlines()[0].rstrip()
        with self.report.step("manifest.json names a release, and feed releases finds it complete"):
            _eventually(lambda: "current, complete" in self.checkout.feed("releases", codes=(0, 1)))
        self._verify()

    def _look_at_publishing(self) -> None:
        with self.report.step("an upload is published, with its headers and where it came from") as step:
            self._upload("smoke.json", _version(1))
            step.seen = f"after {self._published('smoke.json', _version(1)):.1f} s"
            head = self._head("smoke.json")
            _expect(head["ContentType"] == "application/json", head["ContentType"])
            _expect(head["CacheControl"] == "public, max-age=300", head["CacheControl"])
            _expect(head["Metadata"]["source-bucket"] == self.account.source, str(head["Metadata"]))
            _eventually(lambda: self._read(self.account.replica, self._key("smoke.json")) == _version(1))
        with self.report.step("of three uploads at once the last one stays") as step:
            for version in (2, 3, 4):
                self._upload("smoke.json", _version(version))
            step.seen = f"after {self._published('smoke.json', _version(4)):.1f} s"
        with self.report.step("an upload in parts is published") as step:
            self._upload_in_parts("parts.json", b"[1]")
            step.seen = f"after {self._published('parts.json', b'[1]'):.1f} s"
        with self.report.step("feed redistribute publishes a file again"):
            before = self._head("smoke.json")["Metadata"]["distributed-at"]
            self.checkout.feed("redistribute", "smoke.json")
            _expect(self._head("smoke.json")["Metadata"]["distributed-at"] > before, "it was not published")

    def _look_at_failures(self) -> None:
        with self.report.step("a broken file is rejected, and the good one stays") as step:
            self._upload("smoke.json", b"<html>")
            _eventually(lambda: ("rejected", f"{PREFIX}/smoke.json") in self.checkout.failures())
            _expect(self._site("smoke.json") == _version(4), "the website has other bytes")
            step.seen = "feed failures names it"
        with self.report.step("what comes while the distributor is paused waits on the failure queue") as step:
            with self._paused(self._stack().output("DistributorFunctionName")):
                self._upload("paused.json", b"{}")
                seconds = _eventually(lambda: ("failed event", f"{PREFIX}/paused.json") in self.checkout.failures())
            _expect(not self._site("paused.json"), "it was published")
            step.seen = f"after {seconds:.0f} s"
        with self.report.step("feed redrive publishes what waited, and leaves nothing on the queue"):
            self._upload("smoke.json", _version(5))
            self._published("smoke.json", _version(5))
            _eventually(
                lambda: self.checkout.feed("redrive", "--yes", codes=(0, 1, 2)) and not self.checkout.failures()
            )
            _expect(self._site("paused.json") == b"{}", "paused.json was not published")

    def _look_at_repairs(self) -> None:
        with self.report.step("feed sweep mends what others have changed and deleted on the website") as step:
            s3 = self.account.client("s3")
            s3.put_object(Bucket=self.account.website, Key=self._key("smoke.json"), Body=b"[]")
            s3.delete_object(Bucket=self.account.website, Key=self._key("paused.json"))
            drifted = self.checkout.feed("sweep", codes=(1,))
            _expect("2 drifted" in drifted, drifted)
            self.checkout.feed("sweep", "--yes")
            _expect(self._site("smoke.json") == _version(5), "the changed file is still there")
            _expect(self._site("paused.json") == b"{}", "the deleted file is still missing")
            step.seen = last_line(self.checkout.feed("sweep"))  # also of what has no comparable ETag

    # ---- with other parameters

    def _update(self) -> None:
        edge = {"CloudFrontDistributionId": self.distribution_id} if self.distribution_id else {}
        with self.report.step("sam deploy changes CacheControl" + " and adds CloudFront" * bool(edge), needed=True):
            self.checkout.deploy(self._website() | edge | {"CacheControl": OTHER_CACHE_CONTROL})
        with self.report.step("feed redistribute --all renews every header"):
            self.checkout.feed("redistribute", "--all", "--yes")
            _expect(self._head("smoke.json")["CacheControl"] == OTHER_CACHE_CONTROL, "the header is the old one")
        self._verify()

    def _look_at_invalidations(self) -> None:
        if not self.distribution_id:
            return
        with self.report.step("CloudFront is asked to invalidate an upload") as step:
            self._upload("smoke.json", _version(6))
            self._published("smoke.json", _version(6))
            seconds = _eventually(lambda: f"/{self._key('smoke.json')}" in self._invalidated())
            step.seen = f"{seconds:.0f} s after it was published"
        with self.report.step("feed invalidate --all asks for everything"):
            self.checkout.feed("invalidate", "--all", "--yes")
            _eventually(lambda: f"/{self._key('*')}" in self._invalidated())

    def _end_distribution(self) -> None:
        with self.report.step("feed status shows the queues empty and every file in step") as step:
            _eventually(lambda: not any(map(_waiting, self._status()["queues"])))
            status = self._status()
            _expect(status["drift"]["compared"] == status["drift"]["inStep"], str(status["drift"]))
            on = [alarm["name"] for alarm in status["alarms"] if alarm["state"] == "ALARM"]
            step.seen = f"{len(status['alarms'])} alarms; on: {', '.join(on) or 'none'}"
        with self.report.step("sam deploy takes the website away, and its files stay", needed=True):
            self.checkout.deploy({})
            _expect(not self._stack().distributes, "there is still a distributor")
            _expect(self._site("smoke.json"), "the files have gone")

    # ---- what the steps are made of

    def _verify(self) -> None:
        """Until it holds, since another run of the fetcher may be writing its files just now.

        Alarms are left out: those that the walk sets off end some minutes after their cause.
        """
        with self.report.step("feed verify") as step:
            give_up = time.monotonic() + VERIFY_SECONDS
            checks = self._checks()
            while wrong := [check["name"] for check in checks if check["trouble"] and check["group"] != "Alarms"]:
                if time.monotonic() > give_up:
                    raise UnexpectedError("; ".join(wrong), json.dumps(checks, indent=2))
                checks = self._checks()
            step.seen = f"{len(checks)} checks"

    def _checks(self) -> list[dict[str, Any]]:
        checks: list[dict[str, Any]] = json.loads(self.checkout.feed("verify", "--json", codes=(0, 1)))
        return checks

    def _website(self) -> dict[str, str]:
        return {
            "DistributionBucketName": self.account.website,
            "DistributionKeyPrefix": self.account.name,
            "ReplicaBucketName": self.account.replica,
            "ReplicaKeyPrefix": self.account.name,
        }

    def _status(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.checkout.feed("status", "--drift", "--json", codes=(0, 1)))

    def _stack(self) -> DeployedStack:
        return find_stack(self.account.name, None, self.account.region)

    def _key(self, name: str) -> str:
        return f"{self.account.name}/{name}"

    def _upload(self, name: str, body: bytes) -> None:
        self.account.client("s3").put_object(Bucket=self.account.source, Key=f"{PREFIX}/{name}", Body=body)

    def _upload_in_parts(self, name: str, body: bytes) -> None:
        """One part is enough for an ETag that is not the MD5 of the bytes, and that a copy does not have."""
        s3, object_ = self.account.client("s3"), {"Bucket": self.account.source, "Key": f"{PREFIX}/{name}"}
        upload = {**object_, "UploadId": s3.create_multipart_upload(**object_)["UploadId"]}
        part = {"PartNumber": 1, "ETag": s3.upload_part(**upload, PartNumber=1, Body=body)["ETag"]}
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})

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
        return _eventually(lambda: self._site(name) == body)

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


def _version(number: int) -> bytes:
    return b'{"version": %d}' % number


def _waiting(queue: dict[str, Any]) -> bool:
    """Whether messages are on the queue; so it seems too if it can't be looked at."""
    return bool(queue.get("visible", 1) + queue.get("hidden", 0))


def _eventually(holds: Callable[[], object]) -> float:
    """Wait until it holds; the seconds that it took."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > PATIENCE_SECONDS:
            message = f"not within {PATIENCE_SECONDS} s"
            raise UnexpectedError(message)
        time.sleep(POLL_SECONDS)
    return time.monotonic() - started


def _expect(holds: object, otherwise: str) -> None:
    if not holds:
        raise UnexpectedError(otherwise)
