"""Reads the state of a stack from AWS, for `feed verify` and `feed status`. Changes nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from distributor.plan import compile_glob
from distributor.settings import DistributorSettings
from ops.stack import DeployedStack, StackError
from shared.contract import FILES, INDEX_FILE, ITEM_FOLDERS, MANIFEST_FILE, schemas
from shared.settings import ConfigurationError, read_settings

T = TypeVar("T")

MOST_FILES = 40  # beside the catalogue's, that are read from both buckets; the sweep compares all
SNAPSHOTS = "history/"  # the fetcher's, and private


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Something does not exist or may not be read; the reason is AWS's own."""

    reason: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object with its bytes and the headers that readers get; a header that is not set is empty."""

    key: str
    body: bytes
    last_modified: datetime
    content_type: str
    cache_control: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class FunctionState:
    """The state of a function; `concurrency` is its reserved concurrency, None without one."""

    name: str
    state: str
    last_update: str
    concurrency: int | None
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class QueueState:
    """The approximate numbers of messages: `visible` can be received, `hidden` were received or are delayed."""

    url: str
    visible: int
    hidden: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The names in the source bucket that are published or skipped.

    `published` leaves out the catalogue's files, schemas and items if the stack fetches it. `skipped` match no pattern.
    What is never published, since its name or a folder's starts with a dot, is in neither.
    """

    published: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def unread(self) -> int:
        """How many of the published files are not looked at."""
        return max(len(self.published) - MOST_FILES, 0)


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """The state of a schedule, ENABLED or DISABLED, the time of its last change, and when it is due, in UTC."""

    state: str
    changed: datetime
    expression: str


@dataclass(frozen=True, slots=True)
class Observation:
    """The state of a stack, by the names in the stack's outputs. Without a website, `website` is empty.

    `source` and `website` hold the catalogue's files if the stack fetches it, and the first MOST_FILES of `listing`.
    `ownership` is who owns new objects on the website: ObjectOwnership of the bucket, empty without a website.
    """

    stack: DeployedStack
    listing: Listing | Unavailable
    source: dict[str, StoredObject | Unavailable]
    website: dict[str, StoredObject | Unavailable]
    functions: dict[str, FunctionState | Unavailable]
    queues: dict[str, QueueState | Unavailable]
    schedules: dict[str, ScheduleState | Unavailable]
    notifications: list[dict[str, Any]] | Unavailable
    website_policy: str | Unavailable
    ownership: str | Unavailable

    @property
    def fetches_on_schedule(self) -> bool:
        """Whether the schedule of the fetcher is not paused."""
        schedule = self.schedules.get(f"{self.stack.name}-fetch")
        return not (isinstance(schedule, ScheduleState) and schedule.state == "DISABLED")

    def is_before_first_run(self, now: datetime) -> bool:
        """Whether the stack fetches, is new and has no file yet."""
        files = [*self.source.values(), *self.website.values()]
        return (
            self.stack.fetches
            and self.stack.is_new(now)
            and not any(isinstance(stored, StoredObject) for stored in files)
        )


def observe(stack: DeployedStack) -> Observation:
    """Read everything, one part after the other; StackError if the stack lacks an output that is needed."""
    s3, lambda_, sqs, scheduler = (stack.client(service) for service in ("s3", "lambda", "sqs", "scheduler"))
    schedules = [
        *[f"{stack.name}-fetch"] * stack.fetches,
        *[f"{stack.name}-announcements"] * stack.reads_announcements,
        *[f"{stack.name}-sweep"] * stack.distributes,
    ]
    functions = {role: or_unavailable(_function, lambda_, name) for role, name in stack.functions.items()}
    listing = or_unavailable(_listing, stack, functions["distributor"]) if stack.distributes else Listing()
    others = listing.published[:MOST_FILES] if isinstance(listing, Listing) else ()
    names = [*fetched_files(stack), *others]
    return Observation(
        stack=stack,
        listing=listing,
        source=observe_source(stack, names),
        website=observe_website(stack, names),
        functions=functions,
        queues={name: or_unavailable(observe_queue, sqs, url) for name, url in queue_urls(stack).items()},
        schedules={name: or_unavailable(observe_schedule, scheduler, name) for name in schedules},
        notifications=or_unavailable(_notifications, s3, stack.output("SourceBucketName")),
        website_policy=or_unavailable(_policy, s3, stack.outputs.get("WebsiteBucketName", "")),
        ownership=or_unavailable(_ownership, s3, stack.output("WebsiteBucketName")) if stack.distributes else "",
    )


def fetched_files(stack: DeployedStack) -> list[str]:
    """The files that each run of the fetcher writes; its schemas aside."""
    return [name for name in FILES if stack.fetches and (stack.releases or name != MANIFEST_FILE)]


def is_item(name: str) -> bool:
    """Whether this is a file of a single region or service, of which there are hundreds, or the index of these."""
    return name == INDEX_FILE or name.startswith(ITEM_FOLDERS)


def observe_source(stack: DeployedStack, names: Iterable[str]) -> dict[str, StoredObject | Unavailable]:
    """Files below the source prefix."""
    return _objects(stack, stack.output("SourceBucketName"), stack.output("SourceKeyPrefix"), names)


def observe_website(stack: DeployedStack, names: Iterable[str]) -> dict[str, StoredObject | Unavailable]:
    """Files on the website; none if the stack distributes nothing."""
    if not stack.distributes:
        return {}
    return _objects(stack, stack.output("WebsiteBucketName"), stack.output("WebsiteKeyPrefix"), names)


def observe_distributor(stack: DeployedStack) -> FunctionState | Unavailable:
    """The state of the distributor."""
    return or_unavailable(_function, stack.client("lambda"), stack.output("DistributorFunctionName"))


def is_paused(function: FunctionState | Unavailable) -> bool:
    """Whether the function does not run, since its reserved concurrency is 0."""
    return isinstance(function, FunctionState) and function.concurrency == 0


def publishing_settings(distributor: FunctionState | Unavailable) -> DistributorSettings:
    """The settings that the distributor works with; StackError if they cannot be read or are not valid."""
    if isinstance(distributor, Unavailable):
        msg = f"the distributor's settings cannot be read: {distributor.reason}"
        raise StackError(msg)
    try:
        return read_settings(DistributorSettings, distributor.environment)
    except ConfigurationError as error:
        msg = f"the distributor's settings are not valid: {error}"
        raise StackError(msg) from error


def publish_patterns(distributor: FunctionState | Unavailable | None) -> str:
    """The distributor's patterns as they are set; the default ones if they cannot be read."""
    text = distributor.environment.get("PUBLISH_PATTERNS", "") if isinstance(distributor, FunctionState) else ""
    return text or ",".join(DistributorSettings.publish_patterns)


def is_published(name: str, distributor: FunctionState | Unavailable | None) -> bool:
    """Whether the distributor's patterns name the file."""
    patterns = publish_patterns(distributor).split(",")
    return any(compile_glob(pattern.strip()).fullmatch(name) for pattern in patterns)


def is_hidden(name: str, stack: DeployedStack) -> bool:
    """Whether a name of the source is never meant for the website: a folder, one with a dot, a snapshot of a run."""
    hidden = name.endswith("/") or any(segment.startswith(".") for segment in name.split("/"))
    return hidden or (stack.fetches and name.startswith(SNAPSHOTS))


def observe_queue(sqs: Any, url: str) -> QueueState:  # noqa: ANN401 - one type for each service
    """How many messages a queue has."""
    names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    visible, taken, delayed = (int(counts[name]) for name in names)
    return QueueState(url, visible, taken + delayed)


def observe_schedule(scheduler: Any, name: str) -> ScheduleState:  # noqa: ANN401
    """The state of a schedule; every schedule of the template is in UTC."""
    answer = scheduler.get_schedule(Name=name)
    return ScheduleState(answer["State"], answer["LastModificationDate"], answer["ScheduleExpression"])


def queue_urls(stack: DeployedStack) -> dict[str, str]:
    """The stack's queues: those that must be empty are called failures, others hold work."""
    return {
        name.removesuffix("Url"): url
        for name, url in stack.outputs.items()
        if name.endswith("FailuresUrl") or name == "InvalidationsUrl"
    }


def or_unavailable(call: Callable[..., T], *arguments: object) -> T | Unavailable:
    """The call's result, or AWS's refusal as `Unavailable`, so that the command can continue and report it."""
    try:
        return call(*arguments)
    except ClientError as error:
        details = error.response["Error"]
        return Unavailable(f"{details['Code']}: {details['Message']}")


def _objects(
    stack: DeployedStack, bucket: str, prefix: str, names: Iterable[str]
) -> dict[str, StoredObject | Unavailable]:
    s3 = stack.client("s3")
    return {name: or_unavailable(_object, s3, bucket, f"{prefix}/{name}") for name in names}


def _listing(stack: DeployedStack, distributor: FunctionState | Unavailable) -> Listing:
    prefix, published, skipped = f"{stack.output('SourceKeyPrefix')}/", [], []
    catalogue = {*fetched_files(stack), *schemas()} if stack.fetches else set()
    for name in (key.removeprefix(prefix) for key in stack.source_keys()):
        if is_hidden(name, stack):
            continue
        if not is_published(name, distributor):
            skipped.append(name)
        elif name not in catalogue and not (stack.fetches and is_item(name)):
            published.append(name)
    return Listing(tuple(published), tuple(skipped))


def _object(s3: Any, bucket: str, key: str) -> StoredObject:  # noqa: ANN401 - one type for each service
    answer = s3.get_object(Bucket=bucket, Key=key)
    return StoredObject(
        key=key,
        body=answer["Body"].read(),
        last_modified=answer["LastModified"],
        content_type=answer.get("ContentType", ""),
        cache_control=answer.get("CacheControl", ""),
        metadata=answer["Metadata"],
    )


def _function(lambda_: Any, name: str) -> FunctionState:  # noqa: ANN401
    configuration = lambda_.get_function_configuration(FunctionName=name)
    return FunctionState(
        name=name,
        state=configuration.get("State", "Active"),
        last_update=configuration.get("LastUpdateStatus", "Successful"),
        concurrency=lambda_.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions"),
        environment=configuration.get("Environment", {}).get("Variables", {}),
    )


def _policy(s3: Any, bucket: str) -> str:  # noqa: ANN401
    policy: str = s3.get_bucket_policy(Bucket=bucket)["Policy"] if bucket else ""
    return policy


def _notifications(s3: Any, bucket: str) -> list[dict[str, Any]]:  # noqa: ANN401
    answer = s3.get_bucket_notification_configuration(Bucket=bucket)
    configurations: list[dict[str, Any]] = answer.get("LambdaFunctionConfigurations", [])
    return configurations


def _ownership(s3: Any, bucket: str) -> str:  # noqa: ANN401
    (rule,) = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    ownership: str = rule["ObjectOwnership"]
    return ownership
