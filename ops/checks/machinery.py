"""Checks the stack, its functions, schedules, notification, queues and alarms. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ops.checks.check import Check
from ops.monitoring import AlarmState, Listeners
from ops.observation import Observation, QueueState, ScheduleState, Unavailable, is_paused
from ops.stack import DeployedStack
from shared.contract import FILES

DEPLOY_AGAIN = "deploy it again, under another name if CloudFormation does not see that it is gone"
# Events of a function with a reserved concurrency of 0 go to its failure queue at once; messages stay on their queue.
AFTER_PAUSE = {
    "fetcher": "then feed fetch",
    "announcements": "its schedule then invokes it again",
    "distributor": "then feed redrive --yes",
    "sweeper": "then feed redrive --yes",
    "invalidator": "what waits on its queue is then invalidated",
}
UNTIL_FIRST_RUN = {"announcements-stale", "data-stale", "fetcher-silent", "sweeper-silent"}
DEPLOYED = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"}


def check_machinery(observed: Observation) -> Iterator[Check]:
    """Check that everything exists, can run and is invoked, and that nothing has failed."""
    yield _check_stack(observed)
    yield from _check_functions(observed)
    yield from _check_events(observed)
    yield from _check_queues(observed)


def check_parameters(stack: DeployedStack, configured: Mapping[str, str]) -> Iterator[Check]:
    """Check that what is deployed is what samconfig.toml says. No check if that says nothing of the stack."""
    if not (stack.parameters and configured):
        return
    deployed = stack.parameters
    differing = [
        f"{name} is {deployed[name]!r}, not {configured[name]!r}"
        for name in sorted(deployed.keys() & configured.keys())
        if deployed[name] != configured[name]
    ]
    yield Check(
        "Stack",
        "what samconfig.toml says is deployed",
        not differing,
        "; ".join(differing) or f"{len(configured)} parameters",
        "sam deploy brings what the file says; or write into it what is deployed",
    )
    left_out = [f"{name} stays {deployed[name]!r}" for name in sorted(deployed.keys() - configured.keys())]
    yield Check(
        "Stack",
        "samconfig.toml names every parameter",
        not left_out,
        "; ".join(left_out) or "no value stays from an earlier deployment",
        "add them: what the file leaves out keeps its last value, also when the template's default changes",
    )


def _check_stack(observed: Observation) -> Check:
    stack = observed.stack
    return Check(
        "Stack",
        f"{stack.name} is deployed",
        stack.status in DEPLOYED,
        stack.status,
        "look at the stack's events in CloudFormation, then run sam deploy again",
    )


def _check_functions(observed: Observation) -> Iterator[Check]:
    for role, function in observed.functions.items():
        if isinstance(function, Unavailable):
            yield Check("Functions", f"the {role} is there", holds=False, actual=function.reason, advice=DEPLOY_AGAIN)
            continue
        ready = function.state in {"Active", "Inactive"} and function.last_update == "Successful"
        yield Check(
            "Functions",
            f"the {role} can run",
            ready,
            f"{function.state}, last update {function.last_update}",
            f"aws lambda get-function --function-name {function.name} gives the reason; then run sam deploy again",
        )
        paused = is_paused(function)
        yield Check(
            "Functions",
            f"the {role} is not paused",
            not paused,
            "its reserved concurrency is 0" if paused else "not limited to 0",
            f"aws lambda delete-function-concurrency --function-name {function.name}; {AFTER_PAUSE[role]}",
        )


def _check_events(observed: Observation) -> Iterator[Check]:
    for name, schedule in observed.schedules.items():
        parameter = "SweepScheduleState" if name.endswith("-sweep") else "ScheduleState"
        yield _check_schedule(f"the schedule {name} is enabled", schedule, parameter)
    if observed.stack.distributes:
        wrong = _wrong_notification(observed)
        yield Check(
            "Events",
            "the source bucket notifies the distributor",
            not wrong,
            wrong or "ObjectCreated",
            "deploy with DistributionBucketName empty, then with its name again: CloudFormation does not see what "
            "others removed. Until then feed sweep --yes publishes",
        )


def _check_schedule(sentence: str, schedule: ScheduleState | Unavailable, parameter: str) -> Check:
    """A schedule that has gone is trouble; one that is paused has been paused by somebody."""
    if isinstance(schedule, Unavailable):
        return Check("Events", sentence, holds=False, actual=schedule.reason, advice=DEPLOY_AGAIN)
    return Check(
        "Events",
        sentence,
        schedule.state == "ENABLED",
        f"{schedule.state}, last changed {schedule.changed.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        f"to go on, deploy with {parameter}=ENABLED; feed fetch and feed sweep --yes work all the same",
        trouble=False,
    )


def _wrong_notification(observed: Observation) -> str:
    stack, configurations = observed.stack, observed.notifications
    if isinstance(configurations, Unavailable):
        return configurations.reason
    function, prefix = stack.output("DistributorFunctionName"), f"{stack.output('SourceKeyPrefix')}/"
    ours = [rule for rule in configurations if rule["LambdaFunctionArn"].endswith(f":function:{function}")]
    if not ours:
        return f"no notification names {function}"
    if not any(_covers_all(rule, prefix) for rule in ours):
        return f"no notification is for s3:ObjectCreated:* of all files below {prefix}"
    return ""


def _covers_all(notification: dict[str, Any], prefix: str) -> bool:
    rules = notification.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    wanted = {rule["Name"].lower(): rule["Value"] for rule in rules}
    return (
        "s3:ObjectCreated:*" in notification["Events"]
        and prefix.startswith(wanted.get("prefix", ""))
        and all(name.endswith(wanted.get("suffix", "")) for name in FILES)
    )


def _check_queues(observed: Observation) -> Iterator[Check]:
    for name, queue in observed.queues.items():
        if name.endswith("Failures"):
            yield check_failures(name, queue)


def check_failures(name: str, queue: QueueState | Unavailable) -> Check:
    """Check that a failure queue is empty."""
    if isinstance(queue, Unavailable):
        return Check("Queues", f"{name} is there", holds=False, actual=queue.reason, advice=DEPLOY_AGAIN)
    held = queue.visible + queue.hidden
    advice = (
        "feed failures shows them, feed redrive --yes tries them again"
        if name == "DistributionFailures"
        else f"aws sqs receive-message --queue-url {queue.url} shows them; once mended, aws sqs purge-queue drops them"
    )
    hidden = f", {queue.hidden} of them in the hands of another command" * bool(queue.hidden)
    return Check("Queues", f"{name} is empty", not held, f"{held} message(s){hidden}", advice)


def check_alarms(stack: DeployedStack, alarms: list[AlarmState] | Unavailable, now: datetime) -> Iterator[Check]:
    """A check for each alarm that is on, and one that there is none. An alarm with too little data is not on.

    In a new stack alarms about what did not happen are on until it has happened, and is measured, for the first time.
    """
    if isinstance(alarms, Unavailable):
        advice = "ask for the right cloudwatch:DescribeAlarms"
        yield Check("Alarms", "the alarms can be read", holds=False, actual=alarms.reason, advice=advice)
        return
    on = [alarm for alarm in alarms if alarm.state == "ALARM"]
    for alarm in on:
        meaning, first, advice = alarm.description.partition(" First: ")  # as every mail has it
        if not first:
            meaning, advice = alarm.reason, alarm.description or "feed logs shows where to look"
        actual = f"on since {alarm.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {meaning}"
        waits = stack.is_new(now) and alarm.name.removeprefix(f"{stack.name}-") in UNTIL_FIRST_RUN
        if waits:
            actual = f"the stack is new; {actual}"
            advice = "feed fetch and feed sweep --yes are the first run; the alarm ends some minutes later"
        yield Check("Alarms", f"alarm {alarm.name}", holds=False, actual=actual, advice=advice, trouble=not waits)
    if not on:
        yield Check("Alarms", "no alarm is on", holds=True, actual=f"{len(alarms)} alarms")


def check_listeners(listeners: Listeners | Unavailable) -> Check:
    """Check that somebody hears of the alarms."""
    if isinstance(listeners, Unavailable):
        actual, advice = listeners.reason, "ask for the right sns:ListSubscriptionsByTopic"
        return Check("Alarms", "somebody hears of the alarms", holds=False, actual=actual, advice=advice, trouble=False)
    actual = f"{listeners.confirmed} confirmed subscription(s)"
    if not listeners.confirmed:
        waiting = f", {listeners.pending} to be confirmed" * bool(listeners.pending)
        actual = f"nobody has subscribed to the alarms' topic{waiting}"
    return Check(
        "Alarms",
        "somebody hears of the alarms",
        listeners.confirmed > 0,
        actual,
        "set AlarmEmail and deploy, then confirm the mail that AWS sends; or subscribe to the output AlarmTopicArn",
        trouble=False,
    )
